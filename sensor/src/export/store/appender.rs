//! The thread that appends what the sink is offered to the journal.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use sensor_core::{
    flow::{batch::FlowBatch, totals::Totals},
    sync::Unpoisoned as _,
};
use sensor_store::store::Appender;
use tokio::time::timeout;

use super::trouble::Trouble;
use crate::{
    clock,
    export::{
        queue::Queue,
        slots::{Place, Slots},
    },
};

/// What its trouble leads to.
pub const TROUBLE: &str = "cannot write to the flow store: records are counted as not stored until it can be written again";

/// The file of the slots.
const SLOTS: &str = "lots";
/// Between two looks at what is due.
const TICK: Duration = Duration::from_secs(1);

/// The thread, and what it works with.
pub struct AppenderThread {
    pub name: String,
    pub queue: Arc<Queue>,
    pub appender: Appender,
    pub trouble: Arc<Trouble>,
    /// By when it is to end, once it is to end.
    pub deadline: Arc<Mutex<Option<Instant>>>,
    /// When it last looked at what is due.
    pub ticked: Instant,
    /// How far it has come in lots.
    pub slots: Slots,
}

/// The slots of the store in `folder`, of which the next record gets the number `next`.
pub fn slots(folder: &Path, next: u64) -> Slots {
    // All numbers before it are those of records that are there, or were.
    let is_there = |place: &Place| place.amount > 0 && next >= place.before + place.amount;
    Slots::open(folder.join(SLOTS), "the flow store", is_there)
}

impl AppenderThread {
    /// Appends until the queue is closed and empty, and no longer than the deadline.
    pub async fn run(mut self) {
        loop {
            // Asked first: a batch may come just before the end.
            let closed = self.queue.is_closed();
            while let Some(batch) = self.queue.head() {
                if self.is_late() {
                    tracing::warn!(store = %self.name, "not all records were stored before the deadline");
                    self.queue.abandon(clock::now());
                    break;
                }
                self.queue.pop();
                self.append(&batch);
                self.tick_if_due();
            }
            if closed {
                break;
            }
            let _ = timeout(TICK, self.queue.filled()).await;
            self.tick_if_due();
        }
        let closed = self.appender.close(clock::now());
        self.trouble.note(closed.as_ref().err());
    }

    fn is_late(&self) -> bool {
        let deadline = *self.deadline.lock().unpoisoned();
        deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    fn append(&mut self, batch: &FlowBatch) {
        let part = batch.lot.as_deref();
        if part.is_some_and(|part| self.slots.has(part)) {
            return self.queue.settle(|account| account.send(Totals::of(batch), 0));
        }
        if let Some(part) = part {
            let place =
                Place { file: (0, 0), before: self.appender.next(), amount: batch.len() as u64 };
            self.slots.intend(part, place);
        }
        let stored = |appender: &Appender| appender.accounts().statement().stored;
        let (before, octets) = (stored(&self.appender), self.appender.octets());
        // All that keep records say the same of when they came.
        let received = if batch.offered > 0 { batch.offered } else { clock::now() };
        let mut result = self.appender.append(batch, received);
        let rows = (stored(&self.appender) - before) as usize;
        let octets = self.appender.octets() - octets;
        if let Some(part) = part.filter(|_| rows < batch.len()) {
            // What comes next gets the numbers that these were to have.
            self.slots.intend(part, Place::default());
        } else if let Some(part) = part {
            self.slots.done(part);
            // So that no state of a source runs ahead of the store, even where power is lost.
            result = result.and_then(|()| self.appender.sync(clock::now()));
        }
        let (kept, lost) =
            (Totals::of_rows(batch, 0..rows), Totals::of_rows(batch, rows..batch.len()));
        self.queue.settle(|account| {
            if rows > 0 {
                account.send(kept, octets as usize);
            }
            if rows < batch.len() {
                account.lose(lost, clock::now());
            }
        });
        self.trouble.note(result.as_ref().err());
    }

    fn tick_if_due(&mut self) {
        if self.ticked.elapsed() < TICK {
            return;
        }
        self.ticked = Instant::now();
        // That what was appended cannot be synced is trouble; that it can does not mean that more can be appended.
        if let Err(error) = self.appender.tick(clock::now()) {
            self.trouble.note(Some(&error));
        }
    }
}
