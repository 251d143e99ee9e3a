//! THE table of flow fields: one row a field, from which everything that names fields is derived.
//!
//! A row says how NQL and JSON call the field, which type it has, which IPFIX or NetFlow elements feed it (IANA numbers, the
//! host path's first), and how it follows from the columns of a batch ([`Reading`]). A field that has just the numbers of a
//! column is no row here: the column's row says so (`of_columns`). Records other than flows (DNS in `dns`, alerts, audit) have
//! lists of their own, and some names stand for several fields; both are here as well.

use std::{
    fmt,
    hash::{Hash, Hasher},
};

use super::{
    elements,
    profile::{Attribute, Side},
};

mod aliases;
mod direction;
mod dns;
mod needs;
mod of_columns;
mod owned;
mod reading;
mod record_kinds;
mod router;
mod row;
mod table;
mod value;

pub use aliases::{Alias, aliases, find_alias};
pub use direction::direction_name;
pub use dns::{DnsReading, DnsText};
pub use needs::Needs;
pub use owned::OwnedValue;
pub(crate) use reading::TOLD_BY_CLOUDS;
pub use reading::{By, Computation, Condition, Number, Quantity, Reading, Scale};
pub use record_kinds::RecordKind;
pub use row::Row;
pub use table::FIELDS;
pub use value::{Plain, Value};

/// One field.
#[derive(Clone, Copy)]
pub struct Field {
    /// Name in NQL and JSON.
    pub name: &'static str,
    /// Type of its values.
    pub kind: Kind,
    /// IPFIX elements (IANA numbers) that carry it.
    pub elements: &'static [u16],
    /// Part of the public language, or an extension of it.
    pub origin: Origin,
    /// One line for people.
    pub doc: &'static str,
    /// How a query's text for it is read and compared.
    pub text: TextRule,
    /// True where NQL's `=~` and `!~` apply.
    pub patterns: bool,
    /// How it is read.
    pub reading: Reading,
}

/// How the texts of a field compare, and which are any use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextRule {
    /// Character by character.
    Exact,
    /// Without regard to ASCII case.
    IgnoreCase,
    /// An IP protocol: its name or number.
    Protocol,
    /// The text of a number from 0 to 255; leading zeros do not count.
    Number,
    /// A MAC address, by colons or hyphens.
    Mac,
    /// One of these, without regard to case.
    Choice(&'static [&'static str]),
}

/// Fields are told apart by name: a query has one context, and in one context no name occurs twice.
impl PartialEq for Field {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Field {}

impl Hash for Field {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl fmt::Debug for Field {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)
    }
}

const fn field(
    name: &'static str,
    kind: Kind,
    elements: &'static [u16],
    doc: &'static str,
) -> Field {
    Field {
        name,
        kind,
        elements,
        origin: Origin::Documented,
        doc,
        text: TextRule::Exact,
        patterns: false,
        reading: Reading::Unfilled,
    }
}

impl Field {
    const fn extension(mut self) -> Self {
        self.origin = Origin::Extension;
        self
    }

    const fn text(mut self, rule: TextRule) -> Self {
        self.text = rule;
        self
    }

    const fn patterns(mut self) -> Self {
        self.patterns = true;
        self
    }

    const fn source(mut self, attribute: Attribute) -> Self {
        self.reading = Reading::Profile(Side::Source, attribute);
        self
    }

    const fn destination(mut self, attribute: Attribute) -> Self {
        self.reading = Reading::Profile(Side::Destination, attribute);
        self
    }

    const fn reading(mut self, reading: Reading) -> Self {
        self.reading = reading;
        self
    }

    const fn number(self, number: Number) -> Self {
        self.reading(Reading::Numbers(number, None))
    }

    const fn numbers(self, first: Number, second: Number) -> Self {
        self.reading(Reading::Numbers(first, Some(second)))
    }

    const fn dns(self, reading: DnsReading) -> Self {
        self.reading(Reading::Dns(reading))
    }

    const fn told(self, by: By, read: fn(Row<'_>) -> Value<'_>) -> Self {
        self.reading(Reading::Told(by, read))
    }

    /// True where some source fills the field.
    pub fn is_filled(&self) -> bool {
        !matches!(self.reading, Reading::Unfilled)
    }

    /// True where only devices tell it, so that the host's own flows never have it.
    pub fn is_of_devices(&self) -> bool {
        self.reading.is_of_devices()
    }

    /// Where it hangs on an address: which, and what it takes from that address's profile.
    pub fn attribute(&self) -> Option<(Side, Attribute)> {
        match self.reading {
            Reading::Profile(side, attribute) => Some((side, attribute)),
            _ => None,
        }
    }

    /// The value in a row.
    pub fn value<'a>(&self, row: Row<'a>) -> Value<'a> {
        let number = match self.kind {
            Kind::Text => Value::NumberText,
            _ => Value::Integer,
        };
        self.reading.value(row, number)
    }

    /// The highest value that the field can hold, for whole numbers.
    pub fn maximum(&self) -> Option<u64> {
        match self.kind {
            Kind::Unsigned(bits) => Some(u64::MAX >> 64_u32.saturating_sub(bits.into())),
            Kind::Integer => Some(u64::MAX),
            _ => None,
        }
    }
}

/// Type of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Unsigned integer of so many bits.
    Unsigned(u8),
    /// Integer of 64 bits.
    Integer,
    /// Floating point number.
    Float,
    /// True or false.
    Bool,
    /// IPv4 or IPv6 address.
    Ip,
    /// Text.
    Text,
    /// Any number of texts.
    TextList,
}

impl Kind {
    /// The type's name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unsigned(_) | Self::Integer => "int",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::Ip => "ip",
            Self::Text => "string",
            Self::TextList => "string[]",
        }
    }
}

/// Where a field comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The public NQL documentation.
    Documented,
    /// This project.
    Extension,
}

/// The flow field called `name`.
pub fn find(name: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.name == name)
}

/// The flow fields that carry the IPFIX element which IANA calls `name`, in whatever case that is written.
pub fn of_element(name: &str) -> Vec<&'static Field> {
    let element = elements::number(name);
    FIELDS.iter().filter(|field| element.is_some_and(|e| field.elements.contains(&e))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::flow::{
        initiator::Role,
        interfaces::Interfaces,
        testing::{flow, push},
    };

    #[test]
    fn no_two_fields_have_one_name() {
        let names: BTreeSet<&str> = FIELDS.iter().map(|field| field.name).collect();
        assert_eq!(names.len(), FIELDS.len());
    }

    #[test]
    fn what_is_computed_of_many_rows_is_what_is_computed_of_each() {
        let mut batch = flow(1, 1000, 2500, 9);
        push(&mut batch, 2, 1000, 1700, 0);
        (batch.icmp_type_code, batch.sample_rate) = (vec![0x0803, 7], vec![10, 100]);
        let computed = [
            Quantity::IcmpCode,
            Quantity::Duration,
            Quantity::OctetsPerPacket,
            Quantity::SampleRate,
            Quantity::BitsTimesRate,
            Quantity::PacketsTimesRate,
            Quantity::Opened,
            Quantity::RolePort(Role::Client),
            Quantity::RolePort(Role::Server),
        ];
        let computations = computed.map(|quantity| quantity.computation().expect("it is computed"));
        let numbers: BTreeSet<usize> = computations.iter().map(|own| own.number).collect();
        assert!(numbers.into_iter().eq(0..Computation::COUNT));
        for Computation { of_row, of_rows, .. } in computations {
            let mut rows = [0; 2];
            of_rows(&batch, 0, &mut rows);
            assert_eq!(rows, [of_row(&batch, 0), of_row(&batch, 1)]);
            of_rows(&batch, 1, &mut rows[..1]);
            assert_eq!(rows[0], rows[1]);
        }
    }

    #[test]
    fn the_host_tells_nothing_that_only_devices_tell() {
        let interfaces = Interfaces::default();
        let host = flow(1, 1000, 2000, 9);
        for field in FIELDS.iter().filter(|field| field.is_of_devices()) {
            let value = |batch| field.value(Row { batch, row: 0, interfaces: &interfaces });
            assert_eq!(value(&host), Value::Absent, "{}", field.name);
        }
        let of_devices = |name| find(name).is_some_and(Field::is_of_devices);
        for name in ["action", "application", "flowsrcip", "nexthop", "inputvrf", "srcas.number"] {
            assert!(of_devices(name), "{name}");
        }
        for name in ["input", "samplerate", "srcmac", "flowtype", "tags", "interface"] {
            assert!(find(name).is_some() && !of_devices(name), "{name}");
        }
    }

    #[test]
    fn the_elements_of_a_field_are_those_of_its_columns() {
        for field in FIELDS {
            let columns: Vec<_> = field
                .reading
                .numbers()
                .filter_map(|number| match number.quantity {
                    Quantity::Column(column) => Some(column),
                    _ => None,
                })
                .collect();
            for element in field.elements.iter().filter(|_| !columns.is_empty()) {
                let has =
                    |column: &crate::flow::columns::Column| column.elements().contains(element);
                assert!(columns.iter().any(has), "{}: {element}", field.name);
            }
        }
    }
}
