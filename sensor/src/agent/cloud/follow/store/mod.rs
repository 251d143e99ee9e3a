//! Object storage, followed: the objects of a bucket are handed over as they appear, and as they grow.
//!
//! * [`bucket`]: a bucket of any cloud. [`client`]: its HTTP client. [`credentials`]: who the sensor is to it.
//! * [`listing`]: what of it is listed. [`layout`]: dates in names. [`sieve`]: names that cannot be read.
//! * [`queue`]: AWS: a queue that says what is new, instead of listings.
//! * [`trouble`]: what is refused, in a sentence.

pub mod bucket;
pub mod client;
pub mod credentials;
pub mod layout;
pub mod listing;
pub mod pending;
pub mod queue;
pub mod sieve;
pub mod trouble;

use std::{
    collections::HashSet,
    hash::{BuildHasher as _, RandomState},
    sync::Arc,
    time::Duration,
};

use tokio::runtime::Runtime;

use self::{
    bucket::{Bucket, BucketError, Page, as_planned, object},
    listing::Plan,
    pending::Pending,
};
use super::seam::{Closed, Desk, ObjectSource, Stop, Wanted};
use crate::{
    agent::{cloud::follow::folder::names, config::cloud::store::Store},
    clock,
};

/// What clocks of stores may be behind ours, milliseconds.
const SKEW: u64 = 900_000;
/// The longest time between two attempts to list.
const LONGEST: Duration = Duration::from_secs(300);
/// Names that are remembered as told.
const TOLD: usize = 100_000;
/// Between two looks at answers.
const STEP: Duration = Duration::from_millis(100);

/// Object storage that is followed.
pub struct Followed {
    store: Store,
    pending: Pending,
    plan: Plan,
    /// What was passed over and counted, by hash.
    told: HashSet<u64>,
    hasher: RandomState,
}

/// Why a round has ended early.
enum Ended {
    Closed,
    Bucket(BucketError),
}

impl From<BucketError> for Ended {
    fn from(error: BucketError) -> Self {
        Self::Bucket(error)
    }
}

impl From<Closed> for Ended {
    fn from(_: Closed) -> Self {
        Self::Closed
    }
}

impl Followed {
    /// The objects of `store`.
    pub fn new(store: Store) -> Self {
        let plan = Plan::new(&store.prefix, store.late.as_millis() as u64);
        Self {
            pending: Pending::new(store.poll),
            store,
            plan,
            told: HashSet::new(),
            hasher: RandomState::new(),
        }
    }

    /// Lists what may be new, and hands it over.
    fn round(&mut self, bucket: &Bucket, desk: &Desk) -> Result<(), Ended> {
        let now = clock::now();
        let from = desk.floor();
        let mut plan = std::mem::replace(&mut self.plan, Plan::new("", 0));
        let listed = plan.list(bucket, from, now, |page| self.page(&page, bucket, desk));
        self.plan = plan;
        listed?;
        // What was not handed over before, and does not stand in a listing any more.
        self.pending.hand_over(bucket, desk)?;
        // Everything older was read, or is among these.
        let oldest = self.pending.oldest().unwrap_or(u64::MAX);
        desk.raise_floor(now.saturating_sub(SKEW).min(oldest));
        Ok(())
    }

    /// Takes a page of a listing.
    fn page(&mut self, page: &Page, bucket: &Bucket, desk: &Desk) -> Result<(), Ended> {
        let mut old = 0;
        let mut fresh = false;
        for meta in &page.objects {
            let object = object(meta, &self.store.kind);
            let last = object.name.rsplit('/').next().unwrap_or_default();
            if meta.size == 0 || last.starts_with('.') || names::is_temporary(last) {
                continue;
            }
            match desk.wants(&object) {
                Wanted::Yes => fresh |= self.pending.see(object, clock::now()),
                Wanted::Known => {}
                Wanted::Old => {
                    let new = self.told.len() < TOLD
                        && self.told.insert(self.hasher.hash_one(&*object.name));
                    old += u64::from(new);
                }
            }
        }
        desk.figures().change(|report| report.objects.old += old);
        if fresh {
            desk.figures().found(clock::now());
        }
        self.pending.hand_over(bucket, desk)?;
        Ok(())
    }

    /// Hands over what was being read when the agent was killed, in the order of then.
    fn resume(&mut self, bucket: &Bucket, desk: &Desk) -> Result<(), Ended> {
        for planned in desk.resumed() {
            match bucket.head(&planned.name) {
                Ok(meta) => {
                    let object = as_planned(object(&meta, &self.store.kind), &planned);
                    self.pending.resume(object, clock::now());
                    self.pending.hand_over(bucket, desk)?;
                }
                // It was removed meanwhile.
                Err(BucketError::Absent) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Waits for so long, while answers come.
    fn wait(&mut self, time: Duration, desk: &Desk, stop: &Stop) {
        let mut left = time;
        while !left.is_zero() && !stop.is_asked() {
            let step = left.min(STEP);
            stop.wait(step);
            left -= step;
            self.pending.take_answers(desk);
        }
    }

    fn attempt(
        &mut self,
        bucket: &mut Option<Bucket>,
        resumed: &mut bool,
        runtime: &Arc<Runtime>,
        desk: &Desk,
        stop: &Stop,
    ) -> Result<(), Ended> {
        let open = match bucket.take() {
            Some(open) => open,
            // After a failure anew: files and variables may have been mended.
            None => Bucket::new(&self.store, runtime.clone(), stop.clone())?,
        };
        if !*resumed {
            self.resume(&open, desk)?;
            *resumed = true;
        }
        self.round(&open, desk)?;
        *bucket = Some(open);
        Ok(())
    }
}

impl ObjectSource for Followed {
    fn run(mut self: Box<Self>, desk: &Desk, stop: &Stop) {
        let Some(runtime) = started(desk, stop) else { return };
        let (mut bucket, mut resumed) = (None, false);
        let mut failed = 0;
        while !stop.is_asked() {
            let place = self.store.to_string();
            let wait = match self.attempt(&mut bucket, &mut resumed, &runtime, desk, stop) {
                Ok(()) => {
                    desk.figures().trouble(self.pending.trouble.as_deref());
                    failed = 0;
                    self.store.poll
                }
                Err(Ended::Closed | Ended::Bucket(BucketError::Stopped)) => {
                    stop.wait(STEP);
                    continue;
                }
                Err(Ended::Bucket(error)) => {
                    desk.figures().trouble(Some(&format!("cannot list {place}: {error}")));
                    failed += 1;
                    backoff(self.store.poll, failed, self.hasher.hash_one(failed))
                }
            };
            self.wait(wait, desk, stop);
        }
        drop(bucket);
        bucket::end(runtime);
    }
}

/// Sees that what files and environment say of `store` can be used. Opens no connection.
///
/// # Errors
/// What is missing or wrong.
pub fn check(store: &Store) -> Result<(), BucketError> {
    let runtime = bucket::runtime().map_err(|error| BucketError::Refused(error.to_string()))?;
    Bucket::new(store, runtime, Stop::default()).map(drop)
}

/// Sees within `patience` that the sensor is let in: that it can list, or, where a queue says what is new, that it has credentials.
///
/// # Errors
/// [`BucketError::Stopped`] when there is no answer; otherwise what is refused.
pub fn probe(store: &Store, patience: Duration) -> Result<(), BucketError> {
    let runtime = bucket::runtime().map_err(|error| BucketError::Refused(error.to_string()))?;
    let stop = Stop::default();
    let asked = stop.clone();
    runtime.spawn(async move {
        tokio::time::sleep(patience).await;
        asked.ask();
    });
    let ask = |bucket: Bucket| match (&store.queue, &bucket.credentials) {
        (Some(_), Some(credentials)) => bucket.wait(credentials.get_credential()).map(drop),
        _ => bucket.probe(&store.prefix),
    };
    let probed = Bucket::new(store, runtime.clone(), stop).and_then(ask);
    bucket::end(runtime);
    probed
}

/// The threads of a source; none once the sensor ends.
fn started(desk: &Desk, stop: &Stop) -> Option<Arc<Runtime>> {
    while !stop.is_asked() {
        match bucket::runtime() {
            Ok(runtime) => return Some(runtime),
            Err(error) => {
                desk.figures().trouble(Some(&format!("cannot start threads: {error}")));
                stop.wait(LONGEST);
            }
        }
    }
    None
}

/// How long to wait after so many failures in a row; `random` spreads those who have failed at once.
fn backoff(least: Duration, failed: u32, random: u64) -> Duration {
    let most = least.saturating_mul(1 << failed.min(12)).min(LONGEST).max(least);
    let share = (random % 1000) as u32;
    most / 2 + most / 2 * share / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_tried_again_more_and_more_slowly_and_not_by_all_at_once() {
        let second = Duration::from_secs(1);
        assert_eq!(backoff(second, 1, 0), second);
        assert_eq!(backoff(second, 1, 500), second * 3 / 2);
        assert_eq!(backoff(second, 3, 0), 4 * second);
        for failed in 0..100 {
            let wait = backoff(60 * second, failed, 999);
            assert!(wait >= 30 * second && wait <= LONGEST, "{wait:?}");
        }
        assert!(backoff(60 * second, 20, 0) >= LONGEST / 2);
    }
}
