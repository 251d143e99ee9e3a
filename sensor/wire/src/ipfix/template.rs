//! Flow templates (RFC 7011 section 3.4.1): the template record and the data records of one come from the same fields, so
//! that they cannot disagree.
//!
//! A template holds what is told in a batch, no more: [`shape`] finds the fields of `fields::FIELDS` that are, and a
//! session has one template for each shape that occurs. Records are written column by column: a field's writer fills its
//! place in all records of a message at once.
//!
//! The flow key's fragment position has no element that would tell it truly (`fragmentFlags`, 197, wants the DF
//! and MF bits, `fragmentOffset`, 88, the offset; the key knows neither), so that records of one flow that differ
//! in it alone look alike to a collector. Their counts add up.

use sensor_common::{key::Direction, packet::ip::protocol};
use sensor_core::flow::{
    batch::{Addresses, FlowBatch, Source},
    columns::{Absence, Column, Presence},
};

pub use super::fields::Chosen;
use super::fields::{FIELDS, Field, Role, Rows, When};

/// Which fields of `FIELDS` a template has: one bit each, the first the lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape(u64);

/// The shape of those rows of `batch` that are not folded.
pub fn shape(batch: &FlowBatch) -> Shape {
    let v6 = matches!(batch.addresses, Addresses::V6 { .. });
    let host = batch.observed_by == Source::Host;
    Shape::of(|when| match when {
        When::Always => true,
        When::Family(is_v6) => is_v6 == v6,
        When::Icmp(is_v6) => is_v6 == v6 && batch.presence(Column::IcmpTypeCode).any(),
        When::Told(column) if host => {
            !column.is_of_routers() && !matches!(batch.presence(column), Presence::None)
        }
        When::Told(column) => batch.presence(column).any(),
        When::Known(told) => host || told(batch),
        When::Router(told) | When::Short(told) => !host && told(batch),
        When::Folded => false,
    })
}

/// What a row lacks of what others in its batch may have, or has beyond them: rows of one class are written by one template.
/// A set of bits, so that the classes are the numbers below [`RowClass::COUNT`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowClass(pub u8);

impl RowClass {
    /// Nobody told the direction.
    const UNDIRECTED: u8 = 1;
    /// A flow of TCP, and nobody has seen its flags.
    const UNFLAGGED: u8 = 2;
    /// A flow of ICMP, and nobody told its type: collectors look for that in the destination port (NetFlow), which is 0.
    const UNTYPED: u8 = 4;
    /// The remote end was folded away. The highest, so that folded rows come last.
    const FOLDED: u8 = 8;
    /// How many there are.
    pub const COUNT: u8 = 16;

    /// All that is said of any row of a batch of this `shape`. What no row tells is not part of the shape, and makes no
    /// class.
    pub fn union(batch: &FlowBatch, shape: Shape) -> Self {
        let lacks_some = |column| shape.tells(column) && !batch.presence(column).all();
        let is_unflagged = |row| Self(Self::UNFLAGGED).of_row(batch, row).0 != 0;
        let unflagged = lacks_some(Column::TcpFlags) && (0..batch.len()).any(is_unflagged);
        let untyped = batch.untold & Column::IcmpTypeCode.bit() != 0
            && shape.tells(Column::DestinationPort)
            && batch.protocol.iter().any(|protocol| is_icmp(*protocol));
        let folded = batch.folded.iter().fold(0, |any, folded| any | folded);
        Self::with(lacks_some(Column::Direction), unflagged, untyped, folded != 0)
    }

    /// That of row `row` in a batch of which this is the union.
    #[inline(always)]
    pub fn of_row(self, batch: &FlowBatch, row: usize) -> Self {
        let lacks = |column| !batch.tells(column, row);
        Self::with(
            self.has(Self::UNDIRECTED) && lacks(Column::Direction),
            self.has(Self::UNFLAGGED)
                && lacks(Column::TcpFlags)
                && batch.protocol[row] == protocol::TCP,
            self.has(Self::UNTYPED) && is_icmp(batch.protocol[row]),
            self.has(Self::FOLDED) && batch.folded[row] != 0,
        )
    }

    #[inline(always)]
    fn with(undirected: bool, unflagged: bool, untyped: bool, folded: bool) -> Self {
        let bit = |is_so: bool, bit: u8| if is_so { bit } else { 0 };
        Self(
            bit(undirected, Self::UNDIRECTED)
                | bit(unflagged, Self::UNFLAGGED)
                | bit(untyped, Self::UNTYPED)
                | bit(folded, Self::FOLDED),
        )
    }

    /// True where rows that tell the column are of other classes than rows that do not: 0 would be taken for a value.
    fn is_about(column: Column) -> bool {
        matches!(column, Column::Direction | Column::TcpFlags)
    }

    #[inline(always)]
    fn has(self, bit: u8) -> bool {
        self.0 & bit != 0
    }
}

impl Shape {
    /// The fields whose condition passes.
    fn of(passes: impl Fn(When) -> bool) -> Self {
        let fields = FIELDS.iter().enumerate();
        Self(fields.fold(0, |shape, (n, field)| shape | u64::from(passes(field.when)) << n))
    }

    /// That of the host's flows.
    pub fn host(v6: bool) -> Self {
        Self::of(|when| match when {
            When::Always | When::Known(_) => true,
            When::Told(column) => !column.is_of_routers(),
            When::Family(is_v6) | When::Icmp(is_v6) => is_v6 == v6,
            When::Router(_) | When::Short(_) | When::Folded => false,
        })
    }

    /// All that any batch of the family may tell, besides this, of that of which 0 says that it is not told.
    #[must_use]
    pub fn full(self) -> Self {
        self.with(|column| !RowClass::is_about(column) && is_untold_by_zero(column))
    }

    /// All that any batch of the family may tell, besides this.
    #[must_use]
    pub fn fullest(self) -> Self {
        self.with(|column| !RowClass::is_about(column))
    }

    fn with(self, may_add: impl Fn(Column) -> bool) -> Self {
        let short = Self::of(|when| matches!(when, When::Short(_)));
        let any = Self::of(|when| match when {
            When::Told(column) => may_add(column),
            When::Family(_) | When::Icmp(_) | When::Short(_) | When::Folded => false,
            // The egress interface, of which 0 is a value.
            When::Known(_) => may_add(Column::OutputInterface),
            When::Always | When::Router(_) => true,
        });
        Self(self.0 & !short.0 | any.0)
    }

    /// That of the rows of `class` of a batch of this shape.
    #[must_use]
    pub fn of_class(self, class: RowClass) -> Self {
        let without = Self::of(|when| match when {
            When::Told(Column::Direction) => class.has(RowClass::UNDIRECTED),
            When::Told(Column::TcpFlags) => class.has(RowClass::UNFLAGGED),
            When::Told(Column::DestinationPort) => class.has(RowClass::UNTYPED),
            _ => false,
        });
        let shape = Self(self.0 & !without.0);
        if class.has(RowClass::FOLDED) { shape.folded() } else { shape }
    }

    /// That of folded rows: `flowKeyIndicator` says which fields are their key.
    #[must_use]
    pub fn folded(self) -> Self {
        Self(self.0 | Self::of(|when| matches!(when, When::Folded)).0)
    }

    /// Whether a field of it is what `column` tells.
    fn tells(self, column: Column) -> bool {
        self.fields().any(|field| matches!(field.when, When::Told(told) if told == column))
    }

    fn fields(self) -> impl Iterator<Item = &'static Field> {
        FIELDS.iter().enumerate().filter(move |(n, _)| self.0 >> n & 1 != 0).map(|(_, field)| field)
    }
}

fn is_icmp(number: u8) -> bool {
    matches!(number, protocol::ICMP | protocol::ICMPV6)
}

/// Whether whoever reads 0 in the column's field takes it for what nobody told.
fn is_untold_by_zero(column: Column) -> bool {
    matches!(column.absence(), Absence::Mark(0) | Absence::Zero)
}

/// A flow template. `fields` is in the order of the records.
pub struct Template {
    /// Template identifier.
    pub id: u16,
    /// The shape of the batches that it is for.
    pub shape: Shape,
    fields: Vec<&'static Field>,
    /// Octets of a data record.
    pub record_length: usize,
    /// `flowKeyIndicator` of folded flows, by direction.
    folded_keys: [u64; 2],
}

/// Records that are written at a time, column by column: few enough to stay in a core's nearest cache meanwhile.
pub const BLOCK: usize = 64;

impl Template {
    /// The template for a shape.
    pub fn new(id: u16, shape: Shape) -> Self {
        let fields: Vec<_> = shape.fields().collect();
        let record_length = fields.iter().map(|field| usize::from(field.element.length)).sum();
        let mut folded_keys = [0; 2];
        folded_keys[Direction::Ingress as usize] = key_without(&fields, Role::SourceKey);
        folded_keys[Direction::Egress as usize] = key_without(&fields, Role::DestinationKey);
        Self { id, shape, fields, record_length, folded_keys }
    }

    /// Octets of the template record.
    pub fn template_record_length(&self) -> usize {
        let own = self.fields.iter().filter(|field| field.element.is_own());
        4 + 4 * (self.fields.len() + own.count())
    }

    /// Writes the template record to `out`, which is that long; elements that IANA does not have are those of `enterprise`.
    pub fn write_template_record(&self, enterprise: u32, out: &mut [u8]) {
        let enterprise = [(enterprise >> 16) as u16, enterprise as u16];
        let words = [self.id, self.fields.len() as u16].into_iter().chain(
            self.fields.iter().flat_map(|Field { element, .. }| {
                let number = enterprise.into_iter().filter(|_| element.is_own());
                [element.id, element.length].into_iter().chain(number)
            }),
        );
        for (place, word) in out.chunks_exact_mut(2).zip(words) {
            place.copy_from_slice(&word.to_be_bytes());
        }
    }

    /// Writes the rows `rows` of `batch` as data records to `out`, which is zeros and has room for just them.
    pub fn write_data_records(&self, batch: &FlowBatch, rows: &Chosen<'_>, out: &mut [u8]) {
        let blocks = out.chunks_mut(BLOCK * self.record_length);
        for (chosen, out) in rows.pieces(BLOCK).zip(blocks) {
            let rows = Rows { batch, chosen, folded_keys: self.folded_keys };
            let mut offset = 0;
            for field in &self.fields {
                field.write(&rows, out, self.record_length, offset);
                offset += usize::from(field.element.length);
            }
        }
    }
}

/// `flowKeyIndicator` (element 173) of a folded flow: bit n, from 0, stands for field n of the template.
fn key_without(fields: &[&Field], remote: Role) -> u64 {
    let is_key = |field: &Field| field.role != Role::Property && field.role != remote;
    fields.iter().enumerate().fold(0, |key, (n, field)| key | u64::from(is_key(field)) << n)
}

const _: () = assert!(FIELDS.len() <= 64, "a shape has 64 bits");
