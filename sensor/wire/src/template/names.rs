//! Names and types of the elements that records of options consist of, for whoever shows them.

use super::Specifier;

/// What the octets of a value are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number in network order.
    Number,
    /// An IPv4 or IPv6 address, by length.
    Address,
    /// UTF-8, filled up with zeros.
    Text,
    /// Nobody knows: a number where it is short, text where it can be read.
    Unknown,
}

/// Name and type of a field: IANA's, or that of RFC 3954 section 6.1 for scopes of NetFlow 9.
pub fn name(specifier: &Specifier) -> Option<(&'static str, Kind)> {
    match specifier.enterprise {
        0 => Some((elements::name(specifier.element)?, kind(specifier.element))),
        Specifier::SCOPE => {
            let (_, name, kind) = SCOPES.iter().find(|(scope, ..)| *scope == specifier.element)?;
            Some((name, *kind))
        }
        _ => None,
    }
}

fn kind(element: u16) -> Kind {
    OTHER_THAN_NUMBERS
        .iter()
        .find(|(number, _)| *number == element)
        .map_or(Number, |(_, kind)| *kind)
}

use Kind::{Address, Number, Text, Unknown};
use sensor_core::flow::elements;

const SCOPES: &[(u16, &str, Kind)] = &[
    (1, "scopeSystem", Unknown),
    (2, "scopeInterface", Number),
    (3, "scopeLineCard", Number),
    (4, "scopeCache", Number),
    (5, "scopeTemplate", Number),
];

/// Elements with a name that are no numbers.
const OTHER_THAN_NUMBERS: &[(u16, Kind)] = &[
    (8, Address),
    (12, Address),
    (15, Address),
    (18, Address),
    (27, Address),
    (28, Address),
    (56, Unknown),
    (62, Address),
    (63, Address),
    (80, Unknown),
    (82, Text),
    (83, Text),
    (84, Text),
    (90, Unknown),
    (94, Text),
    (96, Text),
    (130, Address),
    (131, Address),
    (211, Address),
    (212, Address),
    (225, Address),
    (226, Address),
    (236, Text),
    (281, Address),
    (282, Address),
    (300, Text),
    (335, Text),
    (340, Text),
    (341, Text),
    (372, Text),
    (373, Text),
    (374, Text),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_of_elements_that_have_a_name() {
        assert!(OTHER_THAN_NUMBERS.iter().all(|(element, _)| elements::name(*element).is_some()));
        assert!(OTHER_THAN_NUMBERS.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn names_and_kinds_are_those_of_the_registries() {
        let of = |enterprise, element| name(&Specifier { enterprise, element, length: 4 });
        assert_eq!(of(0, 96), Some(("applicationName", Text)));
        assert_eq!(of(0, 130), Some(("exporterIPv4Address", Address)));
        assert_eq!(of(0, 34), Some(("samplingInterval", Number)));
        assert_eq!(of(Specifier::SCOPE, 2), Some(("scopeInterface", Number)));
        assert_eq!((of(Specifier::SCOPE, 96), of(9, 96), of(0, u16::MAX)), (None, None, None));
    }
}
