//! Where batches wait until every shard has seen them, and leave in order.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use super::stage::{Output, Stage, lock};
use crate::{
    flow::batch::FlowBatch,
    policy::{
        alert::Alert,
        detector::{Found, put_in_order},
    },
};

/// Batches that nobody needs any more and that are kept for sources to fill.
const SPENT: usize = 16;

/// Batches on their way out.
pub(super) struct Outbox<O> {
    pub(super) output: O,
    /// Shards.
    shards: usize,
    waiting: Mutex<Waiting>,
    spent: Mutex<Vec<FlowBatch>>,
}

#[derive(Default)]
struct Waiting {
    /// The number of the first entry.
    first: u64,
    entries: VecDeque<Entry>,
    events: Vec<Alert>,
}

struct Entry {
    /// None where time passes.
    stage: Option<Arc<Stage>>,
    /// Shards that have not seen it yet.
    missing: usize,
    found: Found,
}

impl<O> Outbox<O> {
    /// An outbox for what so many shards find.
    pub(super) fn new(output: O, shards: usize) -> Self {
        Self { output, shards, waiting: Mutex::default(), spent: Mutex::default() }
    }

    /// Takes the next batch, or step of time, in; gives its number.
    pub(super) fn open(&self, stage: Option<Arc<Stage>>) -> u64 {
        let waiting = &mut *lock(&self.waiting);
        waiting.entries.push_back(Entry { stage, missing: self.shards, found: Vec::new() });
        waiting.first + waiting.entries.len() as u64 - 1
    }

    /// A batch that nobody needs any more.
    pub(super) fn spent(&self) -> Option<FlowBatch> {
        lock(&self.spent).pop()
    }
}

impl<O: Output> Outbox<O> {
    /// A shard is done with what has this number, and has let go of it; takes what it found. Whatever is complete leaves.
    pub(super) fn report(&self, number: u64, found: &mut Found) {
        let waiting = &mut *lock(&self.waiting);
        let at = usize::try_from(number.saturating_sub(waiting.first)).unwrap_or(usize::MAX);
        let Some(entry) = waiting.entries.get_mut(at) else { return };
        entry.found.append(found);
        entry.missing -= 1;
        // Others may report meanwhile only what is behind: they wait for the lock, so that nothing overtakes.
        while let Some(mut entry) = waiting.entries.pop_front_if(|entry| entry.missing == 0) {
            waiting.first += 1;
            put_in_order(&mut entry.found, &mut waiting.events);
            waiting.events.drain(..).for_each(|event| self.output.event(event));
            if let Some(stage) = entry.stage.and_then(Arc::into_inner)
                && let Some(batch) = self.output.batch(stage.batch)
            {
                let spent = &mut *lock(&self.spent);
                if spent.len() < SPENT {
                    spent.push(batch);
                }
            }
        }
    }
}
