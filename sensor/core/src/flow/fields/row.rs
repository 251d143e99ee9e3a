//! How fields are read from a row of a batch.

use std::net::IpAddr;

use sensor_common::packet::Fragment;

use super::{Value, direction_name};
use crate::flow::{
    batch::{Addresses, FlowBatch},
    columns::Column,
    initiator::Opened,
    interfaces::Interfaces,
    point::PointAttribute,
    profile::Side,
    properties::CommonProperty,
    protocol as protocols,
};

/// The name of a protocol, or its number if it has none.
pub(super) fn protocol(number: u8) -> Value<'static> {
    protocols::name(number).map_or(Value::NumberText(number.into()), Value::Text)
}

/// Whether a packet was a fragment.
pub(super) fn fragment(number: u8) -> Value<'static> {
    Value::Text(match number {
        kind if kind == Fragment::First as u8 => "first",
        kind if kind == Fragment::Later as u8 => "later",
        _ => "none",
    })
}

/// Which end opened the connection.
pub(super) fn initiator(number: u8) -> Value<'static> {
    Value::text(Opened::from_number(number).map(|opened| opened.by.name()))
}

/// Whether that is a guess.
pub(super) fn is_guessed(number: u8) -> Value<'static> {
    Opened::from_number(number).map_or(Value::Absent, |opened| Value::Bool(opened.guessed))
}

/// One row of a batch, with what is needed to name things in it.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    /// The batch.
    pub batch: &'a FlowBatch,
    /// Row number, below `batch.len()`.
    pub row: usize,
    /// Names of the interfaces.
    pub interfaces: &'a Interfaces,
}

impl<'a> Row<'a> {
    /// Source address.
    pub fn source(&self) -> IpAddr {
        match &self.batch.addresses {
            Addresses::V4 { source, .. } => IpAddr::V4(source[self.row].into()),
            Addresses::V6 { source, .. } => IpAddr::V6(source[self.row].into()),
        }
    }

    /// Destination address.
    pub fn destination(&self) -> IpAddr {
        match &self.batch.addresses {
            Addresses::V4 { destination, .. } => IpAddr::V4(destination[self.row].into()),
            Addresses::V6 { destination, .. } => IpAddr::V6(destination[self.row].into()),
        }
    }

    /// Milliseconds from the first to the last packet.
    pub fn duration(&self) -> u64 {
        self.batch.end[self.row].saturating_sub(self.batch.start[self.row])
    }

    /// `ingress` or `egress`; none where nobody told.
    pub fn direction(&self) -> Option<&'static str> {
        direction_name(self.batch.direction[self.row])
    }

    pub(super) fn bits(&self) -> u64 {
        self.batch.octets[self.row].saturating_mul(8)
    }

    /// An amount that `of` holds, over the duration of the flow.
    pub(super) fn per_second(&self, amount: u64, of: Column) -> Value<'a> {
        match self.duration() {
            _ if !self.batch.tells(of, self.row) => Value::Absent,
            _ if !self.batch.tells(Column::Start, self.row) => Value::Absent,
            0 => Value::Absent,
            duration => Value::Float(amount as f64 * 1000.0 / duration as f64),
        }
    }

    pub(super) fn packets_per_bit(&self) -> Value<'a> {
        match self.bits() {
            0 => Value::Absent,
            _ if !self.batch.tells(Column::Packets, self.row) => Value::Absent,
            bits => Value::Float(self.batch.packets[self.row] as f64 / bits as f64),
        }
    }

    /// The labels of the port on one side, for flows of the protocol with this number.
    pub fn port_label(&self, side: Side, protocol: u8) -> Value<'a> {
        if self.batch.protocol[self.row] != protocol {
            return Value::Absent;
        }
        match self.batch.port(side, self.row) {
            Some(port) => self.batch.port_labels.get(protocol, port),
            None => Value::Absent,
        }
    }

    /// Index of the interface that the flow came in by; none where that is not told, or a cloud's interfaces have names alone.
    pub(crate) fn input_index(&self) -> Option<u32> {
        if self.batch.observed_by.is_cloud() {
            return None;
        }
        let split = !self.batch.output_interface.is_empty();
        (split || !self.batch.is_egress(self.row)).then(|| self.batch.interface[self.row])
    }

    /// The same of the interface that it went out by.
    pub(crate) fn output_index(&self) -> Option<u32> {
        match self.batch.output_interface.get(self.row) {
            _ if self.batch.observed_by.is_cloud() => None,
            Some(index) => Some(*index),
            None => self.batch.is_egress(self.row).then(|| self.batch.interface[self.row]),
        }
    }

    /// The interfaces of the device that saw the flow.
    fn interfaces(&self) -> &'a Interfaces {
        self.device().map_or(self.interfaces, |device| &device.interfaces)
    }

    pub(super) fn interface(&self) -> Value<'a> {
        if self.batch.observed_by.is_cloud() {
            return self.point(PointAttribute::Interface);
        }
        let index =
            if self.batch.is_egress(self.row) { self.output_index() } else { self.input_index() };
        Value::text(index.and_then(|index| self.interfaces().name(index)))
    }

    /// What is told of the observation point.
    pub(super) fn point(&self, attribute: PointAttribute) -> Value<'a> {
        let number = self.batch.observation_point.get(self.row).copied().unwrap_or(0);
        Value::text(self.batch.points.get(number).get(attribute))
    }

    /// What the cloud says in words.
    pub(super) fn property(&self, property: CommonProperty) -> Value<'a> {
        let number = self.batch.common_properties.get(self.row).copied().unwrap_or(0);
        Value::text(self.batch.properties.get(number).get(property))
    }

    /// Name of the interface that the flow came in by.
    pub(super) fn input_name(&self) -> Value<'a> {
        match self.batch.observed_by.is_cloud() {
            true if self.direction() == Some("ingress") => self.point(PointAttribute::Interface),
            true => Value::Absent,
            false => self.input_text(Interfaces::name),
        }
    }

    /// Name of the interface that the flow went out by.
    pub(super) fn output_name(&self) -> Value<'a> {
        match self.batch.observed_by.is_cloud() {
            true if self.direction() == Some("egress") => self.point(PointAttribute::Interface),
            true => Value::Absent,
            false => self.output_text(Interfaces::name),
        }
    }

    pub(super) fn input_text(&self, of: fn(&Interfaces, u32) -> Option<&str>) -> Value<'a> {
        Value::text(self.input_index().and_then(|index| of(self.interfaces(), index)))
    }

    pub(super) fn output_text(&self, of: fn(&Interfaces, u32) -> Option<&str>) -> Value<'a> {
        Value::text(self.output_index().and_then(|index| of(self.interfaces(), index)))
    }
}
