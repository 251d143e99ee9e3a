//! An hour of a small site in which nothing is wrong: an office, servers, the Internet's background noise.
//!
//! Every exchange gives the records that a router with an active timeout of 60 s and an idle timeout of 15 s makes of it:
//! one for each direction and slice, flags OR-ed within the slice. Numbers are fixed by the seed, so that the hour is the
//! same every time.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sensor_common::{
    packet::ip::protocol::{ICMP, ICMPV6, TCP, UDP},
    tcp::{ACK, FIN, PSH, RST, SYN},
};

use crate::traffic::{Random, Record};

/// The first millisecond of the hour.
pub const START: u64 = 1_767_603_600_000;
/// Its length, milliseconds.
pub const HOUR: u64 = 3_600_000;

const ACTIVE_TIMEOUT: u64 = 60_000;

/// Hosts that have a role.
pub const ROLES: [(&str, &str); 11] = [
    ("10.0.0.1", "vpn_gateway"),
    ("10.0.0.10", "directory"),
    ("10.0.0.22", "bastion"),
    ("10.0.0.25", "mailserver"),
    ("10.0.0.30", "database"),
    ("10.0.0.31", "application"),
    ("10.0.0.53", "resolver"),
    ("10.0.0.90", "monitoring"),
    ("10.0.0.91", "backup"),
    ("10.0.0.92", "automation"),
    ("10.0.0.1", "router"),
];

/// The records, by the time at which they end.
pub fn hour() -> Vec<Record> {
    let mut site = Site { random: Random(7), records: Vec::new() };
    site.office();
    site.servers();
    site.operations();
    site.background();
    site.records.sort_by_key(|record| (record.end, record.start));
    site.records
}

/// What both sides of an exchange send in all: packets and octets.
type Volume = (u64, u64);

/// How a TCP connection goes.
#[derive(Clone, Copy, PartialEq)]
enum Course {
    /// Opened, used and closed.
    Whole,
    /// It was there before the hour and is there after it.
    Lasting,
}

struct Site {
    random: Random,
    records: Vec<Record>,
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn client(number: u64) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 2, number as u8))
}

fn client_v6(number: u64) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(0x2a00, 0x1234, 1, 2, 0, 0, 0, number as u16))
}

impl Site {
    /// An outside address, one of `pool` behind a number that says what for.
    fn outside(&mut self, group: u8, pool: u64) -> IpAddr {
        let number = self.random.range(0, pool) as u32;
        IpAddr::V4(Ipv4Addr::from(u32::from(Ipv4Addr::new(45, group, 0, 1)) + number * 7))
    }

    fn outside_v6(&mut self, pool: u64) -> IpAddr {
        let number = self.random.range(1, pool) as u16;
        IpAddr::V6(Ipv6Addr::new(0x2a02, 0x26f0, number, 0, 0, 0, 0, 80))
    }

    fn time(&mut self) -> u64 {
        START + self.random.range(0, HOUR)
    }

    fn port(&mut self) -> u16 {
        self.random.range(32768, 61000) as u16
    }

    fn one(&mut self, record: Record) {
        if (START..START + HOUR).contains(&record.end) {
            self.records.push(record);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "an exchange is all of this")]
    fn exchange(
        &mut self,
        protocol: u8,
        start: u64,
        duration: u64,
        client: (IpAddr, u16),
        server: (IpAddr, u16),
        sent: Volume,
        received: Volume,
        course: Course,
    ) {
        let slices = (duration / ACTIVE_TIMEOUT + 1).min(sent.0.max(1));
        for slice in 0..slices {
            let begin = start + slice * ACTIVE_TIMEOUT;
            let end = (begin + ACTIVE_TIMEOUT - 1).min(start + duration);
            let mut flags = if protocol == TCP { ACK | PSH } else { 0 };
            if protocol == TCP && course == Course::Whole {
                flags |= if slice == 0 { SYN } else { 0 };
                flags |= if slice + 1 == slices { FIN } else { 0 };
            }
            for (from, to, volume) in [(client, server, sent), (server, client, received)] {
                let packets = volume.0 / slices + u64::from(slice < volume.0 % slices);
                if packets == 0 {
                    continue;
                }
                let octets = (volume.1 / slices).max(packets * 40);
                // Who only acknowledges a download pushes nothing once it runs.
                let acknowledges = slice > 0 && volume.1 / volume.0.max(1) < 60;
                let flags = if acknowledges { flags & !PSH } else { flags };
                self.one(Record {
                    source: from.0,
                    destination: to.0,
                    ports: (from.1, to.1),
                    protocol,
                    icmp: (0, 0),
                    flags,
                    packets,
                    octets,
                    start: begin,
                    end,
                    opened: None,
                    continued: false,
                });
            }
        }
    }

    fn tcp(
        &mut self,
        start: u64,
        duration: u64,
        client: IpAddr,
        server: (IpAddr, u16),
        sent: Volume,
        received: Volume,
    ) {
        let port = self.port();
        self.exchange(TCP, start, duration, (client, port), server, sent, received, Course::Whole);
    }

    fn udp(
        &mut self,
        start: u64,
        duration: u64,
        client: IpAddr,
        server: (IpAddr, u16),
        sent: Volume,
        received: Volume,
    ) {
        let port = self.port();
        self.exchange(UDP, start, duration, (client, port), server, sent, received, Course::Whole);
    }

    /// A connection that lives through the hour and wakes every `gap`: the idle timeout makes each time a record of its own.
    fn lasting(&mut self, client: IpAddr, server: (IpAddr, u16), gap: u64, octets: u64) {
        let port = self.port();
        let mut at = START + self.random.range(0, gap);
        while at < START + HOUR {
            let volume = (3, octets);
            self.exchange(TCP, at, 200, (client, port), server, volume, volume, Course::Lasting);
            at += gap + self.random.range(0, gap / 10 + 1);
        }
    }

    fn datagram(&mut self, at: u64, from: (IpAddr, u16), to: (IpAddr, u16), volume: Volume) {
        self.one(Record {
            source: from.0,
            destination: to.0,
            ports: (from.1, to.1),
            protocol: UDP,
            icmp: (0, 0),
            flags: 0,
            packets: volume.0,
            octets: volume.1,
            start: at,
            end: at + 20 * volume.0,
            opened: None,
            continued: false,
        });
    }

    fn icmp(&mut self, at: u64, from: IpAddr, to: IpAddr, icmp: (u8, u8), volume: Volume) {
        let protocol = if from.is_ipv4() { ICMP } else { ICMPV6 };
        self.one(Record {
            source: from,
            destination: to,
            ports: (0, 0),
            protocol,
            icmp,
            flags: 0,
            packets: volume.0,
            octets: volume.1,
            start: at,
            end: at + 1000 * (volume.0 - 1),
            opened: None,
            continued: false,
        });
    }

    fn segment(
        &mut self,
        at: u64,
        from: (IpAddr, u16),
        to: (IpAddr, u16),
        flags: u16,
        packets: u64,
    ) {
        self.one(Record {
            source: from.0,
            destination: to.0,
            ports: (from.1, to.1),
            protocol: TCP,
            icmp: (0, 0),
            flags,
            packets,
            octets: packets * 52,
            start: at,
            end: at + (packets - 1) * 1500,
            opened: None,
            continued: false,
        });
    }

    /// Forty people at their desks.
    fn office(&mut self) {
        let (resolver, directory, files) = (ip("10.0.0.53"), ip("10.0.0.10"), ip("10.0.0.20"));
        for number in 1..=40 {
            let me = client(number);
            for _ in 0..120 {
                let at = self.time();
                self.udp(at, 15, me, (resolver, 53), (2, 140), (2, 420));
            }
            for _ in 0..60 {
                let (at, server) = (self.time(), self.outside(1, 900));
                let pages = self.random.range(4, 120);
                let time = self.random.range(300, 40_000);
                self.tcp(
                    at,
                    time,
                    me,
                    (server, 443),
                    (pages + 8, 900 + pages * 90),
                    (pages * 2 + 8, pages * 2400),
                );
            }
            for _ in 0..20 {
                let (at, server) = (self.time(), self.outside_v6(300));
                self.tcp(at, 9000, client_v6(number), (server, 443), (40, 5000), (70, 90_000));
            }
            // QUIC, also from source ports that services elsewhere are known by.
            for _ in 0..15 {
                let (at, server) = (self.time(), self.outside(2, 200));
                let odd = [51820, 47808, 44818, 41641, 37810, 50050, 45700, 45560, 51413];
                let port =
                    if self.random.range(0, 6) == 0 { self.random.of(&odd) } else { self.port() };
                self.exchange(
                    UDP,
                    at,
                    25_000,
                    (me, port),
                    (server, 443),
                    (90, 14_000),
                    (300, 320_000),
                    Course::Whole,
                );
            }
            self.own_habits(number, me, directory, files);
        }
    }

    fn own_habits(&mut self, number: u64, me: IpAddr, directory: IpAddr, files: IpAddr) {
        // A download that the active timeout cuts, and now and then a call.
        let (at, server) = (self.time(), self.outside(3, 20));
        self.tcp(at, 400_000, me, (server, 443), (60_000, 2_700_000), (120_000, 168_000_000));
        if number.is_multiple_of(4) {
            let (at, relay) = (START + 300_000, self.outside(4, 8));
            self.udp(at, 1_800_000, me, (relay, 3478), (190_000, 170_000_000), (190_000, 1 << 28));
        }
        let push = self.outside(5, 6);
        self.lasting(me, (push, if number.is_multiple_of(3) { 5223 } else { 443 }), 240_000, 300);
        if number.is_multiple_of(3) {
            let apple = ip("17.57.144.20");
            self.lasting(me, (apple, 5223), 600_000, 400);
        }
        self.lasting(me, (files, 445), 45_000, 2000);
        for _ in 0..6 {
            let at = self.time();
            let port = self.random.of(&[88, 389, 135, 49_667, 445, 3268]);
            self.tcp(at, 300, me, (directory, port), (9, 2600), (8, 3100));
        }
        for poll in 0..12 {
            let printer = IpAddr::V4(Ipv4Addr::new(10, 0, 4, 1 + (number % 6) as u8));
            let at = START + poll * 300_000 + number * 1700;
            self.udp(at, 40, me, (printer, 161), (4, 320), (4, 480));
        }
        for time in 0..4 {
            let (at, server) = (START + time * 900_000 + number * 3111, self.outside(6, 12));
            self.exchange(UDP, at, 30, (me, 123), (server, 123), (1, 76), (1, 76), Course::Whole);
        }
        // Dead and closed servers.
        for _ in 0..5 {
            let (at, dead, port) = (self.time(), self.outside(7, 400), self.port());
            self.segment(at, (me, port), (dead, 443), SYN, 3);
        }
        for _ in 0..2 {
            let (at, closed, port) = (self.time(), self.outside(8, 60), self.port());
            self.segment(at, (me, port), (closed, 443), SYN, 1);
            self.segment(at + 30, (closed, 443), (me, port), RST | ACK, 1);
        }
        // Chatter of the segment.
        for _ in 0..30 {
            let at = self.time();
            self.datagram(at, (me, 5353), (ip("224.0.0.251"), 5353), (2, 220));
            self.datagram(at + 900, (me, 5353), (ip("224.0.0.251"), 5353), (1, 110));
        }
        for _ in 0..8 {
            let (at, port) = (self.time(), self.port());
            self.datagram(at, (me, port), (ip("239.255.255.250"), 1900), (3, 600));
            self.datagram(at + 5000, (me, port), (ip("224.0.0.252"), 5355), (2, 130));
            self.datagram(at + 9000, (me, 137), (ip("10.0.2.255"), 137), (3, 280));
            self.datagram(at + 9500, (me, 138), (ip("10.0.2.255"), 138), (1, 230));
        }
        let at = self.time();
        self.datagram(at, (ip("0.0.0.0"), 68), (ip("255.255.255.255"), 67), (1, 328));
        self.datagram(at + 10, (ip("10.0.0.1"), 67), (ip("255.255.255.255"), 68), (1, 328));
        let at = self.time();
        self.datagram(at, (me, 68), (ip("10.0.0.1"), 67), (1, 328));
        self.datagram(at + 10, (ip("10.0.0.1"), 67), (me, 68), (1, 328));
        for _ in 0..10 {
            let at = self.time();
            let router = ip("fe80::1");
            let own = ip(&format!("fe80::2:{number}"));
            self.datagram(at + 40, (own, 546), (ip("ff02::1:2"), 547), (1, 140));
            self.icmp(at, ip(&format!("fe80::2:{number}")), router, (135, 0), (1, 72));
            self.icmp(at + 1, router, ip(&format!("fe80::2:{number}")), (136, 0), (1, 72));
        }
        if number.is_multiple_of(8) {
            let (at, target) = (self.time(), self.outside(3, 20));
            self.icmp(at, me, target, (8, 0), (20, 1680));
            self.icmp(at + 12, target, me, (0, 0), (20, 1680));
        }
    }

    /// Web, mail, names, a bastion, a database.
    fn servers(&mut self) {
        let (web, mail, resolver) = (ip("10.0.0.80"), ip("10.0.0.25"), ip("10.0.0.53"));
        for _ in 0..3000 {
            let (at, visitor) = (self.time(), self.outside(20, 1500));
            let pages = self.random.range(1, 40);
            self.tcp(
                at,
                4000,
                visitor,
                (web, 443),
                (pages + 7, 700 + pages * 110),
                (pages * 2 + 7, 4000 + pages * 2500),
            );
        }
        for _ in 0..200 {
            let (at, visitor) = (self.time(), self.outside(21, 200));
            self.udp(at, 6000, visitor, (web, 443), (40, 6000), (110, 120_000));
        }
        for _ in 0..300 {
            let (at, sender) = (self.time(), self.outside(22, 250));
            self.tcp(at, 2500, sender, (mail, 25), (20, 9000), (18, 2200));
            let (at, receiver) = (self.time(), self.outside(23, 120));
            self.tcp(at, 2500, mail, (receiver, 25), (20, 9000), (18, 2200));
        }
        for phone in 0..25 {
            for poll in 0..4 {
                let at = START + poll * 900_000 + phone * 31_000;
                let carrier = IpAddr::V4(Ipv4Addr::new(45, 24, 0, 1 + phone as u8));
                self.tcp(at, 900, carrier, (mail, 993), (14, 2100), (13, 6000));
            }
        }
        for _ in 0..4000 {
            let (at, server) = (self.time(), self.outside(25, 500));
            self.udp(at, 40, resolver, (server, 53), (1, 72), (1, 180));
        }
        for _ in 0..60 {
            let (at, server) = (self.time(), self.outside(25, 500));
            self.tcp(at, 80, resolver, (server, 53), (6, 380), (6, 2100));
        }
        let bastion = ip("10.0.0.22");
        for _ in 0..12 {
            let (at, person) = (self.time(), self.outside(26, 9));
            let time = self.random.range(60_000, 1_500_000);
            self.tcp(at, time, person, (bastion, 22), (900, 70_000), (1100, 190_000));
            self.tcp(at + 4000, time, bastion, (ip("10.0.5.7"), 22), (900, 70_000), (900, 99_000));
        }
        let (database, application) = (ip("10.0.0.30"), ip("10.0.0.31"));
        self.lasting(application, (database, 5432), 17_000, 5000);
        for _ in 0..800 {
            let at = self.time();
            self.tcp(at, 60, application, (database, 5432), (9, 1400), (8, 5200));
        }
        for number in 1..=10 {
            let server = IpAddr::V4(Ipv4Addr::new(10, 0, 5, number));
            let api = IpAddr::V4(Ipv4Addr::new(45, 27, 0, number));
            for minute in 0..60 {
                let at = START + minute * 60_000 + u64::from(number) * 700;
                self.tcp(at, 250, server, (api, 443), (11, 2300), (10, 4400));
            }
            for time in 0..6 {
                let at = START + time * 600_000 + u64::from(number);
                self.tcp(at, 20, server, (ip("169.254.169.254"), 80), (6, 700), (5, 1300));
            }
        }
    }

    /// Monitoring, automation, backup, tunnels, routing.
    fn operations(&mut self) {
        let monitoring = ip("10.0.0.90");
        for host in 1..=80 {
            let target = IpAddr::V4(Ipv4Addr::new(10, 0, 5, host));
            for minute in 0..60 {
                let at = START + minute * 60_000 + u64::from(host) * 400;
                self.icmp(at, monitoring, target, (8, 0), (3, 252));
                self.icmp(at + 1, target, monitoring, (0, 0), (3, 252));
                if minute % 5 == 0 {
                    self.tcp(at + 50, 20, monitoring, (target, 22), (5, 320), (4, 300));
                    self.udp(at + 90, 20, monitoring, (target, 161), (3, 280), (3, 700));
                }
            }
        }
        // Two hosts that were retired and are still on its list.
        for minute in 0..60 {
            for host in [81, 82] {
                let at = START + minute * 60_000 + 33_000;
                let (target, port) = (IpAddr::V4(Ipv4Addr::new(10, 0, 5, host)), self.port());
                self.segment(at, (monitoring, port), (target, 22), SYN, 3);
            }
        }
        for host in 1..=60 {
            let target = IpAddr::V4(Ipv4Addr::new(10, 0, 5, host));
            let at = START + 1_200_000 + u64::from(host) * 3500;
            self.tcp(at, 20_000, ip("10.0.0.92"), (target, 22), (120, 30_000), (110, 26_000));
        }
        let store = ip("45.28.0.9");
        self.tcp(
            START + 60_000,
            3_300_000,
            ip("10.0.0.91"),
            (store, 443),
            (21_000_000, 30_000_000_000),
            (9_000_000, 470_000_000),
        );
        let (gateway, branch) = (ip("10.0.0.1"), ip("45.29.0.1"));
        for minute in 0..59 {
            let at = START + minute * 60_000;
            for (from, to) in [(gateway, branch), (branch, gateway)] {
                self.one(Record {
                    source: from,
                    destination: to,
                    ports: (0, 0),
                    protocol: 50,
                    icmp: (0, 0),
                    flags: 0,
                    packets: 4000,
                    octets: 2_600_000,
                    start: at,
                    end: at + 59_000,
                    opened: None,
                    continued: false,
                });
            }
            self.datagram(at + 500, (gateway, 4500), (branch, 4500), (3, 96));
            for protocol in [89, 112] {
                let group = if protocol == 89 { ip("224.0.0.5") } else { ip("224.0.0.18") };
                self.one(Record {
                    source: gateway,
                    destination: group,
                    ports: (0, 0),
                    protocol,
                    icmp: (0, 0),
                    flags: 0,
                    packets: 6,
                    octets: 400,
                    start: at,
                    end: at + 59_000,
                    opened: None,
                    continued: false,
                });
            }
        }
    }

    /// What knocks on every public address, all day.
    fn background(&mut self) {
        for (server, open) in [("10.0.0.80", 443), ("10.0.0.25", 25), ("10.0.0.22", 22)] {
            let server = ip(server);
            for _ in 0..500 {
                let (at, stranger, port) = (self.time(), self.outside(40, 100_000), self.port());
                let wanted =
                    self.random.of(&[23, 22, 80, 445, 1433, 2323, 3389, 5555, 5900, 6379, 8080]);
                self.segment(at, (stranger, port), (server, wanted), SYN, 1);
                let wanted = self.random.of(&[53, 123, 161, 389, 1900, 5060, 11_211]);
                self.datagram(at + 700, (stranger, port), (server, wanted), (1, 60));
            }
            // Half-open probes of the port that is open.
            for _ in 0..60 {
                let (at, stranger, port) = (self.time(), self.outside(40, 100_000), self.port());
                self.segment(at, (stranger, port), (server, open), SYN | RST, 2);
                self.segment(at + 20, (server, open), (stranger, port), SYN | ACK, 1);
            }
            for _ in 0..80 {
                let (at, stranger, port) = (self.time(), self.outside(40, 100_000), self.port());
                self.segment(at, (stranger, port), (server, 80), SYN, 1);
                self.segment(at + 20, (server, 80), (stranger, port), RST | ACK, 1);
            }
        }
        // Guessers who stay below every limit.
        for guesser in 0..6 {
            for attempt in 0..60 {
                let at = START + attempt * 58_000 + guesser * 7000;
                let source = IpAddr::V4(Ipv4Addr::new(45, 41, 0, 1 + guesser as u8));
                self.tcp(at, 3000, source, (ip("10.0.0.22"), 22), (18, 3100), (16, 3900));
            }
        }
        // Answers to connections that somebody opened in our name.
        for _ in 0..120 {
            let (at, server, port) = (self.time(), self.outside(42, 4000), self.port());
            self.segment(at, (server, 443), (ip("10.0.0.80"), port), SYN | ACK, 2);
        }
    }
}
