//! How many flows of a key that is near a threshold there were by address and port: when it crosses, they are gone.
//!
//! Far keys, which are nearly all, keep nothing of the kind, but for some flows ([`super::kept`]).

use super::{
    scope::Flow,
    traces::{MOST_QUOTED, Traces},
};

/// What a key has left since it came near.
#[derive(Debug)]
pub struct Approach {
    /// Its flows.
    pub traces: Traces,
    /// Since when.
    since: u64,
}

impl Approach {
    /// Nothing so far.
    pub fn new(since: u64) -> Self {
        Self { traces: Traces::default(), since }
    }

    /// Takes note of a flow. What is older than the window is of no use to an incident that begins now.
    pub fn add(&mut self, flow: &Flow<'_>, window: u64) {
        if flow.sample.end >= self.since.saturating_add(window) {
            *self = Self::new(flow.sample.end);
        }
        self.traces.add(flow, false);
        self.traces.count(flow.row);
    }
}

/// How many keys of a tracker are near.
#[derive(Debug, Default)]
pub struct Approaching(usize);

impl Approaching {
    /// Whether one more may keep its flows.
    pub fn has_room(&self) -> bool {
        self.0 < MOST_QUOTED
    }

    /// Takes note of a flow of a key that is near.
    #[cold]
    pub fn add(&mut self, approach: &mut Option<Box<Approach>>, flow: &Flow<'_>, window: u64) {
        self.0 += usize::from(approach.is_none());
        let new = || Box::new(Approach::new(flow.sample.end));
        approach.get_or_insert_with(new).add(flow, window);
    }

    /// Takes out what a key has left that is near no more.
    #[cold]
    pub fn take(&mut self, approach: &mut Option<Box<Approach>>) -> Option<Box<Approach>> {
        let taken = approach.take();
        self.0 -= usize::from(taken.is_some());
        taken
    }
}
