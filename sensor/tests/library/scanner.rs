//! A host that scans is one finding, however much of a scan there is, and whatever it does beside scanning is told. All
//! policies that are on look at it together, since the label that one of them writes mutes others.

use std::net::{IpAddr, Ipv4Addr};

use sensor_common::{
    packet::ip::protocol::TCP,
    tcp::{ACK, FIN, PSH, RST, SYN},
};
use sensor_core::{
    flow::initiator::Initiator,
    policy::alert::{Alert, EventKind, Severity},
};

use crate::{
    Bench,
    benign::START,
    feed::{View, batches, context},
    stock_policies,
    traffic::Record,
};

/// The host that scans.
const SCANNER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 2, 7));
const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
/// The length of everything.
const LONGEST: u64 = 30 * HOUR;

fn server(number: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, number])
}

/// What the scanner does.
#[derive(Default)]
struct Deeds(Vec<Record>);

impl Deeds {
    /// A record of the scanner; what the other side sends.
    fn add(
        &mut self,
        at: u64,
        (own, target, port): (u16, IpAddr, u16),
        flags: [u16; 2],
        volumes: [(u64, u64); 2],
    ) {
        let ways = [(SCANNER, target, (own, port)), (target, SCANNER, (port, own))];
        let opened = [Initiator::Source, Initiator::Destination];
        for (((source, destination, ports), opened), (flags, (packets, octets))) in
            ways.into_iter().zip(opened).zip(flags.into_iter().zip(volumes))
        {
            if packets == 0 {
                continue;
            }
            self.0.push(Record {
                source,
                destination,
                ports,
                protocol: TCP,
                icmp: (0, 0),
                flags,
                packets,
                octets,
                start: START + at,
                end: START + at + 500,
                opened: Some(opened),
                continued: false,
            });
        }
    }

    /// 60 ports of a host in 36 seconds: half of them refuse, the others are silent.
    fn scan(&mut self, at: u64, target: IpAddr) {
        for port in 0..60 {
            let answers = u64::from(port % 2);
            let ends = (40_000, target, 20 + port);
            let volumes = [(1, 44), (answers, 40 * answers)];
            self.add(at + u64::from(port) * 600, ends, [SYN, RST | ACK], volumes);
        }
    }

    /// Short sessions with a service, one every two seconds.
    fn try_logins(&mut self, at: u64, count: u16, (target, port): (IpAddr, u16)) {
        for number in 0..count {
            let ends = (41_000 + number, target, port);
            let flags = [SYN | PSH | ACK | FIN; 2];
            let volumes = [(18, 2900), (18, 4200)];
            self.add(at + u64::from(number) * 2 * SECOND, ends, flags, volumes);
        }
    }

    /// A session in which somebody works.
    fn session(&mut self, at: u64, (target, port): (IpAddr, u16)) {
        let volumes = [(400, 26_000), (500, 90_000)];
        self.add(at, (45_000, target, port), [SYN | PSH | ACK; 2], volumes);
    }

    /// What the policies that are on say, from each point of view the same.
    fn told(mut self, roles: &[(&'static str, &'static str)]) -> Vec<Alert> {
        self.0.sort_by_key(|record| record.end);
        let [gateway, router] = [View::Gateway, View::Router].map(|view| {
            let policies = stock_policies().into_iter().filter(|policy| policy.enabled);
            let mut bench = Bench::new(policies, context(roles.iter().copied(), view));
            batches(&self.0, view).into_iter().for_each(|batch| bench.observe(batch));
            bench.finish(START + LONGEST)
        });
        assert_eq!(starts(&gateway), starts(&router));
        gateway
    }
}

/// The incidents, with the highest severity of each.
fn starts(events: &[Alert]) -> Vec<(&str, Severity)> {
    let starts =
        events.iter().filter(|event| matches!(event.kind, EventKind::Start | EventKind::Hit));
    let highest = |start: &Alert| {
        let own = events.iter().filter(|event| event.incident == start.incident);
        own.map(|event| event.severity).max().unwrap_or(start.severity)
    };
    starts.map(|start| (start.policy.name.as_str(), highest(start))).collect()
}

#[test]
fn a_scan_of_many_hosts_is_one_finding_with_the_logins_that_it_tries() {
    let mut deeds = Deeds::default();
    for number in 0..120 {
        let (at, target) = (u64::from(number) * MINUTE, server(20 + number));
        deeds.scan(at, target);
        for (service, port) in [23, 5900, 22].into_iter().enumerate() {
            deeds.try_logins(at + 40 * SECOND + service as u64 * 7 * SECOND, 12, (target, port));
        }
    }
    let events = deeds.told(&[]);
    let expected = [
        ("scan_vertical_internal", Severity::Medium),
        ("scanner_login_attempts", Severity::Medium),
    ];
    assert_eq!(starts(&events), expected);
    // It goes on while the host scans, and says how much of it there is.
    let of_scan: Vec<_> =
        events.iter().filter(|event| event.policy.name == "scan_vertical_internal").collect();
    let goes_on = of_scan.iter().filter(|event| event.kind == EventKind::Ongoing);
    assert!(goes_on.count() >= 2, "{of_scan:#?}");
    let last = of_scan.iter().rev().find(|event| event.kind == EventKind::Ongoing).expect("one");
    let value = |function: &str| {
        last.measured.iter().find(|one| one.function == function).map(|one| one.value)
    };
    assert_eq!(value("distinct(dstport)"), Some(60.0));
    assert!(value("distinct(dstip)").is_some_and(|hosts| hosts >= 4.0), "{:?}", last.measured);
}

#[test]
fn who_scans_first_and_then_guesses_and_gets_in_is_told() {
    let mut deeds = Deeds::default();
    deeds.scan(0, server(20));
    deeds.try_logins(10 * MINUTE, 70, (server(20), 22));
    deeds.session(20 * MINUTE, (server(20), 22));
    let expected = [
        ("scan_vertical_internal", Severity::Medium),
        ("scanner_login_attempts", Severity::Medium),
        ("scanner_password_guessing", Severity::High),
        ("scanner_session", Severity::Medium),
    ];
    assert_eq!(starts(&deeds.told(&[])), expected);
}

#[test]
fn who_scans_and_then_moves_from_host_to_host_is_told() {
    let mut deeds = Deeds::default();
    deeds.scan(0, server(20));
    for number in 0..40 {
        deeds.session(10 * MINUTE + u64::from(number) * 5 * SECOND, (server(20 + number), 3389));
    }
    let expected = [
        ("scan_vertical_internal", Severity::Medium),
        ("scanner_session", Severity::High),
        ("lateral_remote_admin_fanout", Severity::Medium),
    ];
    assert_eq!(starts(&deeds.told(&[])), expected);
}

#[test]
fn what_a_scanner_does_outside_is_told() {
    let mut deeds = Deeds::default();
    deeds.scan(0, server(20));
    for number in 0..70 {
        let ends = (40_000, IpAddr::from([45, 10, 113, number]), 443);
        deeds.add(10 * MINUTE + u64::from(number) * 500, ends, [SYN, 0], [(1, 44), (0, 0)]);
    }
    deeds.try_logins(20 * MINUTE, 30, (IpAddr::from([45, 10, 113, 4]), 3389));
    let expected = [
        ("scan_vertical_internal", Severity::Medium),
        ("scan_horizontal_outbound", Severity::Medium),
        ("scan_slow", Severity::Low),
        ("rdp_brute_force", Severity::Medium),
    ];
    assert_eq!(starts(&deeds.told(&[])), expected);
}

#[test]
fn a_day_later_the_host_is_like_any_other() {
    let mut deeds = Deeds::default();
    deeds.scan(0, server(20));
    deeds.try_logins(25 * HOUR, 12, (server(20), 23));
    let expected = [
        ("scan_vertical_internal", Severity::Medium),
        ("telnet_vnc_brute_force", Severity::Medium),
    ];
    assert_eq!(starts(&deeds.told(&[])), expected);
}

#[test]
fn of_a_scanner_on_purpose_nothing_is_told() {
    let mut deeds = Deeds::default();
    deeds.scan(0, server(20));
    deeds.try_logins(10 * MINUTE, 70, (server(20), 22));
    deeds.session(20 * MINUTE, (server(20), 22));
    assert_eq!(starts(&deeds.told(&[("10.0.2.7", "scanner")])), []);
}
