//! What the store keeps of a record: one row an item, derived from the table of columns, and what each is called and stored as.
//!
//! Names are those of NQL where a field has just the column's values, made so that SQL needs no quotes for them. What is a number of
//! a table in memory (profiles, tags, devices and so on) is a JSON document in files: so a file says all about its records itself.

use std::sync::LazyLock;

use sensor_core::flow::{
    batch::{FlowBatch, Source},
    columns::{Absence, Column, DataType, Presence},
};

/// Something that is stored of each record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Item {
    /// Its number in the store: higher than those of all records that came before.
    Sequence,
    /// When it was received: what its source says, or else when it came to the store.
    Received,
    /// Source address.
    Source,
    /// Destination address.
    Destination,
    /// A column of batches, except that of [`Item::Received`].
    Column(Column),
}

/// How the values of an item are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Numbers of so many bits: 8, 16, 32 or 64.
    Number(u8),
    /// Numbers of records, which ascend.
    Sequence,
    /// Milliseconds since the epoch.
    Time,
    /// Addresses of the family of the batch.
    Address,
    /// IPv4 addresses.
    Ipv4,
    /// IPv6 addresses.
    Ipv6,
    /// MAC addresses.
    Mac,
    /// Applications: numbers of 128 bits.
    Application,
    /// Numbers of documents.
    Document(Table),
}

/// A table of documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Table {
    /// What is known of an address.
    Profiles,
    /// Sets of tags.
    Tags,
    /// Devices.
    Devices,
    /// Observation points.
    Points,
    /// Common properties.
    Properties,
    /// Labels that records bring themselves.
    Labels,
    /// Lists of numbers.
    Lists,
    /// Labels of ports; batches have one as a whole.
    PortLabels,
}

impl Table {
    /// All of them, in their order.
    pub const ALL: [Self; 8] = [
        Self::Profiles,
        Self::Tags,
        Self::Devices,
        Self::Points,
        Self::Properties,
        Self::Labels,
        Self::Lists,
        Self::PortLabels,
    ];

    /// The document numbered 0: that of which nothing is known.
    pub const fn nothing(self) -> &'static [u8] {
        match self {
            Self::Profiles | Self::Points | Self::Properties | Self::Labels => b"{}",
            Self::Tags | Self::Lists | Self::PortLabels => b"[]",
            Self::Devices => b"null",
        }
    }
}

/// All items, in the order in which journals and files have them.
static ITEMS: LazyLock<Vec<Item>> = LazyLock::new(|| {
    let columns = Column::ALL.iter().filter(|column| **column != Column::Received);
    let first = [Item::Sequence, Item::Received, Item::Source, Item::Destination];
    first.into_iter().chain(columns.map(|column| Item::Column(*column))).collect()
});

/// Their names.
static NAMES: LazyLock<Vec<String>> =
    LazyLock::new(|| ITEMS.iter().map(|item| item.named()).collect());

impl Item {
    /// All of them.
    pub fn all() -> &'static [Self] {
        &ITEMS
    }

    /// The item of a column.
    pub fn of(column: Column) -> Self {
        match column {
            Column::Received => Self::Received,
            column => Self::Column(column),
        }
    }

    /// Its place among all.
    pub fn place(self) -> usize {
        match self {
            Self::Sequence => 0,
            Self::Received => 1,
            Self::Source => 2,
            Self::Destination => 3,
            // The column that is left out is one of those before or behind.
            Self::Column(column) => {
                column as usize + 4 - usize::from(column as usize > Column::Received as usize)
            }
        }
    }

    /// What it is called in journals and files.
    pub fn name(self) -> &'static str {
        &NAMES[self.place()]
    }

    /// The item of that name.
    pub fn find(name: &str) -> Option<Self> {
        ITEMS.iter().copied().find(|item| item.name() == name)
    }

    /// How its values are stored.
    pub fn form(self) -> Form {
        let column = match self {
            Self::Sequence => return Form::Sequence,
            Self::Received => return Form::Time,
            Self::Source | Self::Destination => return Form::Address,
            Self::Column(column) => column,
        };
        match column {
            Column::SourceProfile | Column::DestinationProfile => Form::Document(Table::Profiles),
            Column::Tags => Form::Document(Table::Tags),
            Column::Device => Form::Document(Table::Devices),
            Column::ObservationPoint => Form::Document(Table::Points),
            Column::CommonProperties => Form::Document(Table::Properties),
            Column::SourceLabels | Column::DestinationLabels => Form::Document(Table::Labels),
            _ => match column.data_type() {
                DataType::Unsigned8 => Form::Number(8),
                DataType::Unsigned16 => Form::Number(16),
                DataType::Unsigned32 => Form::Number(32),
                DataType::Unsigned64 => Form::Number(64),
                DataType::Milliseconds => Form::Time,
                DataType::Ipv4Address => Form::Ipv4,
                DataType::Ipv6Address => Form::Ipv6,
                DataType::MacAddress => Form::Mac,
                DataType::Application => Form::Application,
                DataType::Lists => Form::Document(Table::Lists),
            },
        }
    }

    fn named(self) -> String {
        let column = match self {
            Self::Sequence => return "sequence".to_owned(),
            Self::Received => return "time_received".to_owned(),
            Self::Source => return "srcip".to_owned(),
            Self::Destination => return "dstip".to_owned(),
            Self::Column(column) => column,
        };
        column.stored_name().to_owned()
    }
}

impl Form {
    /// Octets of a value in a journal.
    pub fn octets(self, v6: bool) -> usize {
        match self {
            Self::Number(bits) => usize::from(bits / 8),
            Self::Time | Self::Sequence => 8,
            Self::Address if v6 => 16,
            Self::Address | Self::Ipv4 | Self::Document(_) => 4,
            Self::Ipv6 | Self::Application => 16,
            Self::Mac => 6,
        }
    }
}

/// The value that stands in rows of a column which the source does not tell; none where each row that stands there is told.
pub fn mark(column: Column, source: Source) -> Option<u64> {
    match column.absence() {
        Absence::Mark(mark) => Some(mark),
        Absence::Zero if source != Source::Host && Column::UNTELLABLE & column.bit() == 0 => {
            Some(0)
        }
        Absence::Zero | Absence::Never | Absence::Whole | Absence::Batch => None,
    }
}

/// Whether rows of a column, even if they tell nothing, say how those of another are to be read: where a batch has egress VLANs, its other
/// VLANs are those at ingress. (So do egress interfaces, but these are told in all rows or in none.)
pub fn is_shaping(column: Column) -> bool {
    column == Column::DestinationVlan
}

/// Which rows of a batch tell a column, as it is stored. Where batches say as a whole that they tell nothing, 0 is told by all others: so it is
/// with interfaces.
pub fn told(batch: &FlowBatch, column: Column) -> Presence<'_> {
    match Column::UNTELLABLE & column.bit() {
        0 => batch.presence(column),
        bit if batch.untold & bit == 0 => Presence::All,
        _ => Presence::None,
    }
}

/// Whether its values are profiles of addresses.
pub fn is_of_profiles(item: Item) -> bool {
    matches!(item.form(), Form::Document(Table::Profiles))
}

/// What has to be read along with an item, so that it means the same.
pub fn companion(item: Item) -> Option<Item> {
    match item {
        Item::Column(Column::Vlan) => Some(Item::Column(Column::DestinationVlan)),
        Item::Column(Column::Interface) => Some(Item::Column(Column::OutputInterface)),
        _ => None,
    }
}

/// The columns that a batch tells in all of its rows or in none, or that shape it: records that differ in them do not fit into one batch.
pub fn whole_columns(batch: &FlowBatch) -> u128 {
    let is_told = |column: &&Column| match column.absence() {
        Absence::Whole => batch.untold & column.bit() == 0,
        _ => {
            let is_whole = mark(**column, batch.observed_by).is_none() || is_shaping(**column);
            is_whole && column.is_filled(batch) && batch.untold & column.bit() == 0
        }
    };
    Column::ALL.iter().filter(is_told).fold(0, |set, column| set | column.bit())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_plain_and_differ() {
        let names: BTreeSet<&str> = Item::all().iter().map(|item| item.name()).collect();
        assert_eq!(names.len(), Item::all().len());
        assert_eq!(names.len(), Column::ALL.len() + 3);
        for name in names {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            assert!(name.chars().all(plain), "{name}");
            assert!(!["timestamp", "start", "end", "order", "group"].contains(&name), "{name}");
        }
    }

    #[test]
    fn every_item_is_found_by_place_and_name() {
        for (place, item) in Item::all().iter().enumerate() {
            assert_eq!(item.place(), place, "{item:?}");
            assert_eq!(Item::find(item.name()), Some(*item));
        }
        assert_eq!(Item::of(Column::Received), Item::Received);
        assert_eq!(Item::find("nothing"), None);
    }
}
