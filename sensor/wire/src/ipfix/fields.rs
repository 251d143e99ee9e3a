//! The fields that flow records may have: each with its element, its part in the flow key, when a batch tells it, and how it
//! is written.
//!
//! What just holds the numbers of a column follows from the column's row in the table of columns. Here is what follows from
//! more than one column, what is part of the flow key, and what is written otherwise than it is stored.

use std::{cell::Cell, net::IpAddr, ops::Range};

use sensor_common::key::Direction;
use sensor_core::flow::{
    application,
    batch::{Addresses, FlowBatch, TCP_FLAGS_UNTOLD},
    columns::{Column, Inspector},
    device::Action,
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
    /// Batches of IPv6 (true) or IPv4 that tell types and codes of ICMP.
    Icmp(bool),
    /// Where some row tells something in the column.
    Told(Column),
    /// The host's always, routers' where they told it.
    Known(fn(&FlowBatch) -> bool),
    /// Routers' alone, where they told it.
    Router(fn(&FlowBatch) -> bool),
    /// As `Router`, where another field says the same in more octets and takes its place in the full template.
    Short(fn(&FlowBatch) -> bool),
    /// Folded rows.
    Folded,
}

/// One field of flow templates.
#[derive(Clone, Copy)]
pub(super) struct Field {
    /// What it is.
    pub(super) element: Element,
    pub(super) role: Role,
    pub(super) when: When,
    /// The column that it tells, where that is one.
    column: Option<Column>,
    write: Write,
}

/// How a field is written.
#[derive(Clone, Copy)]
enum Write {
    /// As the column stores it.
    Stored(Column),
    /// As this does.
    By(fn(&Rows<'_>, Place<'_>)),
}

impl Field {
    /// The numbers of a column as they are.
    const fn of(column: Column, role: Role) -> Self {
        Self {
            element: Element::of(column),
            role,
            when: When::Told(column),
            column: Some(column),
            write: Write::Stored(column),
        }
    }

    /// Writes the field of some rows to `records`, of `stride` octets each, at `offset` in each of them. What the batch does
    /// not tell stays as it is.
    #[inline(always)]
    pub(super) fn write(&self, rows: &Rows<'_>, records: &mut [u8], stride: usize, offset: usize) {
        let place = Place { records, stride, offset };
        match self.write {
            Write::By(write) => write(rows, place),
            Write::Stored(column) => rows.batch.inspect(column, Put { rows, place }),
        }
    }
}

/// Writes what a column stores. It is asked for the column and not given one, so that a field costs one jump.
struct Put<'a> {
    rows: &'a Rows<'a>,
    place: Place<'a>,
}

impl Inspector for Put<'_> {
    #[inline(always)]
    fn unsigned8(self, column: &[u8]) {
        self.place.put_numbers(self.rows, column);
    }

    #[inline(always)]
    fn unsigned16(self, column: &[u16]) {
        self.place.put_numbers(self.rows, column);
    }

    #[inline(always)]
    fn unsigned32(self, column: &[u32]) {
        self.place.put_numbers(self.rows, column);
    }

    #[inline(always)]
    fn unsigned64(self, column: &[u64]) {
        self.place.put_numbers(self.rows, column);
    }

    #[inline(always)]
    fn ipv4_address(self, column: &[u32]) {
        self.place.put_numbers(self.rows, column);
    }

    #[inline(always)]
    fn ipv6_address(self, column: &[u128]) {
        self.place.put_numbers(self.rows, column);
    }

    #[inline(always)]
    fn mac_address(self, column: &[[u8; 6]]) {
        self.place.put(self.rows, column, |address| *address);
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
    pub fn count(&self) -> usize {
        match self {
            Self::Run(rows) => rows.len(),
            Self::Listed(rows) => rows.len(),
        }
    }

    /// The same in pieces of at most `limit` rows.
    pub(super) fn pieces(&self, limit: usize) -> impl Iterator<Item = Chosen<'a>> {
        let all = self.clone();
        (0..self.count()).step_by(limit).map(move |first| {
            let end = all.count().min(first + limit);
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
struct Place<'a> {
    records: &'a mut [u8],
    /// Octets of a record.
    stride: usize,
    /// Where the field begins in it.
    offset: usize,
}

/// Numbers, by the octets of their fields.
trait Octets<const N: usize>: Copy {
    /// In network order.
    fn octets(self) -> [u8; N];
}

macro_rules! octets {
    ($($number:ident $octets:literal)*) => {$(
        impl Octets<$octets> for $number {
            #[inline(always)]
            fn octets(self) -> [u8; $octets] {
                self.to_be_bytes()
            }
        }
    )*};
}

octets!(u8 1 u16 2 u32 4 u64 8 u128 16);

impl Place<'_> {
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

    /// Writes the numbers of a column.
    #[inline(always)]
    fn put_numbers<T: Octets<N>, const N: usize>(self, rows: &Rows<'_>, column: &[T]) {
        self.put(rows, column, |number| number.octets());
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

/// A field with a rule of its own: of `column`, where it tells that alone, with what an expression makes of its numbers; or
/// of whole rows.
macro_rules! field {
    ($element:expr, $role:ident, $when:expr, $column:expr, $stored:ident, $octets:expr) => {
        field!($element, $role, $when, $column, |rows, place| {
            place.put(rows, &rows.batch.$stored, $octets);
        })
    };
    ($element:expr, $role:ident, $when:expr, $column:expr, |$rows:ident, $place:ident| $write:expr) => {
        Field {
            element: $element,
            role: Role::$role,
            when: $when,
            column: $column,
            write: Write::By(|$rows, $place| $write),
        }
    };
}

/// A field with one of the addresses of a flow as its value.
macro_rules! address {
    ($element:ident, $role:ident, $family:ident, $when:expr, $end:ident) => {
        field!(elements::$element, $role, $when, None, |rows, place| {
            if let Addresses::$family { $end, .. } = &rows.batch.addresses {
                place.put_numbers(rows, $end);
            }
        })
    };
}

const V4: When = When::Family(false);
const V6: When = When::Family(true);
const ICMP: Option<Column> = Some(Column::IcmpTypeCode);
const INTERFACE: Option<Column> = Some(Column::Interface);
const OUTPUT: Option<Column> = Some(Column::OutputInterface);
const ACTION: Option<Column> = Some(Column::Action);
const APPLICATION: Option<Column> = Some(Column::Application);
const POINT: Option<Column> = Some(Column::ObservationPoint);
const PROPERTIES: Option<Column> = Some(Column::CommonProperties);
const PATH: Option<Column> = Some(Column::TrafficPath);
const VIA_V4: Option<Column> = Some(Column::ViaV4);
const VIA_V6: Option<Column> = Some(Column::ViaV6);
const FLAGS: Option<Column> = Some(Column::TcpFlags);
const DESTINATION_VLAN: Option<Column> = Some(Column::DestinationVlan);
const EGRESS: When = When::Known(|batch| {
    let is_egress = || batch.direction.contains(&(Direction::Egress as u8));
    !batch.output_interface.is_empty() || batch.presence(Column::Interface).any() && is_egress()
});

/// Fields of the flow key.
#[rustfmt::skip]
const KEYS: &[Field] = &[
    address!(SOURCE_IPV4_ADDRESS, SourceKey, V4, V4, source),
    address!(DESTINATION_IPV4_ADDRESS, DestinationKey, V4, V4, destination),
    field!(elements::ICMP_TYPE_CODE_IPV4, DestinationKey, When::Icmp(false), ICMP, icmp_type_code, |number| number.to_be_bytes()),
    address!(SOURCE_IPV6_ADDRESS, SourceKey, V6, V6, source),
    address!(DESTINATION_IPV6_ADDRESS, DestinationKey, V6, V6, destination),
    field!(elements::ICMP_TYPE_CODE_IPV6, DestinationKey, When::Icmp(true), ICMP, icmp_type_code, |number| number.to_be_bytes()),
    Field::of(Column::SourcePort, Role::SourceKey),
    Field::of(Column::DestinationPort, Role::DestinationKey),
    Field::of(Column::Protocol, Role::Key),
    Field::of(Column::Tos, Role::Key),
    Field::of(Column::Direction, Role::Key),
    field!(elements::INGRESS_INTERFACE, Key, When::Told(Column::Interface), INTERFACE, |rows, place| {
        interfaces(rows, place, Direction::Ingress);
    }),
    field!(elements::EGRESS_INTERFACE, Key, EGRESS, OUTPUT, |rows, place| interfaces(rows, place, Direction::Egress)),
    Field::of(Column::Vlan, Role::Key),
];

/// Fields that follow from more than a column, or are written otherwise than they are stored.
#[rustfmt::skip]
const OTHERS: &[Field] = &[
    field!(elements::IP_VERSION, Key, When::Always, None, |rows, place| {
        place.put_each(rows, |_| [rows.batch.ip_version()]);
    }),
    field!(Element::of(Column::TcpFlags), Property, When::Told(Column::TcpFlags), FLAGS, tcp_flags, |flags| {
        (flags & !TCP_FLAGS_UNTOLD).to_be_bytes()
    }),
    // It also says that the other VLAN is the one at ingress, so it is there where the column is, whatever that tells.
    field!(Element::of(Column::DestinationVlan), Property, When::Router(|batch| !batch.destination_vlan.is_empty()), DESTINATION_VLAN, destination_vlan, |vlan| {
        vlan.to_be_bytes()
    }),
    field!(elements::application_id(4), Property, When::Short(|batch| has_applications(batch, 4)), APPLICATION, application, |number| {
        application::field::<4>(*number)
    }),
    field!(elements::application_id(8), Property, When::Short(|batch| has_applications(batch, 8)), APPLICATION, application, |number| {
        application::field::<8>(*number)
    }),
    field!(elements::application_id(16), Property, When::Router(|batch| has_applications(batch, 16)), APPLICATION, application, |number| {
        application::field::<16>(*number)
    }),
    field!(elements::FORWARDING_STATUS, Property, When::Told(Column::Action), ACTION, action, |action| {
        [forwarding_status(*action)]
    }),
    field!(elements::EXPORTER_IPV4_ADDRESS, Property, When::Router(|batch| has_device(batch, IpAddr::is_ipv4)), None, |rows, place| {
        addresses(rows, place, |address| match address {
            IpAddr::V4(address) => Some(address.octets()),
            IpAddr::V6(_) => None,
        });
    }),
    field!(elements::EXPORTER_IPV6_ADDRESS, Property, When::Router(|batch| has_device(batch, IpAddr::is_ipv6)), None, |rows, place| {
        addresses(rows, place, |address| match address {
            IpAddr::V6(address) => Some(address.octets()),
            IpAddr::V4(_) => None,
        });
    }),
    field!(elements::OBSERVATION_POINT_ID, Property, When::Told(Column::ObservationPoint), POINT, observation_point, |number| {
        number.to_be_bytes()
    }),
    field!(elements::COMMON_PROPERTIES_ID, Property, When::Told(Column::CommonProperties), PROPERTIES, common_properties, |number| {
        number.to_be_bytes()
    }),
    field!(elements::TRAFFIC_PATH, Property, When::Told(Column::TrafficPath), PATH, traffic_path, |path| [*path]),
    field!(elements::VIA_IPV4_ADDRESS, Property, When::Told(Column::ViaV4), VIA_V4, via_v4, |address| address.to_be_bytes()),
    field!(elements::VIA_IPV6_ADDRESS, Property, When::Told(Column::ViaV6), VIA_V6, via_v6, |address| address.to_be_bytes()),
    field!(elements::FLOW_KEY_INDICATOR, Property, When::Folded, None, |rows, place| {
        place.put(rows, &rows.batch.direction, |way| rows.folded_keys[usize::from(*way != 0)].to_be_bytes());
    }),
];

/// True for columns whose field follows from their row alone: those with an element, and with no row in the tables above.
const fn is_plain(column: Column) -> bool {
    const fn has(fields: &[Field], column: Column) -> bool {
        let mut at = 0;
        while at < fields.len() {
            if let Some(own) = fields[at].column
                && own as usize == column as usize
            {
                return true;
            }
            at += 1;
        }
        false
    }
    !column.elements().is_empty() && !has(KEYS, column) && !has(OTHERS, column)
}

const PLAIN: usize = {
    let (mut count, mut at) = (0, 0);
    while at < Column::ALL.len() {
        count += is_plain(Column::ALL[at]) as usize;
        at += 1;
    }
    count
};

/// All fields, in the order of the records: the key, the properties that columns store, the others.
pub(super) static FIELDS: [Field; KEYS.len() + PLAIN + OTHERS.len()] = {
    let mut fields = [KEYS[0]; KEYS.len() + PLAIN + OTHERS.len()];
    let (mut count, mut at) = (0, 0);
    while at < KEYS.len() {
        fields[count] = KEYS[at];
        (count, at) = (count + 1, at + 1);
    }
    at = 0;
    while at < Column::ALL.len() {
        if is_plain(Column::ALL[at]) {
            fields[count] = Field::of(Column::ALL[at], Role::Property);
            count += 1;
        }
        at += 1;
    }
    at = 0;
    while at < OTHERS.len() {
        fields[count] = OTHERS[at];
        (count, at) = (count + 1, at + 1);
    }
    fields
};

/// Whether a batch tells applications, the longest of them in `octets`.
fn has_applications(batch: &FlowBatch, octets: u16) -> bool {
    let lengths = batch.application.iter().map(|number| application::length(*number));
    lengths.max() == Some(octets)
}

fn has_device(batch: &FlowBatch, of: fn(&IpAddr) -> bool) -> bool {
    batch.devices.iter().filter_map(|device| device.address()).any(|address| of(&address))
}

/// The addresses of devices, where they are of the family of `octets`; 0 for the others.
#[inline(always)]
fn addresses<const N: usize>(
    rows: &Rows<'_>,
    place: Place<'_>,
    octets: impl Fn(IpAddr) -> Option<[u8; N]>,
) {
    let known =
        |number: u32| octets(rows.batch.devices.get(usize::try_from(number).ok()?)?.address()?);
    // The rows of one device come together.
    let last = Cell::new((0, known(0).unwrap_or([0; N])));
    place.put(rows, &rows.batch.device, |&number| {
        if last.get().0 != number {
            last.set((number, known(number).unwrap_or([0; N])));
        }
        last.get().1
    });
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
fn interfaces(rows: &Rows<'_>, place: Place<'_>, direction: Direction) {
    let FlowBatch { interface, output_interface, direction: ways, .. } = rows.batch;
    match (output_interface.is_empty(), direction) {
        (false, Direction::Egress) => {
            place.put_numbers(rows, output_interface);
        }
        (false, Direction::Ingress) => place.put_numbers(rows, interface),
        (true, _) => place.put_each(rows, |row| {
            let leaves = ways[row] == Direction::Egress as u8;
            let is_its = leaves == (direction == Direction::Egress);
            if is_its { interface[row].to_be_bytes() } else { [0; 4] }
        }),
    }
}
