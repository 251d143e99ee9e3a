//! The block format: sections, each with its byte order and interfaces, each of those with its clock
//! (draft-ietf-opsawg-pcapng).

use std::io::Read;

use pcap_parser::{
    EnhancedPacketBlock, InterfaceDescriptionBlock, OptionCode, PcapNGOption, SimplePacketBlock,
    parse_enhancedpacketblock_be, parse_enhancedpacketblock_le, parse_interfacedescriptionblock_be,
    parse_interfacedescriptionblock_le, parse_simplepacketblock_be, parse_simplepacketblock_le,
    traits::PcapNGPacketBlock as _,
};

use super::{error::CaptureFault, frame::FrameRecord, input::Input};

/// The type of a section header, the same in both byte orders.
pub const MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

const INTERFACE_DESCRIPTION: u32 = 1;
/// Obsolete, but still written by old tools (draft, appendix A).
const PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// Bytes before the body of a block: type and length.
const BLOCK_HEADER: usize = 8;
/// The least a block has: type, length, and the length again.
const LEAST_BLOCK: usize = 12;
/// Type, length, byte-order magic.
const SECTION_START: usize = 12;
/// No tool writes as many; a compressed file could, to exhaust memory.
const MAX_INTERFACES: usize = 1 << 16;

/// A capture of this format, and the section that is being read.
#[derive(Debug)]
pub struct PcapNg {
    big_endian: bool,
    interfaces: Vec<Interface>,
    last_timestamp_ns: u64,
}

impl PcapNg {
    /// Reads the section header that the file begins with.
    pub fn begin<R: Read>(input: &mut Input<R>) -> Result<Self, CaptureFault> {
        let mut capture = Self { big_endian: false, interfaces: Vec::new(), last_timestamp_ns: 0 };
        input.fill(BLOCK_HEADER)?;
        capture.read_block(input)?;
        Ok(capture)
    }

    /// Reads on to the next frame.
    pub fn next<R: Read>(
        &mut self,
        input: &mut Input<R>,
    ) -> Result<Option<FrameRecord>, CaptureFault> {
        while input.begin_block(BLOCK_HEADER)? {
            if let Some(frame) = self.read_block(input)? {
                self.last_timestamp_ns = frame.timestamp_ns;
                return Ok(Some(frame));
            }
        }
        Ok(None)
    }

    /// Reads the block whose header is there; a frame comes of it if it holds one.
    fn read_block<R: Read>(
        &mut self,
        input: &mut Input<R>,
    ) -> Result<Option<FrameRecord>, CaptureFault> {
        if input.block().starts_with(&MAGIC) {
            input.fill(SECTION_START)?;
            self.begin_section(&input.block()[BLOCK_HEADER..])
                .map_err(|what| input.malformed(what))?;
        }
        let block_type = self.u32_at(input.block(), 0).unwrap_or_default();
        let length = self.u32_at(input.block(), 4).unwrap_or_default() as usize;
        if length < LEAST_BLOCK {
            return Err(input.malformed("a block is shorter than its own header"));
        }
        input.fill(length)?;
        let block = input.block();
        if self.u32_at(block, length - 4) != Some(length as u32) {
            return Err(input.malformed("the two lengths of a block differ"));
        }
        let frame = match block_type {
            INTERFACE_DESCRIPTION => self.add_interface(block).map(|()| None),
            PACKET => self.packet(block).map(Some),
            SIMPLE_PACKET => self.simple_packet(block).map(Some),
            ENHANCED_PACKET => self.enhanced_packet(block).map(Some),
            // A section header was taken in above; names, statistics and secrets are not ours.
            _ => Ok(None),
        };
        frame.map_err(|what| input.malformed(what))
    }

    /// The magic says in which order the section's numbers are; its interfaces count from 0 again.
    fn begin_section(&mut self, byte_order_magic: &[u8]) -> Result<(), &'static str> {
        self.big_endian = match byte_order_magic {
            [0x1a, 0x2b, 0x3c, 0x4d] => true,
            [0x4d, 0x3c, 0x2b, 0x1a] => false,
            _ => return Err("a section header without its byte-order magic"),
        };
        self.interfaces.clear();
        Ok(())
    }

    fn add_interface(&mut self, block: &[u8]) -> Result<(), &'static str> {
        if self.interfaces.len() == MAX_INTERFACES {
            return Err("more than 65536 interfaces in a section");
        }
        let parse = if self.big_endian {
            parse_interfacedescriptionblock_be
        } else {
            parse_interfacedescriptionblock_le
        };
        let (_, description) = parse(block).map_err(|_| "an interface cannot be read")?;
        self.interfaces.push(Interface::of(&description, self.big_endian));
        Ok(())
    }

    fn enhanced_packet(&self, block: &[u8]) -> Result<FrameRecord, &'static str> {
        const DATA: usize = 28;
        let parse = if self.big_endian {
            parse_enhancedpacketblock_be
        } else {
            parse_enhancedpacketblock_le
        };
        let (_, packet): (_, EnhancedPacketBlock<'_>) =
            parse(block).map_err(|_| "a packet cannot be read")?;
        let interface = self.interface(packet.if_id)?;
        let ticks = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
        Ok(FrameRecord {
            timestamp_ns: interface.nanoseconds(ticks),
            link_type: interface.link_type,
            wire_length: packet.origlen,
            data: DATA..DATA + packet.packet_data().len(),
        })
    }

    fn simple_packet(&self, block: &[u8]) -> Result<FrameRecord, &'static str> {
        const DATA: usize = 12;
        let parse =
            if self.big_endian { parse_simplepacketblock_be } else { parse_simplepacketblock_le };
        let (_, packet): (_, SimplePacketBlock<'_>) =
            parse(block).map_err(|_| "a simple packet cannot be read")?;
        let interface = self.interface(0)?;
        let length = match interface.snap_length {
            0 => packet.packet_data().len(),
            most => packet.packet_data().len().min(most as usize),
        };
        Ok(FrameRecord {
            timestamp_ns: self.last_timestamp_ns,
            link_type: interface.link_type,
            wire_length: packet.origlen,
            data: DATA..DATA + length,
        })
    }

    /// The obsolete packet block: a 16-bit interface and a drop count, then as in the enhanced one.
    fn packet(&self, block: &[u8]) -> Result<FrameRecord, &'static str> {
        const DATA: usize = 28;
        const SHORT: &str = "a packet is longer than its block";
        let id = block.get(8..10).ok_or(SHORT)?;
        let id = [id[0], id[1]];
        let id = if self.big_endian { u16::from_be_bytes(id) } else { u16::from_le_bytes(id) };
        let interface = self.interface(u32::from(id))?;
        let [high, low, captured, wire_length] =
            [12, 16, 20, 24].map(|offset| self.u32_at(block, offset).unwrap_or_default());
        let end = DATA.saturating_add(captured as usize);
        if end > block.len().saturating_sub(4) {
            return Err(SHORT);
        }
        Ok(FrameRecord {
            timestamp_ns: interface.nanoseconds(u64::from(high) << 32 | u64::from(low)),
            link_type: interface.link_type,
            wire_length,
            data: DATA..end,
        })
    }

    fn interface(&self, id: u32) -> Result<&Interface, &'static str> {
        self.interfaces.get(id as usize).ok_or("a packet names an interface that is not described")
    }

    fn u32_at(&self, block: &[u8], offset: usize) -> Option<u32> {
        let bytes: [u8; 4] = block.get(offset..)?.first_chunk().copied()?;
        Some(if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }
}

/// What a section says of one interface.
#[derive(Debug)]
struct Interface {
    link_type: u32,
    /// Bytes captured of a frame at most; 0 for no limit.
    snap_length: u32,
    /// `if_tsresol`: a tick is 10^-n seconds, or 2^-n with the top bit set.
    resolution: u8,
    /// `if_tsoffset`: seconds to be added to every time stamp.
    offset_seconds: i64,
}

impl Interface {
    fn of(description: &InterfaceDescriptionBlock<'_>, big_endian: bool) -> Self {
        let value = |code| {
            let found = description.options.iter().find(|option| option.code == code);
            found.map(PcapNGOption::value)
        };
        // pcap-parser offers these decoded, but takes if_tsoffset for little-endian always.
        let offset = value(OptionCode::IfTsoffset).and_then(|value| value.first_chunk());
        let offset = offset.map_or(0, |&bytes| {
            if big_endian { i64::from_be_bytes(bytes) } else { i64::from_le_bytes(bytes) }
        });
        Self {
            link_type: description.linktype.0 as u32,
            snap_length: description.snaplen,
            resolution: value(OptionCode::IfTsresol).and_then(<[u8]>::first).map_or(6, |&n| n),
            offset_seconds: offset,
        }
    }

    /// Nanoseconds since the epoch; times before it or past 64 bits become the nearest that can be said.
    fn nanoseconds(&self, ticks: u64) -> u64 {
        const PER_SECOND: u128 = 1_000_000_000;
        let exponent = u32::from(self.resolution & 0x7f);
        let scaled = u128::from(ticks) * PER_SECOND;
        let nanoseconds = if self.resolution & 0x80 != 0 {
            scaled >> exponent
        } else {
            // A tick below 10^-38 s is none at all.
            10u128.checked_pow(exponent).map_or(0, |per_second| scaled / per_second)
        };
        let offset = i128::from(self.offset_seconds) * PER_SECOND as i128;
        let total = i128::try_from(nanoseconds).unwrap_or(i128::MAX).saturating_add(offset);
        u64::try_from(total.max(0)).unwrap_or(u64::MAX)
    }
}
