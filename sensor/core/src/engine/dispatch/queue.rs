//! The queue before the lead: bounded in records, and what has no room is counted.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard},
};

use super::stage::lock;
use crate::{
    flow::{
        batch::{FlowBatch, Source},
        interfaces::Interfaces,
        totals::Totals,
    },
    sync::Unpoisoned as _,
};

/// Records that wait at most: tens of megabytes.
pub(super) const ROOM: usize = 1 << 18;
/// What a step of time counts as, so that there are not too many either.
const STEP: usize = 64;

/// What happens to a batch for which the queue has no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// It is counted, and not looked at. For sources that do not wait.
    Drop,
    /// Its source waits. For files.
    Wait,
}

/// Why records were lost at the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It was full.
    Full,
    /// Nobody took anything from it any more.
    Closed,
}

impl Reason {
    const ALL: [Self; 2] = [Self::Full, Self::Closed];
}

/// Records that were lost at the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Whose they were.
    pub source: Source,
    /// Why.
    pub reason: Reason,
    /// How many.
    pub totals: Totals,
}

/// What waits at the queue now; gauges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Batches, and steps of time between them.
    pub batches: usize,
    /// Records; a batch or a step of time counts as `STEP` at least.
    pub records: usize,
    /// Records for which there is room.
    pub room: usize,
}

/// What waits.
pub(super) enum Item {
    /// A batch, and the names of the interfaces as of then.
    Batch(Box<(FlowBatch, Arc<Interfaces>)>),
    /// Time passes.
    Advance(u64),
}

impl Item {
    fn size(&self) -> usize {
        match self {
            Self::Batch(batch) => batch.0.len().max(STEP),
            Self::Advance(_) => STEP,
        }
    }
}

#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// For the lead: something has come, or nobody holds it up any more.
    work: Condvar,
    /// For sources: something has gone.
    room: Condvar,
}

#[derive(Default)]
struct State {
    items: VecDeque<Item>,
    /// Their sizes.
    size: usize,
    /// Who holds the lead up.
    holds: usize,
    /// The lead works at an item.
    busy: bool,
    closed: bool,
    /// Records that the lead has taken.
    taken: u64,
    /// By source, then by reason.
    lost: [[Totals; Reason::ALL.len()]; Source::ALL.len()],
}

impl State {
    fn lose(&mut self, item: Item, reason: Reason) -> Option<FlowBatch> {
        let Item::Batch(batch) = item else { return None };
        let batch = batch.0;
        let at = Source::ALL.iter().position(|source| *source == batch.observed_by);
        self.lost[at.unwrap_or(0)][reason as usize] += Totals::of(&batch);
        Some(batch)
    }
}

fn wait<'a>(condition: &Condvar, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
    condition.wait(state).unpoisoned()
}

impl Queue {
    /// Adds an item; gives back a batch that it loses. Steps of time are never lost, unless nobody takes them any more.
    pub(super) fn push(&self, item: Item, when_full: WhenFull) -> Option<FlowBatch> {
        let size = item.size();
        let mut state = lock(&self.state);
        // However large it is, a batch finds room in an empty queue.
        while state.size > 0 && state.size + size > ROOM && !state.closed {
            match (when_full, &item) {
                (WhenFull::Wait, _) => state = wait(&self.room, state),
                (WhenFull::Drop, Item::Batch(_)) => return state.lose(item, Reason::Full),
                (WhenFull::Drop, Item::Advance(_)) => break,
            }
        }
        if state.closed {
            return state.lose(item, Reason::Closed);
        }
        state.size += size;
        state.items.push_back(item);
        drop(state);
        self.work.notify_one();
        None
    }

    /// The next item, once there is one and nobody holds the lead up; none once it is closed and empty.
    pub(super) fn pop(&self) -> Option<Item> {
        let mut state = lock(&self.state);
        state.busy = false;
        if state.items.is_empty() {
            self.room.notify_all();
        }
        loop {
            if state.holds == 0
                && let Some(item) = state.items.pop_front()
            {
                state.size -= item.size();
                if let Item::Batch(batch) = &item {
                    state.taken += batch.0.len() as u64;
                }
                state.busy = true;
                drop(state);
                self.room.notify_all();
                return Some(item);
            }
            if state.closed && state.items.is_empty() {
                return None;
            }
            state = wait(&self.work, state);
        }
    }

    /// Keeps the lead from the next item until it is dropped.
    pub(super) fn hold(&self) -> Hold<'_> {
        lock(&self.state).holds += 1;
        Hold(self)
    }

    /// Waits until all items have been worked at.
    pub(super) fn drain(&self) {
        let mut state = lock(&self.state);
        while !state.items.is_empty() || state.busy {
            state = wait(&self.room, state);
        }
    }

    /// Takes nothing more.
    pub(super) fn close(&self) {
        lock(&self.state).closed = true;
        self.work.notify_all();
        self.room.notify_all();
    }

    /// Records that the lead has taken.
    pub(super) fn taken(&self) -> u64 {
        lock(&self.state).taken
    }

    /// What waits now.
    pub(super) fn waiting(&self) -> Waiting {
        let state = lock(&self.state);
        Waiting { batches: state.items.len(), records: state.size, room: ROOM }
    }

    /// What had no room.
    pub(super) fn lost(&self) -> Vec<Lost> {
        let lost = lock(&self.state).lost;
        let each = Source::ALL.into_iter().zip(lost).flat_map(|(source, lost)| {
            let reasons = Reason::ALL.into_iter().zip(lost);
            reasons.map(move |(reason, totals)| Lost { source, reason, totals })
        });
        each.filter(|lost| lost.totals.flows > 0).collect()
    }

    /// For the thread that takes items: once it is dropped, nobody waits any more, and what is left is counted.
    pub(super) fn consumer(&self) -> Consumer<'_> {
        Consumer(self)
    }
}

/// See [`Queue::hold`].
pub(super) struct Hold<'q>(&'q Queue);

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        lock(&self.0.state).holds -= 1;
        self.0.work.notify_one();
    }
}

/// See [`Queue::consumer`].
pub(super) struct Consumer<'q>(&'q Queue);

impl Drop for Consumer<'_> {
    fn drop(&mut self) {
        let state = &mut *lock(&self.0.state);
        (state.closed, state.busy, state.size) = (true, false, 0);
        for item in std::mem::take(&mut state.items) {
            state.lose(item, Reason::Closed);
        }
        self.0.room.notify_all();
    }
}
