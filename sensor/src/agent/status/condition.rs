//! Whether the agent is healthy: what a sequence of snapshots says, with reasons. Pure; time is an argument.
//!
//! A reason is something that an operator should act on. What the agent lost and could not help is no reason: the metrics
//! count it, and alert rules decide.

use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, Instant},
};

use serde::Serialize;

use super::{Status, clouds, host::Host, span::span};
use crate::agent::host::coverage::{Passed, word};

/// Why the agent is not healthy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// A ledger does not balance: a bug.
    Imbalance,
    /// The kernel's tables are not drained any more.
    DeadDrain,
    /// A queue has been full for a minute.
    FullQueue,
    /// An interface counts packets, and the programs have seen none for a minute.
    SilentInterface,
    /// Packets passed an interface unseen within the last five minutes.
    MissedPackets,
    /// A configured interface is not there.
    AbsentInterface,
    /// A cloud flow log cannot be followed, or what was read cannot be noted.
    CloudFailing,
    /// No object of a cloud flow log has come for longer than is usual.
    SilentCloud,
    /// The flow store cannot be written, or not be kept in order.
    StoreFailing,
}

impl Code {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Imbalance,
        Self::DeadDrain,
        Self::FullQueue,
        Self::SilentInterface,
        Self::MissedPackets,
        Self::AbsentInterface,
        Self::CloudFailing,
        Self::SilentCloud,
        Self::StoreFailing,
    ];

    /// Its name in metrics and documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Imbalance => "imbalance",
            Self::DeadDrain => "dead_drain",
            Self::FullQueue => "full_queue",
            Self::SilentInterface => "silent_interface",
            Self::MissedPackets => "missed_packets",
            Self::AbsentInterface => "absent_interface",
            Self::CloudFailing => "cloud_failing",
            Self::SilentCloud => "silent_cloud",
            Self::StoreFailing => "store_failing",
        }
    }
}

/// One reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// Which kind.
    pub code: Code,
    /// What it is about, for people.
    pub message: String,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.name(), self.message)
    }
}

/// How the agent is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// What is wrong; nothing where it is healthy.
    pub reasons: Vec<Reason>,
    /// Whether everything that was configured is at work: the tables have been drained once.
    pub ready: bool,
}

impl Condition {
    /// Whether nothing is wrong.
    pub fn is_healthy(&self) -> bool {
        self.reasons.is_empty()
    }
}

/// How long a queue must be full.
const FULL: Duration = Duration::from_mins(1);
/// How long the programs must have seen nothing while the interface counted.
const SILENT: Duration = Duration::from_mins(1);
/// How many packets the interface must have counted meanwhile: a few may be under way, or pass where no program can be.
const FEW: u64 = 10;
/// How long missed packets are a reason.
const RECENT: Duration = Duration::from_mins(5);
/// A drain that is late by so many intervals is dead.
const INTERVALS: u32 = 10;
/// But not before.
const LATE: Duration = Duration::from_secs(10);

/// What is remembered from one snapshot to the next.
#[derive(Debug, Default)]
pub struct Watch {
    queues: BTreeMap<String, Filled>,
    passages: BTreeMap<(String, &'static str), Passage>,
}

/// A queue that was full at the last look.
#[derive(Clone, Copy, Debug)]
struct Filled {
    since: Option<Instant>,
    /// What it had turned away.
    lost: u64,
}

/// What passed an interface in one direction.
#[derive(Clone, Copy, Debug)]
struct Passage {
    /// Packets seen, and those counted when the first of these had been seen.
    seen: u64,
    counted: u64,
    /// Since when not one more has been seen.
    at: Instant,
    unseen: u64,
    /// When a packet was missed last.
    missed: Option<Instant>,
}

/// A queue as a snapshot has it.
struct Queue {
    name: String,
    queued: u64,
    capacity: u64,
    lost: u64,
}

impl Queue {
    /// Whether there is hardly room: a batch is not taken in part.
    fn is_full(&self, before: u64) -> bool {
        let filled = self.queued >= self.capacity - self.capacity / 8;
        self.capacity > 0 && (filled || self.lost > before && self.queued > 0)
    }
}

impl Watch {
    /// What `status`, a snapshot of `now`, says together with those before. Each call may be any time after the one before.
    pub fn look(&mut self, now: Instant, status: &Status) -> Condition {
        let mut reasons = Vec::new();
        let mut report = |code, message| reasons.push(Reason { code, message });
        imbalance(status, &mut report);
        if let Some(host) = &status.host {
            dead_drain(host, &mut report);
        }
        for (name, since) in self.full(now, status) {
            let seconds = now.duration_since(since).as_secs();
            report(Code::FullQueue, format!("the queue of {name} has been full for {seconds} s"));
        }
        if let Some(host) = &status.host {
            self.interfaces(now, host, &mut report);
        }
        clouds(status, &mut report);
        if let Some(store) = &status.store
            && let Some(trouble) = &store.trouble
        {
            report(Code::StoreFailing, format!("{}: {trouble}", store.name));
        }
        let drained = status.host.as_ref().is_none_or(|host| host.drain.drains > 0);
        reasons.sort_by_key(|reason| reason.code);
        Condition { reasons, ready: drained }
    }

    /// Queues that have been full for long, and since when.
    fn full(&mut self, now: Instant, status: &Status) -> Vec<(String, Instant)> {
        let before = std::mem::take(&mut self.queues);
        let mut long = Vec::new();
        for queue in queues(status) {
            let known = before.get(&queue.name);
            let full = queue.is_full(known.map_or(queue.lost, |known| known.lost));
            let since = full.then(|| known.and_then(|known| known.since).unwrap_or(now));
            if let Some(since) = since.filter(|since| now.duration_since(*since) >= FULL) {
                long.push((queue.name.clone(), since));
            }
            self.queues.insert(queue.name, Filled { since, lost: queue.lost });
        }
        long
    }

    fn interfaces(&mut self, now: Instant, host: &Host, report: &mut impl FnMut(Code, String)) {
        let before = std::mem::take(&mut self.passages);
        for passed in &host.coverage.current {
            let direction = word(passed.direction);
            let key = (passed.interface.clone(), direction);
            let passage = Passage::next(before.get(&key), now, passed);
            let silent = now.duration_since(passage.at);
            let counted = passed.counted.saturating_sub(passage.counted);
            if silent >= SILENT && counted >= FEW {
                let (name, seconds) = (&passed.interface, silent.as_secs());
                report(
                    Code::SilentInterface,
                    format!(
                        "{name}, {direction}: the interface counted {counted} packets in {seconds} s, the programs saw none"
                    ),
                );
            }
            if passage.missed.is_some_and(|missed| now.duration_since(missed) < RECENT) {
                report(Code::MissedPackets, passed.to_string());
            }
            self.passages.insert(key, passage);
        }
        for absent in &host.coverage.absent {
            report(Code::AbsentInterface, absent.to_string());
        }
    }
}

impl Passage {
    fn next(before: Option<&Self>, now: Instant, passed: &Passed) -> Self {
        let Passed { seen, counted, unseen, .. } = *passed;
        // What was missed before the first look counts as of now: nobody knows since when.
        let missed = |before: u64, at| if unseen > before { Some(now) } else { at };
        match before {
            // Counts that fall begin anew.
            Some(before) if before.seen == seen && before.counted <= counted => {
                Self { missed: missed(before.unseen, before.missed), unseen, ..*before }
            }
            Some(before) => {
                let missed = missed(before.unseen, before.missed);
                Self { seen, counted, at: now, unseen, missed }
            }
            None => Self { seen, counted, at: now, unseen, missed: missed(0, None) },
        }
    }
}

fn imbalance(status: &Status, report: &mut impl FnMut(Code, String)) {
    if let Some(drain) = status.host.as_ref().map(|host| &host.drain)
        && drain.out_of_balance > 0
    {
        let (bad, all) = (drain.out_of_balance, drain.drains);
        let text = format!("the kernel ledger was out of balance in {bad} of {all} drains");
        report(Code::Imbalance, text);
    }
    if status.intake.as_ref().is_some_and(|intake| !intake.balances()) {
        report(Code::Imbalance, "the intake ledger is out of balance".to_owned());
    }
}

fn clouds(status: &Status, report: &mut impl FnMut(Code, String)) {
    if !clouds::balances(&status.followed) {
        let text = "the ledger of cloud flow logs is out of balance".to_owned();
        report(Code::Imbalance, text);
    }
    for followed in &status.followed {
        let name = &followed.name;
        if let Some(error) = &followed.error {
            report(Code::CloudFailing, format!("{name}: {error}"));
        }
        if followed.silent {
            let usual = match followed.usual_interval {
                0 => String::new(),
                usual => format!(" (they usually come every {})", span(usual / 1000)),
            };
            let text = match followed.last_object {
                0 => format!("{name}: no object has come yet"),
                _ => format!("{name}: no object has come for long{usual}"),
            };
            report(Code::SilentCloud, text);
        }
    }
}

fn dead_drain(host: &Host, report: &mut impl FnMut(Code, String)) {
    if host.since_drain > (host.interval * INTERVALS).max(LATE) {
        let seconds = host.since_drain.as_secs();
        report(
            Code::DeadDrain,
            format!("the kernel's flow tables were last drained {seconds} s ago"),
        );
    }
}

fn queues(status: &Status) -> Vec<Queue> {
    let engine = &status.engine;
    let mut all = vec![Queue {
        name: "the engine".to_owned(),
        queued: engine.waiting.queued,
        capacity: engine.waiting.capacity,
        lost: engine.lost.iter().map(|lost| lost.flows).sum(),
    }];
    all.extend(status.sinks.iter().map(|sink| Queue {
        name: sink.name.clone(),
        queued: sink.queued.flows,
        capacity: sink.capacity,
        lost: sink.not_sent.flows,
    }));
    all.extend(status.dns_sinks.iter().map(|sink| Queue {
        name: format!("DNS records to {}", sink.name),
        queued: sink.queued,
        capacity: sink.capacity,
        lost: sink.not_sent,
    }));
    all.extend(status.hits.iter().map(|sink| Queue {
        name: format!("hits to {}", sink.name),
        queued: sink.queued,
        capacity: sink.capacity,
        lost: sink.not_sent,
    }));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::{
        host::coverage,
        status::{Flows, Sink, Waiting, host::Drain},
    };
    use sensor_common::key::Direction;

    fn codes(condition: &Condition) -> Vec<Code> {
        condition.reasons.iter().map(|reason| reason.code).collect()
    }

    fn host(drain: Drain, since_drain: Duration, interval: Duration) -> Status {
        let host = Host { drain, since_drain, interval, ..Host::default() };
        Status { host: Some(host), ..Status::default() }
    }

    #[test]
    fn nothing_is_wrong_with_nothing() {
        let condition = Watch::default().look(Instant::now(), &Status::default());
        assert!(condition.is_healthy() && condition.ready);
    }

    #[test]
    fn every_code_has_its_name_in_documents() {
        for code in Code::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.name());
        }
    }

    #[test]
    fn ledgers_must_balance() {
        let drain = Drain { drains: 9, out_of_balance: 1, ..Drain::default() };
        let status = host(drain, Duration::ZERO, Duration::from_secs(1));
        let condition = Watch::default().look(Instant::now(), &status);
        assert_eq!(codes(&condition), [Code::Imbalance]);
        assert_eq!(
            condition.reasons[0].message,
            "the kernel ledger was out of balance in 1 of 9 drains"
        );
        let mut intake = crate::intake::report::Report::default();
        intake.ledger.octets = 1;
        let status = Status { intake: Some(intake), ..Status::default() };
        assert_eq!(codes(&Watch::default().look(Instant::now(), &status)), [Code::Imbalance]);
    }

    #[test]
    fn a_drain_may_be_late_but_not_for_ever() {
        let look = |since, interval| {
            let (since, interval) = (Duration::from_secs(since), Duration::from_secs(interval));
            let status = host(Drain { drains: 1, ..Drain::default() }, since, interval);
            codes(&Watch::default().look(Instant::now(), &status))
        };
        assert_eq!(look(10, 1), []);
        assert_eq!(look(11, 1), [Code::DeadDrain]);
        assert_eq!(look(600, 60), []);
        assert_eq!(look(601, 60), [Code::DeadDrain]);
        let fresh = host(Drain::default(), Duration::ZERO, Duration::from_secs(1));
        assert!(!Watch::default().look(Instant::now(), &fresh).ready, "before the first drain");
    }

    #[test]
    fn a_queue_must_be_full_for_a_minute_without_a_break() {
        let (mut watch, start) = (Watch::default(), Instant::now());
        let mut look = |seconds, queued, not_sent| {
            let sink = Sink {
                name: "udp://a".to_owned(),
                queued: Flows { flows: queued, ..Flows::default() },
                not_sent: Flows { flows: not_sent, ..Flows::default() },
                capacity: 1000,
                ..Sink::default()
            };
            let status = Status { sinks: vec![sink], ..Status::default() };
            codes(&watch.look(start + Duration::from_secs(seconds), &status))
        };
        assert_eq!(look(0, 1000, 5), []);
        assert_eq!(look(59, 875, 5), [], "a batch has no room there");
        assert_eq!(look(60, 875, 5), [Code::FullQueue]);
        assert_eq!(look(61, 874, 5), []);
        assert_eq!(look(62, 990, 5), []);
        assert_eq!(look(121, 1000, 5), []);
        // A batch of 900 was turned away: what waits is less, and the queue is full all the same.
        assert_eq!(look(122, 600, 905), [Code::FullQueue]);
        assert_eq!(look(123, 600, 905), []);
    }

    #[test]
    fn the_engine_s_queue_counts_as_well() {
        let (mut watch, start) = (Watch::default(), Instant::now());
        let mut status = Status::default();
        status.engine.waiting = Waiting { queued: 99, capacity: 100, queued_batches: 3 };
        watch.look(start, &status);
        let condition = watch.look(start + FULL, &status);
        assert_eq!(condition.reasons[0].message, "the queue of the engine has been full for 60 s");
    }

    fn passed(seen: u64, counted: u64, unseen: u64) -> Status {
        let passed = Passed {
            interface: "eth0".to_owned(),
            direction: Direction::Ingress,
            seen,
            counted,
            unseen,
        };
        let coverage = coverage::Report { current: vec![passed], ..coverage::Report::default() };
        let drain = Drain { drains: 1, ..Drain::default() };
        let host = Host { drain, coverage, interval: Duration::from_secs(1), ..Host::default() };
        Status { host: Some(host), ..Status::default() }
    }

    #[test]
    fn an_interface_that_counts_must_not_be_silent() {
        let (mut watch, start) = (Watch::default(), Instant::now());
        let mut look = |seconds, seen, counted| {
            codes(&watch.look(start + Duration::from_secs(seconds), &passed(seen, counted, 0)))
        };
        assert_eq!(look(0, 100, 100), []);
        assert_eq!(look(59, 100, 500), []);
        assert_eq!(look(60, 100, 500), [Code::SilentInterface]);
        assert_eq!(look(61, 101, 501), []);
        assert_eq!(look(600, 101, 510), [], "nothing much has passed");
        assert_eq!(look(601, 101, 511), [Code::SilentInterface]);
        assert_eq!(look(602, 0, 0), [], "it has been made anew");
    }

    #[test]
    fn missed_packets_are_a_reason_for_a_while_and_absent_interfaces_while_they_are() {
        let (mut watch, start) = (Watch::default(), Instant::now());
        let mut look = |seconds, unseen| {
            let status = passed(seconds, 2 * seconds, unseen);
            codes(&watch.look(start + Duration::from_secs(seconds), &status))
        };
        assert_eq!(look(1, 0), []);
        assert_eq!(look(2, 5), [Code::MissedPackets]);
        assert_eq!(look(301, 5), [Code::MissedPackets]);
        assert_eq!(look(302, 5), []);
        assert_eq!(look(303, 6), [Code::MissedPackets]);
        let mut status = passed(1, 1, 0);
        if let Some(host) = &mut status.host {
            let name = "eth9".to_owned();
            host.coverage.absent = vec![coverage::Absent { name, was_there: true }];
        }
        let condition = Watch::default().look(start, &status);
        assert_eq!(codes(&condition), [Code::AbsentInterface]);
        assert_eq!(condition.reasons[0].message, "the interface named eth9 is gone");
    }
}
