//! A host that scans is one finding, however much of a scan there is, and whatever it does beside scanning is told. All
//! policies that are on look at it together, since the label that one of them writes mutes others.

use std::fmt::Write as _;

use sensor_core::policy::testcase;

use crate::stock_policies;

/// The host that scans.
const SCANNER: &str = "10.0.2.7";

/// TCP flows, as the tables of a test.
#[derive(Default)]
struct Flows(String);

impl Flows {
    /// `count` flows from second `start` on, one every so many milliseconds.
    fn add(&mut self, (start, count, every): (u64, u32, u64), fields: &str) {
        write!(
            self.0,
            "\n[[test.flow]]\nstart = \"{start}s\"\nrepeat = {count}\nevery = \"{every}ms\"\n\
             protocol = \"tcp\"\n{}\n",
            fields.replace(", ", "\n")
        )
        .expect("text takes all");
    }

    /// SYNs to 60 ports of a host in 36 seconds, which nobody answers.
    fn scan(&mut self, start: u64, target: &str) {
        let ends =
            format!("srcip = '{SCANNER}', srcport = 40000, dstip = '{target}', dstport = 20");
        let rest = "vary.dstport = 1, tcpflagsint = 2, packets = 1, octets = 44";
        self.add((start, 60, 600), &format!("{ends}, {rest}"));
    }

    /// Short sessions with a service of a host, one every two seconds: what each side sends.
    fn try_logins(&mut self, start: u64, count: u32, (target, port): (&str, u16)) {
        let ends =
            format!("srcip = '{SCANNER}', srcport = 41000, dstip = '{target}', dstport = {port}");
        let rest = "vary.srcport = 1, tcpflagsint = 27, packets = 18, octets = 2900";
        self.add((start, count, 2000), &format!("{ends}, {rest}"));
        let ends =
            format!("srcip = '{target}', srcport = {port}, dstip = '{SCANNER}', dstport = 41000");
        let rest = "vary.dstport = 1, tcpflagsint = 27, packets = 18, octets = 4200";
        self.add((start, count, 2000), &format!("{ends}, {rest}"));
    }

    /// A session in which somebody works.
    fn session(&mut self, start: u64, (target, port): (&str, u16)) {
        let ends =
            format!("srcip = '{SCANNER}', srcport = 45000, dstip = '{target}', dstport = {port}");
        self.add(
            (start, 1, 1),
            &format!("{ends}, tcpflagsint = 26, packets = 400, octets = 26000"),
        );
    }

    /// The events that the policies give must be these, labels aside, which are told anew each minute.
    #[track_caller]
    fn check(&self, labels: &str, expected: &[&str]) {
        let expected = expected.join("\n  ");
        let test = format!(
            "[[test]]\nname = \"scanner\"\nwait = \"3h\"\n{labels}\nexpect = [\n  {expected}\n]\n{}",
            self.0
        );
        let policies: Vec<_> =
            stock_policies().into_iter().filter(|policy| policy.enabled).collect();
        for case in testcase::parse(&test).expect("a test") {
            let outcome = testcase::run(&case, &policies);
            assert!(outcome.passed, "\n{}", outcome.difference);
        }
    }
}

#[test]
fn a_scan_of_many_hosts_is_one_finding_with_the_logins_that_it_tries() {
    let mut flows = Flows::default();
    for host in 0..30 {
        let target = format!("10.0.0.{}", 20 + host);
        flows.scan(host * 120, &target);
        flows.try_logins(host * 120 + 40, 12, (&target, 23));
        flows.try_logins(host * 120 + 70, 12, (&target, 5900));
    }
    flows.check("", &[]);
}

#[test]
fn who_scans_first_and_then_guesses_and_gets_in_is_told() {
    let mut flows = Flows::default();
    flows.scan(0, "10.0.0.20");
    flows.try_logins(600, 70, ("10.0.0.20", 22));
    flows.session(1200, ("10.0.0.20", 22));
    flows.check("", &[]);
}

#[test]
fn what_a_scanner_does_outside_is_told() {
    let mut flows = Flows::default();
    flows.scan(0, "10.0.0.20");
    let ends =
        format!("srcip = '{SCANNER}', srcport = 40000, dstip = '45.10.113.4', dstport = 443");
    let rest = "vary.dstip = 1, tcpflagsint = 2, packets = 1, octets = 44";
    flows.add((600, 70, 500), &format!("{ends}, {rest}"));
    flows.check("", &[]);
}

#[test]
fn a_day_later_the_host_is_like_any_other() {
    let mut flows = Flows::default();
    flows.scan(0, "10.0.0.20");
    flows.try_logins(25 * 3600, 12, ("10.0.0.20", 23));
    flows.check("", &[]);
}

#[test]
fn of_a_scanner_on_purpose_nothing_is_told() {
    let mut flows = Flows::default();
    flows.scan(0, "10.0.0.20");
    flows.try_logins(600, 70, ("10.0.0.20", 22));
    flows.session(1200, ("10.0.0.20", 22));
    flows.check(&format!("labels.\"{SCANNER}\".role = [\"scanner\"]"), &[]);
}
