//! Shows what a program does: its tests in the order in which they are made, their sets, and what is guessed about them.

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
};

use super::{
    program::{Kind, Program},
    test::{Shape, Test},
};
use crate::{
    flow::{device::AddressColumn, fields::By, profile::Side},
    nql::{
        dag::Literal,
        pattern::Source,
        sets::{AddressSet, IntegerSet},
        typed::{Comparison, Predicate, Subject, Typed},
    },
};

/// The program as an indented tree, one for each query.
pub fn explain(program: &Program) -> String {
    let mut text = String::new();
    for (number, root) in program.roots.iter().enumerate() {
        if program.roots.len() > 1 {
            text.push_str(&format!("query {number}\n"));
        }
        Tree { program, text: &mut text }.literal(*root, 0);
    }
    text
}

struct Tree<'a> {
    program: &'a Program,
    text: &'a mut String,
}

impl Tree<'_> {
    fn line(&mut self, depth: usize, text: &str, literal: Literal) {
        let estimate = self.program.notes[literal.node()].estimate.signed(literal);
        let shared = if self.program.steps[literal.node()].shared { ", shared" } else { "" };
        let nanoseconds = estimate.cost;
        let percent = estimate.probability * 100.0;
        let indented = format!("{:indent$}{text}", "", indent = depth * 2);
        self.text.push_str(&format!(
            "{indented:<56}  # {nanoseconds:.2} ns, passes {percent:.0} %{shared}\n"
        ));
    }

    fn literal(&mut self, literal: Literal, depth: usize) {
        match self.program.steps[literal.node()].kind {
            Kind::True => {
                let text = if literal.is_negated() { "no record" } else { "every record" };
                self.text.push_str(&format!("{:indent$}{text}\n", "", indent = depth * 2));
            }
            Kind::Test { .. } => {
                let negation = if literal.is_negated() { "not " } else { "" };
                let test = self.program.notes[literal.node()].test.as_ref();
                let test = test.map(ToString::to_string).unwrap_or_default();
                self.line(depth, &format!("{negation}{test}"), literal);
            }
            Kind::And { first, end } => {
                let any = literal.is_negated();
                self.line(depth, if any { "any of" } else { "all of" }, literal);
                for &operand in &self.program.operands[first as usize..end as usize] {
                    self.literal(if any { !operand } else { operand }, depth + 1);
                }
            }
        }
    }
}

fn by_name(by: By) -> &'static str {
    match by {
        By::Device => "device",
        By::Input | By::Output | By::Interface => "interface",
        By::Application => "application",
        By::InputVrf | By::OutputVrf => "VRF",
        By::Tags => "set of tags",
        By::Point => "observation point",
        By::Properties => "common properties",
    }
}

fn address(side: Side) -> &'static str {
    match side {
        Side::Source => "srcip",
        Side::Destination => "dstip",
    }
}

impl fmt::Display for Test {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(quantity, set) => {
                write!(out, "{} in {}", quantity.name(), numbers(set, quantity.maximum()))
            }
            Self::ListedNumber(quantity, list, _) => {
                write!(out, "{} in ${}", quantity.name(), list.name())
            }
            Self::Flags(flags) => write!(out, "tcpflagsint has {flags:#x}"),
            Self::Address(side, set) => write!(out, "{} in {}", address(*side), addresses(set)),
            Self::ListedAddress(side, list) => {
                write!(out, "{} in ${}", address(*side), list.name())
            }
            Self::Profile(_, subject, predicate) => {
                write!(out, "{}, once per profile", named(subject, predicate))
            }
            Self::PortLabel(column, protocol, predicate) => {
                let subject = Subject::PortLabel(protocol.to_string());
                write!(out, "{} of {}", named(&subject, predicate), column.name())
            }
            Self::Ports(comparison) => write!(out, "srcport {} dstport", comparison.symbol()),
            Self::SameAddress => write!(out, "srcip == dstip"),
            Self::OptionalAddress(column, set) => {
                let name = match column {
                    AddressColumn::NextHop => "nexthop",
                    AddressColumn::NatSource => "natsrcip",
                    AddressColumn::NatDestination => "natdstip",
                    AddressColumn::Via => "viaip",
                };
                write!(out, "{name} in {}", addresses(set))
            }
            Self::Batch(Shape::Host) => write!(out, "flows of this host"),
            Self::Batch(Shape::Cloud) => write!(out, "flows of a cloud's log"),
            Self::Batch(Shape::Told(column)) => {
                write!(out, "flows of which `{}` is known", column.name())
            }
            Self::Batch(Shape::Filled(column)) => {
                write!(out, "{} present in the batch", column.name())
            }
            Self::Batch(Shape::Query(query)) => write!(out, "{}, once per batch", whole(query)),
            Self::Told(by, query) => write!(out, "{}, once per {}", whole(query), by_name(*by)),
            Self::Row(query) => write!(out, "{}, row by row", whole(query)),
        }
    }
}

fn whole(query: &Typed) -> String {
    match query {
        Typed::Test(subject, predicate) => named(subject, predicate),
        Typed::Compare(left, comparison, right) => {
            format!("{} {} {}", left.name(), comparison.symbol(), right.name())
        }
        other => format!("{other:?}"),
    }
}

fn named(subject: &Subject, predicate: &Predicate) -> String {
    let predicate = match predicate {
        Predicate::Integers(set) => format!("in {}", numbers(set, u64::MAX)),
        Predicate::Float(comparison, number) => {
            format!("{} {}", Comparison::symbol(*comparison), number.get())
        }
        Predicate::Bool(value) => format!("== {value}"),
        Predicate::Addresses(set) => format!("in {}", addresses(set)),
        Predicate::Texts(set) => {
            format!("in {}", listed(set.texts().iter().map(|text| quoted(text))))
        }
        Predicate::Matches(pattern) => match pattern.source() {
            Source::Regex(text) => format!("=~ /{text}/"),
            Source::Wildcard(text) => format!("=~ {}", quoted(text)),
        },
        Predicate::Listed(list, _) => format!("in ${}", list.name()),
    };
    format!("{} {predicate}", subject.name())
}

fn numbers(set: &IntegerSet, maximum: u64) -> String {
    listed(set.ranges().iter().map(|&(low, high)| match () {
        () if low == high => low.to_string(),
        () if high >= maximum => format!("{low}.."),
        () => format!("{low}..{high}"),
    }))
}

fn addresses(set: &AddressSet) -> String {
    let v4 = set.v4().iter().map(|&(low, high)| {
        prefix(low.into(), high.into(), 32, |number| Ipv4Addr::from(number as u32).to_string())
    });
    let v6 = set
        .v6()
        .iter()
        .map(|&(low, high)| prefix(low, high, 128, |number| Ipv6Addr::from(number).to_string()));
    listed(v4.chain(v6))
}

/// A range as a prefix where it is one.
fn prefix(low: u128, high: u128, width: u32, text: impl Fn(u128) -> String) -> String {
    let host = low ^ high;
    let host_bits = u128::BITS - host.leading_zeros();
    let is_prefix = host.count_ones() == host_bits && low & host == 0;
    match host_bits {
        0 => text(low),
        _ if is_prefix => format!("{}/{}", text(low), width - host_bits),
        _ => format!("{}..{}", text(low), text(high)),
    }
}

fn listed(items: impl Iterator<Item = String>) -> String {
    format!("({})", items.collect::<Vec<_>>().join(", "))
}

/// A text as a value of the language.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}
