//! Captures of exports that the tests make themselves.

/// 16-bit words in network order.
pub fn words(words: &[u16]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// A capture of UDP datagrams, from 198.51.100.7:2055 to 198.51.100.8:9995.
pub fn capture(payloads: &[Vec<u8>]) -> Vec<u8> {
    let ends = ([198, 51, 100, 7], [198, 51, 100, 8]);
    datagrams(payloads.iter().map(|payload| (ends, [2055, 9995], payload.as_slice())))
}

/// Source and destination, ports, payload.
type Datagram<'p> = (([u8; 4], [u8; 4]), [u16; 2], &'p [u8]);

/// A capture of UDP datagrams.
pub fn datagrams<'p>(datagrams: impl IntoIterator<Item = Datagram<'p>>) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 4 << 16 | 2, 0, 0, 65_535, 101] {
        file.extend(word.to_le_bytes());
    }
    for ((source, destination), ports, payload) in datagrams {
        let length = payload.len() as u32 + 28;
        for word in [1_700_000_001, 0, length, length] {
            file.extend(word.to_le_bytes());
        }
        file.extend(words(&[0x4500, length as u16, 0, 0, 0x4011, 0]));
        file.extend([source, destination].concat());
        file.extend(words(&[ports[0], ports[1], payload.len() as u16 + 8, 0]));
        file.extend(payload);
    }
    file
}

/// A capture of traffic: five hosts ask a resolver, which asks a name server. Twelve flows.
pub fn dns() -> Vec<u8> {
    const RESOLVER: [u8; 4] = [10, 0, 0, 53];
    const SERVER: [u8; 4] = [192, 0, 2, 1];
    let session = |client, server| {
        [((client, server), [40_000, 53], &[0; 30][..]), ((server, client), [53, 40_000], &[0; 90])]
    };
    let clients = (1..6).map(|host| session([10, 0, 1, host], RESOLVER));
    datagrams(clients.chain([session(RESOLVER, SERVER)]).flatten())
}

/// A record of NetFlow 5.
pub fn netflow5() -> Vec<u8> {
    let mut datagram = words(&[5, 1, 0, 9000]);
    datagram.extend(1_700_000_000_u32.to_be_bytes());
    datagram.extend(words(&[0, 0, 0, 77, 0, 0]));
    datagram.extend([10, 0, 0, 1, 192, 0, 2, 1, 0, 0, 0, 0]);
    datagram.extend(words(&[1, 2, 0, 3, 0, 180, 0, 1000, 0, 2000, 12345, 53, 0, 0x1100]));
    datagram.extend([0; 8]);
    datagram
}

/// A template, a record by it with two octets of padding, and a set whose template is missing.
pub fn netflow9() -> Vec<u8> {
    let mut datagram = words(&[9, 3, 0, 9000]);
    datagram.extend(1_700_000_000_u32.to_be_bytes());
    datagram.extend(words(&[0, 5, 0, 6]));
    datagram.extend(words(&[0, 20, 256, 3, 8, 4, 1, 4, 7, 2]));
    datagram.extend(words(&[256, 16, 0x0a00, 1, 0, 1500, 443, 0]));
    datagram.extend(words(&[300, 8, 1, 2]));
    datagram
}

/// A template with a text of variable length and one of an enterprise, a record; an options template and its record.
pub fn ipfix() -> Vec<u8> {
    let mut sets = words(&[2, 24, 256, 3, 27, 16, 82, 65_535, 0x8000 | 7, 2, 0, 64_000]);
    sets.extend(words(&[256, 28, 0x2001, 0xdb8, 0, 0, 0, 0, 0, 1]));
    sets.extend(b"\x05eth\x1b0");
    sets.extend(words(&[9]));
    sets.extend(words(&[3, 18, 257, 2, 1, 149, 4, 34, 4]));
    sets.extend(words(&[257, 12, 0, 8, 0, 100]));
    let mut message = words(&[10, 16 + sets.len() as u16]);
    message.extend(1_700_000_002_u32.to_be_bytes());
    message.extend(words(&[0, 7, 0, 8]));
    message.extend(sets);
    message
}

/// A template of an address, a text of variable length and a count, and two records; the text of the second is empty, which
/// netflow_parser takes for the end.
pub fn ipfix_with_an_empty_text() -> Vec<u8> {
    let mut sets = words(&[2, 20, 258, 3, 8, 4, 82, 65_535, 1, 4]);
    sets.extend(words(&[258, 26]));
    sets.extend(b"\x0a\0\0\x01\x04eth0\0\0\x05\xdc");
    sets.extend(b"\x0a\0\0\x02\0\0\0\x02\xbc");
    let mut message = words(&[10, 16 + sets.len() as u16]);
    message.extend(1_700_000_003_u32.to_be_bytes());
    message.extend(words(&[0, 9, 0, 8]));
    message.extend(sets);
    message
}

/// Two records whose template comes behind them.
pub fn netflow9_late() -> Vec<u8> {
    let mut datagram = words(&[9, 3, 0, 9000]);
    datagram.extend(1_700_000_004_u32.to_be_bytes());
    datagram.extend(words(&[0, 7, 0, 6]));
    datagram.extend(words(&[260, 20, 0x0a00, 3, 0, 40, 0x0a00, 4, 0, 80]));
    datagram.extend(words(&[0, 16, 260, 2, 8, 4, 1, 4]));
    datagram
}

/// The beginning of a datagram of sFlow 5, which announces no samples.
pub fn sflow() -> Vec<u8> {
    words(&[0, 5, 0, 1, 0xc633, 0x6407, 0, 0, 0, 1, 0, 9000, 0, 0])
}

/// A record with all bits of `tcpControlBits` set, of which netflow_parser keeps nine.
pub fn ipfix_with_all_flags() -> Vec<u8> {
    let mut sets = words(&[2, 16, 261, 2, 8, 4, 6, 2]);
    sets.extend(words(&[261, 10, 0x0a00, 5, 0xffff]));
    let mut message = words(&[10, 16 + sets.len() as u16]);
    message.extend(1_700_000_005_u32.to_be_bytes());
    message.extend(words(&[0, 10, 0, 8]));
    message.extend(sets);
    message
}
