//! What there is between the hosts: the table of devices, and the paths over them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The Ethernet device that most others are made over; it has the same name at both ends.
const WIRE: &str = "wire";

/// The dummy device that has the addresses of paths that are routes alone.
pub const INNER: &str = "inner";

/// A way between the two hosts.
#[derive(Debug, Clone)]
pub struct Path {
    /// Its name in what tests say.
    pub name: &'static str,
    /// The device at both ends, as packets leave and arrive.
    pub device: &'static str,
    /// The device that sockets at the near end must be bound to, for routes that only it has.
    pub bound: Option<&'static str>,
    /// What its device sees of its packets.
    pub sees: Sees,
    /// Near and far, IPv4 and, where it carries that, IPv6.
    pub ends: Vec<(IpAddr, IpAddr)>,
}

impl Path {
    /// Lines of ip(8) that give `device` the addresses of an end.
    pub fn addresses(&self, end: usize, device: &str) -> Vec<String> {
        let mine = self.ends.iter().map(|&(near, far)| if end == 1 { near } else { far });
        mine.map(|address| {
            let bits = match address {
                // Dummies stand for networks behind their host.
                _ if device == INNER => "32",
                IpAddr::V4(_) => "24",
                IpAddr::V6(_) => "64 nodad",
            };
            let (bits, option) = bits.split_once(' ').unwrap_or((bits, ""));
            format!("address add {address}/{bits} dev {device} {option}")
        })
        .collect()
    }

    /// The device that programs see its packets at: a VRF's own has them from its members, behind that.
    pub fn device_at(&self, end: usize) -> &'static str {
        if self.device == "vrf0" && end == 1 { "vrf-1" } else { self.device }
    }
}

/// As [`Path::sees`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sees {
    /// Packets as they were sent.
    Packets,
    /// ESP; received ones also decrypted, where tc is asked again.
    Encrypted,
}

/// Protocols that a device carries.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Carries {
    V4,
    V6,
    Both,
}

use Carries::{Both, V4, V6};

/// Name and lines of ip(8) for each end. `{here}` and `{there}` are the addresses of the wire, `{here6}` and `{there6}` its
/// IPv6 ones; the device has the name in the first column.
pub const DEVICES: [(&str, Carries, &[&str]); 18] = [
    ("vlan", Both, &["link add link wire name vlan type vlan id 42"]),
    (
        "qinq",
        Both,
        &[
            "link add link wire name outer type vlan proto 802.1ad id 100",
            "link set outer up",
            "link add link outer name qinq type vlan id 7",
        ],
    ),
    ("macvlan", Both, &["link add link wire name macvlan type macvlan mode bridge"]),
    ("ipip", V4, &["link add ipip type ipip local {here} remote {there}"]),
    ("gre", Both, &["link add gre type gre local {here} remote {there}"]),
    ("grekey", Both, &["link add grekey type gre local {here} remote {there} key 5 csum seq"]),
    ("mgre", Both, &["link add mgre type gre local {here} key 7"]),
    ("gretap", Both, &["link add gretap type gretap local {here} remote {there} key 8"]),
    // IPv4 in IPv4 between these hosts is for `ipip`.
    ("sit", V6, &["link add sit type sit local {here} remote {there} ttl 64"]),
    ("ip6tnl", Both, &["link add ip6tnl type ip6tnl local {here6} remote {there6} mode any"]),
    ("ip6gre", Both, &["link add ip6gre type ip6gre local {here6} remote {there6}"]),
    ("ip6gretap", Both, &["link add ip6gretap type ip6gretap local {here6} remote {there6} key 9"]),
    (
        "vxlan",
        Both,
        &["link add vxlan type vxlan id 5 local {here} remote {there} dstport 4789 dev wire"],
    ),
    (
        "vxlan6",
        Both,
        &["link add vxlan6 type vxlan id 6 local {here6} remote {there6} dstport 4790 dev wire"],
    ),
    ("geneve", Both, &["link add geneve type geneve id 5 remote {there}"]),
    ("wireguard", Both, &["link add wireguard type wireguard"]),
    ("bond", Both, &["link add bond type bond mode active-backup miimon 100"]),
    ("big", Both, &[]),
];

/// Pairs of Ethernet devices under the others, with the same name at both ends.
pub const PAIRS: [&str; 8] = [WIRE, "bond-1", "bond-2", "team-1", "team-2", "big", "line", "raw"];

/// The path number `n`.
pub fn path(name: &'static str, device: &'static str, n: u8, carries: Carries) -> Path {
    let v4 = |end| IpAddr::from(Ipv4Addr::new(10, 8, n, end));
    // Written in decimal, so that lines and addresses look alike.
    let word = u16::from_str_radix(&n.to_string(), 16).expect("decimal digits");
    let v6 = |end| IpAddr::from(Ipv6Addr::new(0xfd08, word, 0, 0, 0, 0, 0, end));
    let mut ends = Vec::new();
    if carries != V6 {
        ends.push((v4(1), v4(2)));
    }
    if carries != V4 {
        ends.push((v6(1), v6(2)));
    }
    Path { name, device, bound: None, sees: Sees::Packets, ends }
}

/// The paths that exist once the table's devices do.
pub fn paths() -> Vec<Path> {
    let mut paths = Vec::new();
    paths.push(path("wire", WIRE, 0, Both));
    for ((device, carries, _), n) in DEVICES.iter().zip(1..) {
        paths.push(path(device, device, n, *carries));
    }
    paths.push(Path { sees: Sees::Encrypted, ..path("ipsec", WIRE, 60, V4) });
    paths.push(path("mpls", WIRE, 61, V4));
    paths.push(Path { bound: Some("vrf0"), ..path("vrf", "vrf0", 62, Both) });
    paths.push(Path {
        ends: vec![
            (Ipv4Addr::new(10, 7, 1, 1).into(), Ipv4Addr::new(10, 7, 2, 2).into()),
            (
                Ipv6Addr::new(0xfd07, 1, 0, 0, 0, 0, 0, 1).into(),
                Ipv6Addr::new(0xfd07, 2, 0, 0, 0, 0, 0, 2).into(),
            ),
        ],
        ..path("forwarded", "forwarded", 0, Both)
    });
    paths
}
