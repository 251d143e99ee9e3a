//! One frame into the ledger and the flow table.
//!
//! The ledger comes first: what was seen is written down before anything can go wrong, and each way out of here
//! has its row. Ledger and table region belong to this CPU and the generation that was read once at the start.
//! XDP and tc programs run with bottom halves disabled, so none interrupts another on its CPU: plain stores do.

#![expect(unsafe_code, reason = "map values are reached by pointer")]

use core::hint::cold_path;

use aya_ebpf::{
    bindings::__sk_buff, helpers::generated::bpf_get_smp_processor_id, programs::TcContext,
};
use sensor_common::{
    books::CpuBooks,
    crossing::{self, Crossing},
    key::{Common, Direction, KeyV4, KeyV6, fold_v4, fold_v6},
    layout,
    ledger::Ledger,
    packet::{Headers, Reject, ip::protocol},
    segments::Segments,
    table::Increment,
};

use crate::{
    frame::{Frame, Start},
    hook,
    maps::BOOKS,
    packet::{Packet, Scattered, Source},
    rare,
    read::{self, Sink},
    table::{self, Room, Table},
};

/// Counts one frame, whose headers are in `packet`.
#[inline(always)]
pub fn count(frame: &Frame, packet: &impl Source) {
    if let Some(mut books) = Books::open(frame) {
        read::headers(frame, packet, &mut books);
    }
}

/// Counts the frame of a tc program.
#[inline(always)]
pub fn count_skb(context: &TcContext, frame: &Frame) {
    let packet = Packet::of_skb(context);
    if packet.holds_headers(frame) {
        count(frame, &packet);
    } else {
        cold_path();
        let layer2 = frame.start == Start::Ethernet;
        count_scattered(context.skb.skb, frame.direction, layer2);
    }
}

/// Counts a frame whose headers cannot all be read directly. A function of its own, one for all programs, so that
/// neither their usual path nor the verifier's work on each of them grows by a second parser.
#[cold]
#[inline(never)]
fn count_scattered(skb: *mut __sk_buff, direction: Direction, layer2: bool) {
    let context = &TcContext::new(skb);
    let Some(packet) = Scattered::new(context) else { return };
    let mut frame =
        if layer2 { hook::tc(context, direction) } else { hook::tc_ip(context, direction) };
    if let Start::Ip(_, offset) = &mut frame.start {
        *offset = packet.network_offset();
    }
    count(&frame, &packet);
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
        let (cpu, books) = books()?;
        // SAFETY: the agent writes the word, an aligned u32, from another CPU: a volatile read is one load.
        let generation = unsafe { (&raw const (*books).generation).read_volatile() };
        crossing(books, frame).see(frame.direction);
        let row = layout::row(cpu, generation);
        // SAFETY: only this CPU writes the ledger, one program at a time; the agent reads it once it is quiet.
        let ledger = unsafe { &mut (*books).ledgers[layout::parity(generation)] };
        ledger.seen.add(1, u64::from(frame.octets()));
        Some(Self { row, ledger })
    }

    #[inline(always)]
    fn record<const N: usize>(
        &mut self,
        table: &Table<N>,
        words: &[u64; N],
        fold: impl FnOnce([u64; N], Direction) -> [u64; N],
        frame: &Frame,
        packet: &impl Source,
        headers: &Headers,
    ) {
        // The parser's many ways all end here, each with its own constants: ports 0, no flags and so on. From here on
        // they are one case for the verifier, to which a number from a map may be any.
        let zero = self.ledger.zero;
        let mut words = *words;
        words[N - 2] += zero;
        words[N - 1] += zero;
        let headers = &Headers {
            octets: headers.octets + zero as u32,
            headers_length: headers.headers_length + zero as u32,
            link_length: headers.link_length + zero as u32,
            tcp_flags: headers.tcp_flags + zero as u16,
            ..*headers
        };
        let mut segments = Segments::ONE;
        if frame.gso.is_super_packet() {
            segments = super_packet(frame, packet, headers);
            let further = segments.packets - 1;
            self.ledger.segmented.add(u64::from(further), u64::from(segments.added));
            if let Some((_, books)) = books() {
                crossing(books, frame).segment(frame.direction, further);
            }
        }
        let framed = Headers { link_length: headers.link_length + frame.tag_octets(), ..*headers };
        let increment = Increment::new(&framed, frame.octets(), &segments);
        let used = &mut self.ledger.used[usize::from(headers.v6)];
        let macs = || packet.macs(frame.start);
        let room = table.count(
            self.row,
            used,
            &words,
            |words| fold(words, frame.direction),
            &increment,
            macs,
        );
        let octets = u64::from(frame.octets()) + u64::from(segments.added);
        match room {
            Room::Own => {}
            Room::Folded => {
                if self.ledger.folded.packets == 0 {
                    rare::folding(frame.interface);
                }
                self.ledger.folded.add(u64::from(segments.packets), octets);
            }
            Room::None => {
                if self.ledger.unattributed.packets == 0 {
                    rare::no_room(frame.interface);
                }
                self.ledger.unattributed.add(u64::from(segments.packets), octets);
            }
        }
    }
}

impl Sink for Books {
    #[inline(always)]
    fn v4(&mut self, frame: &Frame, packet: &impl Source, headers: &Headers) {
        let key = KeyV4 {
            source: headers.source[0],
            destination: headers.destination[0],
            common: common(frame, headers),
        };
        self.record(&table::V4, &key.pack(), fold_v4, frame, packet, headers);
    }

    #[inline(always)]
    fn v6(&mut self, frame: &Frame, packet: &impl Source, headers: &Headers) {
        let key = KeyV6 {
            source: headers.source,
            destination: headers.destination,
            common: common(frame, headers),
        };
        self.record(&table::V6, &key.pack(), fold_v6, frame, packet, headers);
    }

    #[inline(always)]
    fn reject(&mut self, frame: &Frame, reason: Reject) {
        self.ledger.reject(reason).add(1, u64::from(frame.octets()));
    }
}

/// The key fields that both address families have.
#[inline(always)]
pub fn common(frame: &Frame, headers: &Headers) -> Common {
    let vlan = if frame.vlan_present != 0 { frame.vlan_tci as u16 & 0xfff } else { headers.vlan };
    Common::new(headers, frame.interface, frame.direction, vlan)
}

/// This CPU, and its books.
#[inline(always)]
fn books() -> Option<(u32, *mut CpuBooks)> {
    // SAFETY: a helper without arguments.
    let cpu = unsafe { bpf_get_smp_processor_id() };
    Some((cpu, BOOKS.get_ptr_mut(cpu)?))
}

/// Where the books count what crosses the frame's interface.
#[inline(always)]
fn crossing(books: *mut CpuBooks, frame: &Frame) -> &'static mut Crossing {
    // SAFETY: only this CPU writes its books, one program at a time; the agent only reads, number by number.
    unsafe { &mut (*books).crossings[crossing::slot(frame.interface)] }
}

/// The wire packets of a super-packet.
#[inline(always)]
fn super_packet(frame: &Frame, packet: &impl Source, headers: &Headers) -> Segments {
    let end = headers.link_length + headers.octets;
    // More than any packet has whose length its IP header can say.
    let big = headers.v6 && headers.octets > LONGEST_V6;
    let dropped = if big { packet.big_tcp_header(headers.link_length) } else { 0 };
    let repeated = match frame.gso.headers(frame.length) {
        // Of SCTP the kernel counts no header.
        Some(counted) if headers.protocol != protocol::SCTP => counted,
        _ => match headers.protocol {
            protocol::UDP | protocol::GRE | protocol::IPV4 | protocol::IPV6 => packet
                .tunnel_headers(headers.protocol, headers.headers_length, end)
                .max(headers.headers_length),
            _ => headers.headers_length,
        },
    };
    let mut segments = Segments::new(&frame.gso, frame.length, repeated, dropped);
    // Neither the kernel nor the parser has counted the tag that each of them gets.
    segments.added = segments.added.wrapping_add((segments.packets - 1) * frame.tag_octets());
    segments
}

/// Octets of the longest IPv6 packet but for jumbograms.
const LONGEST_V6: u32 = 40 + 0xffff;
