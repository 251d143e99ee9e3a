//! Who opened the connection of a record, as `flow/initiator` says it of a batch.

use super::{
    expression::Expr,
    values::{any, told},
};
use crate::{
    flow::{
        columns::Column,
        initiator::{EPHEMERAL, Initiator, Opened, Role},
        profile::Side,
        protocol::has_ports,
        services::SERVICE_PORTS,
    },
    nql::typed::Comparison,
};
use sensor_common::{
    packet::ip::protocol,
    tcp::{ACK, SYN},
};

/// Types of ICMP that ask, and those that answer; the same for ICMPv6.
const ICMP: [(u8, &[u64], &[u64]); 2] =
    [(protocol::ICMP, &[8, 13, 15, 17], &[0, 14, 16, 18]), (protocol::ICMPV6, &[128], &[129])];

/// When the end that plays a role is on which side.
pub(super) fn sides(role: Role) -> [(Expr, Side); 2] {
    [Initiator::Source, Initiator::Destination]
        .map(|by| (number().is_one_of(Opened::numbers(by)), role.side(by)))
}

/// [`Opened::number`] of a record.
pub(super) fn number() -> Expr {
    let told_by = any(Column::Initiator);
    let mut cases = vec![(told_by.clone().is_one_of([1, 2]), told_by)];
    let protocol = |own: u8| Expr::column(Column::Protocol).equals(Expr::Integer(own.into()));
    let known = |by: Initiator| Expr::Integer(by as u64);
    let guessed =
        |by: Initiator| Expr::Integer(Opened::number(Some(Opened { by, guessed: true })).into());
    let flags = |wanted: u16| {
        let both = Expr::Masked(Box::new(any(Column::TcpFlags)), (SYN | ACK).into());
        protocol(protocol::TCP).and(both.equals(Expr::Integer(wanted.into())))
    };
    cases.push((flags(SYN), known(Initiator::Source)));
    let one = any(Column::Packets).equals(Expr::Integer(1));
    cases.push((flags(SYN | ACK).and(one), known(Initiator::Destination)));
    for (version, asks, answers) in ICMP {
        let kind = || Expr::Shifted(Box::new(any(Column::IcmpTypeCode)), 8);
        let own = protocol(version).and(told(Column::IcmpTypeCode));
        for (kinds, by) in [(asks, Initiator::Source), (answers, Initiator::Destination)] {
            cases.push((own.clone().and(kind().is_one_of(kinds.iter().copied())), known(by)));
        }
    }
    let ported = (0..=u8::MAX).filter(|number| has_ports(*number)).map(u64::from);
    let ported = Expr::column(Column::Protocol).is_one_of(ported);
    let mut both = ported;
    for column in [Column::SourcePort, Column::DestinationPort] {
        both = both.and(any(column).differs(0));
    }
    let (source, destination) = (likeness(Column::SourcePort), likeness(Column::DestinationPort));
    for (order, by) in
        [(Comparison::Less, Initiator::Source), (Comparison::Greater, Initiator::Destination)]
    {
        let own = Expr::Compare(Box::new(source.clone()), order, Box::new(destination.clone()));
        cases.push((both.clone().and(own), guessed(by)));
    }
    Expr::Case(cases, Box::new(Expr::Integer(0)))
}

/// How much a port looks like a server's.
fn likeness(column: Column) -> Expr {
    let below = |port: u16| {
        let port = Box::new(Expr::Integer(port.into()));
        Expr::Compare(Box::new(any(column)), Comparison::Less, port)
    };
    let is_service = any(column).is_one_of(SERVICE_PORTS.iter().map(|port| u64::from(*port)));
    let if_so = |condition, number| {
        Expr::Case(vec![(condition, Expr::Integer(number))], Box::new(Expr::Integer(0)))
    };
    Expr::Sum(vec![if_so(is_service, 4), if_so(below(1024), 2), if_so(below(EPHEMERAL), 1)])
}
