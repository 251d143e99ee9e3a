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
fn capture(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 4 << 16 | 2, 0, 0, 65_535, 1] {
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
    let file = capture(frames);
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
    assert!(error.to_string().contains("offset 16 has 40 bytes, 34 are there"), "{error}");
    sent[16] = 1;
    let error = messages::read(&*sent, &mut counts, &mut sink).unwrap_err();
    assert!(error.to_string().contains("no IPFIX message begins there"), "{error}");
    let first = (0x0101_0101 * 1000, 16);
    assert_eq!(found, [first, (0x0202_0202 * 1000, 40), first, first]);
}
