//! One frame into the ledger and the flow table.
//!
//! The ledger comes first: what was seen is written down before anything can go wrong, and each way out of here
//! has its row. Ledger and table region belong to this CPU and the generation that was read once at the start.
//! XDP and tc programs run with bottom halves disabled, so none interrupts another on its CPU: plain stores do.

#![expect(unsafe_code, reason = "map values are reached by pointer")]

use aya_ebpf::helpers::generated::bpf_get_smp_processor_id;
use sensor_common::{
    key::{Common, KeyV4, KeyV6},
    layout,
    ledger::Ledger,
    packet::{Headers, Reject, parse_into, parse_network_into},
    table::Increment,
};

use crate::{
    hook::{Frame, Link},
    maps::{GENERATION, LEDGERS},
    packet::Packet,
    rare,
    table::{self, Room, Table},
};

/// Counts one frame. `pull` is asked once for a longer view of the packet when headers lie behind the first.
#[inline(always)]
pub fn count(frame: &Frame, packet: Packet, pull: impl Fn() -> Option<Packet>) {
    let Some(mut books) = Books::open(frame) else { return };
    let mut packet = packet;
    let mut pulled = false;
    loop {
        let mut headers = Headers::EMPTY;
        let parsed = read_headers(frame, &packet, &mut headers);
        if packet.fell_short() && packet.length() < frame.length && !pulled {
            pulled = true;
            if let Some(longer) = pull() {
                packet = longer;
                continue;
            }
        }
        return match parsed {
            Ok(()) => books.record(frame, &headers, &packet),
            Err(reason) => books.reject(frame, reason),
        };
    }
}

/// Parses what the frame starts with.
///
/// # Errors
/// As [`parse_into`].
#[inline(always)]
pub fn read_headers(frame: &Frame, packet: &Packet, headers: &mut Headers) -> Result<(), Reject> {
    match frame.link {
        Link::Ethernet => parse_into(packet, frame.length, headers),
        Link::Ip(ethertype) => parse_network_into(packet, ethertype, 0, frame.length, headers),
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

    /// Counts a frame that belongs to no flow.
    #[inline(always)]
    pub fn reject(&mut self, frame: &Frame, reason: Reject) {
        self.ledger.reject(reason).add(1, u64::from(frame.length));
    }

    /// Counts a packet in its flow.
    #[inline(always)]
    pub fn record(&mut self, frame: &Frame, headers: &Headers, packet: &Packet) {
        // The families part at once: whatever both would compute first has to be merged, through memory.
        if headers.v6 {
            let common = common(frame, headers);
            let key = KeyV6 { source: headers.source, destination: headers.destination, common };
            self.record_in(&table::V6, frame, headers, packet, &key.pack(), || key.fold().pack());
        } else {
            let common = common(frame, headers);
            let (source, destination) = (headers.source[0], headers.destination[0]);
            let key = KeyV4 { source, destination, common };
            self.record_in(&table::V4, frame, headers, packet, &key.pack(), || key.fold().pack());
        }
    }

    #[inline(always)]
    fn record_in<const N: usize>(
        &mut self,
        table: &Table<N>,
        frame: &Frame,
        headers: &Headers,
        packet: &Packet,
        words: &[u64; N],
        fold: impl FnOnce() -> [u64; N],
    ) {
        let segments = segments(frame, headers);
        let added = u64::from(segments - 1) * u64::from(headers.headers_length);
        if segments != 1 {
            self.ledger.segmented.add(u64::from(segments - 1), added);
        }
        let increment = Increment::new(headers, frame.length, segments);
        let used = &mut self.ledger.used[usize::from(headers.v6)];
        let room = table.count(self.row, used, words, fold, &increment, || packet.macs(frame.link));
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

/// The key fields that both address families have.
#[inline(always)]
fn common(frame: &Frame, headers: &Headers) -> Common {
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
