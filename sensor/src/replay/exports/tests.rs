//! Datagrams in frames, fragments, streams and files of messages.

use super::*;

/// An Ethernet frame of an IPv4 packet; `part` is the word of flags and fragment offset.
fn frame(protocol: u8, part: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; 12];
    frame.extend([8, 0, 0x45, 0]);
    frame.extend((20 + payload.len() as u16).to_be_bytes());
    frame.extend([0, 77]);
    frame.extend(part.to_be_bytes());
    frame.extend([64, protocol, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
    frame.extend(payload);
    frame
}

fn udp(payload: &[u8]) -> Vec<u8> {
    let mut datagram = vec![0x1f, 0x90, 8, 7];
    datagram.extend((8 + payload.len() as u16).to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(payload);
    datagram
}

fn tcp(sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut segment = vec![0x1f, 0x90, 0x12, 0x83];
    segment.extend(sequence.to_be_bytes());
    segment.extend([0, 0, 0, 0, 0x50, flags, 0, 0, 0, 0, 0, 0]);
    segment.extend(payload);
    segment
}

/// A capture of these frames.
fn capture(link_type: u32, frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 4 << 16 | 2, 0, 0, 65_535, link_type] {
        file.extend(word.to_le_bytes());
    }
    for frame in frames {
        for word in [1_700_000_000, 5000, frame.len() as u32, frame.len() as u32] {
            file.extend(word.to_le_bytes());
        }
        file.extend(frame);
    }
    file
}

fn read_frames(frames: &[Vec<u8>]) -> (Vec<Vec<u8>>, Counts) {
    read_link(1, frames)
}

fn read_link(link_type: u32, frames: &[Vec<u8>]) -> (Vec<Vec<u8>>, Counts) {
    let file = capture(link_type, frames);
    let mut reader = CaptureReader::from_reader(&*file).unwrap();
    let (mut found, mut counts) = (Vec::new(), Counts::default());
    super::frames(&mut reader, &mut counts, &mut |datagram: Datagram<'_>| {
        assert_eq!(datagram.from, "192.0.2.1:8080".parse().unwrap());
        assert_eq!(datagram.received, 1_700_000_000_005);
        found.push(datagram.octets.to_vec());
        ControlFlow::Continue(())
    })
    .unwrap();
    (found, counts)
}

/// An IPFIX message of `length` octets in all.
fn message(length: u16, fill: u8) -> Vec<u8> {
    let mut octets = vec![fill; length.into()];
    octets[..2].copy_from_slice(&messages::MAGIC);
    octets[2..4].copy_from_slice(&length.to_be_bytes());
    octets
}

#[test]
fn a_datagram_in_a_frame_and_something_else() {
    let (found, counts) =
        read_frames(&[frame(17, 0, &udp(b"payload")), frame(1, 0, b"echo"), vec![0; 9]]);
    assert_eq!(found, [b"payload"]);
    assert_eq!(counts, Counts { frames: 3, datagrams: 1, others: 2, ..Counts::default() });
}

#[test]
fn a_cut_datagram_is_read_as_far_as_it_goes() {
    let mut cut = frame(17, 0, &udp(b"payload"));
    cut.truncate(cut.len() - 3);
    let (found, counts) = read_frames(&[cut]);
    assert_eq!(found, [b"payl"]);
    assert_eq!(counts.cut, 1);
}

#[test]
fn fragments_in_any_order_become_a_datagram() {
    let whole = udp(&(0..100).collect::<Vec<u8>>());
    let more = 0x2000;
    let parts = [
        frame(17, 8, &whole[64..]),
        frame(17, more | 2, &whole[16..64]),
        frame(17, more | 2, &whole[16..64]),
        frame(17, more, &whole[..16]),
    ];
    let (found, counts) = read_frames(&parts);
    assert_eq!(found, [&whole[8..]]);
    assert_eq!(counts.fragments, 0);
    let (found, counts) = read_frames(&parts[..2]);
    assert_eq!((found.len(), counts.fragments, counts.others), (0, 2, 0));
    // The first is read up to where something is missing.
    let (found, counts) = read_frames(&[parts[3].clone()]);
    assert_eq!(found, [&whole[8..16]]);
    assert_eq!((counts.datagrams, counts.cut, counts.fragments), (1, 1, 0));
    let hole = frame(17, more | 4, &whole[32..64]);
    let (found, counts) = read_frames(&[parts[0].clone(), hole, parts[3].clone()]);
    assert_eq!(found, [&whole[8..16]]);
    assert_eq!((counts.datagrams, counts.cut, counts.fragments), (1, 1, 2));
}

#[test]
fn messages_of_a_stream_whatever_its_segments() {
    let sent = [message(16, 1), message(40, 2), message(20, 3)].concat();
    let start = u32::MAX - 20;
    let segment = |from: usize, to: usize| {
        frame(6, 0, &tcp(start.wrapping_add(from as u32), 0x18, &sent[from..to]))
    };
    // Across the wrap of the numbers, one late, one twice.
    let frames = [segment(0, 5), segment(30, 60), segment(60, 76), segment(5, 30), segment(20, 40)];
    let (found, counts) = read_frames(&frames);
    assert_eq!(found, [message(16, 1), message(40, 2), message(20, 3)]);
    assert_eq!((counts.stream_octets, counts.others), (0, 0));
    // What never becomes a message, and a stream of something else.
    let (found, counts) = read_frames(&[segment(0, 18)]);
    assert_eq!((found, counts.stream_octets), (vec![message(16, 1)], 2));
    let (found, counts) = read_frames(&[frame(6, 0, &tcp(9, 0x18, b"GET /"))]);
    assert_eq!((found.len(), counts.stream_octets, counts.others), (0, 0, 1));
}

#[test]
fn a_stream_that_is_no_longer_one_of_messages_is_left() {
    let sent = [message(16, 1), b"no message at all".to_vec()].concat();
    let (found, counts) = read_frames(&[frame(6, 0, &tcp(1, 0x18, &sent))]);
    assert_eq!(found, [message(16, 1)]);
    assert_eq!(counts.stream_octets, 17);
}

/// An IPFIX message of a domain with one set, of `length` octets in all, 20 at least.
fn real(domain: u32, second: u32, length: u16) -> Vec<u8> {
    let mut octets = message(length, 10);
    octets[4..8].copy_from_slice(&(1_700_000_000 + second).to_be_bytes());
    octets[12..16].copy_from_slice(&domain.to_be_bytes());
    octets[16..18].copy_from_slice(&256_u16.to_be_bytes());
    octets[18..20].copy_from_slice(&(length - 16).to_be_bytes());
    // What looks like the beginning of a message, and is none.
    if length > 60 {
        octets[40..60]
            .copy_from_slice(&[0, 10, 0, 30, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 1, 1, 0, 9]);
    }
    octets
}

/// Twenty messages of a stream, and their sum.
fn stream() -> (Vec<Vec<u8>>, Vec<u8>) {
    let all: Vec<_> = (0..20).map(|n| real(7, n, 70 + n as u16 * 9)).collect();
    let sum = all.concat();
    (all, sum)
}

/// Frames of a stream in segments of so many octets, the sequence number wrapping within.
fn segments(octets: &[u8], size: usize) -> Vec<Vec<u8>> {
    let start = u32::MAX - 1000;
    let number = |n: usize| start.wrapping_add((n * size) as u32);
    octets
        .chunks(size)
        .enumerate()
        .map(|(n, data)| frame(6, 0, &tcp(number(n), 0x18, data)))
        .collect()
}

/// Each segment is missing in turn, whatever its size: only messages with an octet in it are lost.
#[test]
fn behind_a_gap_messages_are_found_again() {
    let (all, sum) = stream();
    for size in [50, 137, 400, 1000] {
        for missing in 0..sum.len().div_ceil(size) {
            let mut frames = segments(&sum, size);
            frames.remove(missing);
            let (found, counts) = read_frames(&frames);
            let gap = missing * size..((missing + 1) * size).min(sum.len());
            let mut end = 0;
            let touched = |message: &&Vec<u8>| {
                let start = end;
                end += message.len();
                start >= gap.end || end <= gap.start
            };
            let expected: Vec<_> = all.iter().filter(touched).cloned().collect();
            // Without the first segment nothing tells where the second belongs; without the last nothing tells of it.
            assert!(found == expected, "{size} {missing}: {} of {}", found.len(), expected.len());
            let read: usize = found.iter().map(Vec::len).sum();
            let is_inner = missing != 0 && gap.end != sum.len();
            if is_inner {
                assert_eq!(counts.stream_missing as usize, gap.len(), "{size} {missing}");
                let rest = sum.len() - gap.len() - read;
                assert_eq!((counts.stream_octets as usize, counts.others), (rest, 0));
            }
        }
    }
}

#[test]
fn segments_in_any_order_and_twice() {
    let (all, sum) = stream();
    let frames = segments(&sum, 300);
    let at = |n: usize| 300 * n;
    let part = |from: usize, to: usize| {
        frame(6, 0, &tcp((u32::MAX - 1000).wrapping_add(from as u32), 0x18, &sum[from..to]))
    };
    let mut swapped = frames.clone();
    swapped.swap(0, 1);
    let mut reversed = frames.clone();
    reversed[..6].reverse();
    // Sent again in pieces of another size, some of it late.
    let again = vec![
        part(0, 200),
        part(100, 350),
        part(900, 1000),
        part(900, 1500),
        part(350, 900),
        part(0, 1500),
    ];
    let again = [again, frames[at(5) / 300..].to_vec()].concat();
    let syn = frame(6, 0, &tcp(u32::MAX - 1001, 2, b""));
    let fin = frame(6, 0, &tcp((u32::MAX - 1000).wrapping_add(sum.len() as u32), 0x11, b""));
    let mut closed = [vec![syn.clone()], swapped.clone(), vec![fin.clone()]].concat();
    let early_fin = [vec![syn, fin], frames.clone()].concat();
    // What comes again behind the end, too.
    closed.push(frames.last().unwrap().clone());
    for frames in [frames, swapped, reversed, again, closed, early_fin] {
        let (found, counts) = read_frames(&frames);
        assert!(found == all, "{} of {}", found.len(), all.len());
        assert_eq!((counts.stream_octets, counts.stream_missing), (0, 0));
    }
}

#[test]
fn a_capture_that_begins_within_a_stream() {
    let (all, sum) = stream();
    // In the midst of a message, at segments that begin anywhere.
    for from in [1, 30, 69, 71, 333] {
        let (found, counts) = read_frames(&segments(&sum[from..], 210));
        let known = all.len() - found.len();
        assert!(found == all[known..], "{from}: {} messages", found.len());
        let lost: usize = all[..known].iter().map(Vec::len).sum();
        assert!(lost < from + 210, "{from}: {known} messages lost");
        assert_eq!(counts.others, 0);
    }
}

#[test]
fn streams_of_something_else_take_no_room_for_ever() {
    let mut frames = Vec::new();
    for port in 0..5000_u16 {
        for (flags, data) in [(2, &b""[..]), (0x18, b"GET / HTTP/1.1")] {
            let mut segment = tcp(9, flags, data);
            segment[..2].copy_from_slice(&port.to_be_bytes());
            frames.push(frame(6, 0, &segment));
            // Some only open.
            if port % 2 == 0 {
                break;
            }
        }
    }
    let (all, sum) = stream();
    let others = frames.len() as u64;
    frames.extend(segments(&sum, 300));
    let (found, counts) = read_frames(&frames);
    assert!(found == all, "{} of {}", found.len(), all.len());
    assert_eq!(counts.others, others);
}

#[test]
fn exports_within_tunnels_and_links_of_all_kinds() {
    let ethernet = frame(17, 0, &udp(b"payload"));
    let packet = &ethernet[14..];
    let macs = &ethernet[..12];
    let carried =
        |protocol: u8, header: &[u8], inner: &[u8]| frame(protocol, 0, &[header, inner].concat());
    let pppoe =
        [&[0x11, 0, 0, 7][..], &(packet.len() as u16 + 2).to_be_bytes(), &[0, 0x21], packet]
            .concat();
    let key_and_sequence = [0x30, 0, 0x88, 0xbe, 0, 0, 0, 1, 0, 0, 0, 2];
    let frames = [
        [macs, &[0x88, 0x64], &pppoe].concat(),
        [macs, &[0x81, 0, 0, 5, 0x88, 0x64], &pppoe].concat(),
        carried(47, &[0, 0, 8, 0], packet),
        carried(47, &[0xb0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2], packet),
        carried(47, &[0, 0, 0x65, 0x58], &ethernet),
        carried(47, &[0, 0, 0x88, 0xbe], &ethernet),
        carried(47, &[&key_and_sequence[..], &[0; 8]].concat(), &ethernet),
        carried(47, &[&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1][..], &[0; 12]].concat(), &ethernet),
        carried(4, &[], packet),
    ];
    for (n, one) in frames.iter().enumerate() {
        let (found, counts) = read_frames(std::slice::from_ref(one));
        assert_eq!((n, found, counts.others), (n, vec![b"payload".to_vec()], 0));
    }
    for (link_type, before) in [
        (50, &[0xff, 3, 0, 0x21][..]),
        (9, &[0x21]),
        (51, &[0x11, 0, 0, 7, 0, 37, 0, 0x21]),
        (104, &[0x0f, 0, 8, 0]),
    ] {
        let (found, _) = read_link(link_type, &[[before, packet].concat()]);
        assert_eq!((link_type, found), (link_type, vec![b"payload".to_vec()]));
    }
    // Headers that end within.
    for (link_type, cut) in
        [(51, &[0x11, 0, 0][..]), (104, &[0x0f]), (50, &[0xff, 3, 0]), (1, &frames[0][..20])]
    {
        assert_eq!(read_link(link_type, &[cut.to_vec()]).1.others, 1);
    }
}

#[test]
fn messages_of_a_file() {
    let mut sent = [message(16, 1), message(40, 2)].concat();
    let (mut found, mut counts) = (Vec::new(), Counts::default());
    let mut sink = |datagram: Datagram<'_>| {
        found.push((datagram.received, datagram.octets.len()));
        ControlFlow::Continue(())
    };
    messages::read(&*sent, &mut counts, &mut sink).unwrap();
    sent.truncate(50);
    let error = messages::read(&*sent, &mut counts, &mut sink).unwrap_err();
    assert!(error.to_string().contains("offset 16 has 40 bytes, 34 are present"), "{error}");
    sent[16] = 1;
    let error = messages::read(&*sent, &mut counts, &mut sink).unwrap_err();
    assert!(error.to_string().contains("no IPFIX message starts there"), "{error}");
    let first = (0x0101_0101 * 1000, 16);
    assert_eq!(found, [first, (0x0202_0202 * 1000, 40), first, first]);
}
