//! A record of an AWS flow log into a flow, however it was written: what its values mean stands here alone.

use std::borrow::Cow;

use sensor_common::key::Direction;
use sensor_core::flow::{device::Action, initiator::Initiator};

use super::layout::{Known, Layout, PLACES};
use crate::cloud::{
    flows::{Ends, Flows, Record, RecordTexts, Via},
    ledger::{Reason, Window},
    text::{ipv4, ipv6, number},
};

/// What became of a record.
pub enum Outcome<'l> {
    /// A flow of this source.
    Flow(u32),
    /// A window without flows, of this source.
    Window(u32, Window),
    /// Nothing, and why.
    Error(Reason, What<'l>),
}

/// What an error is about.
#[derive(Clone, Copy, Debug)]
pub enum What<'l> {
    /// A value, or a name.
    Octets(&'l [u8]),
    /// A number.
    Number(i64),
}

impl<'l> What<'l> {
    /// As it is shown.
    pub fn octets(self) -> Cow<'l, [u8]> {
        match self {
            Self::Octets(octets) => octets.into(),
            Self::Number(number) => number.to_string().into_bytes().into(),
        }
    }
}

/// Times below, in seconds, are none: AWS wrote no flow log before 2001.
const EARLIEST: u64 = 1_000_000_000;
/// Times above, in seconds, are none: they would not be milliseconds of 64 bits for long.
const LATEST: u64 = 100_000_000_000;

/// The values of a record, by what they are.
pub trait Values<'l> {
    /// A text; empty where it is not told.
    fn get(&self, known: Known) -> &'l [u8];

    /// A number; none where it is not told.
    ///
    /// # Errors
    /// Where there is something else.
    fn number(&self, known: Known) -> Result<Option<u64>, Fault<'l>>;

    /// What is told, for people.
    fn what(&self, known: Known) -> What<'l>;
}

/// The values of a line; empty where they are not told.
struct Line<'l>([&'l [u8]; PLACES + 1]);

impl<'l> Values<'l> for Line<'l> {
    #[inline(always)]
    fn get(&self, known: Known) -> &'l [u8] {
        self.0[known as usize]
    }

    #[inline(always)]
    fn number(&self, known: Known) -> Result<Option<u64>, Fault<'l>> {
        match self.get(known) {
            [] => Ok(None),
            octets => number(octets).map(Some).ok_or((Reason::Number, What::Octets(octets))),
        }
    }

    fn what(&self, known: Known) -> What<'l> {
        What::Octets(self.get(known))
    }
}

/// A number that the flow is not without, 0 where it is not told.
#[inline(always)]
fn narrow<'l, T: TryFrom<u64> + Default>(
    values: &impl Values<'l>,
    known: Known,
) -> Result<T, Fault<'l>> {
    match values.number(known)? {
        None => Ok(T::default()),
        Some(number) => T::try_from(number).map_err(|_| (Reason::Number, values.what(known))),
    }
}

/// A port; none where it is not told.
#[inline(always)]
fn port<'l>(values: &impl Values<'l>, known: Known) -> Result<Option<u16>, Fault<'l>> {
    match values.number(known)? {
        None => Ok(None),
        Some(_) => narrow(values, known).map(Some),
    }
}

/// Why a record is no flow, and what is wrong.
pub type Fault<'l> = (Reason, What<'l>);

/// Reads `line`, of an object whose name tells the account and the log `own`; counts values of unknown fields by number.
#[inline(always)]
pub fn read<'l>(
    layout: &Layout,
    line: &'l [u8],
    own: (&str, &str),
    unknown: &mut [u64],
    flows: &mut Flows,
) -> Outcome<'l> {
    let mut values = Line([&[][..]; PLACES + 1]);
    let mut others = Vec::new();
    let is_whole = layout.values(line, &mut values.0, |number, value| {
        unknown[number] += 1;
        others.push((layout.unknown()[number].as_str(), value));
    });
    if !is_whole {
        return Outcome::Error(Reason::Values, What::Octets(line));
    }
    if let Some(lacking) = layout.lacks() {
        return Outcome::Error(Reason::Layout, What::Octets(lacking.as_bytes()));
    }
    told(layout.has_labels(), &values, &others, own, flows)
}

/// What a record becomes whose values are told by `values`, and those of unknown fields by `others`, of an object whose name
/// tells `account` and `log`. Without `has_labels`, no values become labels.
#[inline(always)]
pub fn told<'l>(
    has_labels: bool,
    values: &impl Values<'l>,
    others: &[(&str, &[u8])],
    (account, log): (&str, &str),
    flows: &mut Flows,
) -> Outcome<'l> {
    let direction = match values.get(Known::Direction) {
        b"ingress" => Some(Direction::Ingress),
        b"egress" => Some(Direction::Egress),
        _ => None,
    };
    let point = flows.point(point(values, direction), account, log);
    let status = values.get(Known::Status);
    let is_empty =
        values.get(Known::Source).is_empty() && values.get(Known::PacketSource).is_empty();
    match status {
        b"NODATA" if is_empty => return Outcome::Window(point.1, Window::NoData),
        b"SKIPDATA" if is_empty => return Outcome::Window(point.1, Window::SkipData),
        _ => {}
    }
    match flow(values, direction, point, flows) {
        Ok(mut record) => {
            if has_labels {
                record.labels = labels(values, others, direction, flows);
            }
            flows.push(&record);
            Outcome::Flow(point.1)
        }
        Err((reason, what)) => Outcome::Error(reason, what),
    }
}

/// What is told of the observation point, in the order of its attributes.
#[inline(always)]
fn point<'l>(values: &impl Values<'l>, direction: Option<Direction>) -> [&'l [u8]; 7] {
    // A transit gateway tells both sides: the flow was seen where it came in, or went out.
    let side = |own: Known, source: Known, destination: Known| match values.get(own) {
        [] if direction == Some(Direction::Egress) => values.get(destination),
        [] => values.get(source),
        told => told,
    };
    let or = |own: Known, other: Known| match values.get(own) {
        [] => values.get(other),
        told => told,
    };
    let zone = match values.get(Known::Sublocation) {
        [] => side(Known::Zone, Known::SourceZone, Known::DestinationZone),
        told => told,
    };
    [
        values.get(Known::Account),
        side(Known::Vpc, Known::SourceVpc, Known::DestinationVpc),
        side(Known::Subnet, Known::SourceSubnet, Known::DestinationSubnet),
        values.get(Known::Instance),
        or(Known::Interface, Known::Resource),
        values.get(Known::Region),
        zone,
    ]
}

#[inline(always)]
fn flow<'l>(
    values: &impl Values<'l>,
    direction: Option<Direction>,
    point: (u32, u32),
    flows: &mut Flows,
) -> Result<Record, Fault<'l>> {
    let (ends, via) = addresses(values, direction)?;
    let start = time(values, Known::Start)?;
    let end = time(values, Known::End)?;
    let told = if end.is_some() { Known::End } else { Known::Start };
    let Some(last) = end.or(start) else {
        return Err((Reason::Time, values.what(Known::End)));
    };
    flows.end_of(last, ()).map_err(|(reason, ())| (reason, values.what(told)))?;
    // Nothing ends before it begins. The end is what the flow is filed under, so the start is the one not to believe.
    let start = start.filter(|start| *start <= last);
    let packets = values.number(Known::Packets)?;
    let mut action = match values.get(Known::Action) {
        b"ACCEPT" => Some(Action::Accepted),
        b"REJECT" => Some(Action::Rejected),
        [] => None,
        other => return Err((Reason::Value, What::Octets(other))),
    };
    let mut reject_reason = values.get(Known::RejectReason);
    if let Some(lost) = lost(values)? {
        // Of a flow that got nothing through the gateway, one may say that it was rejected.
        action = action.or_else(|| (packets == Some(0)).then_some(Action::Rejected));
        if reject_reason.is_empty() {
            reject_reason = lost.as_bytes();
        }
    }
    let names = flows.names();
    let texts = RecordTexts {
        reject_reason: names.text(reject_reason),
        encryption: names.text(encryption(values.get(Known::Encryption))),
        data_status: names.text(values.get(Known::Status)),
        ..RecordTexts::default()
    };
    Ok(Record {
        ends,
        ports: (port(values, Known::SourcePort)?, port(values, Known::DestinationPort)?),
        protocol: match values.number(Known::Protocol)? {
            None => return Err((Reason::Value, What::Octets(b"protocol"))),
            Some(_) => narrow(values, Known::Protocol)?,
        },
        packets,
        octets: values.number(Known::Bytes)?,
        start,
        end: last,
        // Packets with ACK alone leave no flag: 0 says that no other one was seen, and not that there was none.
        tcp_flags: match narrow::<u8>(values, Known::TcpFlags)? {
            0 => None,
            flags => Some(flags.into()),
        },
        tos: None,
        direction,
        action,
        via,
        traffic_path: narrow(values, Known::TrafficPath)?,
        version: narrow(values, Known::Version)?,
        initiator: initiator(narrow(values, Known::TcpFlags)?),
        point,
        labels: (0, 0),
        texts,
    })
}

/// Who opened the connection: AWS shows ACK with SYN alone, so that a SYN without it is a client's.
fn initiator(flags: u8) -> u8 {
    Initiator::of_first_segment(flags.into()).map_or(0, |by| by as u8)
}

/// Fields that become labels of the interface's end, with their contexts.
const OF_THE_INTERFACE: [(Known, &str); 10] = [
    (Known::Cluster, "ecscluster"),
    (Known::Service, "ecsservice"),
    (Known::Task, "ecstask"),
    (Known::InstanceTag, "instancetag"),
    (Known::InstanceTag2, "instancetag"),
    (Known::InterfaceTag, "interfacetag"),
    (Known::InterfaceTag2, "interfacetag"),
    (Known::AsgTag, "asgtag"),
    (Known::AsgTag2, "asgtag"),
    (Known::InterfaceType, "interfacetype"),
];

/// The labels that a record gives its source and its destination. What is not known, and what is of the interface, goes to its
/// end, which is the destination unless the flow left.
fn labels<'l: 'o, 'o>(
    values: &impl Values<'l>,
    others: &[(&'o str, &'o [u8])],
    direction: Option<Direction>,
    flows: &mut Flows,
) -> (u32, u32) {
    let told = |(known, context): (Known, &'static str)| -> Option<(&'o str, &'o [u8])> {
        Some((context, values.get(known))).filter(|(_, value)| !value.is_empty())
    };
    let own = OF_THE_INTERFACE.into_iter().filter_map(told).chain(others.iter().copied());
    let source = [(Known::SourceService, "awsservice")].into_iter().filter_map(told);
    let destination = [(Known::DestinationService, "awsservice")].into_iter().filter_map(told);
    let names = flows.names();
    match direction {
        Some(Direction::Egress) => (names.labels(source.chain(own)), names.labels(destination)),
        _ => (names.labels(source), names.labels(destination.chain(own))),
    }
}

/// The addresses in the packets, and what stood for the interface's end where they differ.
#[inline(always)]
fn addresses<'l>(
    values: &impl Values<'l>,
    direction: Option<Direction>,
) -> Result<(Ends, Option<Via>), Fault<'l>> {
    let own = (values.get(Known::Source), values.get(Known::Destination));
    let packet = (values.get(Known::PacketSource), values.get(Known::PacketDestination));
    let or = |one: &'l [u8], other: &'l [u8]| if one.is_empty() { other } else { one };
    let (source, destination) = (or(packet.0, own.0), or(packet.1, own.1));
    let via = via(own, (source, destination), direction);
    let via = match via {
        None => None,
        Some(text) => match (ipv4(text), ipv6(text)) {
            (Some(address), _) => Some(Via::V4(address)),
            (_, Some(address)) => Some(Via::V6(address)),
            _ => return Err((Reason::Address, What::Octets(text))),
        },
    };
    let ends = match (ipv4(source), ipv4(destination)) {
        (Some(source), Some(destination)) => Ends::V4(source, destination),
        (one, other) => match (ipv6(source), ipv6(destination)) {
            (Some(source), Some(destination)) => Ends::V6(source, destination),
            (None, _) if one.is_none() => return Err((Reason::Address, What::Octets(source))),
            (_, None) if other.is_none() => {
                return Err((Reason::Address, What::Octets(destination)));
            }
            _ => return Err((Reason::Families, What::Octets(destination))),
        },
    };
    Ok((ends, via))
}

/// The address of the interface's end, where the packets had another one.
#[inline(always)]
fn via<'l>(
    own: (&'l [u8], &'l [u8]),
    packet: (&'l [u8], &'l [u8]),
    direction: Option<Direction>,
) -> Option<&'l [u8]> {
    let differs =
        |own: &'l [u8], packet: &'l [u8]| (!own.is_empty() && own != packet).then_some(own);
    let (source, destination) = (differs(own.0, packet.0), differs(own.1, packet.1));
    match direction {
        Some(Direction::Egress) => source.or(destination),
        _ => destination.or(source),
    }
}

/// A time in milliseconds; none where it is not told. A few real lines have one of too few digits.
#[inline(always)]
fn time<'l>(values: &impl Values<'l>, known: Known) -> Result<Option<u64>, Fault<'l>> {
    match values.number(known)? {
        None | Some(0..EARLIEST) => Ok(None),
        Some(seconds) if seconds < LATEST => Ok(Some(seconds * 1000)),
        Some(_) => Err((Reason::Time, values.what(known))),
    }
}

/// Why a transit gateway dropped most of the packets that it dropped; none where it dropped none.
fn lost<'l>(values: &impl Values<'l>) -> Result<Option<&'static str>, Fault<'l>> {
    let mut most = (0, None);
    for (known, name) in [
        (Known::LostNoRoute, "no-route"),
        (Known::LostBlackhole, "blackhole"),
        (Known::LostMtu, "mtu-exceeded"),
        (Known::LostTtl, "ttl-expired"),
    ] {
        let lost = values.number(known)?.unwrap_or(0);
        if lost > most.0 {
            most = (lost, Some(name));
        }
    }
    Ok(most.1)
}

/// What the number of an encryption stands for; as it is where that is not known.
fn encryption(number: &[u8]) -> &[u8] {
    match number {
        b"0" => b"none",
        b"1" => b"nitro",
        b"2" => b"application",
        b"3" => b"nitro and application",
        other => other,
    }
}
