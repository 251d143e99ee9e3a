//! The ordinary day: how few alerts the policies that are on raise, with the roles of hosts named and without, and that
//! nothing depends on whether connections use ECN. `day.alerts` has what they say; `UPDATE_EXPECT=1` writes it anew.
//!
//! The tests run the day of a small site. `cargo xtask test day` runs that of a company, with millions of records.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fmt::Write as _,
    fs,
    net::IpAddr,
    path::Path,
    thread,
};

use sensor_core::{
    flow::fields::OwnedValue,
    nql::literal::value_text,
    policy::alert::{Alert, EventKind, Severity},
};

use crate::{
    Bench,
    day::{
        DAY, Day, START,
        site::{NETWORK_ROLES, ROLES, SCANNER, Size},
    },
    feed::{View, context, stream},
    line, stock_policies,
};

/// The variable that asks for the day of a company.
const COMPANY: &str = "SENSOR_DAY_OF_A_COMPANY";

/// What is known of the hosts.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Known {
    /// All roles.
    Roles,
    /// That the scanner is one.
    Scanner,
    /// Nothing: the scanner is an intruder like any other.
    Nothing,
}

impl Known {
    fn roles(self) -> Vec<(String, &'static str)> {
        match self {
            Self::Nothing => Vec::new(),
            Self::Scanner => vec![(SCANNER.to_string(), "scanner")],
            Self::Roles => {
                let hosts = ROLES.into_iter().map(|(host, role)| (host.to_string(), role));
                let networks = NETWORK_ROLES.map(|(network, role)| (network.to_owned(), role));
                hosts.chain(networks).collect()
            }
        }
    }
}

/// What the policies that are on say of a day.
struct Said {
    records: u64,
    events: Vec<Alert>,
}

impl Said {
    /// One line for each event, but for what tells one connection from another.
    fn lines(&self) -> Vec<String> {
        self.events.iter().map(line).collect()
    }

    /// Incidents and hits: what somebody has to look at.
    fn alerts(&self) -> impl Iterator<Item = (&Alert, Severity)> {
        let mut seen = BTreeSet::new();
        let mut worst = BTreeMap::<u64, Severity>::new();
        for event in &self.events {
            let severity = worst.entry(event.incident).or_insert(event.severity);
            *severity = event.severity.max(*severity);
        }
        self.events
            .iter()
            .filter(move |event| event.kind == EventKind::Hit || seen.insert(event.incident))
            .map(move |event| (event, worst[&event.incident]))
    }

    fn count(&self, severity: Severity) -> usize {
        self.alerts().filter(|(_, own)| *own == severity).count()
    }

    fn about(&self, host: IpAddr) -> Vec<String> {
        let is_host = |(_, value): &(_, OwnedValue)| value_text(value) == host.to_string();
        let about = |event: &&Alert| event.track.iter().any(is_host);
        self.events.iter().filter(about).map(line).collect()
    }

    /// Alerts, and all events of them, for each policy and severity.
    fn table(&self, view: &str) -> String {
        let mut rows = BTreeMap::<(&str, &str), (usize, usize, BTreeSet<String>)>::new();
        for (event, severity) in self.alerts() {
            let row = rows.entry((&event.policy.name, severity.name())).or_default();
            row.0 += 1;
            row.1 += self.events.iter().filter(|other| other.incident == event.incident).count();
            let key: Vec<_> = event.track.iter().map(|(_, value)| value_text(value)).collect();
            row.2.insert(key.join(" "));
        }
        let total = self.alerts().count();
        let mut text = format!("{view}: {total} alerts\n");
        for ((policy, severity), (alerts, events, keys)) in rows {
            let some: Vec<_> = keys.into_iter().take(3).collect();
            let _ = writeln!(
                text,
                "    {policy} {severity}: {alerts} alerts, {events} events: {}",
                some.join(", ")
            );
        }
        text
    }
}

fn said(size: Size, view: View, known: Known, ecn: bool) -> Said {
    let policies = stock_policies().into_iter().filter(|policy| policy.enabled);
    let mut bench = Bench::new(policies, context(known.roles(), view));
    let mut records = 0;
    stream(Day::new(size, ecn), view, |batch| {
        records += batch.len() as u64;
        bench.observe(batch);
    });
    Said { records, events: bench.finish(START + DAY + 3_600_000) }
}

/// The day of a site in all views; what there is to say of it.
fn day(size: Size) -> String {
    let views = [
        ("sensor, roles", View::Gateway, Known::Roles),
        ("sensor, scanner alone", View::Gateway, Known::Scanner),
        ("sensor, no roles", View::Gateway, Known::Nothing),
        ("router, roles", View::Router, Known::Roles),
        ("router, scanner alone", View::Router, Known::Scanner),
        ("router, no roles", View::Router, Known::Nothing),
    ];
    let mut text = String::new();
    for (name, view, known) in views {
        let [said, without] = thread::scope(|scope| {
            let both = [true, false].map(|ecn| scope.spawn(move || said(size, view, known, ecn)));
            both.map(|one| one.join().expect("no panic"))
        });
        if text.is_empty() {
            let _ = writeln!(text, "{} records", said.records);
        }
        text += &said.table(name);
        assert_eq!(said.lines(), without.lines(), "{name}: the same with and without ECN");
        let alerts = said.alerts().count();
        let about = said.about(SCANNER);
        match known {
            Known::Roles => {
                assert!(alerts <= 20, "{text}");
                assert_eq!(said.count(Severity::Medium) + said.count(Severity::High), 0, "{text}");
                assert!(about.is_empty(), "{about:#?}");
            }
            Known::Scanner => {
                assert!(alerts <= 120, "{text}");
                assert_eq!(said.count(Severity::High), 0, "{text}");
                assert!(about.is_empty(), "{about:#?}");
            }
            Known::Nothing => {
                assert!(alerts <= 120, "{text}");
                assert_eq!(said.count(Severity::High), 0, "{text}");
                assert!(about.iter().any(|line| line.starts_with("scan_vertical_internal start")));
            }
        }
    }
    text
}

#[track_caller]
fn check(size: Size, file: &str) {
    let found = day(size);
    println!("{found}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/library").join(file);
    if env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(path, found).expect("the table can be written");
        return;
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    assert!(found == expected, "{file} says\n{expected}");
}

#[test]
fn the_day_is_ordinary() {
    match env::var_os(COMPANY) {
        None => check(Size::SMALL, "day.alerts"),
        Some(_) => check(Size::COMPANY, "day-company.alerts"),
    }
}

#[test]
fn the_day_is_ordered_and_always_the_same() {
    let (one, mut other) = (Day::new(Size::SMALL, true), Day::new(Size::SMALL, true));
    let (mut count, mut latest) = (0_u64, 0);
    for record in one {
        let again = other.next().expect("as many");
        assert_eq!(format!("{record:?}"), format!("{again:?}"));
        assert!((latest..START + DAY).contains(&record.end) && record.start <= record.end);
        latest = record.end;
        count += 1;
    }
    assert!(other.next().is_none());
    assert!(count >= 200_000, "{count} records");
}
