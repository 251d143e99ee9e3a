//! Devices whose flows come by way of another device, a mediator (RFC 6183), which names them in every record:
//! `exporterIPv4Address` and `exporterIPv6Address` (elements 130 and 131).
//!
//! Names of interfaces, applications and VRFs that the mediator tells are its own, and are not theirs.

use std::{net::IpAddr, sync::Arc};

use hashbrown::HashMap;
use sensor_core::flow::device::Device;

use super::profile::DeviceProfile;

/// Devices that are known behind one device.
const MOST: usize = 4096;

/// The devices behind one device.
#[derive(Debug, Default)]
pub struct Relayed(HashMap<IpAddr, Arc<Device>>);

impl Relayed {
    /// The device at `address`; none where it has not been told, or there was no room for it.
    pub fn get(&self, address: IpAddr) -> Option<&Arc<Device>> {
        self.0.get(&address)
    }

    /// Notes that there is one at `address`, with what is configured for it. Returns the octets of memory that it takes.
    pub fn learn(
        &mut self,
        address: IpAddr,
        profile: impl FnOnce(IpAddr) -> DeviceProfile,
    ) -> usize {
        if self.0.len() >= MOST || self.0.contains_key(&address) {
            return 0;
        }
        let profile = profile(address);
        let cost = size_of::<Device>() + 96 + profile.cost();
        self.0.insert(address, Arc::new(profile.device(address)));
        cost
    }

    /// Gives each of them what `now` says instead of what `before` said. Returns the octets of memory that they take more, and
    /// those that they took before.
    pub fn relabel(
        &mut self,
        before: impl Fn(IpAddr) -> DeviceProfile,
        now: impl Fn(IpAddr) -> DeviceProfile,
    ) -> (usize, usize) {
        let (mut more, mut less) = (0, 0);
        for (address, device) in &mut self.0 {
            let (before, now) = (before(*address), now(*address));
            if !now.labels_as(&before) {
                (more, less) = (more + now.cost(), less + before.cost());
                *device = Arc::new(now.device(*address));
            }
        }
        (more, less)
    }
}
