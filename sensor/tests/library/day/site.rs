//! Who there is: addresses, how many of each, and the roles that a site would name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::traffic::Random;

/// How large the company is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// People at desks.
    pub desks: u64,
    /// Telephones and people with a phone of their own.
    pub phones: u64,
    pub cameras: u64,
    /// Other things: sensors, displays, locks, printers beside them.
    pub things: u64,
    /// Servers without a role.
    pub servers: u64,
    /// Nodes of the cluster.
    pub nodes: u64,
    /// Pods of each.
    pub pods: u64,
    /// Minutes between two looks of what watches. What else would say the same all day goes slower with it.
    pub watch: u64,
    /// Strangers at the border, a day.
    pub strangers: u64,
}

impl Size {
    /// That of the ordinary tests.
    pub const SMALL: Self = Self {
        desks: 5,
        phones: 4,
        cameras: 2,
        things: 8,
        servers: 32,
        nodes: 3,
        pods: 8,
        watch: 15,
        strangers: 2_000,
    };

    /// 150 desks.
    pub const COMPANY: Self = Self {
        desks: 150,
        phones: 120,
        cameras: 24,
        things: 60,
        servers: 70,
        nodes: 10,
        pods: 20,
        watch: 1,
        strangers: 120_000,
    };
}

impl Size {
    /// How many times slower than in a company what says the same all day goes.
    pub const fn slower(self) -> u64 {
        1 + self.watch / 4
    }
}

/// A server, by its number in the network of servers.
pub const fn server(number: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 20, 0, number))
}

pub const ROUTER: IpAddr = server(1);
pub const SECOND_ROUTER: IpAddr = server(3);
pub const VPN_GATEWAY: IpAddr = server(2);
pub const DIRECTORIES: [IpAddr; 2] = [server(10), server(11)];
pub const RESOLVERS: [IpAddr; 2] = [server(53), server(54)];
pub const FILES: IpAddr = server(20);
pub const NFS: IpAddr = server(21);
pub const BASTION: IpAddr = server(22);
pub const MAIL: IpAddr = server(25);
pub const DATABASE: IpAddr = server(30);
pub const APPLICATION: IpAddr = server(31);
pub const PROXY: IpAddr = server(38);
pub const VOICE: IpAddr = server(50);
pub const RECORDER: IpAddr = server(55);
pub const BROKER: IpAddr = server(56);
pub const WEB: IpAddr = server(80);
pub const NAMES: IpAddr = server(81);
pub const MONITORING: IpAddr = server(90);
pub const BACKUP: IpAddr = server(91);
pub const AUTOMATION: IpAddr = server(92);
pub const GIT: IpAddr = server(93);
pub const REGISTRY: IpAddr = server(94);
pub const RUNNER: IpAddr = server(95);
pub const LOGS: IpAddr = server(96);
pub const PRINTING: IpAddr = server(97);
pub const WIRELESS: IpAddr = server(98);
pub const SCANNER: IpAddr = server(99);

/// The roles that the company names.
pub const ROLES: [(IpAddr, &str); 23] = [
    (ROUTER, "router"),
    (SECOND_ROUTER, "router"),
    (VPN_GATEWAY, "vpn_gateway"),
    (DIRECTORIES[0], "directory"),
    (DIRECTORIES[1], "directory"),
    (RESOLVERS[0], "resolver"),
    (RESOLVERS[1], "resolver"),
    (BASTION, "bastion"),
    (MAIL, "mailserver"),
    (DATABASE, "database"),
    (APPLICATION, "application"),
    (PROXY, "proxy"),
    (VOICE, "voice_server"),
    (VOICE, "media_server"),
    (RECORDER, "media_server"),
    (NAMES, "public_dns"),
    (MONITORING, "monitoring"),
    (BACKUP, "backup"),
    (AUTOMATION, "automation"),
    (RUNNER, "automation"),
    (WIRELESS, "monitoring"),
    (SCANNER, "scanner"),
    (PRINTING, "software_distribution"),
];

/// The network of pods, all of which may use the database.
pub const NETWORK_ROLES: [(&str, &str); 2] =
    [("10.244.0.0/16", "application"), ("10.20.0.95", "application")];

pub fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// Host `number` of the network 10.20.`net`.0, which may be longer than 250 hosts.
fn host(net: u64, number: u64) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 20, (net + number / 250) as u8, (1 + number % 250) as u8))
}

pub fn desk(number: u64) -> IpAddr {
    host(100, number)
}

pub fn desk_v6(number: u64) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(0x2a00, 0x1234, 1, 100, 0, 0, 0, 1 + number as u16))
}

/// A person's own telephone, in the wireless network.
pub fn mobile(number: u64) -> IpAddr {
    host(110, number)
}

pub fn telephone(number: u64) -> IpAddr {
    host(120, number)
}

pub fn camera(number: u64) -> IpAddr {
    host(130, number)
}

pub fn thing(number: u64) -> IpAddr {
    host(140, number)
}

pub fn printer(number: u64) -> IpAddr {
    host(150, number)
}

/// A server without a role.
pub fn plain(number: u64) -> IpAddr {
    host(30, number)
}

pub fn node(number: u64) -> IpAddr {
    host(40, number)
}

pub fn pod(node: u64, number: u64) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 244, node as u8, (2 + number) as u8))
}

/// Networks of providers, by their first octet.
const PROVIDERS: [u8; 18] =
    [13, 18, 20, 34, 35, 40, 52, 54, 63, 64, 81, 91, 104, 142, 151, 178, 195, 212];

/// An address of the Internet, one of `pool` that serve `purpose`.
pub fn outside(random: &mut Random, purpose: u8, pool: u64) -> IpAddr {
    outside_at(purpose, random.range(0, pool))
}

/// The one with a number.
pub fn outside_at(purpose: u8, number: u64) -> IpAddr {
    let provider = PROVIDERS[(number % PROVIDERS.len() as u64) as usize];
    let [_, high, low] = [0, (number / 250) as u8, (1 + number % 250) as u8];
    IpAddr::V4(Ipv4Addr::new(provider, purpose, high, low))
}

pub fn outside_v6(random: &mut Random, purpose: u16, pool: u64) -> IpAddr {
    let number = random.range(1, pool) as u16;
    IpAddr::V6(Ipv6Addr::new(0x2a02, 0x26f0, purpose, number, 0, 0, 0, 80))
}
