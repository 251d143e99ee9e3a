//! The rows of a batch that a flow of a test, or several alike, stand for.

use std::{net::IpAddr, sync::Arc};

use sensor_common::{
    key::Direction,
    packet::{Fragment, ip::protocol},
};

use super::{Draft, columns};
use crate::flow::{
    batch::{Addresses, DIRECTION_UNTOLD, FlowBatch, Source, TCP_FLAGS_UNTOLD},
    columns::Column,
    profile::{Profile, Profiles},
};

impl Draft {
    /// How many flows it stands for.
    pub fn count(&self) -> u64 {
        self.repeat.max(1)
    }

    /// Milliseconds from the first of them to one.
    pub fn after(&self, number: u64) -> u64 {
        number.saturating_mul(self.every) / 1000
    }

    /// One of the flows that it stands for.
    pub fn row(&self, number: u64) -> Self {
        let mut row = self.clone();
        row.start = row.start.saturating_add(self.after(number));
        row.end = row.end.saturating_add(self.after(number));
        row.received = row.received.map(|time| time.saturating_add(self.after(number)));
        for (field, step) in &self.vary {
            let by = number.wrapping_mul(*step);
            match field.as_str() {
                "srcip" => row.addresses[0] = moved(row.addresses[0], by),
                "dstip" => row.addresses[1] = moved(row.addresses[1], by),
                "srcport" => row.ports[0] = row.ports[0].wrapping_add(by as u16),
                "dstport" => row.ports[1] = row.ports[1].wrapping_add(by as u16),
                "packets" => row.packets = row.packets.wrapping_add(by),
                "octets" => row.octets = row.octets.wrapping_add(by),
                _ => row.interface = row.interface.wrapping_add(by as u32),
            }
        }
        row
    }

    /// True when both may be rows of one batch.
    pub fn is_like(&self, other: &Self) -> bool {
        let shape = |draft: &Self| {
            (
                draft.addresses[0].is_ipv4(),
                draft.observed_by,
                draft.untold,
                draft.device.is_some(),
                draft.output.is_some(),
                draft.received.is_some(),
                draft.columns.keys().copied().collect::<Vec<_>>(),
                draft.point.is_empty(),
                draft.properties.is_empty(),
            )
        };
        shape(self) == shape(other)
    }

    /// An empty batch for it.
    pub fn batch(&self) -> FlowBatch {
        let v4 = self.addresses[0].is_ipv4();
        let mut batch =
            if v4 { FlowBatch::v4(self.observed_by) } else { FlowBatch::v6(self.observed_by) };
        if self.observed_by.is_cloud() {
            batch.untold = Column::UNTOLD_BY_CLOUDS;
            batch.points = Arc::default();
            batch.properties = Arc::default();
        }
        batch.untold |= self.untold;
        batch
    }

    /// Appends it to a batch.
    pub fn push(&self, batch: &mut FlowBatch, profiles: &mut Profiles, known: [Profile; 2]) {
        match (&mut batch.addresses, self.addresses) {
            (Addresses::V4 { source, destination }, [IpAddr::V4(from), IpAddr::V4(to)]) => {
                source.push(from.into());
                destination.push(to.into());
            }
            (Addresses::V6 { source, destination }, [from, to]) => {
                source.push(wide(from));
                destination.push(wide(to));
            }
            (Addresses::V4 { source, destination }, _) => {
                source.push(0);
                destination.push(0);
            }
        }
        let icmp = matches!(self.protocol, protocol::ICMP | protocol::ICMPV6);
        batch.source_port.push(self.ports[0]);
        batch.destination_port.push(self.ports[1]);
        batch.icmp_type_code.push(if icmp { self.icmp } else { 0 });
        batch.protocol.push(self.protocol);
        batch.tos.push(self.tos);
        let cloud = self.observed_by.is_cloud();
        batch.tcp_flags.push(if cloud && self.flags == 0 { TCP_FLAGS_UNTOLD } else { self.flags });
        batch.interface.push(self.interface);
        // A host knows; a router may not tell.
        let untold = match self.observed_by {
            Source::Host => Direction::Ingress as u8,
            _ => DIRECTION_UNTOLD,
        };
        batch.direction.push(self.direction.map_or(untold, |way| way as u8));
        batch.vlan.push(self.vlan);
        batch.octets.push(self.octets);
        batch.packets.push(self.packets);
        batch.start.push(self.start);
        batch.end.push(self.end);
        if !cloud {
            batch.layer2_octets.push(self.octets.saturating_add(self.packets.saturating_mul(14)));
            batch.ttl_min.push(64);
            batch.ttl_max.push(64);
            batch.source_mac.push([2, 0, 0, 0, 0, 1]);
            batch.destination_mac.push([2, 0, 0, 0, 0, 2]);
        }
        batch.fragment.push(Fragment::None as u8);
        batch.folded.push(0);
        batch.end_reason.push(0);
        let [source, destination] = known;
        batch.source_profile.push(profiles.intern(source));
        batch.destination_profile.push(profiles.intern(destination));
        if self.observed_by != Source::Host && !cloud {
            batch.sample_rate.push(self.sample_rate.unwrap_or(0));
        }
        batch.output_interface.extend(self.output);
        batch.received.extend(self.received);
        if let Some(device) = &self.device {
            let devices = &mut batch.devices;
            let place = devices.iter().position(|known| **known == *device);
            let place = place.unwrap_or_else(|| {
                devices.push(Arc::new(device.clone()));
                devices.len() - 1
            });
            batch.device.push(place as u32);
        }
        if !self.point.is_empty() {
            batch.observation_point.push(batch.points.intern(self.point.clone()));
        }
        if !self.properties.is_empty() {
            batch.common_properties.push(batch.properties.intern(self.properties.clone()));
        }
        for (&column, &number) in &self.columns {
            columns::put(batch, column, number);
        }
    }
}

fn moved(address: IpAddr, by: u64) -> IpAddr {
    match address {
        IpAddr::V4(address) => IpAddr::V4(u32::from(address).wrapping_add(by as u32).into()),
        IpAddr::V6(address) => IpAddr::V6(u128::from(address).wrapping_add(by.into()).into()),
    }
}

fn wide(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().into(),
        IpAddr::V6(address) => address.into(),
    }
}
