//! Which columns a field is read from: what a reader of stored flows has to load before anybody asks for the field.

use super::{By, Condition, Field, Number, Quantity, Reading};
use crate::flow::{batch::FlowBatch, columns::Column, device::AddressColumn, profile::Side};

/// Columns that have to be there: a batch in which all others are empty of meaning gives the same values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Columns of the table, a bit each ([`Column::bit`]).
    pub columns: u128,
    /// Source addresses.
    pub source: bool,
    /// Destination addresses.
    pub destination: bool,
}

impl Needs {
    /// Nothing.
    pub const NONE: Self = Self::columns(0);

    /// Everything.
    pub const ALL: Self = Self { columns: all(Column::ALL), source: true, destination: true };

    /// Columns of the table alone.
    pub const fn columns(columns: u128) -> Self {
        Self { columns, source: false, destination: false }
    }

    /// The addresses of one side.
    pub const fn address(side: Side) -> Self {
        let source = matches!(side, Side::Source);
        Self { columns: 0, source, destination: !source }
    }

    /// The profiles of the addresses of one side.
    pub const fn profile(side: Side) -> Self {
        Self::columns(match side {
            Side::Source => Column::SourceProfile.bit(),
            Side::Destination => Column::DestinationProfile.bit(),
        })
    }

    /// What either needs.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            columns: self.columns | other.columns,
            source: self.source || other.source,
            destination: self.destination || other.destination,
        }
    }

    /// What `self` needs and `other` does not.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self {
            columns: self.columns & !other.columns,
            source: self.source && !other.source,
            destination: self.destination && !other.destination,
        }
    }

    /// Whether nothing is needed.
    pub const fn is_empty(self) -> bool {
        self.columns == 0 && !self.source && !self.destination
    }

    /// The names of what is needed: that which stands in a column of the table has the name of that.
    pub fn names(self) -> Vec<&'static str> {
        let columns = Column::ALL.iter().filter(|column| self.has(**column));
        let addresses = [(self.source, "srcip"), (self.destination, "dstip")];
        let addresses = addresses.into_iter().filter(|(needed, _)| *needed).map(|(_, name)| name);
        addresses.chain(columns.map(|column| column.name())).collect()
    }

    /// Whether the column is needed.
    pub const fn has(self, column: Column) -> bool {
        self.columns & column.bit() != 0
    }
}

/// The columns of all of them.
const fn all(columns: &[Column]) -> u128 {
    let (mut bits, mut at) = (0, 0);
    while at < columns.len() {
        bits |= columns[at].bit();
        at += 1;
    }
    bits
}

/// By them `flow::initiator` says who opened a connection.
const OPENED: u128 = Column::PORTS
    | all(&[
        Column::Initiator,
        Column::Protocol,
        Column::TcpFlags,
        Column::Packets,
        Column::IcmpTypeCode,
    ]);

/// By them a row finds an interface: which way it went, and whose interfaces are numbered.
const INTERFACES: u128 = all(&[
    Column::Interface,
    Column::OutputInterface,
    Column::Direction,
    Column::Device,
    Column::ObservationPoint,
]);

impl Field {
    /// The columns that it is read from.
    pub fn needs(&self) -> Needs {
        self.reading.needs()
    }
}

impl Reading {
    fn needs(&self) -> Needs {
        match self {
            Self::Unfilled | Self::Batch(_) | Self::Dns(_) => Needs::NONE,
            Self::Profile(side, _) => Needs::profile(*side),
            Self::Numbers(first, second) => {
                first.needs().and(second.map_or(Needs::NONE, Number::needs))
            }
            Self::Coded(quantity, _) => quantity.needs(),
            Self::Mac(column) | Self::NotZero(column) => Needs::columns(column.bit()),
            Self::TcpFlag(_) => Condition::TcpFlags.needs(),
            Self::Address(side) => Needs::address(*side),
            Self::RoleAddress(_) => Needs { columns: OPENED, source: true, destination: true },
            Self::OptionalAddress(column) => column.needs(),
            Self::Told(by, _) => by.needs(),
            Self::Row(columns, _) => Needs::columns(*columns),
        }
    }
}

impl AddressColumn {
    /// Where its addresses stand.
    fn needs(self) -> Needs {
        let (v4, v6) = self.columns();
        Needs::columns(v4.bit() | v6.bit())
    }
}

impl Number {
    fn needs(self) -> Needs {
        self.quantity.needs().and(self.condition.needs())
    }
}

impl Quantity {
    /// The columns that it is computed from.
    pub fn needs(self) -> Needs {
        Needs::columns(match self {
            Self::Column(column) => column.bit(),
            Self::IcmpCode => Column::IcmpTypeCode.bit(),
            Self::Duration => all(&[Column::Start, Column::End]),
            Self::OctetsPerPacket => all(&[Column::Octets, Column::Packets]),
            Self::SampleRate => Column::SampleRate.bit(),
            Self::BitsTimesRate => all(&[Column::Octets, Column::SampleRate]),
            Self::PacketsTimesRate => all(&[Column::Packets, Column::SampleRate]),
            Self::Opened | Self::RolePort(_) => OPENED,
        })
    }
}

impl Condition {
    fn needs(self) -> Needs {
        match self {
            Self::Always | Self::Host => Needs::NONE,
            Self::Tcp => Needs::columns(Column::Protocol.bit()),
            Self::TcpFlags => Needs::columns(all(&[Column::Protocol, Column::TcpFlags])),
            Self::Icmp => Needs::columns(all(&[Column::Protocol, Column::IcmpTypeCode])),
            Self::Packets => Needs::columns(all(&[Column::Octets, Column::Packets])),
            Self::Told(column) | Self::Reported(column) => Needs::columns(column.bit()),
            Self::NotZero(quantity) => quantity.needs(),
            Self::PortOf(_) => Needs::columns(OPENED),
            Self::Input | Self::Output => {
                Needs::columns(all(&[Column::OutputInterface, Column::Direction]))
            }
            Self::InputVlan | Self::OutputVlan => {
                Needs::columns(all(&[Column::Vlan, Column::DestinationVlan, Column::Direction]))
            }
        }
    }
}

impl By {
    fn needs(self) -> Needs {
        Needs::columns(match self {
            Self::Device => Column::Device.bit(),
            Self::Input | Self::Output | Self::Interface => INTERFACES,
            Self::Application => all(&[Column::Application, Column::Device]),
            Self::InputVrf => all(&[Column::InputVrf, Column::Device]),
            Self::OutputVrf => all(&[Column::OutputVrf, Column::Device]),
            Self::Tags => all(&[Column::Tags, Column::Device]),
            Self::Point => Column::ObservationPoint.bit(),
            Self::Properties => Column::CommonProperties.bit(),
        })
    }
}

impl FlowBatch {
    /// A batch of the same kind, with the tables that its columns number, and without rows.
    #[must_use]
    pub fn alike(&self) -> Self {
        Self {
            profiles: self.profiles.clone(),
            tag_sets: self.tag_sets.clone(),
            port_labels: self.port_labels.clone(),
            devices: self.devices.clone(),
            skews: self.skews.clone(),
            untold: self.untold,
            points: self.points.clone(),
            properties: self.properties.clone(),
            label_sets: self.label_sets.clone(),
            offered: self.offered,
            ..Self::without_rows(self.observed_by, self.addresses.without_rows())
        }
    }

    /// Makes columns those of another batch, which it is [alike](Self::alike): all of their rows, or `rows`. Whatever is not among
    /// `needs` stays as it is.
    pub fn copy(&mut self, from: &Self, needs: Needs, rows: Option<&[u32]>) {
        self.copy_columns(from, needs.columns, rows);
        self.addresses.copy(&from.addresses, (needs.source, needs.destination), rows);
    }

    /// Takes away what is not needed: columns that must have rows get such as mean nothing. For tests of what needs what.
    #[cfg(any(test, feature = "testing"))]
    pub fn forget_all_but(&mut self, needs: Needs) {
        use crate::flow::addresses::Addresses;
        fn blank<T: Default>(column: &mut [T], needed: bool) {
            if !needed {
                column.fill_with(T::default);
            }
        }
        let rows = self.len();
        self.clear_all_but(needs.columns);
        match &mut self.addresses {
            Addresses::V4 { source, destination } => {
                blank(source, needs.source);
                blank(destination, needs.destination);
            }
            Addresses::V6 { source, destination } => {
                blank(source, needs.source);
                blank(destination, needs.destination);
            }
        }
        self.level_columns(rows);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::flow::{
        fields::{FIELDS, OwnedValue, Row},
        interfaces::Interfaces,
        testing::batches,
    };

    proptest! {
        /// What is copied, of all rows or of some, has the values of the original.
        #[test]
        fn copies_have_the_same_values(batch in batches(40), picked in proptest::collection::vec(any::<bool>(), 40)) {
            let interfaces = Interfaces::default();
            let rows: Vec<u32> = (0..batch.len() as u32).filter(|row| picked[*row as usize]).collect();
            for field in FIELDS {
                let (mut all, mut some) = (batch.alike(), batch.alike());
                all.packets.resize(batch.len(), 0);
                some.packets.resize(rows.len(), 0);
                all.copy(&batch, field.needs(), None);
                some.copy(&batch, field.needs(), Some(&rows));
                let value = |batch, row| OwnedValue::of(field.value(Row { batch, row, interfaces: &interfaces }));
                for row in 0..batch.len() {
                    prop_assert_eq!(value(&all, row), value(&batch, row), "{}", field.name);
                }
                for (at, row) in rows.iter().enumerate() {
                    prop_assert_eq!(value(&some, at), value(&batch, *row as usize), "{}", field.name);
                }
            }
        }

        /// A field has the same values in a batch that has nothing but what it needs.
        #[test]
        fn nothing_else_is_read(batch in batches(40)) {
            let interfaces = Interfaces::default();
            for field in FIELDS {
                let mut needed = batch.clone();
                needed.forget_all_but(field.needs());
                for row in 0..batch.len() {
                    let value = |batch: &FlowBatch| {
                        OwnedValue::of(field.value(Row { batch, row, interfaces: &interfaces }))
                    };
                    prop_assert_eq!(value(&batch), value(&needed), "{} in row {}", field.name, row);
                }
            }
        }
    }
}
