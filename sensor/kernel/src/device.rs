//! What can be found out about an interface without attaching to it: state, driver, native XDP, offloads, and which
//! programs are there already.
//!
//! Layouts: linux/rtnetlink.h, linux/if_link.h, linux/genetlink.h, linux/netdev.h.

use std::{collections::BTreeSet, fmt, io, os::fd::AsFd as _};

use super::{
    ethtool,
    links::Link,
    netlink::{Netlink, attributes, push_attribute, u16_at, u32_at, u64_at},
    sys::{self, LinkType, ProgramInfo},
    tc,
};

/// `struct ifinfomsg`.
const LINK_HEADER: usize = 16;
/// State of the interface (`IFLA_OPERSTATE`), and the one that means that it carries nothing (`IF_OPER_DOWN`).
const IFLA_OPERSTATE: u16 = 16;
const OPERATIONALLY_DOWN: [u8; 3] = [1, 2, 3];
/// XDP programs of an interface; libc lacks these.
const IFLA_XDP: u16 = 43;
/// How one is attached: 0 for none.
const IFLA_XDP_ATTACHED: u16 = 2;
/// Its number, where there is one; and those of a program in the driver, in the stack, in the NIC.
const IFLA_XDP_PROGRAMS: std::ops::RangeInclusive<u16> = 4..=7;

/// The controller of generic netlink, its question for a family, and the attributes of question and answer.
const GENERIC_CONTROLLER: u16 = 0x10;
const GET_FAMILY: u8 = 3;
const FAMILY_ID: u16 = 1;
const FAMILY_NAME: u16 = 2;
/// The family `netdev` (since Linux 6.3): its question for a device, and the attributes of question and answer.
const GET_DEVICE: u8 = 1;
const DEVICE_INTERFACE: u16 = 1;
const DEVICE_XDP_FEATURES: u16 = 3;
/// Octets of `struct genlmsghdr`.
const GENERIC_HEADER: usize = 4;

/// What native XDP of a device can do (`enum netdev_xdp_act` of linux/netdev.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XdpFeatures(pub u64);

impl XdpFeatures {
    /// It runs programs.
    pub fn native(self) -> bool {
        self.0 & 1 != 0
    }

    /// It runs them for frames that lie in several buffers (`xdp.frags`).
    pub fn frags(self) -> bool {
        self.0 & 1 << 5 != 0
    }
}

/// A program at an interface that somebody else has put there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occupant {
    /// Its number; 0 where the kernel gives none, such as for several in one slot.
    pub program: u32,
    /// Its name; empty where it has none, or the kernel does not tell this process.
    pub name: String,
    /// It is the same as ours: another sensor runs.
    pub is_sensor: bool,
}

/// `xdp_pass (program 31)`, or `another sensor (program 31)`.
impl fmt::Display for Occupant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { program, name, is_sensor } = self;
        match (is_sensor, name.is_empty()) {
            _ if *program == 0 => f.write_str("another program"),
            (true, _) => write!(f, "another sensor (program {program})"),
            (_, true) => write!(f, "program {program}"),
            _ => write!(f, "{name} (program {program})"),
        }
    }
}

/// An interface; `None` where the kernel did not say, or not to this process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// Its driver, by ethtool's name.
    pub driver: Option<String>,
    /// Somebody has set it up.
    pub up: Option<bool>,
    /// It has a carrier.
    pub carrier: Option<bool>,
    /// Native XDP; `None` before Linux 6.3.
    pub xdp_features: Option<XdpFeatures>,
    /// The program in its XDP slot.
    pub xdp: Option<Occupant>,
    /// Programs at its tcx hooks, received packets first; `None` where this process may not ask.
    pub tcx: Option<Vec<Occupant>>,
    /// Filters on both sides of its clsact qdisc that are not a sensor's.
    pub clsact: Option<Vec<String>>,
    /// Offloads that are on, by the kernel's names.
    pub offloads: Option<BTreeSet<String>>,
}

impl Device {
    /// Whether an offload is known to be on.
    pub fn has(&self, offload: &str) -> bool {
        self.offloads.as_ref().is_some_and(|offloads| offloads.contains(offload))
    }
}

/// Looks at interfaces of the network namespace in which it was made.
pub struct Devices {
    route: Netlink,
    /// With the number of the family `netdev`.
    netdev: Option<(Netlink, u16)>,
    own: Vec<ProgramInfo>,
    has_tcx: bool,
}

impl Devices {
    /// Opens what it takes. `own` are our programs, if they could be loaded: by them those of another sensor are known.
    ///
    /// # Errors
    /// When rtnetlink does not answer.
    pub(super) fn open(own: Vec<ProgramInfo>, has_tcx: bool) -> io::Result<Self> {
        let netdev = Netlink::generic().and_then(|mut netlink| {
            let family = family(&mut netlink, "netdev")?;
            Ok((netlink, family))
        });
        Ok(Self { route: Netlink::open()?, netdev: netdev.ok(), own, has_tcx })
    }

    /// Looks at one.
    pub fn look(&mut self, link: &Link) -> Device {
        let mut device = Device {
            driver: ethtool::driver(&link.name).ok(),
            offloads: ethtool::features(&link.name).ok(),
            xdp_features: self.xdp_features(link.index),
            tcx: self.tcx(link.index),
            clsact: tc::others(link.index).ok(),
            ..Device::default()
        };
        if let Ok(Some(state)) = state(&mut self.route, link.index) {
            device.up = Some(state.up);
            device.carrier = state.carrier;
            device.xdp = state.xdp.map(|program| occupant(program, &self.own));
        }
        device
    }

    fn xdp_features(&mut self, interface: u32) -> Option<XdpFeatures> {
        let (netlink, family) = self.netdev.as_mut()?;
        let mut question = vec![GET_DEVICE, 1, 0, 0];
        push_attribute(&mut question, DEVICE_INTERFACE, &interface.to_ne_bytes());
        let answers = netlink.get(*family, &question).ok()?;
        answers.iter().find_map(|(_, body)| read_xdp_features(body))
    }

    fn tcx(&self, interface: u32) -> Option<Vec<Occupant>> {
        if !self.has_tcx {
            return Some(Vec::new());
        }
        let mut found = Vec::new();
        for side in [LinkType::TcxIngress, LinkType::TcxEgress] {
            let programs = sys::tcx_programs(interface, side).ok()?;
            found.extend(programs.into_iter().map(|(program, _)| occupant(program, &self.own)));
        }
        Some(found)
    }
}

/// Who is in the XDP slot of `interface`; `own` is our program for it, as the kernel knows it.
pub(super) fn in_xdp_slot(interface: u32, own: ProgramInfo) -> io::Result<Option<Occupant>> {
    let program = state(&mut Netlink::open()?, interface)?.and_then(|state| state.xdp);
    Ok(program.map(|program| occupant(program, &[own])))
}

fn occupant(program: u32, own: &[ProgramInfo]) -> Occupant {
    // Without CAP_SYS_ADMIN the kernel does not say who it is.
    let info = sys::program_by_id(program).and_then(|program| sys::program_info(program.as_fd()));
    match info {
        Ok(info) => Occupant { program, is_sensor: own.contains(&info), name: info.name },
        Err(_) => Occupant { program, is_sensor: false, name: String::new() },
    }
}

fn state(netlink: &mut Netlink, interface: u32) -> io::Result<Option<State>> {
    let mut header = vec![0; LINK_HEADER];
    header[4..8].copy_from_slice(&interface.to_ne_bytes());
    let answers = netlink.get(libc::RTM_GETLINK, &header)?;
    Ok(answers.iter().find_map(|(_, body)| read_state(body)))
}

/// What an `RTM_NEWLINK` message tells of an interface's state.
#[derive(Debug, PartialEq, Eq)]
struct State {
    up: bool,
    carrier: Option<bool>,
    /// Number of the program in the XDP slot, 0 where several are there or the kernel does not say.
    xdp: Option<u32>,
}

fn read_state(body: &[u8]) -> Option<State> {
    let flags = u32_at(body, 8)?;
    let mut state = State { up: flags & libc::IFF_UP as u32 != 0, carrier: None, xdp: None };
    for (attribute, value) in attributes(body.get(LINK_HEADER..)?) {
        match attribute {
            IFLA_OPERSTATE => {
                state.carrier = value.first().map(|now| !OPERATIONALLY_DOWN.contains(now));
            }
            IFLA_XDP => state.xdp = read_xdp(value),
            _ => {}
        }
    }
    Some(state)
}

fn read_xdp(attribute: &[u8]) -> Option<u32> {
    let attached = attributes(attribute).find(|(found, _)| *found == IFLA_XDP_ATTACHED);
    if attached.is_none_or(|(_, mode)| mode.first() == Some(&0)) {
        return None;
    }
    let programs = attributes(attribute).filter(|(found, _)| IFLA_XDP_PROGRAMS.contains(found));
    Some(programs.filter_map(|(_, program)| u32_at(program, 0)).next().unwrap_or(0))
}

/// The number of a family of generic netlink.
fn family(netlink: &mut Netlink, name: &str) -> io::Result<u16> {
    let mut question = vec![GET_FAMILY, 1, 0, 0];
    push_attribute(&mut question, FAMILY_NAME, format!("{name}\0").as_bytes());
    let answers = netlink.get(GENERIC_CONTROLLER, &question)?;
    let id = answers.iter().find_map(|(_, body)| {
        let (_, id) =
            attributes(body.get(GENERIC_HEADER..)?).find(|(found, _)| *found == FAMILY_ID)?;
        u16_at(id, 0)
    });
    id.ok_or_else(|| io::Error::other(format!("generic netlink has no number for {name}")))
}

fn read_xdp_features(body: &[u8]) -> Option<XdpFeatures> {
    let all = attributes(body.get(GENERIC_HEADER..)?);
    let (_, features) = all.into_iter().find(|(found, _)| *found == DEVICE_XDP_FEATURES)?;
    u64_at(features, 0).map(XdpFeatures)
}

#[cfg(test)]
mod tests {
    use super::{super::netlink::attribute, *};

    fn link(flags: u32, attributes: &[Vec<u8>]) -> Vec<u8> {
        let mut body = vec![0; LINK_HEADER];
        body[8..12].copy_from_slice(&flags.to_ne_bytes());
        body.extend(attributes.concat());
        body
    }

    #[test]
    fn whoever_is_at_a_hook_is_named() {
        let shown = |name: &str, is_sensor| {
            Occupant { program: 31, name: name.to_owned(), is_sensor }.to_string()
        };
        assert_eq!(shown("xdp_pass", false), "xdp_pass (program 31)");
        assert_eq!(shown("", false), "program 31");
        assert_eq!(shown("ingress", true), "another sensor (program 31)");
        let several = Occupant { program: 0, name: String::new(), is_sensor: false };
        assert_eq!(several.to_string(), "another program");
    }

    #[test]
    fn the_state_of_an_interface() {
        let up = libc::IFF_UP as u32;
        let xdp = |mode: u8, program: u32| {
            let inner =
                [attribute(IFLA_XDP_ATTACHED, &[mode]), attribute(5, &program.to_ne_bytes())];
            attribute(IFLA_XDP, &inner.concat())
        };
        let with = |flags, attributes: &[Vec<u8>]| read_state(&link(flags, attributes)).unwrap();
        let state = with(up, &[attribute(IFLA_OPERSTATE, &[6]), xdp(1, 77)]);
        assert_eq!(state, State { up: true, carrier: Some(true), xdp: Some(77) });
        let state = with(0, &[attribute(IFLA_OPERSTATE, &[2]), xdp(0, 0)]);
        assert_eq!(state, State { up: false, carrier: Some(false), xdp: None });
        assert_eq!(with(up, &[]), State { up: true, carrier: None, xdp: None });
        let several = attribute(IFLA_XDP, &attribute(IFLA_XDP_ATTACHED, &[4]));
        assert_eq!(with(up, &[several]).xdp, Some(0));
        assert_eq!(read_state(&[0; 4]), None);
    }

    #[test]
    fn xdp_features_are_read_and_told_apart() {
        let body = [vec![0; GENERIC_HEADER], attribute(DEVICE_XDP_FEATURES, &35u64.to_ne_bytes())];
        let features = read_xdp_features(&body.concat()).unwrap();
        assert_eq!(features, XdpFeatures(35));
        assert!(features.native() && features.frags());
        assert!(XdpFeatures(3).native() && !XdpFeatures(3).frags());
        assert!(!XdpFeatures(0).native());
        assert_eq!(read_xdp_features(&[0; GENERIC_HEADER]), None);
    }
}
