//! Names that a device tells of its interfaces, applications and VRFs.
//!
//! Flows in batches share the names, so that a new one asks for a copy of them all. Names therefore wait: until nobody
//! shares them any more, or, where there are few, for the next datagram, and where there are many for a second. No datagram
//! makes more than one copy.

use std::{collections::BTreeSet, sync::Arc};

use sensor_core::flow::{application::ApplicationId, device::Device, interfaces::Interface};

/// Longest name that is kept, in octets.
const LONGEST: usize = 255;
/// Names of each kind that are kept for a device.
const MOST: usize = 65_536;
/// Names of which a copy may be made for every datagram.
const FEW: usize = 128;
/// Milliseconds between copies of more than these.
const INTERVAL: u64 = 1000;
/// Octets of memory that names may take while they wait.
const WAITING: usize = 256 << 10;

/// Something that has a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// An interface, by index. What is empty is not told: some send the name in one record and the description in another.
    Interface(u32, Interface),
    /// An application, by identifier.
    Application(ApplicationId, String),
    /// A VRF, by identifier.
    Vrf(u32, String),
}

/// Names that are not with the device yet.
#[derive(Debug, Default)]
pub struct Names {
    waiting: Vec<Name>,
    /// Interfaces whose names are configured.
    configured: BTreeSet<u32>,
    waiting_cost: usize,
    /// When a copy was made, milliseconds since the epoch, and for which datagram.
    copied: u64,
    copied_for: u64,
}

impl Names {
    /// No names wait; those of the `configured` interfaces stay as they are.
    pub fn new(configured: BTreeSet<u32>) -> Self {
        Self { configured, ..Self::default() }
    }

    /// From now on the names of the `configured` interfaces stay as they are, whatever waits.
    pub fn configure(&mut self, configured: BTreeSet<u32>) {
        self.configured = configured;
        for name in &mut self.waiting {
            if let Name::Interface(index, told) = name
                && self.configured.contains(index)
            {
                told.name.clear();
            }
        }
    }

    /// Whether the name of interface `index` is configured.
    pub fn is_configured(&self, index: u32) -> bool {
        self.configured.contains(&index)
    }

    /// Takes a name, unless `device` has it. Returns the octets of memory that it takes; 0 when there is no room.
    pub fn put(&mut self, mut name: Name, device: &Device) -> usize {
        if let Name::Interface(index, told) = &mut name
            && self.is_configured(*index)
        {
            told.name.clear();
        }
        let cost = name.cost();
        if name.is_known(device) || self.waiting_cost + cost > WAITING {
            return 0;
        }
        self.waiting.push(name);
        self.waiting_cost += cost;
        cost
    }

    /// True when names wait.
    pub fn wait(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Gives the names that wait to `device`, if that may be now, at `now` for datagram number `datagram`. Returns the
    /// octets of memory that it takes more, and those that waiting took.
    pub fn renew(&mut self, device: &mut Arc<Device>, now: u64, datagram: u64) -> (usize, usize) {
        if Arc::get_mut(device).is_none() {
            let all = device.interfaces.0.len() + device.applications.len() + device.vrfs.len();
            let may = if all <= FEW {
                self.copied_for != datagram
            } else {
                now.abs_diff(self.copied) >= INTERVAL
            };
            if !may {
                return (0, 0);
            }
            (self.copied, self.copied_for) = (now, datagram);
        }
        let device = Arc::make_mut(device);
        let waiting = std::mem::take(&mut self.waiting);
        let more = waiting.into_iter().map(|name| name.give(device)).sum();
        (more, std::mem::take(&mut self.waiting_cost))
    }
}

impl Name {
    fn cost(&self) -> usize {
        size_of::<Self>() + self.length()
    }

    fn length(&self) -> usize {
        match self {
            Self::Interface(_, interface) => interface.name.len() + interface.alias.len(),
            Self::Application(_, name) | Self::Vrf(_, name) => name.len(),
        }
    }

    fn is_known(&self, device: &Device) -> bool {
        let is = |known: &str, told: &str| told.is_empty() || told == known;
        match self {
            Self::Interface(index, told) => {
                let known = device.interfaces.0.get(index);
                let (name, alias) =
                    known.map_or(("", ""), |known| (known.name.as_str(), known.alias.as_str()));
                is(name, &told.name) && is(alias, &told.alias)
            }
            Self::Application(id, told) => device.applications.get(id) == Some(told),
            Self::Vrf(id, told) => device.vrfs.get(id) == Some(told),
        }
    }

    /// Gives it to `device`. Returns the octets of memory that it takes there: its text, and a place in a table that is half
    /// full.
    fn give(self, device: &mut Device) -> usize {
        let (length, interfaces) = (self.length(), &mut device.interfaces.0);
        match self {
            Self::Interface(index, told) => {
                let known = interfaces.contains_key(&index);
                if !known && interfaces.len() >= MOST {
                    return 0;
                }
                let interface = interfaces.entry(index).or_default();
                if !told.name.is_empty() {
                    interface.name = told.name;
                }
                if !told.alias.is_empty() {
                    interface.alias = told.alias;
                }
                length + if known { 0 } else { 2 * size_of::<(u32, Interface)>() + 48 }
            }
            Self::Application(id, name) => give(&mut device.applications, id, name),
            Self::Vrf(id, name) => give(&mut device.vrfs, id, name),
        }
    }
}

fn give<K: Ord>(names: &mut std::collections::BTreeMap<K, String>, id: K, name: String) -> usize {
    let known = names.contains_key(&id);
    if !known && names.len() >= MOST {
        return 0;
    }
    let length = name.len();
    names.insert(id, name);
    length + if known { 0 } else { 2 * size_of::<(K, String)>() + 32 }
}

/// A name as text, without the zeros and spaces that fill it up.
pub fn text(octets: &[u8]) -> String {
    let end = octets.iter().position(|octet| *octet == 0).unwrap_or(octets.len());
    let text = String::from_utf8_lossy(&octets[..end.min(LONGEST)]);
    text.trim().chars().filter(|character| !character.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device() -> Arc<Device> {
        Arc::new(Device::new([192, 0, 2, 1].into()))
    }

    fn interface(index: u32, name: &str, alias: &str) -> Name {
        Name::Interface(index, Interface { name: name.to_owned(), alias: alias.to_owned() })
    }

    #[test]
    fn name_and_alias_may_come_apart() {
        let (mut names, mut device) = (Names::default(), device());
        names.put(interface(1, "ge-0", ""), &device);
        names.put(interface(1, "", "uplink"), &device);
        names.renew(&mut device, 0, 1);
        assert_eq!(device.interfaces.name(1), Some("ge-0"));
        assert_eq!(device.interfaces.alias(1), Some("uplink"));
        assert_eq!(names.put(interface(1, "ge-0", ""), &device), 0, "known");
        assert!(!names.wait());
    }

    #[test]
    fn names_that_are_shared_are_copied_once_a_datagram_or_second() {
        let (mut names, mut device) = (Names::default(), device());
        let told = |names: &mut Names, device: &mut Arc<Device>, name: &str, now, datagram| {
            names.put(interface(1, name, ""), device);
            names.renew(device, now, datagram);
            device.interfaces.name(1).map(str::to_owned)
        };
        let mut shared = vec![device.clone()];
        assert_eq!(told(&mut names, &mut device, "a", 5000, 1).as_deref(), Some("a"));
        shared.push(device.clone());
        assert_eq!(told(&mut names, &mut device, "b", 5000, 1).as_deref(), Some("a"));
        assert_eq!(told(&mut names, &mut device, "b", 5000, 2).as_deref(), Some("b"));
        for index in 2..300 {
            names.put(interface(index, "x", ""), &device);
        }
        names.renew(&mut device, 5000, 3);
        shared.push(device.clone());
        assert_eq!(told(&mut names, &mut device, "c", 5500, 4).as_deref(), Some("b"));
        assert_eq!(told(&mut names, &mut device, "d", 6000, 5).as_deref(), Some("d"));
    }

    #[test]
    fn what_waits_is_bounded() {
        let (mut names, device) = (Names::default(), device());
        let taken: usize =
            (0..10_000).map(|index| names.put(interface(index, "name", ""), &device)).sum();
        assert!((WAITING - 256..=WAITING).contains(&taken), "{taken}");
    }
}
