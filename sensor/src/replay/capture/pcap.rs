//! The classic format: one header, then frames, each behind a header of its own (draft-ietf-opsawg-pcap).

use std::io::Read;

use pcap_parser::parse_pcap_header;

use super::{error::CaptureFault, frame::FrameRecord, input::Input};

const FILE_HEADER: usize = 24;

/// What the magic number tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variant {
    big_endian: bool,
    /// The second word of a time stamp is nanoseconds rather than microseconds.
    nanoseconds: bool,
    /// Bytes of a frame header; Alexey Kuznetsov's variant has 8 more.
    frame_header: usize,
}

impl Variant {
    /// `None` if these are not the first bytes of such a file.
    pub fn of(magic: [u8; 4]) -> Option<Self> {
        let variant = |big_endian, nanoseconds, frame_header| {
            Some(Self { big_endian, nanoseconds, frame_header })
        };
        match magic {
            [0xd4, 0xc3, 0xb2, 0xa1] => variant(false, false, 16),
            [0xa1, 0xb2, 0xc3, 0xd4] => variant(true, false, 16),
            [0x4d, 0x3c, 0xb2, 0xa1] => variant(false, true, 16),
            [0xa1, 0xb2, 0x3c, 0x4d] => variant(true, true, 16),
            [0x34, 0xcd, 0xb2, 0xa1] => variant(false, false, 24),
            _ => None,
        }
    }
}

/// A capture of this format, behind its header.
#[derive(Debug)]
pub struct Pcap {
    variant: Variant,
    version_minor: u16,
    link_type: u32,
}

impl Pcap {
    /// Reads the rest of the file header.
    pub fn begin<R: Read>(variant: Variant, input: &mut Input<R>) -> Result<Self, CaptureFault> {
        input.fill(FILE_HEADER)?;
        let (_, header) = parse_pcap_header(input.block())
            .map_err(|_| input.malformed("the file header cannot be read"))?;
        // The upper half tells whether a frame check sequence follows each frame, and how long it is.
        let link_type = header.network.0 as u32 & 0xffff;
        Ok(Self { variant, version_minor: header.version_minor, link_type })
    }

    /// Reads the next frame.
    pub fn next<R: Read>(
        &mut self,
        input: &mut Input<R>,
    ) -> Result<Option<FrameRecord>, CaptureFault> {
        let Variant { big_endian, nanoseconds, frame_header } = self.variant;
        if !input.begin_block(frame_header)? {
            return Ok(None);
        }
        let mut words = input.block().chunks_exact(4).map(|word| {
            let word = word.first_chunk().copied().unwrap_or_default();
            if big_endian { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) }
        });
        let [seconds, fraction, captured, wire] =
            std::array::from_fn(|_| words.next().unwrap_or_default());
        // Before version 2.4 some tools wrote the lengths the other way round (sf-pcap.c of libpcap).
        let swapped = match self.version_minor {
            0..3 => true,
            3 => captured > wire,
            _ => false,
        };
        let (captured, wire_length) = if swapped { (wire, captured) } else { (captured, wire) };
        let end = frame_header.saturating_add(captured as usize);
        input.fill(end)?;
        let fraction = u64::from(fraction) * if nanoseconds { 1 } else { 1000 };
        Ok(Some(FrameRecord {
            timestamp_ns: u64::from(seconds) * 1_000_000_000 + fraction,
            link_type: self.link_type,
            wire_length,
            data: frame_header..end,
        }))
    }
}
