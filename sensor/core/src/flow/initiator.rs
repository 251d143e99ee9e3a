//! Who opened the connection that a flow belongs to: which of its ends is the client, which the server.
//!
//! Known is only what was seen or told: by the first packet or the order of both directions (the flow cache), by a device
//! (`biflowDirection`, counts of initiator and responder, the creation of a connection), or by what only one side sends (a SYN
//! without ACK, a request of ICMP). All else is a guess by the ports, and marked as one. Computed when somebody asks, from
//! columns that are there anyway.

use std::cmp::Ordering;

use sensor_common::{
    packet::ip::protocol,
    tcp::{ACK, SYN},
};

use super::{
    batch::FlowBatch, columns::Column, profile::Side, protocol::has_ports, services::is_service,
};

/// The end of a flow that opened the connection, numbered as `biflowDirection` (IANA element 239, RFC 5103).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Initiator {
    /// The source of the flow: it flows from client to server.
    Source = 1,
    /// The destination: the flow is the server's answer.
    Destination = 2,
}

impl Initiator {
    /// The initiator with a number; none for any other number.
    #[inline(always)]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Source),
            2 => Some(Self::Destination),
            _ => None,
        }
    }

    /// That of the flow in the other direction.
    #[must_use]
    pub const fn turned(self) -> Self {
        match self {
            Self::Source => Self::Destination,
            Self::Destination => Self::Source,
        }
    }

    /// Its name in queries.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Source => "src",
            Self::Destination => "dst",
        }
    }

    /// What the first packet of a connection says, by its SYN and ACK.
    #[inline(always)]
    pub const fn of_first_segment(flags: u16) -> Option<Self> {
        match flags & (SYN | ACK) {
            SYN => Some(Self::Source),
            ANSWER => Some(Self::Destination),
            _ => None,
        }
    }
}

const ANSWER: u16 = SYN | ACK;

/// Who opened a flow, and how that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Who.
    pub by: Initiator,
    /// It follows from the ports alone.
    pub guessed: bool,
}

/// The first port that Linux gives to clients; others begin higher (RFC 6335: 49152).
pub const EPHEMERAL: u16 = 32_768;

/// Set in the number of an [`Opened`] that is a guess.
const GUESSED: u8 = 4;

impl Opened {
    /// As a number; 0 stands for nothing.
    #[inline(always)]
    pub const fn number(opened: Option<Self>) -> u8 {
        match opened {
            None => 0,
            Some(Self { by, guessed }) => by as u8 | if guessed { GUESSED } else { 0 },
        }
    }

    /// The numbers of what `by` opened, seen or guessed.
    pub const fn numbers(by: Initiator) -> [u64; 2] {
        [by as u64, (by as u8 | GUESSED) as u64]
    }

    /// What the number stands for.
    pub const fn from_number(number: u8) -> Option<Self> {
        match Initiator::from_number(number & !GUESSED) {
            Some(by) => Some(Self { by, guessed: number & GUESSED != 0 }),
            None => None,
        }
    }
}

/// The two roles in a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Who opened it.
    Client,
    /// Who was asked.
    Server,
}

impl Role {
    /// The side of a flow on which the role is played, if `by` opened it.
    #[inline(always)]
    pub const fn side(self, by: Initiator) -> Side {
        match (self, by) {
            (Self::Client, Initiator::Source) | (Self::Server, Initiator::Destination) => {
                Side::Source
            }
            _ => Side::Destination,
        }
    }
}

/// Who opened the flow in a row; none where nobody can tell.
///
/// Asked of every record, more than once: hence no look at presence, no list to search, and few branches.
#[inline(always)]
pub fn opened(batch: &FlowBatch, row: usize) -> Option<Opened> {
    if let Some(by) = known(batch, row) {
        return Some(Opened { by, guessed: false });
    }
    let by = guess(batch, row)?;
    Some(Opened { by, guessed: true })
}

/// What is known.
#[inline(always)]
fn known(batch: &FlowBatch, row: usize) -> Option<Initiator> {
    let told = batch.initiator.get(row).copied().unwrap_or(0);
    if let Some(told) = Initiator::from_number(told) {
        return Some(told);
    }
    match batch.protocol[row] {
        // Flags that no device tells have neither.
        protocol::TCP => match batch.tcp_flags[row] & (SYN | ACK) {
            // No packet acknowledged anything, and the answer to a SYN would.
            SYN => Some(Initiator::Source),
            // One packet; of several, the flags are those of an opening as well.
            ANSWER if batch.packets[row] == 1 => Some(Initiator::Destination),
            _ => None,
        },
        // Clouds do not tell what ICMP is about.
        protocol::ICMP | protocol::ICMPV6 if batch.untold & Column::IcmpTypeCode.bit() != 0 => None,
        // ICMP asks or answers. Errors and announcements do neither.
        protocol::ICMP => match batch.icmp_type_code[row] >> 8 {
            8 | 13 | 15 | 17 => Some(Initiator::Source),
            0 | 14 | 16 | 18 => Some(Initiator::Destination),
            _ => None,
        },
        protocol::ICMPV6 => match batch.icmp_type_code[row] >> 8 {
            128 => Some(Initiator::Source),
            129 => Some(Initiator::Destination),
            _ => None,
        },
        _ => None,
    }
}

/// How much a port looks like a server's: most of all if it is that of a known service, then if it is below 1024, then if it
/// is below those that clients are given.
#[inline(always)]
fn likeness(port: u16) -> u8 {
    u8::from(is_service(port)) << 2 | u8::from(port < 1024) << 1 | u8::from(port < EPHEMERAL)
}

/// What the ports suggest: the server has the only port of a known service, or else the only port below 1024, or else the
/// only one below those that clients are given. That is the one that looks more like a server's.
#[inline(always)]
fn guess(batch: &FlowBatch, row: usize) -> Option<Initiator> {
    let has_ports = has_ports(batch.protocol[row]);
    let has_ports = has_ports && batch.untold & Column::PORTS == 0;
    let (source, destination) = (batch.source_port[row], batch.destination_port[row]);
    // Later fragments have no ports, folded flows have lost one.
    if !has_ports || source == 0 || destination == 0 {
        return None;
    }
    match likeness(source).cmp(&likeness(destination)) {
        Ordering::Less => Some(Initiator::Source),
        Ordering::Greater => Some(Initiator::Destination),
        Ordering::Equal => None,
    }
}

/// The port of a role; none where nobody can tell who has it, or which it is.
#[inline(always)]
pub fn port(batch: &FlowBatch, row: usize, role: Role) -> Option<u16> {
    batch.port(role.side(opened(batch, row)?.by), row)
}

/// Of how many flow records it is known who opened the connection, and of how many it is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shares {
    /// Seen or told.
    pub known: u64,
    /// Guessed by the ports.
    pub guessed: u64,
    /// Neither.
    pub unknown: u64,
}

impl Shares {
    /// Counts the rows of a batch.
    pub fn count(&mut self, batch: &FlowBatch) {
        let (mut known, mut guessed) = (0, 0);
        for row in 0..batch.len() {
            let opened = opened(batch, row);
            known += u64::from(opened.is_some_and(|opened| !opened.guessed));
            guessed += u64::from(opened.is_some_and(|opened| opened.guessed));
        }
        self.known += known;
        self.guessed += guessed;
        self.unknown += batch.len() as u64 - known - guessed;
    }

    /// All of them.
    pub fn records(&self) -> u64 {
        self.known + self.guessed + self.unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{
        batch::{Source, TCP_FLAGS_UNTOLD},
        testing::flow,
    };

    fn row(protocol: u8, ports: [u16; 2], flags: u16, packets: u64) -> FlowBatch {
        let mut batch = flow(1, 1000, 2000, packets);
        batch.protocol[0] = protocol;
        [batch.source_port[0], batch.destination_port[0]] = ports;
        batch.tcp_flags[0] = flags;
        batch
    }

    fn known_as(by: Initiator) -> Option<Opened> {
        Some(Opened { by, guessed: false })
    }

    fn guessed(by: Initiator) -> Option<Opened> {
        Some(Opened { by, guessed: true })
    }

    use Initiator::{Destination, Source as Src};

    #[test]
    fn icmp_of_which_nobody_tells_what_it_is_about_was_opened_by_nobody_known() {
        let mut batch = row(1, [0, 0], TCP_FLAGS_UNTOLD, 1);
        assert_eq!(known(&batch, 0), Some(Destination), "an answer: type 0");
        batch.untold = Column::UNTOLD_BY_CLOUDS;
        assert_eq!(opened(&batch, 0), None);
    }

    #[test]
    fn what_was_told_comes_before_all_else() {
        let mut batch = row(protocol::TCP, [40_000, 443], SYN, 1);
        for (number, expected) in [(1, Src), (2, Destination), (0, Src), (3, Src)] {
            batch.initiator = vec![number];
            assert_eq!(opened(&batch, 0), known_as(expected), "{number}");
        }
    }

    #[test]
    fn flags_tell_where_only_one_side_sends_such() {
        // The ports would say the opposite.
        let of = |flags, packets| opened(&row(protocol::TCP, [443, 40_000], flags, packets), 0);
        assert_eq!(of(SYN, 3), known_as(Src));
        assert_eq!(of(SYN | ACK, 1), known_as(Destination));
        for (flags, packets) in [(SYN | ACK, 2), (ACK, 1), (0x1b, 9), (0x14, 1), (0, 1)] {
            assert_eq!(of(flags, packets), guessed(Destination), "{flags:#x} {packets}");
        }
        // Flags of what is not TCP, and those that a device has not told.
        let untold = TCP_FLAGS_UNTOLD;
        assert_eq!(opened(&row(protocol::UDP, [443, 40_000], SYN, 1), 0), guessed(Destination));
        let mut batch = row(protocol::TCP, [443, 40_000], untold, 1);
        batch.observed_by = Source::NetFlow;
        assert_eq!(opened(&batch, 0), guessed(Destination));
    }

    #[test]
    fn icmp_asks_and_answers() {
        for (protocol, kind, expected) in [
            (protocol::ICMP, 8, known_as(Src)),
            (protocol::ICMP, 0, known_as(Destination)),
            (protocol::ICMP, 3, None),
            (protocol::ICMPV6, 128, known_as(Src)),
            (protocol::ICMPV6, 129, known_as(Destination)),
            (protocol::ICMPV6, 8, None),
        ] {
            let mut batch = row(protocol, [0, 0], 0, 1);
            batch.icmp_type_code[0] = kind << 8;
            assert_eq!(opened(&batch, 0), expected, "{protocol} {kind}");
        }
    }

    #[test]
    fn ports_suggest_a_server() {
        for (ports, expected) in [
            // The only known service.
            ([40_000, 443], guessed(Src)),
            ([5432, 60_000], guessed(Destination)),
            ([700, 2049], guessed(Src)),
            // Two, of which one is low; none, of which one is low.
            ([8080, 22], guessed(Src)),
            ([700, 5002], guessed(Destination)),
            // The only one that is no client's.
            ([49_822, 4444], guessed(Src)),
            ([8080, 50_000], guessed(Destination)),
            // Nothing.
            ([123, 123], None),
            ([53, 443], None),
            ([1_100, 4_444], None),
            ([40_000, 50_001], None),
            ([0, 443], None),
        ] {
            assert_eq!(opened(&row(protocol::UDP, ports, 0, 1), 0), expected, "{ports:?}");
        }
        assert_eq!(opened(&row(47, [40_000, 443], 0, 1), 0), None);
    }

    #[test]
    fn ports_that_a_log_lacks_suggest_nothing() {
        let mut batch = row(protocol::TCP, [40_000, 443], 0, 1);
        assert_eq!(opened(&batch, 0), guessed(Src));
        for untold in [Column::SourcePort.bit(), Column::DestinationPort.bit()] {
            batch.untold = untold;
            assert_eq!(opened(&batch, 0), None);
        }
        // Who opened it is known, and the port of one end.
        batch.tcp_flags[0] = SYN;
        assert_eq!(opened(&batch, 0), known_as(Src));
        assert_eq!(
            [Role::Client, Role::Server].map(|role| port(&batch, 0, role)),
            [Some(40_000), None]
        );
    }

    #[test]
    fn shares_add_up() {
        let mut shares = Shares::default();
        for (ports, flags) in
            [([40_000, 443], SYN), ([40_000, 443], ACK), ([1, 2], ACK), ([1, 2], 0)]
        {
            shares.count(&row(protocol::TCP, ports, flags, 1));
        }
        assert_eq!(shares, Shares { known: 1, guessed: 1, unknown: 2 });
        assert_eq!(shares.records(), 4);
    }

    #[test]
    fn numbers_and_roles() {
        for opened in
            [None, guessed(Src), known_as(Src), guessed(Destination), known_as(Destination)]
        {
            assert_eq!(Opened::from_number(Opened::number(opened)), opened);
        }
        let batch = row(protocol::TCP, [443, 40_000], 0, 1);
        assert_eq!(port(&batch, 0, Role::Server), Some(443));
        assert_eq!(port(&batch, 0, Role::Client), Some(40_000));
        assert_eq!(port(&row(protocol::TCP, [1, 2], 0, 1), 0, Role::Client), None);
    }
}
