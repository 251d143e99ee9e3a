//! The last flows of a key: when it crosses a threshold, the flows that brought it there are gone, and one flow tells little of
//! what happened. A single flow may be enough to cross, however far the key was, so every key keeps them that a record or two
//! could bring there.
//!
//! At every moment the flows that are kept are as many as events quote, or all, of those that the window has, whichever
//! buckets leave it next: the flows in the newest buckets. Of a bucket the first ones will do, so that a busy key keeps few
//! of its flows, and most of its flows cost one comparison.
//!
//! A kept flow takes some hundred octets of its tracker's log, which is at most half waste: a tracker whose `max_keys` keys
//! all keep [`OF_KEY`] flows has some 400 octets for each.

use super::scope::Flow;
use crate::{
    flow::kept::{LogPlace, RestoredRow, RowLog},
    policy::alert::MAX_SAMPLES,
};

/// Flows that a key keeps: with the one that crosses, as many as an event quotes.
const OF_KEY: usize = MAX_SAMPLES - 1;

/// Octets of a tracker's log for each key that keeps so many, about.
pub(super) const OF_FLOWS: usize = 400;

/// Stands for the bucket of a flow that the window has no more.
const GONE: i32 = i32::MIN;

/// Flows of a key.
#[derive(Debug)]
pub struct KeptFlows([KeptFlow; OF_KEY]);

/// One flow of a key.
#[derive(Clone, Copy, Debug)]
pub struct KeptFlow {
    /// Where it counts, [`GONE`] where there is no flow.
    bucket: i32,
    place: LogPlace,
}

impl KeptFlow {
    const NONE: Self = Self { bucket: GONE, place: 0 };

    fn is_there(&self) -> bool {
        self.bucket != GONE
    }
}

impl Default for KeptFlows {
    fn default() -> Self {
        Self([KeptFlow::NONE; OF_KEY])
    }
}

impl KeptFlows {
    /// Whether a flow that counts in `bucket` is one to keep.
    #[inline(always)]
    pub fn lacks(&self, bucket: i32) -> bool {
        self.0.iter().any(|kept| kept.lacks(bucket))
    }

    /// Keeps a flow that counts in `bucket`, in the place of the one whose bucket leaves the window first. That goes on to
    /// `more`, where the key keeps one more flow than others.
    #[inline(never)]
    pub fn add(
        &mut self,
        bucket: i32,
        flow: &Flow<'_>,
        log: &mut RowLog,
        more: Option<&mut KeptFlow>,
    ) {
        let Some(place) = log.keep(flow.keeper, flow.row.row) else { return };
        let [first, second] = &mut self.0;
        let oldest = if second.bucket < first.bucket { second } else { first };
        let mut left = std::mem::replace(oldest, KeptFlow { bucket, place });
        if let Some(more) = more.filter(|more| left.bucket > more.bucket) {
            left = std::mem::replace(more, left);
        }
        log.forget(usize::from(left.is_there()));
    }

    /// The window has none of its flows any more.
    pub fn forget(&mut self, log: &mut RowLog) {
        log.forget(self.iter().count());
        *self = Self::default();
    }

    fn iter(&self) -> impl Iterator<Item = &KeptFlow> {
        self.0.iter().filter(|kept| kept.is_there())
    }

    /// Where its flows lie in the log.
    pub fn places(&mut self) -> impl Iterator<Item = &mut LogPlace> {
        self.0.iter_mut().filter(|kept| kept.is_there()).map(|kept| &mut kept.place)
    }

    /// Flows that count in buckets from `oldest` on, and the one in `more`: the last ones, `most` at most, in the order in
    /// which they ended.
    pub fn since(
        &self,
        oldest: i32,
        most: usize,
        log: &RowLog,
        more: Option<&KeptFlow>,
    ) -> Vec<RestoredRow> {
        let live = self.iter().chain(more.filter(|more| more.is_there()));
        let live = live.filter(|kept| kept.bucket >= oldest);
        let live = live.filter_map(|kept| Some((kept.bucket, log.restored(kept.place)?)));
        let mut live: Vec<_> = live.collect();
        live.sort_by_key(|(bucket, row)| {
            let row = row.row();
            (*bucket, row.batch.end[row.row])
        });
        let surplus = live.len().saturating_sub(most);
        live.into_iter().skip(surplus).map(|(_, row)| row).collect()
    }
}

impl Default for KeptFlow {
    fn default() -> Self {
        Self::NONE
    }
}

impl KeptFlow {
    /// Whether a flow that counts in `bucket` is one to keep in its place.
    #[inline(always)]
    pub fn lacks(&self, bucket: i32) -> bool {
        bucket > self.bucket
    }

    /// Where it lies in the log.
    pub fn place(&mut self) -> Option<&mut LogPlace> {
        self.is_there().then_some(&mut self.place)
    }

    /// The window has it no more.
    pub fn forget(&mut self, log: &mut RowLog) {
        log.forget(usize::from(self.is_there()));
        *self = Self::NONE;
    }
}
