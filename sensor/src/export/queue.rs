//! The bounded queue in front of a sink, of batches of flow records or of events. Offering never waits; what has no room
//! is counted as not sent. Queue and account are one thing under one lock, so that the account balances whenever it is
//! looked at.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use sensor_core::{
    dns::DnsBatch,
    flow::{
        batch::FlowBatch,
        totals::{Amount, Totals},
    },
    sync::Unpoisoned as _,
};
use tokio::sync::Notify;

use super::account::Account;

/// What a queue holds.
pub trait Load: Send + Sync + 'static {
    /// The unit of its account.
    type Amount: Amount;

    /// How much this is.
    fn amount(&self) -> Self::Amount;
}

impl Load for FlowBatch {
    type Amount = Totals;

    fn amount(&self) -> Totals {
        Totals::of(self)
    }
}

impl Load for DnsBatch {
    type Amount = u64;

    fn amount(&self) -> u64 {
        self.len() as u64
    }
}

/// A queue with one consumer, bounded in records.
#[derive(Debug)]
pub struct Queue<T: Load = FlowBatch> {
    bound: AtomicU64,
    state: Mutex<State<T>>,
    filled: Notify,
    room: Condvar,
}

#[derive(Debug)]
struct State<T: Load> {
    waiting: VecDeque<Arc<T>>,
    account: Account<T::Amount>,
    /// Records that have ever waited.
    taken: u64,
    closed: bool,
    abandoned: bool,
}

impl<T: Load> Queue<T> {
    /// A queue for at most `bound` records, those of the message under way included. When nothing waits it takes
    /// any load, however large.
    pub fn new(bound: u64) -> Self {
        let (waiting, account) = (VecDeque::new(), Account::default());
        let state = State { waiting, account, taken: 0, closed: false, abandoned: false };
        let bound = AtomicU64::new(bound);
        Self { bound, state: Mutex::new(state), filled: Notify::new(), room: Condvar::new() }
    }

    /// Records for which there is room.
    pub fn bound(&self) -> u64 {
        self.bound.load(Ordering::Relaxed)
    }

    /// Takes at most `bound` records from now on; what waits beyond that stays.
    pub fn set_bound(&self, bound: u64) {
        // Under the lock, so that whoever finds no room is waiting by the time that there is some.
        let state = self.lock();
        self.bound.store(bound, Ordering::Relaxed);
        drop(state);
        self.room.notify_all();
    }

    /// Takes `load` if there is room; else counts it as not sent at `now` (milliseconds since the epoch) and
    /// returns false. Never waits.
    pub fn offer(&self, load: &Arc<T>, now: u64) -> bool {
        let records = load.amount();
        self.put(self.lock(), load, records, now)
    }

    /// As [`Self::offer`], but waits for room as long as the queue is open: for sources that can wait.
    pub fn offer_waiting(&self, load: &Arc<T>, now: u64) -> bool {
        let records = load.amount();
        let full = |state: &mut State<T>| !state.closed && !self.has_room(state, records);
        let state = self.room.wait_while(self.lock(), full);
        self.put(state.unpoisoned(), load, records, now)
    }

    /// The load that is to be sent next. It stays where it is until [`Self::pop`].
    pub fn head(&self) -> Option<Arc<T>> {
        self.lock().waiting.front().cloned()
    }

    /// Lets go of the head. Its records stay in the account until they are settled.
    pub fn pop(&self) {
        self.lock().waiting.pop_front();
        self.room.notify_all();
    }

    /// Waits until there may be a head, or the queue is closed.
    pub async fn filled(&self) {
        self.filled.notified().await;
    }

    /// Changes the account: how records that waited were settled. Once they were abandoned, they are counted already.
    pub fn settle(&self, change: impl FnOnce(&mut Account<T::Amount>)) {
        let mut state = self.lock();
        if !state.abandoned {
            change(&mut state.account);
        }
        drop(state);
        self.room.notify_all();
    }

    /// Takes nothing more.
    pub fn close(&self) {
        self.lock().closed = true;
        self.room.notify_all();
        self.filled.notify_one();
    }

    /// True once [`Self::close`] was called.
    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Counts all that waits as not sent at `now`, and takes nothing more.
    pub fn abandon(&self, now: u64) {
        self.close();
        let mut state = self.lock();
        state.waiting.clear();
        state.abandoned = true;
        let waiting = state.account.queued;
        state.account.lose(waiting, now);
    }

    /// Records that wait, those under way included.
    pub fn queued(&self) -> u64 {
        self.lock().account.queued.records()
    }

    /// Records that it has taken so far.
    pub fn taken(&self) -> u64 {
        self.lock().taken
    }

    /// Of these, such as were sent or are known not to be: always those that came first.
    pub fn settled(&self) -> u64 {
        let state = self.lock();
        state.taken - state.account.queued.records()
    }

    /// The account as it stands.
    pub fn account(&self) -> Account<T::Amount> {
        self.lock().account
    }

    fn put(
        &self,
        mut state: MutexGuard<'_, State<T>>,
        load: &Arc<T>,
        records: T::Amount,
        now: u64,
    ) -> bool {
        if state.closed || !self.has_room(&state, records) {
            state.account.turn_away(records, now);
            return false;
        }
        if records.records() > 0 {
            state.account.queue(records);
            state.taken += records.records();
            state.waiting.push_back(Arc::clone(load));
            self.filled.notify_one();
        }
        true
    }

    fn has_room(&self, state: &State<T>, records: T::Amount) -> bool {
        state.waiting.is_empty()
            || state.account.queued.records() + records.records() <= self.bound()
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unpoisoned()
    }
}

#[cfg(test)]
mod tests {
    use sensor_core::flow::{
        batch::{EndReason, Source},
        delta::FlowDelta,
        testing,
    };

    use super::*;

    fn batch(rows: usize) -> Arc<FlowBatch> {
        let (key, counts) = testing::counts(1, 1, 2, 100);
        let counts = FlowDelta { packets: 2, ..counts };
        let mut batch = FlowBatch::v4(Source::Host);
        for _ in 0..rows {
            batch.push(&key, &counts, EndReason::IdleTimeout);
        }
        Arc::new(batch)
    }

    #[test]
    fn what_has_no_room_is_counted_in_flows_packets_and_octets() {
        let queue = Queue::new(10);
        assert!(queue.offer(&batch(6), 1));
        assert!(!queue.offer(&batch(5), 2));
        assert!(queue.offer(&batch(4), 3));
        let account = queue.account();
        assert_eq!(account.queued, Totals { flows: 10, packets: 20, octets: 1000 });
        assert_eq!(account.not_sent.totals, Totals { flows: 5, packets: 10, octets: 500 });
        assert!(account.balances());
    }

    #[test]
    fn records_under_way_take_room_until_they_are_settled() {
        let queue = Queue::new(10);
        assert!(queue.offer(&batch(6), 1) && queue.offer(&batch(4), 1));
        queue.pop();
        assert!(!queue.offer(&batch(4), 1), "popped, but not settled");
        queue.settle(|account| account.send(Totals { flows: 4, packets: 8, octets: 400 }, 1));
        assert!(queue.offer(&batch(4), 1));
        assert!(queue.account().balances());
    }

    #[test]
    fn an_empty_queue_takes_a_batch_beyond_its_bound() {
        let queue = Queue::new(1);
        assert!(queue.offer(&batch(3), 1));
        assert!(!queue.offer(&batch(1), 1));
    }

    #[test]
    fn a_closed_queue_takes_nothing_and_what_it_held_can_be_abandoned() {
        let queue = Queue::new(10);
        assert!(queue.offer(&batch(2), 1));
        queue.close();
        assert!(!queue.offer(&batch(1), 1));
        assert!(!queue.offer_waiting(&batch(1), 1));
        queue.abandon(5);
        let account = queue.account();
        assert_eq!((account.queued.flows, account.not_sent.totals.flows), (0, 4));
        assert_eq!(account.not_sent.last, 5);
        assert!(account.balances() && queue.head().is_none());
    }

    #[test]
    fn a_waiting_source_goes_on_when_there_is_room() {
        let queue = Queue::new(2);
        assert!(queue.offer(&batch(2), 1));
        std::thread::scope(|scope| {
            let source = scope.spawn(|| queue.offer_waiting(&batch(2), 1));
            queue.pop();
            queue.settle(|account| account.send(account.queued, 1));
            assert!(source.join().unwrap());
        });
        assert_eq!(queue.account().offered.flows, 4);
    }
}
