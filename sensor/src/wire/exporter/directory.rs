//! All exporters, within a budget of memory.
//!
//! When the budget is used up, exporters that have sent templates but never decodable data go first, the oldest of them
//! before the others; then those whose data have stopped. If all are in use, the newcomer gets nothing: no flood of
//! templates, from however many addresses, takes the templates of an exporter whose flows are decoded.

use std::{collections::VecDeque, net::IpAddr};

use hashbrown::HashMap;

use super::device::{DEVICE_COST, Device, Profile};
use crate::wire::ledger::Ledger;

/// Bounds of memory and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets of memory for all exporters.
    pub total: usize,
    /// Octets of memory for one exporter.
    pub exporter: usize,
    /// Octets of sets that wait for templates, for one stream of one exporter.
    pub waiting: usize,
    /// Milliseconds without data after which an exporter may be forgotten, or one of its streams.
    pub stale: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { total: 64 << 20, exporter: 4 << 20, waiting: 128 << 10, stale: 3_600_000 }
    }
}

/// An address as one number: every datagram asks for its exporter.
type Key = u128;

fn key(address: IpAddr) -> Key {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// All exporters.
#[derive(Debug, Default)]
pub struct Directory {
    devices: HashMap<Key, Box<Device>>,
    /// Devices in the order in which they came, as long as they may be unproven.
    unproven: VecDeque<IpAddr>,
    used: usize,
    last_search: u64,
    /// What became of the datagrams of exporters that are forgotten.
    pub forgotten: Ledger,
    /// Exporters that were forgotten to make room.
    pub evictions: u64,
}

impl Directory {
    /// All exporters.
    pub fn devices(&self) -> impl Iterator<Item = &Device> {
        self.devices.values().map(|device| &**device)
    }

    /// The exporter at `address`.
    pub fn device(&self, address: IpAddr) -> Option<&Device> {
        self.devices.get(&key(address)).map(|device| &**device)
    }

    /// Octets of memory that they take, about.
    pub fn used(&self) -> usize {
        self.used
    }

    /// The exporter at `address`, a new one with `profile` where there is none; none when no memory is left for it.
    pub fn device_mut(
        &mut self,
        address: IpAddr,
        now: u64,
        limits: &Limits,
        profile: impl FnOnce(IpAddr) -> Profile,
    ) -> Option<&mut Device> {
        if !self.devices.contains_key(&key(address)) {
            if !self.make_room(DEVICE_COST, now, limits, None) {
                return None;
            }
            self.used += DEVICE_COST;
            self.unproven.push_back(address);
            self.devices.insert(key(address), Box::new(Device::new(address, profile(address))));
        }
        self.devices.get_mut(&key(address)).map(|device| &mut **device)
    }

    /// The exporter at `address`, if there is one.
    pub fn existing(&mut self, address: IpAddr) -> Option<&mut Device> {
        self.devices.get_mut(&key(address)).map(|device| &mut **device)
    }

    /// Changes every exporter, and keeps account of the memory.
    pub fn for_each(&mut self, mut change: impl FnMut(&mut Device)) {
        for device in self.devices.values_mut() {
            let before = device.total_cost();
            change(device);
            self.used = self.used + device.total_cost() - before;
        }
    }

    /// Enters that the memory of an exporter has changed from `before` to `after` octets.
    pub fn account(&mut self, before: usize, after: usize) {
        self.used = self.used + after - before;
    }

    /// Forgets exporters until `octets` more fit, but never the one at `keep`; false when they cannot.
    pub fn make_room(
        &mut self,
        octets: usize,
        now: u64,
        limits: &Limits,
        keep: Option<IpAddr>,
    ) -> bool {
        for _ in 0..self.unproven.len() {
            if self.used + octets <= limits.total {
                break;
            }
            let Some(oldest) = self.unproven.pop_front() else { break };
            if Some(oldest) == keep {
                self.unproven.push_back(oldest);
                continue;
            }
            if self.devices.get(&key(oldest)).is_some_and(|device| device.last_decoded == 0) {
                self.forget(oldest);
            }
        }
        if self.used + octets > limits.total && now.saturating_sub(self.last_search) >= 10_000 {
            self.last_search = now;
            let stale: Vec<IpAddr> = self
                .devices
                .values()
                .map(|device| (device.exporter.address, device))
                .filter(|(address, device)| {
                    Some(*address) != keep
                        && now.saturating_sub(device.last_decoded) >= limits.stale
                })
                .map(|(address, _)| address)
                .collect();
            for address in stale {
                self.forget(address);
            }
        }
        self.used + octets <= limits.total
    }

    fn forget(&mut self, address: IpAddr) {
        if let Some(mut device) = self.devices.remove(&key(address)) {
            device.give_up_waiting();
            self.used -= device.total_cost();
            self.forgotten += device.ledger;
            self.evictions += 1;
        }
    }
}
