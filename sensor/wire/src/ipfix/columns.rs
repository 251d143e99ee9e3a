//! THE table of what flow records may tell: each field with its element, its part in the flow key, when a batch tells it,
//! and how it is written.

use std::{net::IpAddr, ops::Range};

use sensor_common::key::Direction;
use sensor_core::flow::{
    application,
    batch::{Addresses, FlowBatch, TCP_FLAGS_UNTOLD},
    router::Action,
    totals::Totals,
};

use super::elements::{self, Element};

/// What a field says about the identity of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Part of the flow key.
    Key,
    /// Part of the key that describes the source; folded away on ingress.
    SourceKey,
    /// Part of the key that describes the destination; folded away on egress.
    DestinationKey,
    /// A property of the flow.
    Property,
}

/// When a batch tells a field.
#[derive(Clone, Copy)]
pub(super) enum When {
    /// Every batch.
    Always,
    /// Batches of IPv6 (true) or IPv4.
    Family(bool),
    /// Where the column has rows.
    Filled(fn(&FlowBatch) -> bool),
    /// The host's always, routers' where they told it.
    Known(fn(&FlowBatch) -> bool),
    /// Routers' alone, where they told it.
    Router(fn(&FlowBatch) -> bool),
    /// As `Router`, where another field says the same in more octets and takes its place in the full template.
    Short(fn(&FlowBatch) -> bool),
    /// Rows whose direction is told.
    Directed,
    /// Rows whose TCP flags are known.
    Flagged,
    /// Folded rows.
    Folded,
}

/// One field of flow templates.
pub(super) struct Field {
    /// What it is.
    pub(super) element: Element,
    pub(super) role: Role,
    pub(super) when: When,
    write: fn(&Rows<'_>, Column<'_>),
}

impl Field {
    /// Writes the field of some rows to `records`, of `stride` octets each, at `offset` in each of them. What the batch does
    /// not tell stays as it is.
    #[inline(always)]
    pub(super) fn write(&self, rows: &Rows<'_>, records: &mut [u8], stride: usize, offset: usize) {
        (self.write)(rows, Column { records, stride, offset });
    }
}

/// Rows of a batch that become records one behind the other.
pub(super) struct Rows<'a> {
    pub(super) batch: &'a FlowBatch,
    pub(super) chosen: Chosen<'a>,
    /// `flowKeyIndicator` of folded flows, by direction.
    pub(super) folded_keys: [u64; 2],
}

/// Which rows of a batch, in ascending order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chosen<'a> {
    /// All of these.
    Run(Range<usize>),
    /// Each of these, of which some lie apart.
    Listed(&'a [u32]),
}

impl<'a> Chosen<'a> {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Run(rows) => rows.len(),
            Self::Listed(rows) => rows.len(),
        }
    }

    /// The same in pieces of at most `limit` rows.
    pub(super) fn pieces(&self, limit: usize) -> impl Iterator<Item = Chosen<'a>> {
        let all = self.clone();
        (0..self.len()).step_by(limit).map(move |first| {
            let end = all.len().min(first + limit);
            match &all {
                Self::Run(rows) => Self::Run(rows.start + first..rows.start + end),
                Self::Listed(rows) => Self::Listed(&rows[first..end]),
            }
        })
    }

    /// What they count.
    pub(super) fn totals(&self, batch: &FlowBatch) -> Totals {
        match self {
            Self::Run(rows) => Totals::of_rows(batch, rows.clone()),
            Self::Listed(rows) => rows
                .iter()
                .map(|row| *row as usize)
                .map(|row| Totals::of_rows(batch, row..row + 1))
                .sum(),
        }
    }
}

/// Where a field goes in some consecutive data records.
struct Column<'a> {
    records: &'a mut [u8],
    /// Octets of a record.
    stride: usize,
    /// Where the field begins in it.
    offset: usize,
}

impl Column<'_> {
    /// Writes what `octets` makes of the rows of a column; nothing where it has none.
    #[inline(always)]
    fn put<T, const N: usize>(self, rows: &Rows<'_>, column: &[T], octets: impl Fn(&T) -> [u8; N]) {
        match &rows.chosen {
            Chosen::Run(run) => {
                self.write(column.get(run.clone()).unwrap_or_default().iter().map(octets));
            }
            Chosen::Listed(listed) => {
                self.write(listed.iter().map_while(|row| column.get(*row as usize)).map(octets));
            }
        }
    }

    /// Writes what `octets` makes of each row of the batch.
    #[inline(always)]
    fn put_each<const N: usize>(self, rows: &Rows<'_>, octets: impl Fn(usize) -> [u8; N]) {
        match &rows.chosen {
            Chosen::Run(run) => self.write(run.clone().map(octets)),
            Chosen::Listed(listed) => self.write(listed.iter().map(|row| octets(*row as usize))),
        }
    }

    #[inline(always)]
    fn write<const N: usize>(self, values: impl Iterator<Item = [u8; N]>) {
        let Self { records, stride, offset } = self;
        // Asked once, in the form from which the compiler sees that no record needs asking.
        if stride.checked_sub(offset).is_some_and(|rest| rest >= N) {
            for (record, value) in records.chunks_exact_mut(stride).zip(values) {
                record[offset..][..N].copy_from_slice(&value);
            }
        }
    }
}

/// A field with the numbers of a column as its values, with what an expression makes of them, or of whole rows.
macro_rules! field {
    ($element:expr, $role:ident, $when:expr, $column:ident) => {
        field!($element, $role, $when, $column, |number| number.to_be_bytes())
    };
    ($element:expr, $role:ident, $when:expr, $column:ident, $octets:expr) => {
        field!($element, $role, $when, |rows, column| column.put(
            rows,
            &rows.batch.$column,
            $octets
        ))
    };
    ($element:expr, $role:ident, $when:expr, |$rows:ident, $column:ident| $write:expr) => {
        Field { element: $element, role: Role::$role, when: $when, write: |$rows, $column| $write }
    };
}

/// A field with one of the address columns as its value.
macro_rules! address {
    ($element:ident, $role:ident, $family:ident, $when:expr, $column:ident) => {
        field!(elements::$element, $role, $when, |rows, column| {
            if let Addresses::$family { $column, .. } = &rows.batch.addresses {
                column.put(rows, $column, |address| address.to_be_bytes());
            }
        })
    };
}

/// Where a column has rows.
macro_rules! filled {
    ($kind:ident $($column:ident).+) => {
        When::$kind(|batch| !batch.$($column).+.is_empty())
    };
}

const V4: When = When::Family(false);
const V6: When = When::Family(true);
const ALWAYS: When = When::Always;
const VLAN: When = When::Known(|batch| is_told(&batch.vlan));
const INGRESS: When = When::Known(|batch| is_told(&batch.interface));
const EGRESS: When = When::Known(|batch| {
    !batch.output_interface.is_empty() || batch.direction.contains(&(Direction::Egress as u8))
});
const END_REASON: When = When::Known(|batch| is_told(&batch.end_reason));

/// All fields, in the order of the records.
#[rustfmt::skip]
pub(super) static FIELDS: [Field; 47] = [
    address!(SOURCE_IPV4_ADDRESS, SourceKey, V4, V4, source),
    address!(DESTINATION_IPV4_ADDRESS, DestinationKey, V4, V4, destination),
    field!(elements::ICMP_TYPE_CODE_IPV4, DestinationKey, V4, icmp_type_code),
    address!(SOURCE_IPV6_ADDRESS, SourceKey, V6, V6, source),
    address!(DESTINATION_IPV6_ADDRESS, DestinationKey, V6, V6, destination),
    field!(elements::ICMP_TYPE_CODE_IPV6, DestinationKey, V6, icmp_type_code),
    field!(elements::SOURCE_TRANSPORT_PORT, SourceKey, ALWAYS, source_port),
    field!(elements::DESTINATION_TRANSPORT_PORT, DestinationKey, ALWAYS, destination_port),
    field!(elements::PROTOCOL_IDENTIFIER, Key, ALWAYS, protocol),
    field!(elements::IP_CLASS_OF_SERVICE, Key, ALWAYS, tos),
    field!(elements::FLOW_DIRECTION, Key, When::Directed, direction),
    field!(elements::INGRESS_INTERFACE, Key, INGRESS, |rows, column| interfaces(rows, column, Direction::Ingress)),
    field!(elements::EGRESS_INTERFACE, Key, EGRESS, |rows, column| interfaces(rows, column, Direction::Egress)),
    field!(elements::VLAN_ID, Key, VLAN, vlan),
    field!(elements::OCTET_DELTA_COUNT, Property, ALWAYS, octets),
    field!(elements::PACKET_DELTA_COUNT, Property, ALWAYS, packets),
    field!(elements::LAYER2_OCTET_DELTA_COUNT, Property, filled!(Filled layer2_octets), layer2_octets),
    field!(elements::FLOW_START_MILLISECONDS, Property, ALWAYS, start),
    field!(elements::FLOW_END_MILLISECONDS, Property, ALWAYS, end),
    field!(elements::TCP_CONTROL_BITS, Property, When::Flagged, tcp_flags, |flags| {
        (flags & !TCP_FLAGS_UNTOLD).to_be_bytes()
    }),
    field!(elements::FLOW_END_REASON, Property, END_REASON, end_reason),
    field!(elements::MINIMUM_TTL, Property, filled!(Filled ttl_min), ttl_min),
    field!(elements::MAXIMUM_TTL, Property, filled!(Filled ttl_max), ttl_max),
    field!(elements::SOURCE_MAC_ADDRESS, Property, filled!(Filled source_mac), source_mac, |mac| *mac),
    field!(elements::DESTINATION_MAC_ADDRESS, Property, filled!(Filled destination_mac), destination_mac, |mac| *mac),
    field!(elements::IP_VERSION, Key, ALWAYS, |rows, column| {
        column.put_each(rows, |_| [rows.batch.ip_version()]);
    }),
    field!(elements::POST_VLAN_ID, Property, filled!(Router destination_vlan), destination_vlan),
    field!(elements::IP_NEXT_HOP_IPV4_ADDRESS, Property, filled!(Router next_hop_v4), next_hop_v4),
    field!(elements::IP_NEXT_HOP_IPV6_ADDRESS, Property, filled!(Router next_hop_v6), next_hop_v6),
    field!(elements::BGP_SOURCE_AS_NUMBER, Property, filled!(Router source_as), source_as),
    field!(elements::BGP_DESTINATION_AS_NUMBER, Property, filled!(Router destination_as), destination_as),
    field!(elements::SAMPLING_INTERVAL, Property, When::Router(|batch| is_told(&batch.sample_rate)), sample_rate),
    field!(elements::application_id(4), Property, When::Short(|batch| has_applications(batch, 4)), application, |number| {
        application::field::<4>(*number)
    }),
    field!(elements::application_id(8), Property, When::Short(|batch| has_applications(batch, 8)), application, |number| {
        application::field::<8>(*number)
    }),
    field!(elements::application_id(16), Property, When::Router(|batch| has_applications(batch, 16)), application, |number| {
        application::field::<16>(*number)
    }),
    field!(elements::POST_NAT_SOURCE_IPV4_ADDRESS, Property, filled!(Router nat_source_v4), nat_source_v4),
    field!(elements::POST_NAT_DESTINATION_IPV4_ADDRESS, Property, filled!(Router nat_destination_v4), nat_destination_v4),
    field!(elements::POST_NAT_SOURCE_IPV6_ADDRESS, Property, filled!(Router nat_source_v6), nat_source_v6),
    field!(elements::POST_NAT_DESTINATION_IPV6_ADDRESS, Property, filled!(Router nat_destination_v6), nat_destination_v6),
    field!(elements::POST_NAPT_SOURCE_TRANSPORT_PORT, Property, filled!(Router nat_source_port), nat_source_port),
    field!(elements::POST_NAPT_DESTINATION_TRANSPORT_PORT, Property, filled!(Router nat_destination_port), nat_destination_port),
    field!(elements::INGRESS_VRF_ID, Property, filled!(Router input_vrf), input_vrf),
    field!(elements::EGRESS_VRF_ID, Property, filled!(Router output_vrf), output_vrf),
    field!(elements::FORWARDING_STATUS, Property, filled!(Router action), action, |action| {
        [forwarding_status(*action)]
    }),
    field!(elements::EXPORTER_IPV4_ADDRESS, Property, When::Router(|batch| has_exporter(batch, IpAddr::is_ipv4)), |rows, column| {
        column.put_each(rows, |row| match exporter(rows.batch, row) {
            Some(IpAddr::V4(address)) => address.octets(),
            _ => [0; 4],
        });
    }),
    field!(elements::EXPORTER_IPV6_ADDRESS, Property, When::Router(|batch| has_exporter(batch, IpAddr::is_ipv6)), |rows, column| {
        column.put_each(rows, |row| match exporter(rows.batch, row) {
            Some(IpAddr::V6(address)) => address.octets(),
            _ => [0; 16],
        });
    }),
    field!(elements::FLOW_KEY_INDICATOR, Property, When::Folded, |rows, column| {
        column.put(rows, &rows.batch.direction, |way| rows.folded_keys[usize::from(*way != 0)].to_be_bytes());
    }),
];

/// Whether a column says anything, of those where 0 says nothing.
fn is_told<T: Copy + Default + PartialEq>(column: &[T]) -> bool {
    column.iter().any(|value| *value != T::default())
}

/// Whether a batch tells applications, the longest of them in `octets`.
fn has_applications(batch: &FlowBatch, octets: u16) -> bool {
    let lengths = batch.application.iter().map(|number| application::length(*number));
    lengths.max() == Some(octets)
}

fn has_exporter(batch: &FlowBatch, of: fn(&IpAddr) -> bool) -> bool {
    batch.exporters.iter().any(|exporter| of(&exporter.address))
}

fn exporter(batch: &FlowBatch, row: usize) -> Option<IpAddr> {
    batch.exporter_of(row).map(|exporter| exporter.address)
}

/// `forwardingStatus` (RFC 7270 section 4.12): forwarded or dropped, for no reason that is known.
fn forwarding_status(action: u8) -> u8 {
    match Action::from_number(action) {
        None => 0,
        Some(Action::Accepted) => 1 << 6,
        Some(Action::Rejected) => 2 << 6,
    }
}

/// The interface of those rows that go its way, 0 for the others; of all rows where routers told both.
#[inline(always)]
fn interfaces(rows: &Rows<'_>, column: Column<'_>, direction: Direction) {
    let FlowBatch { interface, output_interface, direction: ways, .. } = rows.batch;
    match (output_interface.is_empty(), direction) {
        (false, Direction::Egress) => {
            column.put(rows, output_interface, |index| index.to_be_bytes());
        }
        (false, Direction::Ingress) => column.put(rows, interface, |index| index.to_be_bytes()),
        (true, _) => column.put_each(rows, |row| {
            let leaves = ways[row] == Direction::Egress as u8;
            let is_its = leaves == (direction == Direction::Egress);
            if is_its { interface[row].to_be_bytes() } else { [0; 4] }
        }),
    }
}
