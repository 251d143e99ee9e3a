//! The drain thread: turns the kernel's flow tables over, ends flows, and hands their records to the plant.

use std::{
    cell::Cell,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use sensor_core::{
    flow::{
        aggregator::Aggregator,
        batch::{FlowBatch, Source},
        cache::{CacheOptions, FlowCache},
    },
    sync::Unpoisoned as _,
};
use sensor_kernel::{
    accounts::{Epoch, Totals},
    budget::Budget,
    drain::Drain,
    error::KernelError,
    log::KernelLog,
};

use super::{
    gaps::{self, Gaps},
    pins,
};
use crate::{
    agent::{
        plant::Plant,
        service::pulse::Pulse,
        status::{self, Cache, span::span},
    },
    clock::now,
};

/// How often the fill of the tables is looked at between two drains.
const GLANCE: Duration = Duration::from_millis(50);

/// What the drain thread publishes with each drain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// All drains.
    pub drain: status::host::Drain,
    /// The flow cache behind them.
    pub cache: Cache,
    /// How full the last drain found the kernel's tables.
    pub tables: [status::host::Table; 2],
    /// How long drains took.
    pub times: status::host::Times,
    /// When the last drain ended; at first, when draining was about to start.
    pub at: Instant,
    /// What was lost with sensors that were killed.
    pub lost: status::host::Lost,
}

impl Drained {
    /// Before the first drain of tables of this budget.
    pub fn new(budget: &Budget) -> Self {
        Self {
            drain: status::host::Drain::default(),
            cache: Cache::default(),
            tables: status::host::Table::of(budget, [0; 2]),
            times: status::host::Times::default(),
            at: Instant::now(),
            lost: status::host::Lost::default(),
        }
    }
}

/// What joins the thread to the rest of the agent.
#[derive(Clone, Copy)]
pub struct Link<'a> {
    /// How things stand behind each drain.
    pub shown: &'a Mutex<Drained>,
    /// Beats whenever the loop comes round.
    pub pulse: &'a Pulse,
    /// When flows end, and how often is drained, once that changes; closed when the thread is to end.
    pub changes: &'a Receiver<Pace>,
}

/// When flows end, and how often the kernel's tables are drained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// When flows end.
    pub flows: CacheOptions,
    /// Between two drains.
    pub interval: Duration,
}

/// What the loop does next.
enum Next {
    Drain,
    /// With another pace from now on.
    Change(Pace),
    /// Drain for the last time.
    End,
}

/// Deals with tables that agents before have left; drains at `pace`, or earlier when a table fills, until it is to stop; then
/// once more, and ends all flows.
///
/// # Errors
/// When the kernel refuses to go on.
pub fn run(
    mut drain: Drain,
    mut log: Option<KernelLog>,
    mut pace: Pace,
    seed: u64,
    plant: &Arc<Plant>,
    agent: Link<'_>,
) -> Result<(), KernelError> {
    let sink = plant.clone();
    let time_of_day = TimeOfDay::default();
    let receipts = drain.receipts();
    let mut aggregator = Aggregator::new(Source::Host, pace.flows, seed, |mut batch: FlowBatch| {
        time_of_day.put(&mut batch);
        let sum = |column: &[u64]| column.iter().sum();
        let (packets, octets) = (sum(&batch.packets), sum(&batch.layer2_octets));
        drop(sink.offer(batch));
        receipts.passed_on(packets, octets);
    });
    let publish = |totals: &Totals, cache: &FlowCache| {
        let mut shown = agent.shown.lock().unpoisoned();
        (shown.drain, shown.cache, shown.at) = (totals.into(), Cache::of(cache), Instant::now());
    };
    let measure = |epoch: &Epoch, budget: &Budget, gap: Option<Duration>| {
        let mut shown = agent.shown.lock().unpoisoned();
        shown.tables = status::host::Table::of(budget, epoch.fullest);
        shown.times.grace.observe(epoch.grace);
        shown.times.drain.observe(epoch.took);
        shown.times.gaps += u64::from(gap.is_some());
        shown.times.longest_gap = shown.times.longest_gap.max(gap.unwrap_or_default());
    };
    let mut totals = Totals::default();
    if let Some(inherited) = drain.begin(&mut aggregator)? {
        book(&inherited.epoch, &mut totals, plant);
        pins::log_inherited(&inherited, &receipts);
        agent.shown.lock().unpoisoned().lost = inherited.lost.into();
    }
    let mut stopping = false;
    let mut gaps = Gaps::new(Instant::now());
    while !stopping {
        let interval = pace.interval;
        match wait(pace.interval, &drain, agent) {
            Next::Drain => {}
            Next::Change(new) => {
                if new.flows != pace.flows {
                    aggregator.reconfigure(new.flows);
                }
                pace = new;
            }
            Next::End => stopping = true,
        }
        if let Some(change) = time_of_day.set(drain.steady().step()?) {
            log_clock_step(change);
        }
        let gap = gaps.turned_over(Instant::now(), interval);
        let epoch = drain.flip(&mut aggregator)?;
        book(&epoch, &mut totals, plant);
        measure(&epoch, drain.budget(), gap);
        if let Some(gap) = gap {
            gaps::log(gap, interval, &epoch);
        }
        aggregator.expire(drain.steady().now()?);
        publish(&totals, aggregator.cache());
        if let Some(log) = &mut log {
            log.pass_on();
        }
    }
    aggregator.finish();
    publish(&totals, aggregator.cache());
    Ok(())
}

/// How far the time of day has been set from the steady time that flows live in, milliseconds. Records get the time of
/// day as it is when they leave: so a flow lasts as long as it did, whatever becomes of the clock meanwhile.
#[derive(Debug, Default)]
struct TimeOfDay(Cell<i64>);

impl TimeOfDay {
    /// Two readings of clocks at the same moment are this far apart at most, milliseconds; what is less is no step.
    const JITTER: u64 = 10;

    /// Takes note of `step`; returns by how much the clock has been set, where it has.
    fn set(&self, step: i64) -> Option<i64> {
        let change = step.saturating_sub(self.0.get());
        (change.unsigned_abs() > Self::JITTER).then(|| {
            self.0.set(step);
            change
        })
    }

    /// Puts the records' times into the time of day.
    fn put(&self, batch: &mut FlowBatch) {
        batch.shift(self.0.get());
    }
}

/// Says that the clock was set.
fn log_clock_step(change: i64) {
    let direction = if change < 0 { "back" } else { "forward" };
    let seconds = change.unsigned_abs() as f64 / 1_000.0;
    let step = if seconds < 60.0 { format!("{seconds} s") } else { span(seconds as u64) };
    tracing::warn!(
        direction,
        seconds,
        "the host's clock was set {direction} by {step}; flow durations are unaffected, and records use the new time from now on"
    );
}

/// Waits for the next drain. A change of pace begins with one.
fn wait(interval: Duration, drain: &Drain, agent: Link<'_>) -> Next {
    let end = Instant::now() + interval;
    loop {
        agent.pulse.beat();
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Next::Drain;
        }
        match agent.changes.recv_timeout(left.min(GLANCE)) {
            Err(RecvTimeoutError::Timeout) if drain.pressure() => return Next::Drain,
            Err(RecvTimeoutError::Timeout) => {}
            Ok(pace) => return Next::Change(pace),
            Err(RecvTimeoutError::Disconnected) => return Next::End,
        }
    }
}

fn book(epoch: &Epoch, totals: &mut Totals, plant: &Plant) {
    totals.add(epoch);
    if let Some(imbalance) = epoch.imbalance {
        tracing::error!(
            "this drain's ledger is out of balance by {} packets and {} octets",
            imbalance.packets,
            imbalance.octets
        );
    }
    let accounts = &epoch.accounts;
    let ignored = [accounts.non_ip, accounts.truncated, accounts.malformed, accounts.unattributed];
    let packets = ignored.iter().map(|count| count.packets).sum();
    let octets = ignored.iter().map(|count| count.octets).sum();
    plant.add_ignored(packets, octets, now());
}

#[cfg(test)]
mod tests {
    use sensor_core::flow::{delta::DeltaSink, testing};

    use super::*;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn steps_are_told_once_and_jitter_never() {
        let time_of_day = TimeOfDay::default();
        let told: Vec<_> =
            [0, 3, -HOUR, -HOUR + 4, -HOUR - 9, 5].map(|step| time_of_day.set(step)).into();
        assert_eq!(told, [None, None, Some(-HOUR), None, None, Some(HOUR + 5)]);
    }

    #[test]
    fn a_flow_that_a_step_of_the_clock_meets_lasts_as_long_as_it_did() {
        for step in [-HOUR, HOUR] {
            let time_of_day = TimeOfDay::default();
            let mut records = Vec::new();
            let mut aggregator = Aggregator::new(
                Source::Host,
                CacheOptions::default(),
                0,
                |mut batch: FlowBatch| {
                    time_of_day.put(&mut batch);
                    records.push((batch.start[0], batch.end[0], batch.packets[0]));
                },
            );
            let (key, delta) = testing::counts(1, 1_700_000_000_000, 1_700_000_001_000, 1);
            aggregator.v4(&key.pack(), &delta);
            time_of_day.set(step);
            let (key, delta) = testing::counts(1, 1_700_000_002_000, 1_700_000_004_000, 1);
            aggregator.v4(&key.pack(), &delta);
            // Due after 15 s without a packet, give or take a bucket of the cache's wheel.
            aggregator.expire(1_700_000_019_100);
            drop(aggregator);
            let start = 1_700_000_000_000_u64.saturating_add_signed(step);
            assert_eq!(records, [(start, start + 4_000, 2)]);
        }
    }
}
