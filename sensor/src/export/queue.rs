//! The bounded queue of batches in front of a sink. Offering never waits; what has no room is counted as not sent.
//! Queue and account are one thing under one lock, so that the account balances whenever it is looked at.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::account::Account;
use crate::flow::{batch::FlowBatch, totals::Totals};

/// A queue with one consumer, bounded in flow records.
#[derive(Debug)]
pub struct Queue {
    bound: u64,
    state: Mutex<State>,
    filled: Notify,
    room: Condvar,
}

#[derive(Debug, Default)]
struct State {
    batches: VecDeque<Arc<FlowBatch>>,
    account: Account,
    closed: bool,
}

impl Queue {
    /// A queue for at most `bound` records. An empty queue takes any batch, however large.
    pub fn new(bound: u64) -> Self {
        Self { bound, state: Mutex::default(), filled: Notify::new(), room: Condvar::new() }
    }

    /// Takes `batch` if there is room; else counts it as not sent at `now` (milliseconds since the epoch) and
    /// returns false. Never waits.
    pub fn offer(&self, batch: &Arc<FlowBatch>, now: u64) -> bool {
        let records = Totals::of(batch);
        self.put(self.lock(), batch, records, now)
    }

    /// As [`Self::offer`], but waits for room as long as the queue is open: for sources that can wait.
    pub fn offer_waiting(&self, batch: &Arc<FlowBatch>, now: u64) -> bool {
        let records = Totals::of(batch);
        let full = |state: &mut State| !state.closed && !self.has_room(state, records);
        let state = self.room.wait_while(self.lock(), full);
        self.put(state.unwrap_or_else(PoisonError::into_inner), batch, records, now)
    }

    /// The batch that is to be sent next. It stays where it is until [`Self::pop`].
    pub fn head(&self) -> Option<Arc<FlowBatch>> {
        self.lock().batches.front().cloned()
    }

    /// Lets go of the head. Its records stay in the account until they are settled.
    pub fn pop(&self) {
        self.lock().batches.pop_front();
    }

    /// Waits until there may be a head, or the queue is closed.
    pub async fn filled(&self) {
        self.filled.notified().await;
    }

    /// Changes the account: how records that waited were settled.
    pub fn settle(&self, change: impl FnOnce(&mut Account)) {
        change(&mut self.lock().account);
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
        state.batches.clear();
        let waiting = state.account.queued;
        state.account.lose(waiting, now);
    }

    /// The account as it stands.
    pub fn account(&self) -> Account {
        self.lock().account
    }

    fn put(
        &self,
        mut state: MutexGuard<'_, State>,
        batch: &Arc<FlowBatch>,
        records: Totals,
        now: u64,
    ) -> bool {
        if state.closed || !self.has_room(&state, records) {
            state.account.turn_away(records, now);
            return false;
        }
        if records.flows > 0 {
            state.account.queue(records);
            state.batches.push_back(Arc::clone(batch));
            self.filled.notify_one();
        }
        true
    }

    fn has_room(&self, state: &State, records: Totals) -> bool {
        let waiting = state.account.queued.flows;
        waiting == 0 || waiting + records.flows <= self.bound
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use sensor_common::{
        key::{Common, Direction, KeyV4},
        packet::Fragment,
    };

    use super::*;
    use crate::flow::{
        batch::{EndReason, Source},
        delta::FlowDelta,
    };

    fn batch(rows: usize) -> Arc<FlowBatch> {
        let common = Common {
            source_port: 1,
            destination_port: 2,
            interface: 3,
            protocol: 6,
            tos: 0,
            vlan: 0,
            direction: Direction::Ingress,
            fragment: Fragment::None,
            folded: false,
        };
        let counts = FlowDelta {
            octets: 100,
            packets: 2,
            layer2_octets: 128,
            start: 1,
            end: 2,
            tcp_flags: 0,
            ttl_min: 1,
            ttl_max: 1,
            macs: [0; 3],
        };
        let mut batch = FlowBatch::v4(Source::Host);
        for _ in 0..rows {
            batch.push(
                &KeyV4 { source: 1, destination: 2, common },
                &counts,
                EndReason::IdleTimeout,
            );
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
        assert!(queue.offer(&batch(10), 1));
        queue.pop();
        assert!(!queue.offer(&batch(1), 1), "popped, but not settled");
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
            queue.settle(|account| account.send(account.queued, 1));
            assert!(source.join().unwrap());
        });
        assert_eq!(queue.account().offered.flows, 4);
    }
}
