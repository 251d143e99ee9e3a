//! What is stored of a record, as SQL sees it: one row a column, derived from the table of columns.

use crate::flow::{
    columns::{Absence, Column, DataType},
    profile::Side,
};

/// What IPv4 addresses are added to, so that they have 16 octets.
pub const MAPPED: u128 = 0xffff << 32;

/// A column of the table, or of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stored {
    /// Which sensor wrote the record: only in data bases, which many write to.
    Sensor,
    /// Its number: higher than those of all records that came before.
    Sequence,
    /// When it was received.
    Received,
    /// Source address.
    Source,
    /// Destination address.
    Destination,
    /// A column of batches, except that of [`Stored::Received`].
    Column(Column),
    /// What observed the flow.
    FlowType,
    /// Whether the source itself said when it received the record: in files, the row group says so.
    ReceivedTold,
    /// Whether the VLAN is the one at ingress, whatever the direction: in files, the row group says so.
    VlanAtIngress,
}

/// What its values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// Unsigned numbers of so many bits.
    Number(u8),
    /// Milliseconds since the epoch, as a time.
    Time,
    /// Addresses of 16 octets.
    Address,
    /// MAC addresses.
    Mac,
    /// Applications: numbers of 128 bits.
    Application,
    /// JSON documents, few distinct ones.
    Document,
    /// Names, few distinct ones.
    Name,
}

impl Stored {
    /// All of them, in the order in which tables have them.
    pub fn all() -> impl Iterator<Item = Self> {
        let first = [Self::Sensor, Self::Sequence, Self::Received, Self::Source, Self::Destination];
        let columns = Column::ALL.iter().filter(|column| **column != Column::Received);
        let last = [Self::FlowType, Self::ReceivedTold, Self::VlanAtIngress];
        first.into_iter().chain(columns.map(|column| Self::Column(*column))).chain(last)
    }

    /// The column that has those of batches.
    pub fn of(column: Column) -> Self {
        match column {
            Column::Received => Self::Received,
            column => Self::Column(column),
        }
    }

    /// The addresses on one side.
    pub fn address(side: Side) -> Self {
        match side {
            Side::Source => Self::Source,
            Side::Destination => Self::Destination,
        }
    }

    /// The profiles of the addresses on one side.
    pub fn profile(side: Side) -> Self {
        Self::Column(match side {
            Side::Source => Column::SourceProfile,
            Side::Destination => Column::DestinationProfile,
        })
    }

    /// Its name; no word of SQL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sensor => "sensor",
            Self::Sequence => "sequence",
            Self::Received => Column::Received.stored_name(),
            Self::Source => "srcip",
            Self::Destination => "dstip",
            Self::Column(column) => column.stored_name(),
            Self::FlowType => "flowtype",
            Self::ReceivedTold => "received_told",
            Self::VlanAtIngress => "vlan_at_ingress",
        }
    }

    /// What its values are.
    pub fn values(self) -> Values {
        let column = match self {
            Self::Sensor | Self::FlowType => return Values::Name,
            Self::Sequence => return Values::Number(64),
            Self::Received => return Values::Time,
            Self::Source | Self::Destination => return Values::Address,
            Self::ReceivedTold | Self::VlanAtIngress => return Values::Number(8),
            Self::Column(column) => column,
        };
        match column {
            Column::SourceProfile
            | Column::DestinationProfile
            | Column::Tags
            | Column::Device
            | Column::ObservationPoint
            | Column::CommonProperties
            | Column::SourceLabels
            | Column::DestinationLabels => Values::Document,
            _ => match column.data_type() {
                DataType::Unsigned8 => Values::Number(8),
                DataType::Unsigned16 => Values::Number(16),
                DataType::Unsigned32 => Values::Number(32),
                DataType::Unsigned64 => Values::Number(64),
                DataType::Milliseconds => Values::Time,
                DataType::Ipv4Address | DataType::Ipv6Address => Values::Address,
                DataType::MacAddress => Values::Mac,
                DataType::Application => Values::Application,
                DataType::Lists => Values::Document,
            },
        }
    }

    /// Whether a record may have none.
    pub fn is_optional(self) -> bool {
        match self {
            Self::Column(column) => column.absence() != Absence::Never,
            _ => false,
        }
    }

    /// Whether only data bases have it.
    pub fn is_of_tables(self) -> bool {
        matches!(self, Self::Sensor | Self::ReceivedTold | Self::VlanAtIngress)
    }
}
