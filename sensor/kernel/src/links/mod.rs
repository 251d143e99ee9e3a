//! Which interfaces there are, and which of them are asked for.
//!
//! Interfaces are asked for by name, by glob, or as `auto`: the devices of the default routes. [`Selection`] compares
//! what is there with what is asked for, and says what came and what went; it is told the whole list each time, so
//! that a lost notification costs a moment and not an interface. `watch.rs` tells it.

mod events;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

use globset::{Glob, GlobMatcher};

use super::{
    error::KernelError,
    netlink::{Netlink, attributes, text, u16_at, u32_at},
    routes::DefaultRoutes,
};

pub use self::events::{CountedTwice, Left, LinkEvent};

/// Stands for the devices of the default routes.
pub const AUTO: &str = "auto";

/// What a frame of an interface starts with (`ARPHRD_*` of linux/if_arp.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkLayer {
    /// An Ethernet header.
    Ethernet,
    /// The IP header, as on tun, wireguard and ppp devices.
    Ip,
}

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Interface index.
    pub index: u32,
    /// The name by which the kernel calls it, and records and messages do.
    pub name: String,
    /// Further names by which it can be asked for (`altname` of ip-link(8)).
    pub alternatives: Vec<String>,
    /// What its frames start with.
    pub link_layer: LinkLayer,
    /// Maximum transmission unit, octets.
    pub mtu: u32,
    /// The device that this one sends through, for a VLAN device and its like.
    pub lower: Option<u32>,
    /// The bond or bridge that this one belongs to; no VRF, whose packets are seen on its members alone.
    pub upper: Option<u32>,
    /// What kind of device it is (`IFLA_INFO_KIND`: "veth", "bond", "tun"); empty for one without, such as a NIC.
    pub kind: String,
    /// It tells frames apart by their VLAN tags: a VLAN device, or a bridge that filters by VLAN.
    pub by_vlan: bool,
    /// The device above this one that tells frames apart by their VLAN tags, by name: such tags will come. It is a VLAN
    /// device on this one, or on its bond or bridge, or the bridge itself.
    pub tags_for: Option<String>,
}

impl Link {
    /// All its names, the kernel's first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.name).chain(&self.alternatives).map(String::as_str)
    }

    /// Whether it can be asked for by `name`.
    pub fn is_called(&self, name: &str) -> bool {
        self.names().any(|own| own == name)
    }
}

/// What can be asked for, for messages: `eth0 (also uplink), lo`.
pub fn listed<'l>(links: impl IntoIterator<Item = &'l Link>) -> String {
    let shown = |link: &Link| match link.alternatives.as_slice() {
        [] => link.name.clone(),
        further => format!("{} (also {})", link.name, further.join(", ")),
    };
    let shown: Vec<_> = links.into_iter().map(shown).collect();
    if shown.is_empty() { "none".to_owned() } else { shown.join(", ") }
}

/// Octets of the longest alternative name, and the zero behind it (`ALTIFNAMSIZ` of linux/if.h).
const LONGEST_NAME: usize = 128;
/// A list of alternative names, and one of them (linux/if_link.h); libc lacks them.
const IFLA_PROP_LIST: u16 = 52;
const IFLA_ALT_IFNAME: u16 = 53;

/// `struct ifinfomsg`.
const LINK_HEADER: usize = 16;
/// What `IFLA_LINKINFO` holds, by linux/if_link.h: the kind, what is told of this kind alone, and the master's kind.
const INFO_KIND: u16 = 1;
const INFO_DATA: u16 = 2;
const INFO_SLAVE_KIND: u16 = 4;
/// In a bridge's `INFO_DATA`: whether it filters by VLAN.
const IFLA_BR_VLAN_FILTERING: u16 = 7;
/// How many bonds and bridges may lie over one another; more than the kernel allows.
const STOREYS: usize = 8;
/// The loopback device has this index in every network namespace (`LOOPBACK_IFINDEX` of net/flow.h).
const LOOPBACK: u32 = 1;

/// The interfaces of this thread's network namespace.
///
/// # Errors
/// When rtnetlink does not answer.
pub fn list() -> Result<Vec<Link>, KernelError> {
    Netlink::open().and_then(|mut netlink| dump_links(&mut netlink)).map_err(failed)
}

pub(super) fn failed(source: io::Error) -> KernelError {
    KernelError::System { attempt: "list interfaces and routes", source }
}

pub(super) fn dump_links(netlink: &mut Netlink) -> io::Result<Vec<Link>> {
    let answers = netlink.dump(libc::RTM_GETLINK, &[0; LINK_HEADER])?;
    let mut links: Vec<_> = answers.iter().filter_map(|(_, body)| read_link(body)).collect();
    expect_tags(&mut links);
    Ok(links)
}

/// Finds out for whom VLAN tags will come on each of `links`.
fn expect_tags(links: &mut [Link]) {
    // On which device, or on those under it, and for whom.
    let tagged: BTreeMap<u32, String> = links
        .iter()
        .filter(|link| link.by_vlan)
        .map(|link| (link.lower.unwrap_or(link.index), link.name.clone()))
        .collect();
    if tagged.is_empty() {
        return;
    }
    let uppers: BTreeMap<u32, u32> =
        links.iter().filter_map(|link| Some((link.index, link.upper?))).collect();
    for link in links {
        let storeys = std::iter::successors(Some(link.index), |index| uppers.get(index).copied());
        link.tags_for = storeys.take(STOREYS).find_map(|index| tagged.get(&index).cloned());
    }
}

/// Reads an `RTM_NEWLINK` message.
fn read_link(body: &[u8]) -> Option<Link> {
    let mut link = Link {
        index: u32_at(body, 4)?,
        name: String::new(),
        alternatives: Vec::new(),
        link_layer: match u16_at(body, 2)? {
            libc::ARPHRD_ETHER | libc::ARPHRD_LOOPBACK => LinkLayer::Ethernet,
            _ => LinkLayer::Ip,
        },
        mtu: 0,
        lower: None,
        upper: None,
        kind: String::new(),
        by_vlan: false,
        tags_for: None,
    };
    let (mut elsewhere, mut of_vrf, mut specifics) = (false, false, &[][..]);
    for (attribute, value) in attributes(body.get(LINK_HEADER..)?) {
        match attribute {
            libc::IFLA_IFNAME => link.name = text(value),
            IFLA_PROP_LIST => {
                let names = attributes(value).filter(|(property, _)| *property == IFLA_ALT_IFNAME);
                link.alternatives.extend(names.map(|(_, name)| text(name)));
            }
            libc::IFLA_MTU => link.mtu = u32_at(value, 0)?,
            libc::IFLA_LINK => link.lower = u32_at(value, 0).filter(|&lower| lower != link.index),
            libc::IFLA_MASTER => link.upper = u32_at(value, 0),
            libc::IFLA_LINK_NETNSID => elsewhere = true,
            libc::IFLA_LINKINFO => {
                for (found, value) in attributes(value) {
                    match found {
                        INFO_KIND => link.kind = text(value),
                        INFO_DATA => specifics = value,
                        INFO_SLAVE_KIND => of_vrf = text(value) == "vrf",
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    if elsewhere {
        link.lower = None; // A veth's peer in another namespace: its index means nothing here.
    }
    if of_vrf {
        link.upper = None;
    }
    link.by_vlan = match &*link.kind {
        "vlan" => link.lower.is_some(),
        "bridge" => attributes(specifics)
            .any(|(found, value)| found == IFLA_BR_VLAN_FILTERING && value.first() == Some(&1)),
        _ => false,
    };
    (link.index != 0 && !link.name.is_empty()).then_some(link)
}

/// Whether the kernel allows `name`: `dev_valid_name` in net/core/dev.c; an alternative name may be longer.
///
/// # Errors
/// Why not.
pub fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("this is empty".to_owned());
    }
    let longest = LONGEST_NAME - 1;
    if name.len() > longest {
        return Err(format!("{} bytes, a name has {longest} at most", name.len()));
    }
    match name.chars().find(|&c| c == '/' || c == ':' || c.is_whitespace()) {
        Some(bad) => Err(format!("`{bad}` is not allowed in a name")),
        None => Ok(()),
    }
}

/// Whether `pattern` stands for all interfaces whose names match, rather than for one name.
pub fn is_glob(pattern: &str) -> bool {
    pattern.contains(['*', '?', '[', '{'])
}

/// The interfaces that a user asks for.
#[derive(Clone, Debug)]
pub struct LinkPatterns {
    auto: bool,
    names: Vec<String>,
    globs: Vec<GlobMatcher>,
}

impl LinkPatterns {
    /// Names, globs (`veth*`, `eth[0-3]`), and `auto`.
    ///
    /// # Errors
    /// [`KernelError::BadPattern`] for what can be neither.
    pub fn new<S: AsRef<str>>(patterns: impl IntoIterator<Item = S>) -> Result<Self, KernelError> {
        let mut all = Self { auto: false, names: Vec::new(), globs: Vec::new() };
        for pattern in patterns {
            let pattern = pattern.as_ref();
            let bad = |reason: String| KernelError::BadPattern { pattern: pattern.into(), reason };
            if pattern == AUTO {
                all.auto = true;
            } else if is_glob(pattern) {
                let glob = Glob::new(pattern).map_err(|error| bad(error.kind().to_string()))?;
                all.globs.push(glob.compile_matcher());
            } else {
                check_name(pattern).map_err(bad)?;
                all.names.push(pattern.to_owned());
            }
        }
        Ok(all)
    }

    /// True when `auto` is among them.
    pub fn auto(&self) -> bool {
        self.auto
    }

    /// True when `link` is asked for by one of its names, or a glob that matches one. The loopback device must be named: who
    /// writes `*` means the network.
    pub fn name(&self, link: &Link) -> bool {
        self.names.iter().any(|asked| link.is_called(asked))
            || link.index != LOOPBACK
                && self.globs.iter().any(|glob| link.names().any(|name| glob.is_match(name)))
    }
}

/// The interfaces that are asked for and there.
#[derive(Debug)]
pub struct Selection {
    patterns: LinkPatterns,
    selected: BTreeMap<u32, Link>,
    default_routes: DefaultRoutes,
    /// Pairs, as [`Self::overlaps`] has them, of which it has been told.
    told: BTreeSet<(u32, u32)>,
    /// Names that nothing has had so far, [`AUTO`] among them, and that somebody waits for.
    awaited: BTreeSet<String>,
}

impl Selection {
    /// Nothing yet.
    pub fn new(patterns: LinkPatterns) -> Self {
        Self {
            patterns,
            selected: BTreeMap::new(),
            default_routes: DefaultRoutes::default(),
            told: BTreeSet::new(),
            awaited: BTreeSet::new(),
        }
    }

    /// Takes in what is there now, and says what that changes.
    ///
    /// While a family has no default route, `auto` keeps to the devices that its last one led to: it is often gone for a
    /// moment.
    pub fn update(&mut self, links: Vec<Link>, default_routes: DefaultRoutes) -> Vec<LinkEvent> {
        let missing_before = self.missing(|name| self.is_selected(name));
        self.default_routes.follow(default_routes);
        let wanted = |link: &Link| {
            self.patterns.name(link)
                || self.patterns.auto && self.default_routes.contains(link.index)
        };
        let present: BTreeMap<u32, String> =
            links.iter().map(|link| (link.index, link.name.clone())).collect();
        let now: BTreeMap<u32, Link> =
            links.into_iter().filter(wanted).map(|link| (link.index, link)).collect();
        let before = std::mem::replace(&mut self.selected, now);
        let gone =
            before.values().filter(|link| !self.selected.contains_key(&link.index)).map(|link| {
                match present.get(&link.index) {
                    Some(name) => {
                        LinkEvent::Left(Left { link: link.clone(), now_called: name.clone() })
                    }
                    None => LinkEvent::Gone(link.clone()),
                }
            });
        let come = self.selected.values().filter_map(|link| match before.get(&link.index) {
            None => Some(LinkEvent::Appeared(link.clone())),
            Some(old) if old.name != link.name => Some(LinkEvent::Renamed(link.clone())),
            Some(_) => None,
        });
        let tagged = self.selected.values().filter(|link| {
            let before = before.get(&link.index);
            link.tags_for.is_some() && before.is_some_and(|old| old.tags_for.is_none())
        });
        let tagged = tagged.cloned().map(LinkEvent::Tagged);
        // An interface may also join a bridge long after both came.
        let overlaps = self.overlaps();
        let twice = overlaps.difference(&self.told);
        let twice = twice.map(|overlap| LinkEvent::CountedTwice(self.counted_twice(*overlap)));
        let missing = self.missing(|name| self.is_selected(name));
        let found = self.awaited.difference(&missing).cloned().map(LinkEvent::Found);
        // What a start was refused without is not waited for; what was there once is, however it was asked for.
        let lost: BTreeSet<_> = missing.difference(&missing_before).cloned().collect();
        let told_lost = lost.iter().cloned().map(LinkEvent::Lost);
        let events = gone.chain(come).chain(tagged).chain(twice).chain(found);
        let events = events.chain(told_lost).collect();
        self.awaited.retain(|name| missing.contains(name));
        self.awaited.extend(lost);
        self.told = overlaps;
        events
    }

    /// Asks for other interfaces: [`Self::update`] says what that changes, behind which [`Self::wait_for_the_missing`] waits for
    /// the rest.
    pub fn ask_for(&mut self, patterns: LinkPatterns) {
        self.patterns = patterns;
        self.awaited.clear();
    }

    /// What is asked for.
    pub fn patterns(&self) -> &LinkPatterns {
        &self.patterns
    }

    /// The interfaces that are asked for and there.
    pub fn links(&self) -> impl Iterator<Item = &Link> {
        self.selected.values()
    }

    /// Fails when something that is asked for outright is not among `links`. Globs may match nothing yet.
    ///
    /// # Errors
    /// [`KernelError::NoInterface`], [`KernelError::NoDefaultRoute`].
    pub fn check(&self, links: &[Link]) -> Result<(), KernelError> {
        let missing = self.missing(|name| links.iter().any(|link| link.is_called(name)));
        let present = listed(links);
        if let Some(name) = self.patterns.names.iter().find(|name| missing.contains(*name)) {
            return Err(KernelError::NoInterface { name: name.clone(), present });
        }
        match missing.is_empty() {
            true => Ok(()),
            false => Err(KernelError::NoDefaultRoute { present }),
        }
    }

    /// Waits for what is asked for outright and not there: [`LinkEvent::Found`] will tell when it is.
    pub fn wait_for_the_missing(&mut self) {
        self.awaited = self.missing(|name| self.is_selected(name));
    }

    /// What is waited for.
    pub fn awaited(&self) -> &BTreeSet<String> {
        &self.awaited
    }

    fn is_selected(&self, name: &str) -> bool {
        self.selected.values().any(|link| link.is_called(name))
    }

    /// Names for which nothing is there, and [`AUTO`] where no default route leads to a device that is there.
    fn missing(&self, is_there: impl Fn(&str) -> bool) -> BTreeSet<String> {
        let names = self.patterns.names.iter().filter(|name| !is_there(name)).cloned();
        let leads_on = |index: &u32| self.default_routes.contains(*index);
        let auto = self.patterns.auto && !self.selected.keys().any(leads_on);
        names.chain(auto.then(|| AUTO.to_owned())).collect()
    }

    /// All traffic that is counted twice now.
    pub fn all_counted_twice(&self) -> Vec<CountedTwice> {
        self.overlaps().into_iter().map(|overlap| self.counted_twice(overlap)).collect()
    }

    /// Pairs of selected interfaces that see the same packets, the one that carries the other first; the loopback device
    /// with itself.
    fn overlaps(&self) -> BTreeSet<(u32, u32)> {
        let mut pairs = BTreeSet::new();
        let mut add = |carrier: u32, user: u32| {
            let both = [carrier, user].iter().all(|index| self.selected.contains_key(index));
            // The two ends of a veth pair name each other.
            if both && !pairs.contains(&(user, carrier)) {
                pairs.insert((carrier, user));
            }
        };
        for link in self.selected.values() {
            if link.index == LOOPBACK {
                add(LOOPBACK, LOOPBACK);
            }
            if let Some(lower) = link.lower {
                add(lower, link.index);
            }
            if let Some(upper) = link.upper {
                add(link.index, upper);
            }
        }
        pairs
    }

    /// An overlap by its names.
    fn counted_twice(&self, (carrier, user): (u32, u32)) -> CountedTwice {
        let name = |index: u32| self.selected[&index].name.clone();
        match carrier == user {
            true => CountedTwice::Loopback(name(user)),
            false => CountedTwice::Pair(name(carrier), name(user)),
        }
    }
}

#[cfg(test)]
mod tests;
