//! What a habit writes its exchanges with: the one place that knows what each kind of exchange looks like.

use std::net::IpAddr;

use sensor_common::packet::ip::protocol::{ICMP, ICMPV6, TCP, UDP};

use crate::{
    day::flow::{Course, End, Flow, Volume},
    traffic::Random,
};

/// The moment at which a habit acts.
pub struct Scene<'a> {
    /// Milliseconds since the epoch.
    pub now: u64,
    pub random: &'a mut Random,
    pub flows: &'a mut Vec<Flow>,
}

/// Ports of clients that are known as those of a service.
const TELLING: [u16; 18] = [
    33434, 34964, 37215, 37777, 37810, 41641, 44818, 45560, 45700, 47808, 48898, 49152, 50050,
    51413, 51820, 52869, 55443, 60000,
];

/// Those that translated clients have beside them, which take any port from 1024 on.
const TELLING_LOW: [u16; 34] = [
    1080, 1099, 1194, 1433, 1701, 2049, 2323, 3128, 3306, 3333, 3389, 3478, 4444, 4500, 5060, 5353,
    5432, 5555, 5900, 5938, 6379, 6667, 6881, 7547, 7777, 8080, 8472, 9001, 9100, 9200, 10001,
    11211, 27017, 31337,
];

/// One packet from somebody to somebody, or several.
#[derive(Clone, Copy)]
pub struct Message {
    pub protocol: u8,
    pub icmp: (u8, u8),
    pub volume: Volume,
    /// Milliseconds from the first to the last.
    pub duration: u64,
}

impl Scene<'_> {
    /// A port as Linux, Windows or macOS give it to a client; now and then one that a service is known by.
    pub fn port(&mut self) -> u16 {
        match self.random.range(0, 60) {
            0 => self.random.of(&TELLING),
            low if low < 25 => self.random.range(32_768, 61_000) as u16,
            _ => self.random.range(49_152, 65_536) as u16,
        }
    }

    /// A port as address translation gives it.
    pub fn translated_port(&mut self) -> u16 {
        match self.random.range(0, 25) {
            0 => self.random.of(&TELLING_LOW),
            1 => self.random.of(&TELLING),
            _ => self.random.range(1024, 65_536) as u16,
        }
    }

    /// A port at which a peer says it may be reached: any, so that seldom it is one that a service is known by.
    pub fn peer_port(&mut self) -> u16 {
        if self.random.once_in(400) {
            self.translated_port()
        } else {
            self.random.range(1024, 65_536) as u16
        }
    }

    /// Some milliseconds later.
    pub fn later(&mut self, most: u64) {
        self.now += self.random.range(1, most.max(2));
    }

    pub fn exchange(
        &mut self,
        protocol: u8,
        duration: u64,
        client: End,
        server: End,
        volumes: (Volume, Volume),
        course: Course,
    ) {
        self.flows.push(Flow {
            protocol,
            start: self.now,
            duration,
            client,
            server,
            icmp: [(0, 0); 2],
            sent: volumes.0,
            received: volumes.1,
            course,
        });
    }

    /// A TCP connection, opened, used and closed.
    pub fn tcp(&mut self, duration: u64, client: IpAddr, server: End, sent: Volume, back: Volume) {
        let port = self.port();
        self.exchange(TCP, duration, (client, port), server, (sent, back), Course::Whole);
    }

    pub fn udp(&mut self, duration: u64, client: IpAddr, server: End, sent: Volume, back: Volume) {
        let port = self.port();
        self.exchange(UDP, duration, (client, port), server, (sent, back), Course::Datagrams);
    }

    /// A web connection of an ordinary size, now and then dropped instead of closed.
    pub fn web(&mut self, client: IpAddr, server: End) {
        let requests = self.random.range(1, 14);
        let kept = if self.random.once_in(3) { 70_000 } else { 9_000 };
        let duration = self.random.range(120, kept);
        let weight = self.random.range(800, 60_000);
        let sent = (7 + requests * 3, 1100 + requests * 620);
        let back = (6 + requests * weight / 1300, 4200 + requests * weight);
        let course = if self.random.once_in(9) { Course::Dropped } else { Course::Whole };
        let port = self.port();
        self.exchange(TCP, duration, (client, port), server, (sent, back), course);
    }

    /// A TCP connection that is opened and closed without a word.
    pub fn touch(&mut self, client: IpAddr, server: End) {
        let port = self.port();
        let volumes = ((4, 216), (3, 164));
        self.exchange(TCP, 3, (client, port), server, volumes, Course::Touched);
    }

    /// The same, reset instead of closed.
    pub fn knock(&mut self, client: IpAddr, server: End) {
        let port = self.port();
        let volumes = ((3, 164), (1, 60));
        self.exchange(TCP, 2, (client, port), server, volumes, Course::Knocked);
    }

    /// A SYN that nobody answers, and its repetitions.
    pub fn unanswered(&mut self, client: IpAddr, server: End, syns: u64) {
        let port = self.port();
        let duration = (1 << syns) * 500 - 1000 + 7;
        let volumes = ((syns, syns * 60), (0, 0));
        self.exchange(TCP, duration, (client, port), server, volumes, Course::Unanswered);
    }

    /// A closed port.
    pub fn refused(&mut self, client: IpAddr, server: End) {
        let port = self.port();
        let volumes = ((1, 60), (1, 40));
        self.exchange(TCP, 1, (client, port), server, volumes, Course::Refused);
    }

    /// One moment of a connection that has been open for long, or stays so.
    pub fn lasting(&mut self, client: End, server: End, sent: Volume, back: Volume) {
        let duration = self.random.range(20, 900);
        self.exchange(TCP, duration, client, server, (sent, back), Course::Lasting);
    }

    /// What goes one way.
    pub fn message(&mut self, from: End, to: End, message: Message) {
        self.flows.push(Flow {
            protocol: message.protocol,
            start: self.now,
            duration: message.duration,
            client: from,
            server: to,
            icmp: [message.icmp, (0, 0)],
            sent: message.volume,
            received: (0, 0),
            course: Course::Datagrams,
        });
    }

    /// Datagrams that nobody answers.
    pub fn datagrams(&mut self, from: End, to: End, volume: Volume) {
        let duration = 25 * (volume.0 - 1);
        self.message(from, to, Message { protocol: UDP, icmp: (0, 0), volume, duration });
    }

    /// ICMP that is no echo.
    pub fn icmp(&mut self, from: IpAddr, to: IpAddr, icmp: (u8, u8), volume: Volume) {
        let protocol = if from.is_ipv4() { ICMP } else { ICMPV6 };
        self.message((from, 0), (to, 0), Message { protocol, icmp, volume, duration: 0 });
    }

    /// Echo requests, one a second, and their replies, if any come.
    pub fn ping(&mut self, from: IpAddr, to: IpAddr, count: u64, answered: bool) {
        let (protocol, icmp) = match from {
            IpAddr::V4(_) => (ICMP, [(8, 0), (0, 0)]),
            IpAddr::V6(_) => (ICMPV6, [(128, 0), (129, 0)]),
        };
        let volume = (count, count * 84);
        self.flows.push(Flow {
            protocol,
            start: self.now,
            duration: (count - 1) * 1000 + 3,
            client: (from, 0),
            server: (to, 0),
            icmp,
            sent: volume,
            received: if answered { volume } else { (0, 0) },
            course: Course::Datagrams,
        });
    }

    /// A name that is looked up: question and answer.
    pub fn look_up(&mut self, client: IpAddr, resolver: IpAddr) {
        let (question, answer) = (self.random.range(56, 88), self.random.range(90, 420));
        let pair = 1 + self.random.range(0, 2);
        let delay = self.random.range(1, 60);
        self.udp(delay, client, (resolver, 53), (pair, pair * question), (pair, pair * answer));
    }
}
