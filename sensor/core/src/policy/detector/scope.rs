//! What the trackers share: the flow at hand, and where what they find goes.

use crate::{
    flow::{fields::Row, kept::Keeper},
    policy::{
        alert::{Alert, LabelAction},
        sources::{SourceNumber, View},
        values::Texts,
        window::series::Sample,
    },
};

/// One matching flow.
#[derive(Clone, Copy)]
pub struct Flow<'a> {
    /// The row.
    pub row: Row<'a>,
    /// Keeps it beyond the batch.
    pub keeper: &'a Keeper<'a>,
    /// Who saw it.
    pub source: SourceNumber,
    /// Its times, as far as they can be believed, and counts as reported.
    pub sample: Sample,
    /// When it counts, milliseconds: at its end; where it is late and that does not matter, when it came.
    pub at: u64,
    /// One of how many packets was counted.
    pub rate: u32,
}

/// Counters of one policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Flows that matched, those below included.
    pub matched: u64,
    /// Of these, left out because they came later than is tolerated, or are older than their key's window.
    pub late: u64,
    /// Of these, without a value for some field of the key.
    pub untracked: u64,
    /// Keys that began to be watched; one that was forgotten and comes again counts again.
    pub keys: u64,
    /// Keys that had to make room for others.
    pub evicted: u64,
    /// Events given.
    pub events: u64,
    /// Labels written.
    pub labels: u64,
    /// Time taken to take note of matches in keys and windows, estimated from some of the batches; 0 without a clock.
    pub nanoseconds: u64,
}

/// What something that was found comes after: the row that caused it, 0 where none did, and then the place of the policy
/// among all. In this order everything comes out, however many shards the policies lie in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The row.
    pub row: usize,
    /// The policy.
    pub policy: usize,
}

/// Events with their places.
pub type Found = Vec<(Place, Alert)>;

/// What a tracker works with.
pub struct TrackerScope<'a> {
    /// Numbers of the policy's texts.
    pub texts: &'a mut Texts,
    /// Sources of flows.
    pub sources: &'a View,
    /// Counters of the policy.
    pub counters: &'a mut Counters,
    /// Where what is found belongs.
    pub at: Place,
    /// Events.
    pub events: &'a mut Found,
    /// Labels to write, with the rows that caused them.
    pub labels: &'a mut Vec<(usize, LabelAction)>,
}

impl TrackerScope<'_> {
    /// Gives an event.
    pub fn event(&mut self, event: Alert) {
        self.counters.events += 1;
        self.events.push((self.at, event));
    }
}
