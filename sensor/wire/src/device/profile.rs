//! What the configuration says of a device beforehand, whatever the device says of itself.

use std::{collections::BTreeMap, net::IpAddr};

use sensor_core::flow::{
    device::Device,
    interfaces::{Interface, Interfaces},
};

use super::room::Standing;
use crate::template::compile::OutCounters;

/// What is configured for a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceProfile {
    /// Its name.
    pub name: String,
    /// Its site.
    pub site: String,
    /// Tags for its flows.
    pub tags: Vec<String>,
    /// One of how many packets it samples, whatever it says itself.
    pub sample_rate: Option<u32>,
    /// Whether room is reserved for it.
    pub standing: Standing,
    /// What its OUT counters count.
    pub out_counters: OutCounters,
    /// Names of its interfaces, by SNMP index, whatever it says itself.
    pub interfaces: BTreeMap<u32, String>,
}

impl DeviceProfile {
    /// Octets of memory that its texts take.
    pub fn cost(&self) -> usize {
        let texts = [&self.name, &self.site].into_iter().chain(&self.tags);
        let interfaces = self.interfaces.values().map(|name| name.len() + 96);
        texts.map(|text| text.len() + 40).chain(interfaces).sum()
    }

    /// The device at `address`, of which nothing else is known.
    pub fn device(self, address: IpAddr) -> Device {
        let Self { name, site, tags, interfaces, .. } = self;
        let interface = |(index, name)| (index, Interface { name, alias: String::new() });
        let interfaces = Interfaces(interfaces.into_iter().map(interface).collect());
        Device { name, site, tags, interfaces, ..Device::new(address) }
    }

    /// Gives `device` what is configured instead of what `before` said. What the device has told of itself stays; the name of an
    /// interface that was configured and is so no more is unknown until the device tells it again.
    pub fn relabel(&self, before: &Self, device: &mut Device) {
        device.name.clone_from(&self.name);
        device.site.clone_from(&self.site);
        device.tags.clone_from(&self.tags);
        let interfaces = &mut device.interfaces.0;
        for index in before.interfaces.keys().filter(|index| !self.interfaces.contains_key(index)) {
            if let Some(interface) = interfaces.get_mut(index) {
                interface.name.clear();
                if interface.alias.is_empty() {
                    interfaces.remove(index);
                }
            }
        }
        for (index, name) in &self.interfaces {
            interfaces.entry(*index).or_default().name.clone_from(name);
        }
    }

    /// Whether flows are labelled as `other` says.
    pub fn labels_as(&self, other: &Self) -> bool {
        (&self.name, &self.site, &self.tags, &self.interfaces)
            == (&other.name, &other.site, &other.tags, &other.interfaces)
    }
}
