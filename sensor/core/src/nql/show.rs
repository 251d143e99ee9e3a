//! The typed form as text, for people and golden files. It is close to NQL, with sets in braces.

use std::{
    fmt::{self, Display, Formatter},
    net::{Ipv4Addr, Ipv6Addr},
};

use super::{
    pattern::Source,
    sets::{AddressSet, IntegerSet, TextSet},
    typed::{Predicate, Subject, Typed},
};

impl Display for Typed {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant(value) => value.fmt(out),
            Self::And(operands) => chain(out, operands, " && "),
            Self::Or(operands) => chain(out, operands, " || "),
            Self::Not(operand) => match &**operand {
                chain @ (Self::And(_) | Self::Or(_)) => write!(out, "!{chain}"),
                single => write!(out, "!({single})"),
            },
            Self::Test(subject, predicate) => write!(out, "{subject} {predicate}"),
            Self::Compare(left, comparison, right) => {
                write!(out, "{left} {} {right}", comparison.symbol())
            }
        }
    }
}

fn chain(out: &mut Formatter<'_>, operands: &[Typed], connective: &str) -> fmt::Result {
    out.write_str("(")?;
    for (i, operand) in operands.iter().enumerate() {
        if i > 0 {
            out.write_str(connective)?;
        }
        operand.fmt(out)?;
    }
    out.write_str(")")
}

impl Display for Subject {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.write_str(&self.name())
    }
}

impl Display for Predicate {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integers(set) => set.fmt(out),
            Self::Float(comparison, number) => {
                write!(out, "{} {}", comparison.symbol(), number.get())
            }
            Self::Bool(value) => write!(out, "== {value}"),
            Self::Addresses(set) => set.fmt(out),
            Self::Texts(set) => set.fmt(out),
            Self::Matches(pattern) => match pattern.source() {
                Source::Regex(text) => write!(out, "=~ /{text}/"),
                Source::Wildcard(text) => write!(out, "=~ {text}"),
            },
            Self::Listed(list, _) => write!(out, "in ${}", list.name()),
        }
    }
}

impl Display for IntegerSet {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let shown = |&(low, high): &(u64, u64)| match (low, high) {
            (low, u64::MAX) => format!("{low}-max"),
            (low, high) if low == high => low.to_string(),
            (low, high) => format!("{low}-{high}"),
        };
        set(out, &self.ranges().iter().map(shown).collect::<Vec<_>>())
    }
}

impl Display for AddressSet {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let v4 = self.v4().iter().map(|&(low, high)| {
            let host_bits = (low ^ high).trailing_ones();
            let (low_address, high_address) = (Ipv4Addr::from(low), Ipv4Addr::from(high));
            let is_prefix = low ^ high == mask_v4(host_bits) && low & mask_v4(host_bits) == 0;
            addresses(low_address, high_address, is_prefix.then_some(32 - host_bits), 32)
        });
        let v6 = self.v6().iter().map(|&(low, high)| {
            let host_bits = (low ^ high).trailing_ones();
            let (low_address, high_address) = (Ipv6Addr::from(low), Ipv6Addr::from(high));
            let is_prefix = low ^ high == mask_v6(host_bits) && low & mask_v6(host_bits) == 0;
            addresses(low_address, high_address, is_prefix.then_some(128 - host_bits), 128)
        });
        set(out, &v4.chain(v6).collect::<Vec<_>>())
    }
}

fn mask_v4(bits: u32) -> u32 {
    !u32::MAX.checked_shl(bits).unwrap_or(0)
}

fn mask_v6(bits: u32) -> u128 {
    !u128::MAX.checked_shl(bits).unwrap_or(0)
}

/// A range of addresses, as the prefix that it is where it is one.
fn addresses(low: impl Display, high: impl Display, prefix: Option<u32>, bits: u32) -> String {
    match prefix {
        Some(length) if length == bits => low.to_string(),
        Some(length) => format!("{low}/{length}"),
        None => format!("{low}-{high}"),
    }
}

impl Display for TextSet {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        set(out, &self.texts().iter().map(|text| format!("'{text}'")).collect::<Vec<_>>())
    }
}

fn set(out: &mut Formatter<'_>, members: &[String]) -> fmt::Result {
    match members {
        [single] if !single.contains(['-', '/']) || single.starts_with('\'') => {
            write!(out, "== {single}")
        }
        members => write!(out, "in {{{}}}", members.join(", ")),
    }
}
