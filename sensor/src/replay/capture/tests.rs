//! Captures made by hand, whole and broken.

use std::{fs, io::Write as _};

use proptest::prelude::*;

use super::*;

/// Frames as values: (timestamp_ns, link_type, data, wire_length).
type Owned = (u64, u32, Vec<u8>, u32);

/// All frames, and the error that ended them.
fn frames_of<R: Read>(mut reader: CaptureReader<R>) -> (Vec<Owned>, Option<String>) {
    let mut frames = Vec::new();
    loop {
        match reader.next() {
            Ok(Some(frame)) => frames.push((
                frame.timestamp_ns,
                frame.link_type,
                frame.data.to_vec(),
                frame.wire_length,
            )),
            Ok(None) => return (frames, None),
            Err(error) => {
                assert!(matches!(reader.next(), Ok(None)), "nothing comes after an error");
                return (frames, Some(shown(error)));
            }
        }
    }
}

fn shown(error: CaptureError) -> String {
    format!("{:#}", anyhow::Error::from(error))
}

#[track_caller]
fn read(bytes: &[u8]) -> (Vec<Owned>, Option<String>) {
    frames_of(CaptureReader::from_reader(bytes).expect("the header is sound"))
}

fn refusal(bytes: &[u8]) -> String {
    shown(CaptureReader::from_reader(bytes).expect_err("the header is not sound"))
}

/// Writes numbers in one byte order.
#[derive(Clone, Copy)]
struct Order {
    big_endian: bool,
}

const LITTLE: Order = Order { big_endian: false };
const BIG: Order = Order { big_endian: true };

impl Order {
    fn u16(self, value: u16) -> [u8; 2] {
        if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn u32(self, value: u32) -> [u8; 4] {
        if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn words(self, values: &[u32]) -> Vec<u8> {
        values.iter().flat_map(|&value| self.u32(value)).collect()
    }

    fn pcap(self, magic: u32, link_type: u32) -> Vec<u8> {
        let version = [self.u16(2), self.u16(4)].concat();
        [&self.u32(magic)[..], &version, &self.words(&[0, 0, 65_535, link_type])].concat()
    }

    fn pcap_frame(self, seconds: u32, fraction: u32, data: &[u8], wire_length: u32) -> Vec<u8> {
        let header = self.words(&[seconds, fraction, data.len() as u32, wire_length]);
        [&header, data].concat()
    }

    fn block(self, block_type: u32, body: &[u8]) -> Vec<u8> {
        let padding = vec![0; body.len().next_multiple_of(4) - body.len()];
        let length = self.u32((body.len() + padding.len() + 12) as u32);
        [&self.u32(block_type)[..], &length, body, &padding, &length].concat()
    }

    fn section(self) -> Vec<u8> {
        let version = [self.u16(1), self.u16(0)].concat();
        self.block(0x0a0d_0d0a, &[&self.u32(0x1a2b_3c4d)[..], &version, &[0xff; 8]].concat())
    }

    fn option(self, code: u16, value: &[u8]) -> Vec<u8> {
        let padding = vec![0; value.len().next_multiple_of(4) - value.len()];
        [&self.u16(code)[..], &self.u16(value.len() as u16), value, &padding].concat()
    }

    fn interface(self, link_type: u16, snap_length: u32, options: &[u8]) -> Vec<u8> {
        let link_type = [self.u16(link_type), [0; 2]].concat();
        self.block(1, &[&link_type, &self.u32(snap_length)[..], options].concat())
    }

    fn enhanced(self, interface: u32, ticks: u64, data: &[u8], wire_length: u32) -> Vec<u8> {
        let (high, low) = ((ticks >> 32) as u32, ticks as u32);
        let header = self.words(&[interface, high, low, data.len() as u32, wire_length]);
        self.block(6, &[&header, data].concat())
    }
}

#[test]
fn pcap_in_every_variant() {
    for order in [LITTLE, BIG] {
        for (magic, nanoseconds) in [(0xa1b2_c3d4, 500_000), (0xa1b2_3c4d, 500)] {
            let capture = [
                order.pcap(magic, 1),
                order.pcap_frame(1_700_000_000, 500, b"first", 1514),
                order.pcap_frame(1_700_000_001, 0, b"", 60),
            ]
            .concat();
            let expected = vec![
                (1_700_000_000_000_000_000 + nanoseconds, 1, b"first".to_vec(), 1514),
                (1_700_000_001_000_000_000, 1, Vec::new(), 60),
            ];
            assert_eq!(read(&capture), (expected, None));
        }
    }
}

#[test]
fn pcap_with_longer_frame_headers() {
    let header = LITTLE.words(&[7, 0, 2, 9, 0, 0]);
    let capture = [LITTLE.pcap(0xa1b2_cd34, 113), header, b"ab".to_vec()].concat();
    assert_eq!(read(&capture), (vec![(7_000_000_000, 113, b"ab".to_vec(), 9)], None));
}

#[test]
fn pcap_of_old_versions_swaps_the_lengths() {
    for (version_minor, lengths) in [(2, [9, 2]), (3, [9, 2]), (3, [2, 9]), (4, [2, 9])] {
        let mut capture = LITTLE.pcap(0xa1b2_c3d4, 1);
        capture[6] = version_minor;
        capture.extend(LITTLE.words(&[0, 0, lengths[0], lengths[1]]));
        capture.extend(b"ab");
        assert_eq!(read(&capture), (vec![(0, 1, b"ab".to_vec(), 9)], None));
    }
}

/// The upper half of the link type tells of the frame check sequence.
#[test]
fn pcap_link_type_is_16_bits() {
    let capture = [LITTLE.pcap(0xa1b2_c3d4, 0x4400_0001), LITTLE.pcap_frame(0, 0, b"a", 1)];
    assert_eq!(read(&capture.concat()).0[0].1, 1);
}

#[test]
fn pcapng_sections_interfaces_and_clocks() {
    for (order, other) in [(LITTLE, BIG), (BIG, LITTLE)] {
        let offset = if order.big_endian { 100i64.to_be_bytes() } else { 100i64.to_le_bytes() };
        let nanoseconds = order.option(9, &[9]);
        let binary = [order.option(2, b"eth0"), order.option(9, &[0x80 | 10])].concat();
        let capture = [
            order.section(),
            order.interface(1, 0, &[]),
            order.interface(101, 0, &nanoseconds),
            order.interface(113, 0, &[binary, order.option(14, &offset)].concat()),
            order.enhanced(0, 1_700_000_000_123_456, b"micro", 5),
            order.enhanced(1, 1_700_000_000_123_456_789, b"nano", 1500),
            order.block(0xbad, b"somebody's own"),
            order.enhanced(2, 1536, b"2^-10", 5),
            other.section(),
            other.interface(276, 0, &[]),
            other.enhanced(0, 1, b"new section", 11),
        ]
        .concat();
        let expected = vec![
            (1_700_000_000_123_456_000, 1, b"micro".to_vec(), 5),
            (1_700_000_000_123_456_789, 101, b"nano".to_vec(), 1500),
            (101_500_000_000, 113, b"2^-10".to_vec(), 5),
            (1000, 276, b"new section".to_vec(), 11),
        ];
        assert_eq!(read(&capture), (expected, None));
    }
}

#[test]
fn pcapng_simple_and_obsolete_packets() {
    for order in [LITTLE, BIG] {
        let obsolete =
            [&order.u16(0)[..], &order.u16(0xffff), &order.words(&[0, 2_000_000, 3, 3]), b"old"]
                .concat();
        let capture = [
            order.section(),
            order.interface(1, 4, &[]),
            order.block(3, &[&order.u32(3)[..], b"abc"].concat()),
            order.block(2, &obsolete),
            order.block(3, &[&order.u32(9)[..], b"abcd"].concat()),
        ]
        .concat();
        let expected = vec![
            (0, 1, b"abc".to_vec(), 3),
            (2_000_000_000, 1, b"old".to_vec(), 3),
            (2_000_000_000, 1, b"abcd".to_vec(), 9),
        ];
        assert_eq!(read(&capture), (expected, None));
    }
}

#[test]
fn foreign_and_empty_input() {
    assert_eq!(refusal(b""), "the capture is empty, not a capture");
    assert_eq!(
        refusal(b"GIF8 and more"),
        "the capture is not a pcap or pcapng capture: it begins with the bytes [47, 49, 46, 38]; of text, flow logs of AWS are read: add `--as aws`, and `--layout` where no line names the fields"
    );
    let logs = "of text, flow logs of AWS are read: add `--as aws`, and `--layout` where no line names the fields";
    for (octets, hint) in [
        (&b"version account-id"[..], logs),
        (b"10.0.0.1 10.0.0.2 6", logs),
        (
            b"PAR1\x15\x04",
            "it is a Parquet file, and flow logs of AWS are read from such: add `--as aws`",
        ),
        (b"PK\x03\x04 and more", "it is a ZIP archive: unpack it"),
        (b"BZh91AY", "it is compressed by bzip2: `bzip2 -d` decompresses it"),
        (b"\xfd7zXZ\0", "it is compressed by xz: `xz -d` decompresses it"),
        (
            b"\xff\xfev\0e\0r\0",
            "it is text in UTF-16: `iconv -f UTF-16 -t UTF-8` makes text of it that is read",
        ),
    ] {
        let expected = format!(
            "the capture is not a pcap or pcapng capture: it begins with the bytes {:02x?}; {hint}",
            &octets[..4]
        );
        assert_eq!(refusal(octets), expected);
    }
    assert_eq!(
        refusal(b"ab"),
        "the capture is cut short: the block at offset 0 has 4 bytes, 2 are present"
    );
}

#[test]
fn blocks_that_contradict_the_format() {
    let (section, interface) = (LITTLE.section(), LITTLE.interface(1, 0, &[]));
    let mut unequal = LITTLE.block(5, &[0; 8]);
    let last = unequal.len() - 4;
    unequal[last] ^= 1;
    let too_long = LITTLE.block(6, &LITTLE.words(&[0, 0, 0, 100, 100, 0]));
    let obsolete_too_long = LITTLE.block(2, &LITTLE.words(&[0, 0, 0, 100, 100, 0]));
    for (block, what) in [
        (unequal, "the two lengths of a block differ"),
        (LITTLE.words(&[6, 8, 0, 0]), "a block is shorter than its own header"),
        (too_long, "a packet cannot be read"),
        (obsolete_too_long, "a packet is longer than its block"),
        (LITTLE.block(6, b"short"), "a packet cannot be read"),
        (LITTLE.enhanced(1, 0, b"", 0), "a packet names an interface that is not described"),
        (LITTLE.block(0x0a0d_0d0a, &[0; 16]), "a section header without its byte-order magic"),
    ] {
        let capture = [section.as_slice(), &interface, &block].concat();
        let offset = section.len() + interface.len();
        let expected = format!("the capture is malformed at offset {offset}: {what}");
        assert_eq!(read(&capture), (Vec::new(), Some(expected)));
    }
}

#[test]
fn a_huge_block_is_refused_before_it_is_read() {
    let capture = [LITTLE.pcap(0xa1b2_c3d4, 1), LITTLE.words(&[0, 0, u32::MAX, 1])].concat();
    let error =
        "the capture has a block of 4294967311 bytes at offset 24: more than 16777216 are not read";
    assert_eq!(read(&capture), (Vec::new(), Some(error.to_owned())));
}

/// Cut anywhere, a capture gives its whole frames, then an error; cut between frames, no error.
#[test]
fn truncation_at_every_byte() {
    let pcap: Vec<Vec<u8>> = vec![
        LITTLE.pcap(0xa1b2_c3d4, 1),
        LITTLE.pcap_frame(1, 0, b"one", 3),
        LITTLE.pcap_frame(2, 0, b"second", 6),
    ];
    let header = [BIG.section(), BIG.interface(1, 0, &[])].concat();
    let pcapng = vec![header, BIG.enhanced(0, 1, b"one", 3), BIG.enhanced(0, 2, b"second", 6)];
    for parts in [pcap, pcapng] {
        let ends: Vec<usize> = parts
            .iter()
            .scan(0, |end, part| {
                *end += part.len();
                Some(*end)
            })
            .collect();
        let capture = parts.concat();
        for length in ends[0]..=capture.len() {
            let (frames, error) = read(&capture[..length]);
            let whole_frames = ends.iter().filter(|&&end| end <= length).count() - 1;
            assert_eq!(frames.len(), whole_frames, "cut after {length}");
            match error {
                None => assert!(ends.contains(&length), "cut after {length}"),
                Some(error) => {
                    let offset = ends[whole_frames];
                    let cut = format!("is cut short: the block at offset {offset} has ");
                    assert!(error.contains(&cut), "{error}");
                    assert!(!ends.contains(&length), "{error}");
                }
            }
        }
        for length in 1..4 {
            assert!(refusal(&capture[..length]).contains("is cut short"));
        }
    }
}

fn compressed(capture: &[u8]) -> [(&'static str, Vec<u8>); 3] {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(capture).expect("a vector takes everything");
    let gzip = gzip.finish().expect("a vector takes everything");
    let zstd = zstd::encode_all(capture, 1).expect("a vector takes everything");
    [("plain", capture.to_vec()), ("gzip", gzip), ("zstd", zstd)]
}

#[test]
fn compression_is_told_by_content() {
    let capture = [LITTLE.pcap(0xa1b2_c3d4, 1), LITTLE.pcap_frame(1, 0, &[7; 5000], 5000)].concat();
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (name, bytes) in compressed(&capture) {
        let path = directory.path().join(name);
        fs::write(&path, &bytes).expect("the file can be written");
        let reader = CaptureReader::open(&path).expect("the header is sound");
        assert_eq!(frames_of(reader), read(&capture), "{name}");

        let cut = directory.path().join(format!("{name}-cut"));
        fs::write(&cut, &bytes[..bytes.len() - 5]).expect("the file can be written");
        let (frames, error) = CaptureReader::open(&cut)
            .map_or_else(|error| (Vec::new(), Some(shown(error))), frames_of);
        let error = error.expect("the file is cut short");
        assert!(error.contains("is cut short") && error.contains("-cut"), "{name}: {error}");
        assert!(frames.len() <= 1);
    }
}

#[test]
fn a_file_that_is_not_there() {
    let error = CaptureReader::open(Path::new("absent.pcap")).expect_err("it is not there");
    assert_eq!(
        shown(error),
        "absent.pcap cannot be opened: No such file or directory (os error 2)"
    );
}

#[test]
fn clocks_at_their_limits() {
    for (resolution, ticks, expected) in [
        (6u8, u64::MAX, u64::MAX),
        (0, 3, 3_000_000_000),
        (9, 42, 42),
        (12, 5_000, 5),
        (127, u64::MAX, 0),
        (0x80, 2, 2_000_000_000),
        (0xff, u64::MAX, 0),
        (0x80 | 32, 1 << 31, 500_000_000),
    ] {
        let capture = [
            LITTLE.section(),
            LITTLE.interface(1, 0, &LITTLE.option(9, &[resolution])),
            LITTLE.enhanced(0, ticks, b"", 0),
        ]
        .concat();
        assert_eq!(read(&capture).0[0].0, expected, "resolution {resolution:#x}");
    }
}

proptest! {
    #[test]
    fn pcap_frames_come_back(
        frames in prop::collection::vec((any::<u32>(), 0u32..1_000_000, prop::collection::vec(any::<u8>(), 0..200), any::<u32>()), 0..20),
        big_endian: bool,
    ) {
        let order = Order { big_endian };
        let mut capture = order.pcap(0xa1b2_c3d4, 1);
        let mut expected = Vec::new();
        for (seconds, micros, data, wire_length) in frames {
            capture.extend(order.pcap_frame(seconds, micros, &data, wire_length));
            let timestamp = u64::from(seconds) * 1_000_000_000 + u64::from(micros) * 1000;
            expected.push((timestamp, 1, data, wire_length));
        }
        prop_assert_eq!(read(&capture), (expected, None));
    }

    /// Whatever is in the file: it ends, and does not panic.
    #[test]
    fn any_bytes_are_read_or_refused(
        header in prop::sample::select(vec![
            LITTLE.pcap(0xa1b2_c3d4, 1),
            BIG.pcap(0xa1b2_3c4d, 1),
            [LITTLE.section(), LITTLE.interface(1, 0, &[])].concat(),
            [BIG.section(), BIG.interface(1, 0, &[])].concat(),
        ]),
        blocks in prop::collection::vec((0u32..8, prop::collection::vec(any::<u8>(), 0..80)), 0..6),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut capture = header;
        for (block_type, body) in blocks {
            capture.extend(LITTLE.block(block_type, &body));
        }
        for (at, bits) in flips {
            let at = at.index(capture.len());
            capture[at] ^= bits;
        }
        if let Ok(reader) = CaptureReader::from_reader(capture.as_slice()) {
            let (frames, _) = frames_of(reader);
            prop_assert!(frames.iter().map(|frame| frame.2.len()).sum::<usize>() <= capture.len());
        }
    }
}
