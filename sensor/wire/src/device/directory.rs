//! All devices, within a budget of memory.
//!
//! When the budget is used up, somebody has to go, and [`room`] says who: those who spoke once and fell silent before those
//! who were heard for long; nobody who is configured for the sake of somebody who is not. What tells is data that were
//! decoded: no flood of templates, and none of datagrams that come once from each of many addresses, takes the place of a
//! device whose flows are decoded.
//!
//! The agents of one source have a share of memory, and no more ([`who`] says what an agent is).
//!
//! [`room`]: super::room
//! [`who`]: super::who

use std::net::IpAddr;

use super::{
    profile::DeviceProfile,
    room::{Clocks, Recent, Standing},
    state::{DEVICE_COST, DeviceState},
    table::Table,
    who::Who,
};
use crate::ledger::Ledger;

/// Bounds of memory and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets of memory for all devices.
    pub total: usize,
    /// Octets of memory for one device.
    pub device: usize,
    /// Octets of sets that wait for templates, for one stream of one device.
    pub waiting: usize,
    /// Milliseconds without data after which a device may be forgotten, or one of its streams.
    pub stale: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { total: 64 << 20, device: 4 << 20, waiting: 128 << 10, stale: 3_600_000 }
    }
}

/// Agents that are known behind one source.
pub const MOST_AGENTS: usize = 1024;
/// What part of all memory they may take together.
const AGENTS_SHARE: usize = 4;

/// The agents behind one source.
#[derive(Debug, Default)]
struct Agents {
    count: usize,
    octets: usize,
    /// Those that may have to go.
    clocks: Clocks,
}

/// All devices.
#[derive(Debug, Default)]
pub struct Directory {
    devices: Table<Who, Box<DeviceState>>,
    agents: Table<u128, Agents>,
    clocks: Clocks,
    used: usize,
    /// What became of the datagrams of devices that are forgotten.
    pub forgotten: Ledger,
    /// Devices that were forgotten to make room.
    pub evicted: Recent,
    /// Datagrams of devices for which there was no room.
    pub turned_away: Recent,
}

impl Directory {
    /// All devices.
    pub fn devices(&self) -> impl Iterator<Item = &DeviceState> {
        self.devices.values().map(|device| &**device)
    }

    /// The device at `address`, or of an agent.
    pub fn device(&self, who: impl Into<Who>) -> Option<&DeviceState> {
        self.devices.get(&who.into()).map(|device| &**device)
    }

    /// Octets of memory that they take, about.
    pub fn used(&self) -> usize {
        self.used
    }

    /// The device `who`, a new one with `profile` where there is none, and whether it may take up to `growth` octets more;
    /// none when no memory is left for it.
    pub fn enter(
        &mut self,
        who: Who,
        growth: usize,
        now: u64,
        limits: &Limits,
        profile: impl Fn(IpAddr) -> DeviceProfile,
    ) -> Option<(&mut DeviceState, bool)> {
        let standing = match self.devices.get(&who) {
            Some(device) => device.standing,
            None => {
                let profile = profile_of(who, profile);
                let cost = DEVICE_COST + profile.cost();
                if !self.make_room(cost, profile.standing, now, limits, who) {
                    self.turned_away.note(who.device());
                    return None;
                }
                let standing = profile.standing;
                self.insert(who, DeviceState::new(who, profile));
                standing
            }
        };
        let may_grow = self.used + growth <= limits.total && !who.is_agent()
            || self.make_room(growth, standing, now, limits, who);
        self.devices.get_mut(&who).map(|device| (&mut **device, may_grow))
    }

    fn insert(&mut self, who: Who, device: DeviceState) {
        self.used += device.total_cost();
        self.clocks.enter(device.standing, who);
        if who.is_agent() {
            let agents = self.agents.get_or_insert(who.source, Agents::default);
            agents.count += 1;
            agents.octets += device.total_cost();
            agents.clocks.enter(Standing::Unknown, who);
        }
        self.devices.insert(who, Box::new(device));
        let devices = &self.devices;
        self.clocks.sweep(devices.len(), |key| devices.contains(key));
        if let Some(agents) = self.agents.get_mut(&who.source) {
            agents.clocks.sweep(agents.count, |key| devices.contains(key));
        }
    }

    /// The device `who`, if there is one.
    pub fn existing(&mut self, who: impl Into<Who>) -> Option<&mut DeviceState> {
        self.devices.get_mut(&who.into()).map(|device| &mut **device)
    }

    /// Changes every device, and keeps account of the memory.
    pub fn for_each(&mut self, mut change: impl FnMut(&mut DeviceState)) {
        for device in self.devices.values_mut() {
            let before = device.total_cost();
            change(device);
            self.used = self.used + device.total_cost() - before;
        }
    }

    /// Has all devices go on with what is configured `now` instead of `before`.
    pub fn reprofile(
        &mut self,
        before: &dyn Fn(IpAddr) -> DeviceProfile,
        now: &dyn Fn(IpAddr) -> DeviceProfile,
    ) {
        let all: Vec<Who> = self.devices.values().map(|device| device.who()).collect();
        let mut clocks = Clocks::default();
        for who in all {
            let Some(device) = self.devices.get_mut(&who) else { continue };
            let cost = device.total_cost();
            device.reprofile(&profile_of(who, before), &profile_of(who, now), [before, now]);
            let after = device.total_cost();
            // Whose standing has changed stands elsewhere; everybody finds their circle when the hand comes round.
            clocks.enter(device.standing, who);
            self.account(who, cost, after);
        }
        self.clocks = clocks;
    }

    /// Enters that the memory of `who` has changed from `before` to `after` octets.
    pub fn account(&mut self, who: Who, before: usize, after: usize) {
        self.used = self.used + after - before;
        if who.is_agent()
            && before != after
            && let Some(agents) = self.agents.get_mut(&who.source)
        {
            agents.octets = (agents.octets + after).saturating_sub(before);
        }
    }

    /// Forgets devices until `octets` more fit, for the sake of `keep`, which has `standing`; false when they cannot.
    fn make_room(
        &mut self,
        octets: usize,
        standing: Standing,
        now: u64,
        limits: &Limits,
        keep: Who,
    ) -> bool {
        if keep.is_agent() && !self.make_room_behind(octets, now, limits, keep) {
            return false;
        }
        while self.used + octets > limits.total {
            let devices = &self.devices;
            let look = |key: &Who| {
                devices.get(key).map(|device| device.presence(now, *key == keep, limits.stale))
            };
            let Some(victim) = self.clocks.victim(standing, now, look) else { return false };
            self.forget(victim);
        }
        true
    }

    /// As [`Directory::make_room`], among the agents of one source.
    fn make_room_behind(&mut self, octets: usize, now: u64, limits: &Limits, keep: Who) -> bool {
        loop {
            let is_new = !self.devices.contains(&keep);
            let Some(agents) = self.agents.get_mut(&keep.source) else { return true };
            let most = if is_new { MOST_AGENTS - 1 } else { MOST_AGENTS };
            if agents.count <= most && agents.octets + octets <= limits.total / AGENTS_SHARE {
                return true;
            }
            let devices = &self.devices;
            let look = |key: &Who| {
                devices.get(key).map(|device| device.presence(now, *key == keep, limits.stale))
            };
            let Some(victim) = agents.clocks.victim(Standing::Unknown, now, look) else {
                return false;
            };
            self.forget(victim);
        }
    }

    fn forget(&mut self, key: Who) {
        let Some(mut device) = self.devices.remove(&key) else { return };
        self.used -= device.total_cost();
        if key.is_agent()
            && let Some(agents) = self.agents.get_mut(&key.source)
        {
            agents.count -= 1;
            agents.octets = agents.octets.saturating_sub(device.total_cost());
            if agents.count == 0 {
                self.agents.remove(&key.source);
            }
        }
        device.give_up_waiting();
        self.forgotten += device.ledger;
        self.evicted.note(device.address);
    }
}

/// What is configured for `who`. Room is reserved for an agent where it is for its source as well: anybody can name it.
fn profile_of(who: Who, profile: impl Fn(IpAddr) -> DeviceProfile) -> DeviceProfile {
    let mut own = profile(who.device());
    if who.is_agent() {
        own.standing = own.standing.min(profile(who.source()).standing);
    }
    own
}
