//! How a field follows from the columns, as data: the value in a row, tests of whole columns and the list of what is filled
//! all come from the same row of the table.

use sensor_common::packet::ip::protocol;

use super::{DnsReading, Row, Value};
use crate::flow::{
    batch::{FlowBatch, Source},
    columns::{Absence, Column},
    device::AddressColumn,
    initiator::{Opened, Role, opened, port},
    profile::{Attribute, Side},
};

/// The TCP flags of which a cloud tells that no packet had them: FIN, SYN and RST. Packets with ACK alone, and what comes with
/// it, leave nothing in a flow log: where the others are not set, they may have been.
pub(crate) const TOLD_BY_CLOUDS: u16 = 0x7;

/// How a field is read.
#[derive(Clone, Copy)]
pub enum Reading {
    /// The field is part of the language, but no source fills it yet.
    Unfilled,
    /// It hangs on an address, and is found in that address's profile.
    Profile(Side, Attribute),
    /// A number; where the first does not apply, the second may. Never do both.
    Numbers(Number, Option<Number>),
    /// A value for a number of 8 bits; absent where the number stands for none.
    Coded(Quantity, fn(u8) -> Value<'static>),
    /// A MAC address.
    Mac(Column),
    /// Whether one of these TCP flags is set.
    TcpFlag(u16),
    /// Whether a column has something else than 0.
    NotZero(Column),
    /// An address of the flow.
    Address(Side),
    /// The address of the end that plays a role, where it is known or guessed which that is.
    RoleAddress(Role),
    /// An address that need not be there.
    OptionalAddress(AddressColumn),
    /// The same in all rows of a batch.
    Batch(fn(Row<'_>) -> Value<'_>),
    /// What the device tells about a number, and about nothing else in the row.
    Told(By, fn(Row<'_>) -> Value<'_>),
    /// Computed from these columns of the row.
    Row(u128, fn(Row<'_>) -> Value<'_>),
    /// Read of a DNS record, which is no row of flows.
    Dns(DnsReading),
}

/// The number by which texts about a flow are found, among those of its device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum By {
    /// None: it is about the device itself.
    Device,
    /// Input interface.
    Input,
    /// Output interface.
    Output,
    /// The interface that saw the flow.
    Interface,
    /// Application.
    Application,
    /// VRF on the way in.
    InputVrf,
    /// VRF on the way out.
    OutputVrf,
    /// Set of tags, whosever number it is.
    Tags,
    /// Observation point, whosever number it is.
    Point,
    /// Common properties, whosever number it is.
    Properties,
}

/// A number that each row has, stored or computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quantity {
    /// What a column stores.
    Column(Column),
    /// ICMP code.
    IcmpCode,
    /// Milliseconds from the first to the last packet.
    Duration,
    /// Octets per packet, rounded down; 0 without packets.
    OctetsPerPacket,
    /// One of how many packets was counted: 1 on the host, 0 where nobody said.
    SampleRate,
    /// Bits times the sample rate.
    BitsTimesRate,
    /// Packets times the sample rate.
    PacketsTimesRate,
    /// Who opened the connection, as [`Opened::number`].
    Opened,
    /// Port of the end that plays a role; 0 where that is neither known nor guessed, or the port is not told.
    RolePort(Role),
}

/// How a quantity is computed.
#[derive(Clone, Copy)]
pub struct Computation {
    /// Its number, below [`Self::COUNT`]: what was computed of a chunk of rows is kept by it.
    pub number: usize,
    /// The number in a row.
    pub of_row: fn(&FlowBatch, usize) -> u64,
    /// The numbers in rows that follow each other, from this one on: one loop in place of a call for each.
    pub of_rows: fn(&FlowBatch, usize, &mut [u64]),
}

impl Computation {
    /// How many there are.
    pub const COUNT: usize = 9;
}

macro_rules! computation {
    ($number:literal, |$batch:ident, $row:ident| $value:expr) => {
        Computation {
            number: $number,
            of_row: |$batch, $row| $value,
            of_rows: |$batch, first, numbers| {
                for (at, number) in numbers.iter_mut().enumerate() {
                    let $row = first + at;
                    *number = $value;
                }
            },
        }
    };
}

impl Quantity {
    /// How it is computed; `None` for what a column stores.
    pub fn computation(self) -> Option<Computation> {
        Some(match self {
            Self::Column(_) => return None,
            Self::IcmpCode => {
                computation!(0, |batch, row| (batch.icmp_type_code[row] & 0xff).into())
            }
            Self::Duration => {
                computation!(1, |batch, row| batch.end[row].saturating_sub(batch.start[row]))
            }
            Self::OctetsPerPacket => {
                computation!(2, |batch, row| batch.octets[row]
                    .checked_div(batch.packets[row])
                    .unwrap_or(0))
            }
            Self::SampleRate => {
                computation!(3, |batch, row| batch.sample_rate(row).unwrap_or(0).into())
            }
            Self::BitsTimesRate => {
                computation!(4, |batch, row| batch.scaled(row, batch.octets[row].saturating_mul(8)))
            }
            Self::PacketsTimesRate => {
                computation!(5, |batch, row| batch.scaled(row, batch.packets[row]))
            }
            Self::Opened => {
                computation!(6, |batch, row| Opened::number(opened(batch, row)).into())
            }
            Self::RolePort(Role::Client) => {
                computation!(7, |batch, row| port(batch, row, Role::Client).unwrap_or(0).into())
            }
            Self::RolePort(Role::Server) => {
                computation!(8, |batch, row| port(batch, row, Role::Server).unwrap_or(0).into())
            }
        })
    }

    /// The number in a row; 0 where the column has no rows.
    pub fn value(self, batch: &FlowBatch, row: usize) -> u64 {
        match (self, self.computation()) {
            (Self::Column(column), _) => column.number(batch, row),
            (_, Some(computation)) => (computation.of_row)(batch, row),
            (_, None) => 0,
        }
    }

    /// The highest that it can be.
    pub fn maximum(self) -> u64 {
        match self {
            Self::Column(column) => column.maximum(),
            Self::IcmpCode => u8::MAX.into(),
            Self::SampleRate => u32::MAX.into(),
            Self::Opened => u8::MAX.into(),
            Self::RolePort(_) => u16::MAX.into(),
            Self::Duration
            | Self::OctetsPerPacket
            | Self::BitsTimesRate
            | Self::PacketsTimesRate => u64::MAX,
        }
    }

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Column(column) => column.name(),
            Self::IcmpCode => "icmpcode",
            Self::Duration => "duration",
            Self::OctetsPerPacket => "bytesperpacket",
            Self::SampleRate => "samplerate",
            Self::BitsTimesRate => "bitsxrate",
            Self::PacketsTimesRate => "packetsxrate",
            Self::Opened => "initiator",
            Self::RolePort(Role::Client) => "clientport",
            Self::RolePort(Role::Server) => "serverport",
        }
    }
}

/// When a row has a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Always.
    Always,
    /// TCP.
    Tcp,
    /// TCP, where the flags are told.
    TcpFlags,
    /// ICMP of either version, where types and codes are told.
    Icmp,
    /// There are packets, and both they and their octets are told.
    Packets,
    /// The row tells something in the column.
    Told(Column),
    /// The number is not 0.
    NotZero(Quantity),
    /// It is known or guessed which end plays the role, and its port is told.
    PortOf(Role),
    /// The flows are the host's.
    Host,
    /// The flows are not the host's, and the row tells something in the column.
    Reported(Column),
    /// The ingress interface is the one in the column of interfaces.
    Input,
    /// The egress interface is.
    Output,
    /// The VLAN at ingress is the one in the column of VLANs, and there is one.
    InputVlan,
    /// The VLAN at egress is.
    OutputVlan,
}

impl Condition {
    /// Whether it holds in a row.
    pub fn holds(self, row: &Row<'_>) -> bool {
        let (batch, at) = (row.batch, row.row);
        match self {
            Self::Always => true,
            Self::Tcp => batch.protocol[at] == protocol::TCP,
            Self::TcpFlags => Self::Tcp.holds(row) && batch.tells(Column::TcpFlags, at),
            Self::Icmp => {
                matches!(batch.protocol[at], protocol::ICMP | protocol::ICMPV6)
                    && batch.tells(Column::IcmpTypeCode, at)
            }
            Self::Packets => {
                batch.packets[at] != 0
                    && batch.tells(Column::Packets, at)
                    && batch.tells(Column::Octets, at)
            }
            Self::Told(column) => batch.tells(column, at),
            Self::NotZero(quantity) => quantity.value(batch, at) != 0,
            Self::PortOf(role) => port(batch, at, role).is_some(),
            Self::Host => batch.observed_by == Source::Host,
            Self::Reported(column) => batch.observed_by != Source::Host && batch.tells(column, at),
            // A cloud's interfaces have names, not numbers.
            Self::Input | Self::Output if batch.observed_by.is_cloud() => false,
            Self::Input | Self::Output if batch.untold & Column::Interface.bit() != 0 => false,
            Self::Input => !batch.output_interface.is_empty() || !batch.is_egress(at),
            Self::Output => batch.output_interface.is_empty() && batch.is_egress(at),
            Self::InputVlan => {
                batch.vlan[at] != 0 && (!batch.destination_vlan.is_empty() || !batch.is_egress(at))
            }
            Self::OutputVlan => {
                batch.vlan[at] != 0 && batch.destination_vlan.is_empty() && batch.is_egress(at)
            }
        }
    }
}

/// How a field's number follows from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// It is the same.
    One,
    /// Eight times as much, at most the highest number.
    Bits,
    /// A thousandth, rounded down.
    Seconds,
    /// Without so many low bits.
    UpperBits(u8),
}

impl Scale {
    /// The field's number.
    pub fn apply(self, number: u64) -> u64 {
        match self {
            Self::One => number,
            Self::Bits => number.saturating_mul(8),
            Self::Seconds => number / 1000,
            Self::UpperBits(low) => number >> low,
        }
    }
}

/// Where a field's numbers come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    /// What it is made of.
    pub quantity: Quantity,
    /// When there is one.
    pub condition: Condition,
    /// What is done to it.
    pub scale: Scale,
}

/// The number in a column, as it is, always.
pub(super) const fn of(column: Column) -> Number {
    quantity(Quantity::Column(column))
}

/// The number as it is, always.
pub(super) const fn quantity(quantity: Quantity) -> Number {
    Number { quantity, condition: Condition::Always, scale: Scale::One }
}

/// A value for the number in a column.
pub(super) const fn coded(column: Column, value: fn(u8) -> Value<'static>) -> Reading {
    Reading::Coded(Quantity::Column(column), value)
}

/// The number in a column where a row tells it.
pub(super) const fn told(column: Column) -> Number {
    of(column).when(Condition::Told(column))
}

impl Number {
    /// The number where `condition` holds.
    pub(super) const fn when(mut self, condition: Condition) -> Self {
        self.condition = condition;
        self
    }

    /// The number as `scale` makes it.
    pub(super) const fn scaled(mut self, scale: Scale) -> Self {
        self.scale = scale;
        self
    }

    /// The number in a row; `None` where there is none.
    pub fn value(self, row: &Row<'_>) -> Option<u64> {
        self.condition.holds(row).then(|| self.scale.apply(self.quantity.value(row.batch, row.row)))
    }
}

impl Reading {
    /// The numbers that the field is read from.
    pub fn numbers(&self) -> impl Iterator<Item = Number> {
        let numbers = match self {
            Self::Numbers(first, second) => [Some(*first), *second],
            Self::Mac(column) => [Some(told(*column)), None],
            _ => [None; 2],
        };
        numbers.into_iter().flatten()
    }

    /// Whether it is absent from all flows of the host.
    pub(super) fn is_of_devices(&self) -> bool {
        let is_told_by_devices = |number: Number| match number.condition {
            Condition::Reported(_) => true,
            Condition::Told(column) => column.is_of_routers(),
            _ => false,
        };
        match self {
            Self::Numbers(..) => self.numbers().all(is_told_by_devices),
            Self::Coded(Quantity::Column(column), _) | Self::Mac(column) => column.is_of_routers(),
            Self::OptionalAddress(_) => true,
            Self::Told(by, _) => match by {
                By::Device
                | By::Application
                | By::InputVrf
                | By::OutputVrf
                | By::Point
                | By::Properties => true,
                By::Input | By::Output | By::Interface | By::Tags => false,
            },
            _ => false,
        }
    }

    /// The column whose numbers are the field's as they are, in every row of the batches that tell it.
    pub fn plain_column(&self) -> Option<Column> {
        match self {
            Self::Numbers(
                Number { quantity: Quantity::Column(column), condition, scale: Scale::One },
                None,
            ) => match (condition, column.absence()) {
                (Condition::Always, _) => Some(*column),
                (Condition::Told(told), Absence::Whole) if told == column => Some(*column),
                _ => None,
            },
            _ => None,
        }
    }

    /// The value in a row; numbers become values by `number`.
    pub(super) fn value<'a>(&self, row: Row<'a>, number: fn(u64) -> Value<'a>) -> Value<'a> {
        let (batch, at) = (row.batch, row.row);
        match self {
            Self::Unfilled | Self::Dns(_) => Value::Absent,
            Self::Profile(side, attribute) => batch.profile(*side, at).attribute(*attribute),
            Self::Numbers(first, second) => {
                let value =
                    first.value(&row).or_else(|| second.and_then(|second| second.value(&row)));
                value.map_or(Value::Absent, number)
            }
            Self::Coded(Quantity::Column(column), _) if !batch.tells(*column, at) => Value::Absent,
            Self::Coded(quantity, value) => value(quantity.value(batch, at) as u8),
            Self::Mac(column) => match batch.tells(*column, at) {
                true => Value::Mac(crate::flow::mac::octets(column.number(batch, at))),
                false => Value::Absent,
            },
            Self::TcpFlag(flag) => match batch.tcp_flags[at] & flag != 0 {
                _ if !Condition::TcpFlags.holds(&row) => Value::Absent,
                false if batch.observed_by.is_cloud() && flag & TOLD_BY_CLOUDS == 0 => {
                    Value::Absent
                }
                is_set => Value::Bool(is_set),
            },
            Self::NotZero(column) => Value::Bool(column.number(batch, at) != 0),
            Self::Address(Side::Source) => Value::Ip(row.source()),
            Self::Address(Side::Destination) => Value::Ip(row.destination()),
            Self::RoleAddress(role) => match opened(batch, at).map(|opened| role.side(opened.by)) {
                Some(Side::Source) => Value::Ip(row.source()),
                Some(Side::Destination) => Value::Ip(row.destination()),
                None => Value::Absent,
            },
            Self::OptionalAddress(column) => {
                batch.address(*column, at).map_or(Value::Absent, Value::Ip)
            }
            Self::Batch(read) | Self::Told(_, read) | Self::Row(_, read) => read(row),
        }
    }
}
