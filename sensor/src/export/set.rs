//! Sinks of one kind, which may be replaced while loads are offered: those that stay as they are keep their connection, their
//! queue and their account.
//!
//! A change has three steps, so that several sets change together or not at all: [`SinkSet::prepare`] starts what is new,
//! [`SinkSet::swap`] puts it in the place of the old, [`SinkSet::settle`] ends the old. Of a place that only one sink may
//! have at a time (a file, a spool) the new sink starts when the old one has ended; what is offered meanwhile waits.

use std::{
    mem,
    sync::{Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::Duration,
};

use sensor_core::{
    flow::totals::{Amount, Totals},
    sync::Unpoisoned as _,
};

use super::{
    account::Account,
    queue::{Load, Queue},
    sink::{Sink, Tuning},
    store::report::StoreReport,
};
use crate::clock;

/// What a sink is started from.
pub trait Plan: Clone {
    /// Whether a sink of this plan is good for the other one as well.
    fn is_served_by(&self, other: &Self) -> bool;

    /// What no other sink may have at the same time.
    fn place(&self) -> Option<String>;

    /// What a sink that serves it is told.
    fn tuning(&self) -> Tuning;
}

/// Sinks at work.
pub struct SinkSet<P, T: Load> {
    running: RwLock<Vec<Running<P, T>>>,
    /// Those that changes have ended, by name.
    ended: Mutex<Vec<Report<T::Amount>>>,
}

/// A sink and its plan.
pub struct Running<P, T: Load> {
    /// What it was started from.
    pub plan: P,
    /// The sink.
    pub sink: Box<dyn Sink<T>>,
}

/// How a sink stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report<A = Totals> {
    /// Its name.
    pub name: String,
    /// Its account.
    pub account: Account<A>,
    /// Records for which its queue has room; 0 once it has ended.
    pub capacity: u64,
    /// Whether its receiver takes messages, and how many times it stopped doing so, or did not from the start; `None` for
    /// sinks without a connection.
    pub connection: Option<(bool, u64)>,
    /// How many times it sent again what nobody acknowledged; `None` for sinks that do not.
    pub repeated: Option<u64>,
    /// What went wrong last, also when it has been overcome.
    pub error: Option<String>,
    /// How the flow store stands that it writes to; none elsewhere.
    pub store: Option<StoreReport>,
}

impl<A: Amount> Report<A> {
    fn of<T: Load<Amount = A>>(sink: &dyn Sink<T>) -> Self {
        Self {
            name: sink.name().to_owned(),
            account: sink.account(),
            capacity: sink.queue().bound(),
            connection: sink.connection(),
            repeated: sink.repeated(),
            error: sink.last_error(),
            store: sink.store(),
        }
    }

    /// That of a sink that has ended.
    fn ended(name: String, account: Account<A>, error: Option<String>) -> Self {
        Self { name, account, capacity: 0, connection: None, repeated: None, error, store: None }
    }
}

/// What is ready to take the place of the old.
pub struct Prepared<P, T: Load> {
    entries: Vec<Entry<P, T>>,
    /// Places of new sinks that wait for the end of an old one.
    late: Vec<usize>,
}

/// One of the new sinks.
struct Entry<P, T: Load> {
    plan: P,
    /// The place of the old sink that goes on, or else one that has been started.
    from: Option<usize>,
    started: Option<Box<dyn Sink<T>>>,
}

/// What is left to do once it has taken that place.
pub struct Swapped<P, T: Load> {
    gone: Vec<Running<P, T>>,
    late: Vec<usize>,
}

impl<P: Plan, T: Load> SinkSet<P, T> {
    /// Starts a sink for each of `plans`.
    ///
    /// # Errors
    /// The first that cannot be started.
    pub fn start<E>(
        plans: Vec<P>,
        start: impl FnMut(&P) -> Result<Box<dyn Sink<T>>, E>,
    ) -> Result<Self, E> {
        let set = Self { running: RwLock::default(), ended: Mutex::default() };
        let prepared = set.prepare(plans, start)?;
        set.swap(prepared);
        Ok(set)
    }

    /// Those at work.
    pub fn read(&self) -> RwLockReadGuard<'_, Vec<Running<P, T>>> {
        self.running.read().unpoisoned()
    }

    fn write(&self) -> RwLockWriteGuard<'_, Vec<Running<P, T>>> {
        self.running.write().unpoisoned()
    }

    /// Starts the sinks that `plans` ask for and that are not there. Nothing has changed so far.
    ///
    /// # Errors
    /// The first that cannot be started.
    pub fn prepare<E>(
        &self,
        plans: Vec<P>,
        mut start: impl FnMut(&P) -> Result<Box<dyn Sink<T>>, E>,
    ) -> Result<Prepared<P, T>, E> {
        let running = self.read();
        let mut left: Vec<usize> = (0..running.len()).collect();
        let serving = |plan: &P| {
            let at = left.iter().position(|&at| plan.is_served_by(&running[at].plan))?;
            Some(left.remove(at))
        };
        let from: Vec<Option<usize>> = plans.iter().map(serving).collect();
        let taken: Vec<String> = left.iter().filter_map(|&at| running[at].plan.place()).collect();
        drop(running);
        let (mut entries, mut late) = (Vec::with_capacity(plans.len()), Vec::new());
        for (at, (plan, from)) in plans.into_iter().zip(from).enumerate() {
            let started = match (from, plan.place()) {
                (Some(_), _) => None,
                (None, Some(place)) if taken.contains(&place) => {
                    late.push(at);
                    let held: Box<dyn Sink<T>> =
                        Box::new(Held { name: place, queue: Queue::new(plan.tuning().queue) });
                    Some(held)
                }
                (None, _) => Some(start(&plan)?),
            };
            entries.push(Entry { plan, from, started });
        }
        Ok(Prepared { entries, late })
    }

    /// From here on loads go to the new sinks.
    pub fn swap(&self, prepared: Prepared<P, T>) -> Swapped<P, T> {
        let mut running = self.write();
        let mut old: Vec<Option<Running<P, T>>> = running.drain(..).map(Some).collect();
        for Entry { plan, from, started } in prepared.entries {
            let kept = from.and_then(|at| old[at].take()).map(|kept| kept.sink);
            kept.iter().for_each(|sink| sink.tune(plan.tuning()));
            running.extend(started.or(kept).map(|sink| Running { plan, sink }));
        }
        Swapped { gone: old.into_iter().flatten().collect(), late: prepared.late }
    }

    /// Ends the old sinks, each within `deadline`, and starts what has waited for that.
    ///
    /// # Errors
    /// The last that cannot be started. The old one takes its place again, or else what it would have got is counted as not
    /// sent.
    pub fn settle<E>(
        &self,
        swapped: Swapped<P, T>,
        deadline: Duration,
        mut start: impl FnMut(&P) -> Result<Box<dyn Sink<T>>, E>,
    ) -> Result<(), E> {
        let Swapped { mut gone, late } = swapped;
        for old in &gone {
            old.sink.stop(deadline);
        }
        for old in &mut gone {
            old.sink.leave();
            self.book(Report::of(&*old.sink));
        }
        let mut result = Ok(());
        for at in late {
            let plan = self.read()[at].plan.clone();
            let mut place = Some(plan);
            let sink = place.as_ref().map(&mut start).transpose();
            let sink = match sink {
                Ok(sink) => sink,
                Err(error) => {
                    result = Err(error);
                    let new = place.take();
                    let has_it = |old: &&Running<P, T>| {
                        new.as_ref().is_some_and(|new| old.plan.place() == new.place())
                    };
                    place = gone.iter().find(has_it).map(|old| old.plan.clone());
                    place.as_ref().and_then(|old| start(old).ok())
                }
            };
            let mut running = self.write();
            let (Some(sink), Some(plan)) = (sink, place) else {
                running[at].sink.stop(Duration::ZERO);
                continue;
            };
            let held = mem::replace(&mut running[at], Running { plan, sink }).sink;
            while let Some(load) = held.queue().head() {
                running[at].sink.offer(&load);
                held.queue().pop();
            }
            drop(running);
            // What has moved on is in the account of the new one.
            let Report { name, account, error, .. } = Report::of(&*held);
            let not_sent = account.not_sent;
            let lost = Account { offered: not_sent.totals, not_sent, ..Account::default() };
            self.book(Report::ended(name, lost, error));
        }
        result
    }

    fn book(&self, report: Report<T::Amount>) {
        if report.account == Account::default() && report.store.is_none() {
            return;
        }
        let mut ended = self.ended.lock().unpoisoned();
        match ended.iter_mut().find(|known| known.name == report.name) {
            Some(known) => {
                known.account.add(&report.account);
                known.error = report.error.or(known.error.take());
                known.store = match (report.store, known.store.take()) {
                    (Some(later), Some(earlier)) => Some(later.after(&earlier)),
                    (later, earlier) => later.or(earlier),
                };
            }
            None => ended.push(report),
        }
    }

    /// How every sink stands, and how those stood that changes have ended.
    pub fn reports(&self) -> Vec<Report<T::Amount>> {
        let mut reports: Vec<_> =
            self.read().iter().map(|running| Report::of(&*running.sink)).collect();
        let ended = self.ended.lock().unpoisoned();
        let had_some = ended.iter().filter(|report| report.account != Account::default());
        reports.extend(had_some.map(|report| {
            let name = format!("{} (until a reload)", report.name);
            Report::ended(name, report.account, report.error.clone())
        }));
        reports
    }

    /// How the flow store stands that is written to, and what of all that it was offered was not sent. Its counters go on over changes, as long as it
    /// is the same folder.
    pub fn store(&self) -> Option<(StoreReport, T::Amount)> {
        let running = self.read();
        let found = running.iter().find_map(|own| Some((&own.sink, own.sink.store()?)));
        let (sink, store) = found?;
        let not_sent = sink.account().not_sent.totals;
        let ended = self.ended.lock().unpoisoned();
        let Some(earlier) = ended.iter().find(|report| report.name == sink.name()) else {
            return Some((store, not_sent));
        };
        let store = match &earlier.store {
            Some(earlier) => store.after(earlier),
            None => store,
        };
        let mut all = earlier.account.not_sent.totals;
        all += not_sent;
        Some((store, all))
    }

    /// True where there is none.
    pub fn is_empty(&self) -> bool {
        self.read().is_empty()
    }

    /// True once nobody takes anything of any.
    pub fn is_pointless(&self) -> bool {
        self.read().iter().all(|running| running.sink.is_pointless())
    }

    /// True once nobody takes anything of one of them.
    pub fn has_pointless(&self) -> bool {
        self.read().iter().any(|running| running.sink.is_pointless())
    }

    /// Asks all to end within `deadline`. Returns at once.
    pub fn stop(&self, deadline: Duration) {
        self.read().iter().for_each(|running| running.sink.stop(deadline));
    }

    /// Waits for the end that [`Self::stop`] asked for. `patient`: also for one that writes to a pipe that nobody reads.
    pub fn end(&self, patient: bool) {
        for Running { sink, .. } in &mut *self.write() {
            if patient {
                sink.end();
            } else {
                sink.leave();
            }
        }
    }
}

/// Keeps what is offered until the sink is there that it is meant for.
struct Held<T: Load> {
    name: String,
    queue: Queue<T>,
}

impl<T: Load> Sink<T> for Held<T> {
    fn name(&self) -> &str {
        &self.name
    }

    fn queue(&self) -> &Queue<T> {
        &self.queue
    }

    fn stop(&self, _: Duration) {
        self.queue.abandon(clock::now());
    }

    fn end(&mut self) {
        self.stop(Duration::ZERO);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// Counts numbers; a load of 13 ends badly.
    impl Load for u64 {
        type Amount = Self;

        fn amount(&self) -> Self {
            1
        }
    }

    #[derive(Clone, Debug, PartialEq)]
    struct Wanted {
        name: &'static str,
        place: Option<&'static str>,
        fails: bool,
        queue: u64,
    }

    impl Plan for Wanted {
        fn is_served_by(&self, other: &Self) -> bool {
            Self { queue: other.queue, ..self.clone() } == *other
        }

        fn place(&self) -> Option<String> {
            self.place.map(str::to_owned)
        }

        fn tuning(&self) -> Tuning {
            Tuning { queue: self.queue, ipfix: None }
        }
    }

    fn wanted(name: &'static str) -> Wanted {
        Wanted { name, place: None, fails: false, queue: 100 }
    }

    fn start(plan: &Wanted) -> Result<Box<dyn Sink<u64>>, &'static str> {
        if plan.fails {
            return Err(plan.name);
        }
        Ok(Box::new(Held { name: plan.name.to_owned(), queue: Queue::new(100) }))
    }

    fn offer(set: &SinkSet<Wanted, u64>, number: u64) {
        set.read().iter().for_each(|running| {
            running.sink.offer(&Arc::new(number));
        });
    }

    fn offered(set: &SinkSet<Wanted, u64>) -> Vec<(String, u64, u64)> {
        let all = set.reports().into_iter();
        all.map(|report| {
            assert!(report.account.balances());
            (report.name, report.account.queued, report.account.not_sent.totals)
        })
        .collect()
    }

    fn row(name: &str, queued: u64, not_sent: u64) -> (String, u64, u64) {
        (name.to_owned(), queued, not_sent)
    }

    #[test]
    fn who_stays_keeps_what_it_has_and_who_goes_is_remembered() {
        let set = SinkSet::start(vec![wanted("a"), wanted("b")], start).expect("started");
        offer(&set, 1);
        for _ in 0..2 {
            let prepared = set.prepare(vec![wanted("b"), wanted("c")], start).expect("started");
            let swapped = set.swap(prepared);
            offer(&set, 2);
            set.settle(swapped, Duration::ZERO, start).expect("settled");
        }
        let expected = [row("b", 3, 0), row("c", 2, 0), row("a (until a reload)", 0, 1)];
        assert_eq!(offered(&set), expected);
        // The same once more: its account is added to.
        for plans in [vec![wanted("a")], vec![]] {
            let swapped = set.swap(set.prepare(plans, start).expect("started"));
            offer(&set, 3);
            set.settle(swapped, Duration::ZERO, start).expect("settled");
        }
        let rows = offered(&set);
        assert!(rows.contains(&row("a (until a reload)", 0, 2)), "{rows:?}");
    }

    #[test]
    fn who_stays_is_told_what_may_change() {
        let set = SinkSet::start(vec![wanted("a")], start).expect("started");
        offer(&set, 1);
        let change = |queue: u64| {
            let plan = Wanted { queue, ..wanted("a") };
            let swapped = set.swap(set.prepare(vec![plan], start).expect("nothing starts"));
            set.settle(swapped, Duration::ZERO, start).expect("settled");
        };
        change(1);
        offer(&set, 2);
        change(3);
        (0..3).for_each(|number| offer(&set, number));
        // Two had room beside the first, the others had none.
        assert_eq!(offered(&set), [row("a", 3, 2)]);
        assert_eq!(set.reports()[0].capacity, 3);
    }

    #[test]
    fn what_cannot_be_started_changes_nothing() {
        let set = SinkSet::start(vec![wanted("a")], start).expect("started");
        let failing = Wanted { fails: true, ..wanted("b") };
        assert_eq!(set.prepare(vec![wanted("c"), failing], start).err(), Some("b"));
        offer(&set, 1);
        assert_eq!(offered(&set), [row("a", 1, 0)]);
    }

    #[test]
    fn one_place_has_one_sink_at_a_time_and_what_comes_meanwhile_waits() {
        let at = |name, fails| Wanted { name, place: Some("file"), fails, queue: 2 };
        let set = SinkSet::start(vec![at("old", false)], start).expect("started");
        let change = |plan: Wanted| {
            let swapped = set.swap(set.prepare(vec![plan], start).expect("nothing starts yet"));
            (1..=3).for_each(|number| offer(&set, number));
            set.settle(swapped, Duration::ZERO, start)
        };
        assert_eq!(change(at("new", false)), Ok(()));
        // Two wait at most.
        assert_eq!(offered(&set), [row("new", 2, 0), row("file (until a reload)", 0, 1)]);
        // The one before takes its place again.
        assert_eq!(change(at("bad", true)), Err("bad"));
        let rows = offered(&set);
        assert!(rows.contains(&row("new", 2, 0)), "{rows:?}");
    }
}
