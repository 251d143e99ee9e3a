//! A connection or another exchange, and the records that a sensor exports of it: one for each direction and minute.

use std::net::IpAddr;

use sensor_common::{
    packet::ip::protocol::TCP,
    tcp::{ACK, CWR, ECE, FIN, PSH, RST, SYN},
};
use sensor_core::flow::initiator::Initiator;

use crate::traffic::Record;

/// After how many milliseconds a record of a flow that goes on is exported.
const ACTIVE_TIMEOUT: u64 = 60_000;

/// What one side sends in all: packets and octets.
pub type Volume = (u64, u64);

/// One end: address and port.
pub type End = (IpAddr, u16);

/// How an exchange goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// TCP: opened, used and closed.
    Whole,
    /// TCP: opened and used, then reset by the client, as browsers and health checks do.
    Dropped,
    /// TCP: open since long ago; a record of it does not show who opened it.
    Lasting,
    /// TCP: opened and closed, without a word.
    Touched,
    /// TCP: opened and reset, without a word.
    Knocked,
    /// TCP: nobody answers.
    Unanswered,
    /// TCP: the port is closed.
    Refused,
    /// TCP with just these flags: of what the client sends, and of what the server does.
    Flags(u16, u16),
    /// Without connections: the client sends first.
    Datagrams,
    /// The same after a silence: the server sends first, so that a sensor takes it for the client.
    Woken,
}

impl Course {
    /// The flags of a side: in its first minute, in between, in its last.
    fn flags(self, is_client: bool) -> [u16; 3] {
        let data = ACK | PSH;
        match self {
            Self::Whole => [SYN | data, data, FIN | data],
            Self::Dropped if is_client => [SYN | data, data, RST | data],
            Self::Dropped => [SYN | data, data, data],
            Self::Lasting => [data; 3],
            Self::Touched => [SYN | ACK, ACK, FIN | ACK],
            Self::Knocked if is_client => [SYN | ACK, ACK, RST | ACK],
            Self::Knocked => [SYN | ACK, ACK, ACK],
            Self::Unanswered => [SYN; 3],
            Self::Refused if is_client => [SYN; 3],
            Self::Refused => [RST | ACK; 3],
            Self::Flags(client, server) => [if is_client { client } else { server }; 3],
            Self::Datagrams | Self::Woken => [0; 3],
        }
    }

    /// Who a sensor says has opened it: the end that sent the first packet it saw, if that tells.
    fn opened_by_client(self) -> Option<bool> {
        match self {
            Self::Lasting => None,
            Self::Flags(client, _) => (client & SYN != 0).then_some(client & ACK == 0),
            Self::Woken => Some(false),
            _ => Some(true),
        }
    }
}

/// An exchange between a client and a server.
#[derive(Clone, Debug)]
pub struct Flow {
    pub protocol: u8,
    /// First packet, milliseconds since the epoch.
    pub start: u64,
    /// Milliseconds from there to the last.
    pub duration: u64,
    pub client: End,
    pub server: End,
    /// ICMP type and code of what the client sends, and of what the server does.
    pub icmp: [(u8, u8); 2],
    pub sent: Volume,
    pub received: Volume,
    pub course: Course,
}

impl Flow {
    fn slices(&self) -> u64 {
        let longest = self.sent.0.max(self.received.0).max(1);
        (self.duration / ACTIVE_TIMEOUT + 1).min(longest)
    }

    /// When the record number `slice` ends; none after the last.
    pub fn end_of(&self, slice: u64) -> Option<u64> {
        let slices = self.slices();
        (slice < slices).then(|| {
            let whole = self.start + (slice + 1) * ACTIVE_TIMEOUT - 1;
            if slice + 1 == slices { whole.min(self.start + self.duration) } else { whole }
        })
    }

    /// The records of one minute: those of the client, those of the server. `ecn` where this network marks congestion.
    pub fn records(&self, slice: u64, ecn: bool) -> impl Iterator<Item = Record> {
        let end = self.end_of(slice).expect("a record of this flow");
        let start = self.start + slice * ACTIVE_TIMEOUT;
        [true, false]
            .into_iter()
            .filter_map(move |is_client| self.record(slice, is_client, ecn, (start.min(end), end)))
    }

    fn record(
        &self,
        slice: u64,
        is_client: bool,
        ecn: bool,
        (start, end): (u64, u64),
    ) -> Option<Record> {
        let slices = self.slices();
        let volume = if is_client { self.sent } else { self.received };
        let packets = volume.0 / slices + u64::from(slice < volume.0 % slices);
        if packets == 0 {
            return None;
        }
        let (from, to) =
            if is_client { (self.client, self.server) } else { (self.server, self.client) };
        let mut flags = self.flags(slice, is_client, volume);
        if ecn && self.protocol == TCP && self.speaks_ecn() {
            flags |= self.congestion(flags, slice, is_client);
        }
        let by_client = self.course.opened_by_client();
        let opened = by_client.map(|client| {
            if client == is_client { Initiator::Source } else { Initiator::Destination }
        });
        Some(Record {
            source: from.0,
            destination: to.0,
            ports: (from.1, to.1),
            protocol: self.protocol,
            icmp: self.icmp[usize::from(!is_client)],
            flags,
            packets,
            octets: (volume.1 / slices).max(packets * 28),
            // An answer comes later than what it answers.
            start: if is_client { start } else { (start + 9).min(end) },
            end,
            opened,
            continued: slice > 0,
        })
    }

    fn flags(&self, slice: u64, is_client: bool, volume: Volume) -> u16 {
        let [first, middle, last] = self.course.flags(is_client);
        let mut flags = middle;
        if slice == 0 {
            flags |= first;
        }
        if slice + 1 == self.slices() {
            flags |= last;
        }
        // Who only acknowledges a download pushes nothing once it runs.
        if slice > 0 && volume.1 / volume.0.max(1) < 60 { flags & !PSH } else { flags }
    }

    /// Half of all connections use ECN, always the same.
    fn speaks_ecn(&self) -> bool {
        self.mixed() & 1 == 1
    }

    /// What ECN adds: the offer, its acceptance, and now and then congestion on the way.
    fn congestion(&self, flags: u16, slice: u64, is_client: bool) -> u16 {
        let offer = match (flags & SYN != 0, is_client) {
            (false, _) => 0,
            (true, true) => ECE | CWR,
            (true, false) => ECE,
        };
        let met = flags & PSH != 0 && (self.mixed() >> 8).wrapping_add(slice).is_multiple_of(16);
        offer | if met { ECE | CWR } else { 0 }
    }

    /// A number that follows from the ends alone.
    fn mixed(&self) -> u64 {
        let ports = u64::from(self.client.1) << 16 | u64::from(self.server.1);
        let address = match self.client.0 {
            IpAddr::V4(address) => u64::from(u32::from(address)),
            IpAddr::V6(address) => u128::from(address) as u64,
        };
        let mixed = (ports ^ address.rotate_left(21)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed >> 31
    }
}
