//! The table of translations: how each kind of field follows from what is stored, as `flow/fields/reading` says it for batches.
//!
//! A value is a list of alternatives, of which at most one applies to a record: so a condition on it stays a few comparisons of columns
//! that engines can look up and skip by.

use super::{
    expression::{Expr, Shape},
    named, opened,
    refusal::Why,
    stored::Stored,
};
use crate::{
    flow::{
        columns::{Absence, Column},
        fields::{Condition, Field, Number, Quantity, Reading, Scale, TOLD_BY_CLOUDS, Value},
        initiator::Role,
        profile::{Attribute, NAME_CONTEXT, Side},
        source::{FLOW_TYPES, Source},
    },
    nql::typed::Subject,
};

use sensor_common::packet::ip::protocol;

/// The value of a subject.
pub(super) struct Found {
    pub kind: Kind,
    pub alternatives: Vec<Alternative>,
}

/// A value in records of which something holds.
pub(super) struct Alternative {
    pub when: Expr,
    pub value: Expr,
}

/// What a value is.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Number,
    /// A number that stands for a value.
    Coded(fn(u8) -> Value<'static>),
    Real,
    Flag,
    Text,
    Texts,
    Address,
    Mac,
    /// The name of a kind of source.
    FlowType,
}

impl Found {
    pub(super) fn new(kind: Kind, alternatives: impl Into<Vec<(Expr, Expr)>>) -> Self {
        let alternatives = alternatives.into().into_iter();
        let alternatives = alternatives.map(|(when, value)| Alternative { when, value }).collect();
        Self { kind, alternatives }
    }

    /// The same in all records.
    pub(super) fn always(kind: Kind, value: Expr) -> Self {
        Self::new(kind, [(Expr::Flag(true), value)])
    }

    /// A flag: true where `when` holds, else false.
    fn flag(of: &Expr, when: &Expr) -> Self {
        let alternatives = [
            (of.clone().and(when.clone()), Expr::Flag(true)),
            (of.clone().and(when.clone().negated()), Expr::Flag(false)),
        ];
        Self::new(Kind::Flag, alternatives)
    }
}

/// The value of a subject.
pub(super) fn found(subject: &Subject) -> Result<Found, Why> {
    match subject {
        Subject::Field(field) => of_field(field),
        Subject::Label(side, context) => Ok(labels(*side, context)),
        Subject::PortLabel(_) => {
            Err(Why::NotStored("labels of ports are stored once for many records"))
        }
    }
}

fn labels(side: Side, context: &str) -> Found {
    Found::always(
        Kind::Texts,
        Expr::member(Stored::profile(side), &["labels", context], Shape::Texts),
    )
}

fn of_field(field: &Field) -> Result<Found, Why> {
    Ok(match field.reading {
        Reading::Unfilled => Found::new(Kind::Text, []),
        Reading::Profile(side, attribute) => of_profile(side, attribute),
        Reading::Numbers(first, second) => {
            let mut all = number(first)?;
            all.extend(second.map(number).transpose()?.unwrap_or_default());
            Found::new(Kind::Number, all)
        }
        Reading::Coded(quantity, decode) => {
            let (when, known) = match quantity {
                Quantity::Column(column) => (told(column), vec![column]),
                _ => (Expr::Flag(true), Vec::new()),
            };
            Found::new(Kind::Coded(decode), [(when, of_quantity(quantity, &known)?)])
        }
        Reading::Mac(column) => Found::new(Kind::Mac, [(told(column), Expr::column(column))]),
        Reading::TcpFlag(flag) => tcp_flag(flag),
        Reading::NotZero(column) => Found::flag(&Expr::Flag(true), &any(column).differs(0)),
        Reading::Address(side) => Found::always(Kind::Address, Expr::Stored(Stored::address(side))),
        Reading::RoleAddress(role) => {
            let address = |side| Expr::Stored(Stored::address(side));
            Found::new(Kind::Address, opened::sides(role).map(|(when, side)| (when, address(side))))
        }
        Reading::OptionalAddress(column) => {
            let (v4, v6) = column.columns();
            let neither = told(v4).negated().and(told(v6));
            Found::new(Kind::Address, [(told(v4), Expr::column(v4)), (neither, Expr::column(v6))])
        }
        Reading::Batch(_) => named::of_batches(field.name)?,
        Reading::Told(..) => named::told(field.name)?,
        Reading::Row(..) => named::of_rows(field.name)?,
        Reading::Dns(_) => return Err(Why::NotStored("DNS records are not stored")),
    })
}

fn of_profile(side: Side, attribute: Attribute) -> Found {
    let of = |kind, keys: &[&str], shape| {
        Found::always(kind, Expr::member(Stored::profile(side), keys, shape))
    };
    match attribute {
        Attribute::Name => labels(side, NAME_CONTEXT),
        Attribute::Internal => of(Kind::Flag, &["internal"], Shape::Flag),
        Attribute::Local => of(Kind::Flag, &["local"], Shape::Flag),
        Attribute::Bogon => of(Kind::Flag, &["bogon"], Shape::Flag),
        Attribute::OwnerAsNumber => of(Kind::Number, &["owner_as", "number"], Shape::Integer),
        Attribute::OwnerAsOrganisation => {
            of(Kind::Text, &["owner_as", "organisation"], Shape::Text)
        }
        Attribute::RoutedAsNumber => of(Kind::Number, &["routed_as", "number"], Shape::Integer),
        Attribute::RoutedAsOrganisation => {
            of(Kind::Text, &["routed_as", "organisation"], Shape::Text)
        }
        Attribute::Country => of(Kind::Text, &["country"], Shape::Text),
        Attribute::Continent => of(Kind::Text, &["continent"], Shape::Text),
        Attribute::Subdivision => of(Kind::Text, &["subdivision"], Shape::Text),
        Attribute::Latitude => of(Kind::Real, &["latitude"], Shape::Real),
        Attribute::Longitude => of(Kind::Real, &["longitude"], Shape::Real),
        Attribute::ReputationCount => of(Kind::Number, &["reputation"], Shape::Count),
        Attribute::Reputation => of(Kind::Texts, &["reputation"], Shape::Texts),
    }
}

/// Whether a record tells something in a column.
pub(super) fn told(column: Column) -> Expr {
    match Stored::of(column) {
        Stored::Received => Expr::Stored(Stored::ReceivedTold).differs(0),
        stored if stored.is_optional() => Expr::IsTold(Box::new(Expr::Stored(stored))),
        _ => Expr::Flag(true),
    }
}

/// The number in a column, told or not.
pub(super) fn any(column: Column) -> Expr {
    let mark = match column.absence() {
        Absence::Never => return Expr::column(column),
        Absence::Mark(mark) => mark,
        Absence::Whole | Absence::Batch | Absence::Zero => 0,
    };
    Expr::column(column).or(mark)
}

/// Whether a cloud observed the flow.
pub(super) fn is_cloud() -> Expr {
    is_of(Source::is_cloud)
}

/// Whether a source of these observed the flow.
pub(super) fn is_of(wanted: impl Fn(Source) -> bool) -> Expr {
    let names = Source::ALL.into_iter().filter(|source| wanted(*source));
    let names = names.map(|source| Expr::Text(FLOW_TYPES[source as usize].to_owned())).collect();
    Expr::In(Box::new(Expr::Stored(Stored::FlowType)), names)
}

/// Whether the flow was seen going out.
pub(super) fn is_egress() -> Expr {
    any(Column::Direction).equals(Expr::Integer(sensor_common::key::Direction::Egress as u64))
}

fn tcp_flag(flag: u16) -> Found {
    let (told, _) = condition(Condition::TcpFlags);
    let flags = Expr::column(Column::TcpFlags);
    let is_set = Expr::Masked(Box::new(flags), flag.into()).differs(0);
    let mut is_not = told.clone().and(is_set.clone().negated());
    if flag & TOLD_BY_CLOUDS == 0 {
        is_not = is_not.and(is_cloud().negated());
    }
    Found::new(Kind::Flag, [(told.and(is_set), Expr::Flag(true)), (is_not, Expr::Flag(false))])
}

/// When a number applies, and which columns are told then.
fn condition(condition: Condition) -> (Expr, Vec<Column>) {
    let protocol = || Expr::column(Column::Protocol);
    match condition {
        Condition::Always => (Expr::Flag(true), vec![]),
        Condition::Tcp => (protocol().equals(Expr::Integer(protocol::TCP.into())), vec![]),
        Condition::TcpFlags => {
            let (tcp, _) = self::condition(Condition::Tcp);
            (tcp.and(told(Column::TcpFlags)), vec![Column::TcpFlags])
        }
        Condition::Icmp => {
            let icmp = protocol().is_one_of([protocol::ICMP.into(), protocol::ICMPV6.into()]);
            (icmp.and(told(Column::IcmpTypeCode)), vec![Column::IcmpTypeCode])
        }
        Condition::Packets => {
            let told = told(Column::Packets).and(told(Column::Octets));
            (
                told.and(Expr::column(Column::Packets).differs(0)),
                vec![Column::Packets, Column::Octets],
            )
        }
        Condition::Told(column) => (told(column), vec![column]),
        // These depend on what the number is made of: `number` does them.
        Condition::NotZero(_) | Condition::PortOf(_) => (Expr::Flag(true), vec![]),
        Condition::Host => (is_of(|source| source == Source::Host), vec![]),
        Condition::Reported(column) => {
            (is_of(|source| source != Source::Host).and(told(column)), vec![column])
        }
        Condition::Input => {
            let split = told(Column::OutputInterface);
            let is_input = Expr::Any(vec![split, is_egress().negated()]);
            (is_cloud().negated().and(told(Column::Interface)).and(is_input), vec![])
        }
        Condition::Output => {
            let split = told(Column::OutputInterface);
            let is_told = is_cloud().negated().and(told(Column::Interface));
            (is_told.and(split.negated()).and(is_egress()), vec![])
        }
        Condition::InputVlan => {
            let split = Expr::Stored(Stored::VlanAtIngress).differs(0);
            let is_input = Expr::Any(vec![split, is_egress().negated()]);
            (any(Column::Vlan).differs(0).and(is_input), vec![])
        }
        Condition::OutputVlan => {
            let split = Expr::Stored(Stored::VlanAtIngress).differs(0);
            (any(Column::Vlan).differs(0).and(split.negated()).and(is_egress()), vec![])
        }
    }
}

/// A number of the table of fields, as alternatives.
fn number(number: Number) -> Result<Vec<(Expr, Expr)>, Why> {
    let (mut when, known) = condition(number.condition);
    match (number.condition, number.quantity) {
        (Condition::PortOf(role), Quantity::RolePort(own)) if role == own => {
            return Ok(role_ports(role)
                .map(|(when, port)| (when, scaled(port, number.scale)))
                .into());
        }
        (Condition::PortOf(_), _) | (_, Quantity::RolePort(_)) => return Err(Why::Untranslated),
        (Condition::NotZero(quantity), _) => {
            when = when.and(of_quantity(quantity, &known)?.differs(0));
        }
        _ => {}
    }
    Ok(vec![(when, scaled(of_quantity(number.quantity, &known)?, number.scale))])
}

/// The port of the end that plays a role, where that is known and its port is told.
fn role_ports(role: Role) -> [(Expr, Expr); 2] {
    opened::sides(role).map(|(when, side)| {
        let column = match side {
            Side::Source => Column::SourcePort,
            Side::Destination => Column::DestinationPort,
        };
        (when.and(told(column)), Expr::column(column))
    })
}

fn scaled(number: Expr, scale: Scale) -> Expr {
    match scale {
        Scale::One => number,
        Scale::Bits => Expr::Product(vec![number, Expr::Integer(8)]),
        Scale::Seconds => Expr::Quotient(Box::new(number), Box::new(Expr::Integer(1000))),
        Scale::UpperBits(low) => Expr::Shifted(Box::new(number), low),
    }
}

/// A number that each record has; columns that are not among those `known` to be told may not be.
fn of_quantity(quantity: Quantity, known: &[Column]) -> Result<Expr, Why> {
    let column = |column: Column| match known.contains(&column) {
        true => Expr::column(column),
        false => any(column),
    };
    Ok(match quantity {
        Quantity::Column(own) => column(own),
        Quantity::IcmpCode => Expr::Masked(Box::new(column(Column::IcmpTypeCode)), 0xff),
        Quantity::Duration => {
            Expr::Difference(Box::new(column(Column::End)), Box::new(column(Column::Start)))
        }
        Quantity::OctetsPerPacket => {
            Expr::Quotient(Box::new(column(Column::Octets)), Box::new(column(Column::Packets)))
        }
        Quantity::SampleRate => sample_rate(0),
        Quantity::BitsTimesRate => {
            Expr::Product(vec![column(Column::Octets), Expr::Integer(8), sample_rate(1)])
        }
        Quantity::PacketsTimesRate => Expr::Product(vec![column(Column::Packets), sample_rate(1)]),
        Quantity::Opened => opened::number(),
        Quantity::RolePort(_) => return Err(Why::Untranslated),
    })
}

/// One of how many packets was counted; `unknown` where nobody said.
pub(super) fn sample_rate(unknown: u64) -> Expr {
    let sampled = is_of(|source| matches!(source, Source::NetFlow | Source::Sflow));
    let rate = Expr::column(Column::SampleRate).or(unknown);
    Expr::Case(vec![(sampled, rate)], Box::new(Expr::Integer(1)))
}
