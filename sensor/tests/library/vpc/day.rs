//! The flows of the day, minute by minute, the same in every run.

use sensor_common::{
    key::Direction,
    packet::ip::protocol::{ICMP, TCP, UDP},
};
use sensor_core::flow::{device::Action, initiator::Initiator};

/// A minute, and the day, in milliseconds.
pub const MINUTE: u64 = 60_000;
pub const DAY: u64 = 24 * 60 * MINUTE;
/// Midnight.
pub const START: u64 = 1_790_035_200_000;

/// A flow as an interface saw it within a minute.
#[derive(Clone, Debug)]
pub struct Flow {
    pub interface: u32,
    pub direction: Direction,
    pub action: Action,
    pub ends: (u32, u32),
    pub ports: (u16, u16),
    pub protocol: u8,
    pub packets: u64,
    pub octets: u64,
    pub start: u64,
    pub end: u64,
    /// As AWS shows them.
    pub flags: u16,
    pub opened_by: Initiator,
}

impl Flow {
    pub fn is_rejected(&self) -> bool {
        self.action == Action::Rejected
    }
}

const fn host(network: u32, number: u32) -> u32 {
    10 << 24 | network << 8 | number
}

const BALANCERS: [u32; 2] = [host(0, 10), host(0, 11)];
const WEB: [u32; 6] =
    [host(1, 10), host(1, 11), host(1, 12), host(1, 13), host(1, 14), host(1, 15)];
const DATABASE: u32 = host(2, 20);
const MONITORING: u32 = host(3, 5);
/// What the cloud stores backups in, where updates come from, and a time server.
const STORE: u32 = 52 << 24 | 218 << 16 | 7;
const UPDATES: u32 = 151 << 24 | 101 << 16 | 2 << 8 | 132;
const TIME: u32 = 162 << 24 | 159 << 16 | 200 << 8 | 1;

/// Numbers that only look like chance.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn port(&mut self) -> u16 {
        32_768 + self.below(28_000) as u16
    }

    /// Somebody outside.
    fn outsider(&mut self) -> u32 {
        (20 + self.below(25) as u32) << 24 | self.below(1 << 24) as u32
    }
}

const fn is_inside(address: u32) -> bool {
    address >> 24 == 10
}

/// A connection of which a minute is told: addresses and ports of client and server, packets and octets each sends.
#[derive(Clone, Copy)]
struct Talk {
    client: (u32, u16),
    server: (u32, u16),
    protocol: u8,
    sent: (u64, u64),
    answered: (u64, u64),
    /// The whole of it lies in this minute.
    is_whole: bool,
}

struct Minute {
    start: u64,
    random: Random,
    flows: Vec<Flow>,
}

impl Minute {
    /// A connection, as the interfaces of both its ends see it.
    fn talk(&mut self, talk: Talk) {
        let Talk { client, server, protocol, sent, answered, is_whole } = talk;
        let start = self.start + self.random.below(30) * 1000;
        let end = if is_whole { start + self.random.below(20) * 1000 } else { self.start + 59_000 };
        let start = if is_whole { start } else { self.start };
        let flags = |answer: bool| match (protocol, is_whole) {
            (TCP, true) if answer => 0x13,
            (TCP, true) => 0x03,
            _ => 0,
        };
        for (from, to, (packets, octets), flags, opened_by) in [
            (client, server, sent, flags(false), Initiator::Source),
            (server, client, answered, flags(true), Initiator::Destination),
        ] {
            for (interface, direction) in [(from.0, Direction::Egress), (to.0, Direction::Ingress)]
            {
                if is_inside(interface) {
                    self.flows.push(Flow {
                        interface,
                        direction,
                        action: Action::Accepted,
                        ends: (from.0, to.0),
                        ports: (from.1, to.1),
                        protocol,
                        packets,
                        octets,
                        start,
                        end,
                        flags,
                        opened_by,
                    });
                }
            }
        }
    }

    fn web(&mut self, client: u32, server: (u32, u16), octets: u64) {
        let port = self.random.port();
        let answered = (4 + octets / 1400, 300 + octets);
        self.talk(Talk {
            client: (client, port),
            server,
            protocol: TCP,
            sent: (8 + octets / 3000, 1_400 + octets / 60),
            answered,
            is_whole: true,
        });
    }

    /// What the border rejects.
    fn rejected(&mut self, source: u32, target: u32, protocol: u8, port: u16) {
        let start = self.start + self.random.below(55) * 1000;
        let packets = 1 + self.random.below(3);
        let ports = if protocol == ICMP { (0, 0) } else { (self.random.port(), port) };
        self.flows.push(Flow {
            interface: target,
            direction: Direction::Ingress,
            action: Action::Rejected,
            ends: (source, target),
            ports,
            protocol,
            packets,
            octets: packets * 44,
            start,
            end: start,
            flags: if protocol == TCP { 2 } else { 0 },
            opened_by: Initiator::Source,
        });
    }
}

/// What the Internet tries most.
const TRIED: [u16; 12] = [22, 23, 80, 445, 2323, 3389, 5060, 5555, 6379, 8080, 8443, 9200];

/// The flows of the day, in the order of minutes.
pub fn day() -> impl Iterator<Item = Flow> {
    (0..DAY / MINUTE).flat_map(|number| {
        let random = Random(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let mut minute = Minute { start: START + number * MINUTE, random, flows: Vec::new() };
        customers(&mut minute);
        inside(&mut minute, number);
        outside(&mut minute, number);
        background(&mut minute, number);
        minute.flows.sort_by_key(|flow| flow.end);
        minute.flows
    })
}

/// Browsers, through the load balancers, to the web servers, which ask the database.
fn customers(minute: &mut Minute) {
    for _ in 0..12 {
        let (client, at) = (minute.random.outsider(), minute.random.below(2) as usize);
        let web = WEB[minute.random.below(6) as usize];
        let octets = 2_000 + minute.random.below(200_000);
        minute.web(client, (BALANCERS[at], 443), octets);
        minute.web(BALANCERS[at], (web, 8080), octets);
    }
    for (at, web) in WEB.into_iter().enumerate() {
        let queries = 50 + minute.random.below(100);
        minute.talk(Talk {
            client: (web, 40_000 + at as u16),
            server: (DATABASE, 5432),
            protocol: TCP,
            sent: (2 * queries, 180 * queries),
            answered: (3 * queries, 1_200 * queries),
            is_whole: false,
        });
    }
}

/// Health checks and monitoring, every minute.
fn inside(minute: &mut Minute, number: u64) {
    for balancer in BALANCERS {
        for web in WEB {
            minute.web(balancer, (web, 8080), 200);
        }
    }
    for target in WEB.into_iter().chain(BALANCERS).chain([DATABASE]) {
        minute.web(MONITORING, (target, 9100), 30_000);
    }
    if number.is_multiple_of(60) {
        // Somebody administers a host, by a session manager's port forwarding on the monitoring host.
        minute.talk(Talk {
            client: (MONITORING, 50_022),
            server: (WEB[0], 22),
            protocol: TCP,
            sent: (120, 9_000),
            answered: (140, 40_000),
            is_whole: true,
        });
    }
}

/// Updates, time, and the backup at night.
fn outside(minute: &mut Minute, number: u64) {
    for (at, web) in WEB.into_iter().enumerate() {
        if (number + 7 * at as u64).is_multiple_of(240) {
            minute.web(web, (UPDATES, 443), 4_000_000);
        }
        if (number + at as u64).is_multiple_of(17) {
            minute.talk(Talk {
                client: (web, 123),
                server: (TIME, 123),
                protocol: UDP,
                sent: (1, 76),
                answered: (1, 76),
                is_whole: true,
            });
        }
    }
    if (120..150).contains(&number) {
        minute.talk(Talk {
            client: (DATABASE, 51_000),
            server: (STORE, 443),
            protocol: TCP,
            sent: (7_000, 10_000_000),
            answered: (3_000, 160_000),
            is_whole: number == 120,
        });
    }
}

/// What the border rejects all day: single knocks, pings, some who try many ports, and some who try every host.
fn background(minute: &mut Minute, number: u64) {
    let targets = [BALANCERS[0], BALANCERS[1]];
    for _ in 0..6 {
        let (source, at) = (minute.random.outsider(), minute.random.below(2) as usize);
        let port = TRIED[minute.random.below(12) as usize];
        minute.rejected(source, targets[at], TCP, port);
    }
    let (source, at) = (minute.random.outsider(), minute.random.below(2) as usize);
    minute.rejected(source, targets[at], UDP, [53, 161, 1900, 5060][at]);
    if number.is_multiple_of(3) {
        minute.rejected(source, targets[at], ICMP, 0);
    }
    if number.is_multiple_of(180) {
        // Forty ports of one host within the minute.
        let source = minute.random.outsider();
        for port in 0..40 {
            minute.rejected(source, targets[0], TCP, 20 + 53 * port);
        }
    }
}
