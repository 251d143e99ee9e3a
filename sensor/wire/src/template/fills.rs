//! The parts of a plan: where in a record a field lies, and how it is read into which column.

use sensor_core::flow::{
    batch::FlowBatch,
    columns::{Column, ColumnPlace, StoredAt},
};

use super::elements::{Clock, Meaning};

/// Where a field of fixed length lies in a record.
///
/// A record is a row of runs, between which stand the fields of variable length. The place counts from its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Number of the run.
    pub run: u16,
    /// Octets from the start of the run.
    pub offset: u16,
    /// Octets of the field.
    pub length: u16,
}

/// Where a field of any length lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// Always so many octets.
    Fixed(Place),
    /// Between run `run`, which has `offset` octets, and the next.
    Variable {
        /// Number of the run before it.
        run: u16,
        /// Octets of that run.
        offset: u16,
    },
}

/// A field that fills a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// Where it lies.
    pub place: Place,
    /// How it is read as a number.
    pub word: Word,
    /// What it says.
    pub meaning: Meaning,
    /// Where it goes.
    pub target: Target,
}

/// Where a field goes, for fields whose value stands in the column as it is: there is nothing left to find out when a record
/// comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// To numbers of 8 bits.
    U8(ColumnPlace<FlowBatch, u8>),
    /// To numbers of 16 bits.
    U16(ColumnPlace<FlowBatch, u16>),
    /// To numbers of 32 bits.
    U32(ColumnPlace<FlowBatch, u32>),
    /// To numbers of 64 bits.
    U64(ColumnPlace<FlowBatch, u64>),
    /// To numbers of 128 bits, from as many.
    U128(ColumnPlace<FlowBatch, u128>),
    /// To MAC addresses.
    Mac(ColumnPlace<FlowBatch, [u8; 6]>),
    /// That depends on what it says.
    Other,
}

impl Target {
    /// Where a field of `length` octets goes that says `meaning`.
    pub(super) fn new(meaning: Meaning, length: u16) -> Self {
        let column = match meaning {
            Meaning::Column(column) => column,
            Meaning::SourcePort => Column::SourcePort,
            Meaning::DestinationPort => Column::DestinationPort,
            Meaning::Protocol => Column::Protocol,
            Meaning::Tos => Column::Tos,
            Meaning::TcpFlags => Column::TcpFlags,
            Meaning::Input => Column::Interface,
            Meaning::Output => Column::OutputInterface,
            Meaning::SourceVlan => Column::Vlan,
            Meaning::DestinationVlan => Column::DestinationVlan,
            Meaning::Octets => Column::Octets,
            Meaning::Packets => Column::Packets,
            Meaning::Start(Clock::Milliseconds) => Column::Start,
            Meaning::End(Clock::Milliseconds) => Column::End,
            _ => return Self::Other,
        };
        match column.place() {
            StoredAt::U8(place) => Self::U8(place),
            StoredAt::U16(place) => Self::U16(place),
            // A number that does not fit is not cut off.
            StoredAt::U32(place) if length <= 4 => Self::U32(place),
            StoredAt::U64(place) => Self::U64(place),
            StoredAt::U128(place) if length == 16 => Self::U128(place),
            StoredAt::Mac(place) => Self::Mac(place),
            StoredAt::U32(_) | StoredAt::U128(_) | StoredAt::Lists => Self::Other,
        }
    }
}

/// The lowest bits of a field that count.
pub(super) fn bits(meaning: Meaning) -> u16 {
    match meaning {
        Meaning::TcpFlags => 9,
        Meaning::SourceVlan | Meaning::DestinationVlan => 12,
        _ => 64,
    }
}

/// How a number of one to eight octets is read: as part of a word of eight that lies in the run as well, so that no branch
/// depends on the length of the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    /// Octets from the start of the run to the word; `Word::NONE` where the run has no eight octets.
    pub offset: u16,
    /// Bits before those of the field that count.
    pub before: u8,
    /// Bits that are none of those.
    pub beside: u8,
}

impl Word {
    /// No run reaches there.
    const NONE: u16 = u16::MAX;

    /// For the lowest `bits` of the field at `place` in a run of `run` octets.
    pub(super) fn new(place: Place, bits: u16, run: u16) -> Self {
        let Some(last) = run.checked_sub(8) else {
            return Self { offset: Self::NONE, before: 0, beside: 64 - bits as u8 };
        };
        let offset = place.offset.min(last);
        let before = (place.offset - offset) * 8;
        // Of what is longer than a word, the word is not asked for.
        let octets = place.length.min(8) * 8;
        let left_out = octets.saturating_sub(bits);
        Self { offset, before: (before + left_out) as u8, beside: (64 - octets + left_out) as u8 }
    }
}

/// How the fields of a group are read and stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An octet to an octet.
    U8,
    /// Two octets to as many.
    U16,
    /// Four octets to as many.
    U32,
    /// Eight octets to as many.
    U64,
    /// Sixteen octets to as many.
    U128,
    /// The six octets of a MAC address to as many.
    Mac,
    /// Part of a word, to a number of any size.
    Word,
    /// IPv4 addresses of the flow.
    V4,
    /// IPv6 addresses of the flow.
    V6,
    /// Uptimes of first and last packet.
    Uptime,
    /// By what they say. The last of them.
    Other,
}

/// How many kinds there are.
pub(super) const KINDS: usize = Kind::Other as usize + 1;

impl Kind {
    pub(super) fn of(fill: &Fill) -> Self {
        let is_whole = bits(fill.meaning) == 64;
        match (fill.target, fill.place.length) {
            (Target::Other, _) => match fill.meaning {
                Meaning::SourceV4 | Meaning::DestinationV4 => Self::V4,
                Meaning::SourceV6 | Meaning::DestinationV6 => Self::V6,
                Meaning::Start(Clock::Uptime) | Meaning::End(Clock::Uptime) => Self::Uptime,
                _ => Self::Other,
            },
            (Target::U128(_), _) => Self::U128,
            (Target::Mac(_), _) => Self::Mac,
            (Target::U8(_), 1) if is_whole => Self::U8,
            (Target::U16(_), 2) if is_whole => Self::U16,
            (Target::U32(_), 4) if is_whole => Self::U32,
            (Target::U64(_), 8) if is_whole => Self::U64,
            (Target::U8(_) | Target::U16(_) | Target::U32(_) | Target::U64(_), _) => Self::Word,
        }
    }
}

/// The fields of one run, kind by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunFields {
    /// Number of the run.
    pub run: u16,
    /// The place of its first field among all fields.
    pub(super) first: u16,
    /// For each kind, the place behind its last field.
    pub(super) ends: [u16; KINDS],
}

impl RunFields {
    /// Those of `kind` among all `fields`.
    #[inline(always)]
    pub fn of(self, fields: &[Fill], kind: Kind) -> &[Fill] {
        let first = match kind {
            Kind::U8 => self.first,
            _ => self.ends[kind as usize - 1],
        };
        fields.get(first.into()..self.ends[kind as usize].into()).unwrap_or_default()
    }
}

/// The fields that fill the columns of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fills {
    /// Each of them, run by run, and those of a run by kind.
    pub fields: Box<[Fill]>,
    /// The runs that have any.
    pub runs: Box<[RunFields]>,
    /// Whether the time of the first packet is an uptime.
    pub first_is_uptime: bool,
    /// Whether the time of the last packet is one.
    pub last_is_uptime: bool,
    /// The columns of [`Column::TOLD_BY_BATCH`] of which the rows tell nothing.
    pub untold: u128,
}
