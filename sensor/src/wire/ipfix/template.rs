//! Flow templates (RFC 7011 section 3.4.1): one table of fields each, from which the template record and the data
//! records are both made, so that they cannot disagree.
//!
//! Records are written column by column: a field's writer fills its place in all records of a message at once.
//!
//! The flow key's fragment position has no element that would tell it truly (`fragmentFlags`, 197, wants the DF
//! and MF bits, `fragmentOffset`, 88, the offset; the key knows neither), so that records of one flow that differ
//! in it alone look alike to a collector. Their counts add up.

use std::ops::Range;

use sensor_common::key::Direction;

use super::{
    FIRST_TEMPLATE,
    elements::{self, Element},
};
use crate::flow::batch::{Addresses, FlowBatch};

/// What a field says about the identity of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// Part of the flow key.
    Key,
    /// Part of the key that describes the source; folded away on ingress.
    SourceKey,
    /// Part of the key that describes the destination; folded away on egress.
    DestinationKey,
    /// A property of the flow.
    Property,
}

/// One field of a flow template.
#[derive(Clone, Copy)]
pub struct Field {
    /// What it is.
    pub element: Element,
    role: Role,
    write: fn(&FlowBatch, Range<usize>, Column<'_>),
}

/// Where a field goes in some consecutive data records.
struct Column<'a> {
    /// Starts at the field in the first record.
    records: &'a mut [u8],
    /// Octets from one record to the next.
    stride: usize,
}

impl Column<'_> {
    #[inline(always)]
    fn put<const N: usize>(self, values: impl Iterator<Item = [u8; N]>) {
        for (record, value) in self.records.chunks_mut(self.stride).zip(values) {
            if let Some(field) = record.first_chunk_mut() {
                *field = value;
            }
        }
    }
}

/// A flow template. `fields` is in the order of the records.
pub struct Template {
    /// Template identifier.
    pub id: u16,
    /// The fields.
    pub fields: &'static [Field],
    /// Octets of a data record.
    pub record_length: usize,
}

impl Template {
    const fn new(id: u16, fields: &'static [Field]) -> Self {
        let (mut record_length, mut i) = (0, 0);
        while i < fields.len() {
            record_length += fields[i].element.length as usize;
            i += 1;
        }
        Self { id, fields, record_length }
    }

    /// Octets of the template record.
    pub fn template_record_length(&self) -> usize {
        4 + 4 * self.fields.len()
    }

    /// Writes the template record to `out`, which is that long.
    pub fn write_template_record(&self, out: &mut [u8]) {
        let words = [self.id, self.fields.len() as u16]
            .into_iter()
            .chain(self.fields.iter().flat_map(|field| [field.element.id, field.element.length]));
        for (place, word) in out.chunks_exact_mut(2).zip(words) {
            place.copy_from_slice(&word.to_be_bytes());
        }
    }

    /// Writes the rows `rows` of `batch` as data records to `out`, which has room for just them.
    pub fn write_data_records(&self, batch: &FlowBatch, rows: &Range<usize>, out: &mut [u8]) {
        let mut offset = 0;
        for field in self.fields {
            let column = Column { records: &mut out[offset..], stride: self.record_length };
            (field.write)(batch, rows.clone(), column);
            offset += usize::from(field.element.length);
        }
    }
}

/// The template for the rows of `batch` that are, or are not, folded.
pub fn of(batch: &FlowBatch, folded: bool) -> &'static Template {
    match (&batch.addresses, folded) {
        (Addresses::V4 { .. }, false) => &IPV4,
        (Addresses::V6 { .. }, false) => &IPV6,
        (Addresses::V4 { .. }, true) => &IPV4_FOLDED,
        (Addresses::V6 { .. }, true) => &IPV6_FOLDED,
    }
}

/// All flow templates.
pub static ALL: [&Template; 4] = [&IPV4, &IPV6, &IPV4_FOLDED, &IPV6_FOLDED];

/// IPv4 flows.
pub static IPV4: Template = Template::new(FIRST_TEMPLATE, &IPV4_FIELDS);
/// IPv6 flows.
pub static IPV6: Template = Template::new(FIRST_TEMPLATE + 1, &IPV6_FIELDS);
/// IPv4 flows whose remote end was folded away; `flowKeyIndicator` says which fields are their key.
pub static IPV4_FOLDED: Template = Template::new(FIRST_TEMPLATE + 2, &IPV4_FOLDED_FIELDS);
/// As [`IPV4_FOLDED`], for IPv6.
pub static IPV6_FOLDED: Template = Template::new(FIRST_TEMPLATE + 3, &IPV6_FOLDED_FIELDS);

const IPV4_FIELDS: [Field; 23] = join(FAMILY_IPV4, COMMON);
const IPV6_FIELDS: [Field; 23] = join(FAMILY_IPV6, COMMON);
const IPV4_FOLDED_FIELDS: [Field; 24] = join(IPV4_FIELDS, FOLDED);
const IPV6_FOLDED_FIELDS: [Field; 24] = join(IPV6_FIELDS, FOLDED);

/// A field with the numbers of a column, or of an expression over `$batch` and `$row`, as its value.
macro_rules! field {
    ($element:ident $role:ident $column:ident) => {
        field!($element $role, |batch, rows| batch.$column[rows].iter().map(|x| x.to_be_bytes()))
    };
    ($element:ident $role:ident, |$batch:ident, $rows:ident| $values:expr) => {
        Field {
            element: elements::$element,
            role: Role::$role,
            write: |$batch, $rows, column| column.put($values),
        }
    };
}

/// A field with one of the address columns as its value.
macro_rules! address {
    ($element:ident $role:ident $family:ident $column:ident) => {
        Field {
            element: elements::$element,
            role: Role::$role,
            write: |batch, rows, column| {
                if let Addresses::$family { $column, .. } = &batch.addresses {
                    column.put($column[rows].iter().map(|x| x.to_be_bytes()));
                }
            },
        }
    };
}

const FAMILY_IPV4: [Field; 3] = [
    address!(SOURCE_IPV4_ADDRESS SourceKey V4 source),
    address!(DESTINATION_IPV4_ADDRESS DestinationKey V4 destination),
    field!(ICMP_TYPE_CODE_IPV4 DestinationKey icmp_type_code),
];

const FAMILY_IPV6: [Field; 3] = [
    address!(SOURCE_IPV6_ADDRESS SourceKey V6 source),
    address!(DESTINATION_IPV6_ADDRESS DestinationKey V6 destination),
    field!(ICMP_TYPE_CODE_IPV6 DestinationKey icmp_type_code),
];

const COMMON: [Field; 20] = [
    field!(SOURCE_TRANSPORT_PORT SourceKey source_port),
    field!(DESTINATION_TRANSPORT_PORT DestinationKey destination_port),
    field!(PROTOCOL_IDENTIFIER Key protocol),
    field!(IP_CLASS_OF_SERVICE Key tos),
    field!(FLOW_DIRECTION Key direction),
    field!(INGRESS_INTERFACE Key, |batch, rows| interfaces(batch, rows, Direction::Ingress)),
    field!(EGRESS_INTERFACE Key, |batch, rows| interfaces(batch, rows, Direction::Egress)),
    field!(VLAN_ID Key vlan),
    field!(OCTET_DELTA_COUNT Property octets),
    field!(PACKET_DELTA_COUNT Property packets),
    field!(LAYER2_OCTET_DELTA_COUNT Property layer2_octets),
    field!(FLOW_START_MILLISECONDS Property start),
    field!(FLOW_END_MILLISECONDS Property end),
    field!(TCP_CONTROL_BITS Property tcp_flags),
    field!(FLOW_END_REASON Property end_reason),
    field!(MINIMUM_TTL Property ttl_min),
    field!(MAXIMUM_TTL Property ttl_max),
    field!(SOURCE_MAC_ADDRESS Property, |batch, rows| batch.source_mac[rows].iter().copied()),
    field!(DESTINATION_MAC_ADDRESS Property, |batch, rows| batch.destination_mac[rows].iter().copied()),
    field!(IP_VERSION Key, |batch, rows| rows.map(|_| [batch.ip_version()])),
];

const FOLDED: [Field; 1] = [field!(FLOW_KEY_INDICATOR Property, |batch, rows| {
    batch.direction[rows].iter().map(|direction| folded_key(*direction).to_be_bytes())
})];

/// `flowKeyIndicator` (RFC 5102 section 5.1.10) of a folded flow: bit n stands for field n of the template.
/// The families' fields play the same roles in the same places.
pub fn folded_key(direction: u8) -> u64 {
    const INGRESS: u64 = key_without(Role::SourceKey);
    const EGRESS: u64 = key_without(Role::DestinationKey);
    if direction == Direction::Egress as u8 { EGRESS } else { INGRESS }
}

const fn key_without(remote: Role) -> u64 {
    let (mut key, mut i) = (0, 0);
    while i < IPV4_FIELDS.len() {
        assert!(IPV4_FIELDS[i].role as u8 == IPV6_FIELDS[i].role as u8);
        let role = IPV4_FIELDS[i].role;
        if role as u8 != Role::Property as u8 && role as u8 != remote as u8 {
            key |= 1 << i;
        }
        i += 1;
    }
    key
}

/// The interface of those rows that go its way, 0 for the others.
fn interfaces(
    batch: &FlowBatch,
    rows: Range<usize>,
    direction: Direction,
) -> impl Iterator<Item = [u8; 4]> {
    let rows = batch.interface[rows.clone()].iter().zip(&batch.direction[rows]);
    rows.map(
        move |(interface, way)| {
            if *way == direction as u8 { interface.to_be_bytes() } else { [0; 4] }
        },
    )
}

const fn join<const A: usize, const B: usize, const N: usize>(
    first: [Field; A],
    second: [Field; B],
) -> [Field; N] {
    assert!(A + B == N);
    let mut all = [first[0]; N];
    let mut i = 0;
    while i < N {
        all[i] = if i < A { first[i] } else { second[i - A] };
        i += 1;
    }
    all
}
