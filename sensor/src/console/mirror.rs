//! A query, or a group, seen from the other end: what it says of the source it says of the destination, and the other way round.

use sensor_core::{
    flow::{
        fields::{self, Field},
        profile::Side,
    },
    hunt::GroupBy,
    nql::typed::{Subject, Typed},
};

/// Names that begin so are those of the two ends.
const ENDS: [(&str, &str); 4] =
    [("src", "dst"), ("input", "output"), ("client", "server"), ("natsrc", "natdst")];

/// The same of the other end. What is of no end stays.
pub fn query(query: &Typed) -> Typed {
    match query {
        Typed::Constant(value) => Typed::Constant(*value),
        Typed::And(operands) => Typed::And(operands.iter().map(self::query).collect()),
        Typed::Or(operands) => Typed::Or(operands.iter().map(self::query).collect()),
        Typed::Not(operand) => Typed::Not(Box::new(self::query(operand))),
        Typed::Test(of, predicate) => Typed::Test(subject(of), predicate.clone()),
        Typed::Compare(left, by, right) => Typed::Compare(subject(left), *by, subject(right)),
    }
}

/// The same of groups.
pub fn group(by: &GroupBy) -> GroupBy {
    GroupBy { subject: subject(&by.subject), prefixes: by.prefixes }
}

fn subject(of: &Subject) -> Subject {
    match of {
        Subject::Field(own) => Subject::Field(field(own)),
        Subject::Label(Side::Source, name) => Subject::Label(Side::Destination, name.clone()),
        Subject::Label(Side::Destination, name) => Subject::Label(Side::Source, name.clone()),
        Subject::PortLabel(name) => Subject::PortLabel(name.clone()),
    }
}

fn field(of: &'static Field) -> &'static Field {
    let other = ENDS.iter().find_map(|(one, other)| {
        let swapped = |from: &str, to: &str| {
            let name = format!("{to}{}", of.name.strip_prefix(from)?);
            fields::find(&name).filter(|found| found.kind == of.kind)
        };
        swapped(one, other).or_else(|| swapped(other, one))
    });
    other.unwrap_or(of)
}

#[cfg(test)]
mod tests {
    use sensor_core::nql::{Filter, Options, lists::Lists};

    use super::*;

    fn typed(text: &str) -> Typed {
        let lists = Lists::default();
        Filter::compile(text, &Options::new(&lists)).unwrap().typed
    }

    #[test]
    fn what_is_said_of_one_end_is_said_of_the_other() {
        for (one, other) in [
            ("srcip == 10.0.0.1 && dstport == 443", "dstip == 10.0.0.1 && srcport == 443"),
            (
                "!(label.src.role == \"a\") || srcinternal == true",
                "!(label.dst.role == \"a\") || dstinternal == true",
            ),
            (
                "srcport < dstport && protocol == \"tcp\"",
                "dstport < srcport && protocol == \"tcp\"",
            ),
        ] {
            let (one, other) = (typed(one), typed(other));
            assert_eq!(query(&one), other);
            assert_eq!(query(&other), one);
        }
        // What holds for either end holds for either end, whatever the order.
        assert_eq!(
            group(&GroupBy::named("srcip/24").unwrap()),
            GroupBy::named("dstip/24").unwrap()
        );
    }

    /// Only fields of the same kind take each other's place, and each has one.
    #[test]
    fn every_field_comes_back() {
        for own in fields::FIELDS {
            assert_eq!(field(field(own)), own, "{}", own.name);
            assert_eq!(field(own).kind, own.kind);
        }
    }
}
