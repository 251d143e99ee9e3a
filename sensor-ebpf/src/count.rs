//! One frame into the ledger and the flow table.
//!
//! The ledger comes first: what was seen is written down before anything can go wrong, and each way out of here
//! has its row. Ledger and table region belong to this CPU and the generation that was read once at the start.
//! XDP and tc programs run with bottom halves disabled, so none interrupts another on its CPU: plain stores do.

#![expect(unsafe_code, reason = "map values are reached by pointer")]

use aya_ebpf::helpers::generated::bpf_get_smp_processor_id;
use sensor_common::{
    key::{Common, Direction, KeyV4, KeyV6, fold_v4, fold_v6},
    layout,
    ledger::Ledger,
    packet::{Headers, Reject},
    table::Increment,
};

use crate::{
    hook::Frame,
    maps::{GENERATION, LEDGERS},
    packet::Packet,
    rare,
    read::{self, Sink},
    table::{self, Room, Table},
};

/// Counts one frame, whose headers are in `packet`.
#[inline(always)]
pub fn count(frame: &Frame, packet: &Packet) {
    if let Some(mut books) = Books::open(frame) {
        read::headers(frame, packet, &mut books);
    }
}

/// Where this CPU writes for the rest of a packet: its ledger, and the row of its table regions.
pub struct Books {
    row: u32,
    ledger: &'static mut Ledger,
}

impl Books {
    /// Opens the books of the current generation and counts the frame as seen.
    #[inline(always)]
    pub fn open(frame: &Frame) -> Option<Self> {
        let generation = GENERATION.get_ptr(0)?;
        // SAFETY: the agent writes the word, an aligned u32, from another CPU: a volatile read is one load.
        let generation = unsafe { generation.read_volatile() };
        // SAFETY: a helper without arguments.
        let row = layout::row(unsafe { bpf_get_smp_processor_id() }, generation);
        let ledger = LEDGERS.get_ptr_mut(row)?;
        // SAFETY: only this CPU writes the ledger, one program at a time; the agent reads it once it is quiet.
        let ledger = unsafe { &mut *ledger };
        ledger.seen.add(1, u64::from(frame.length));
        Some(Self { row, ledger })
    }

    #[inline(always)]
    fn record<const N: usize>(
        &mut self,
        table: &Table<N>,
        words: &[u64; N],
        fold: impl FnOnce([u64; N], Direction) -> [u64; N],
        frame: &Frame,
        packet: &Packet,
        headers: &Headers,
    ) {
        let segments = segments(frame, headers);
        let added = u64::from(segments - 1) * u64::from(headers.headers_length);
        if segments != 1 {
            self.ledger.segmented.add(u64::from(segments - 1), added);
        }
        let increment = Increment::new(headers, frame.length, segments);
        let used = &mut self.ledger.used[usize::from(headers.v6)];
        let macs = || packet.macs(frame.start);
        let room = table.count(
            self.row,
            used,
            words,
            |words| fold(words, frame.direction),
            &increment,
            macs,
        );
        let octets = u64::from(frame.length) + added;
        match room {
            Room::Own => {}
            Room::Folded => {
                if self.ledger.folded.packets == 0 {
                    rare::folding(frame.interface);
                }
                self.ledger.folded.add(u64::from(segments), octets);
            }
            Room::None => {
                if self.ledger.unattributed.packets == 0 {
                    rare::no_room(frame.interface);
                }
                self.ledger.unattributed.add(u64::from(segments), octets);
            }
        }
    }
}

impl Sink for Books {
    #[inline(always)]
    fn v4(&mut self, frame: &Frame, packet: &Packet, headers: &Headers) {
        let key = KeyV4 {
            source: headers.source[0],
            destination: headers.destination[0],
            common: common(frame, headers),
        };
        self.record(&table::V4, &key.pack(), fold_v4, frame, packet, headers);
    }

    #[inline(always)]
    fn v6(&mut self, frame: &Frame, packet: &Packet, headers: &Headers) {
        let key = KeyV6 {
            source: headers.source,
            destination: headers.destination,
            common: common(frame, headers),
        };
        self.record(&table::V6, &key.pack(), fold_v6, frame, packet, headers);
    }

    #[inline(always)]
    fn reject(&mut self, frame: &Frame, reason: Reject) {
        self.ledger.reject(reason).add(1, u64::from(frame.length));
    }
}

/// The key fields that both address families have.
#[inline(always)]
pub fn common(frame: &Frame, headers: &Headers) -> Common {
    let vlan = if frame.stripped_vlan != 0 { frame.stripped_vlan } else { headers.vlan };
    Common::new(headers, frame.interface, frame.direction, vlan)
}

/// Wire packets that the frame stands for, at least 1.
#[inline(always)]
fn segments(frame: &Frame, headers: &Headers) -> u32 {
    if frame.gso_size == 0 {
        return 1;
    }
    if frame.gso_segments != 0 {
        return frame.gso_segments;
    }
    // Super-packets that a virtual machine handed over come without a count.
    let payload = frame.length.saturating_sub(headers.headers_length);
    payload.div_ceil(frame.gso_size).max(1)
}
