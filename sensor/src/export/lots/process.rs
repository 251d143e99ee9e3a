//! The loop of an output: takes records from the queue, cuts lots, and sends each until it is acknowledged.
//!
//! Every record moves through the account exactly once: when its lot is acknowledged, refused, or the output ends.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use sensor_core::sync::Unpoisoned as _;
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until},
};

use super::{
    carrier::{Carrier, Failure},
    lot::{Cutter, Lot},
};
use crate::{
    clock,
    export::{net::backoff::Backoff, queue::Queue},
};

/// How an output stands with its server or broker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// True while the server takes lots.
    pub connected: bool,
    /// How many times it stopped taking them, or did not from the start.
    pub outages: u64,
    /// How many times a lot was sent again.
    pub repeated: u64,
    /// What went wrong last, also when it has been overcome.
    pub error: Option<String>,
}

/// The loop and what it works with.
pub struct Process<C> {
    name: String,
    carrier: C,
    lots: Cutter,
    queue: Arc<Queue>,
    status: Arc<Mutex<Status>>,
    stop: watch::Receiver<Option<Instant>>,
}

impl<C: Carrier> Process<C> {
    /// A loop that has not begun.
    pub fn new(
        name: String,
        carrier: C,
        lots: Cutter,
        queue: Arc<Queue>,
        status: Arc<Mutex<Status>>,
        stop: watch::Receiver<Option<Instant>>,
    ) -> Self {
        Self { name, carrier, lots, queue, status, stop }
    }

    /// Works until it is stopped and all is acknowledged, and no longer than the stop's deadline.
    pub async fn run(mut self) {
        let mut stop = self.stop.clone();
        let deadline = async move {
            let asked = stop.wait_for(Option::is_some).await.map(|deadline| *deadline);
            // An error means that the output is gone: nobody waits for us.
            sleep_until(asked.ok().flatten().unwrap_or_else(Instant::now)).await;
        };
        let queue = Arc::clone(&self.queue);
        let name = self.name.clone();
        tokio::select! {
            () = self.work() => {}
            () = deadline => {
                tracing::warn!(output = %name, "not all records were acknowledged before the deadline");
            }
        }
        queue.abandon(clock::now());
    }

    async fn work(&mut self) {
        while let Some(lot) = self.lot().await {
            if !self.deliver(&lot).await {
                return;
            }
        }
    }

    /// The next lot; none once nothing more will come.
    async fn lot(&mut self) -> Option<Lot> {
        loop {
            // Whoever offers without end must not keep the stop from its turn.
            tokio::task::coop::consume_budget().await;
            // Asked first: a batch may come just before the end.
            let closed = self.queue.is_closed();
            while !self.lots.is_full()
                && let Some(batch) = self.queue.head()
            {
                self.queue.pop();
                self.lots.add(&batch, clock::now());
            }
            let due = Duration::from_millis(self.lots.due_in(clock::now()));
            match self.lots.is_empty() {
                true if closed => return None,
                true => self.queue.filled().await,
                false if closed || self.lots.is_full() || due.is_zero() => {
                    return Some(self.lots.cut());
                }
                false => tokio::select! {
                    () = self.queue.filled() => {}
                    () = sleep(due) => {}
                },
            }
        }
    }

    /// Sends a lot until it is settled. False if the output ends before.
    async fn deliver(&mut self, lot: &Lot) -> bool {
        let mut outage: Option<(Instant, Backoff)> = None;
        loop {
            // A stop that comes during an outage leaves one more attempt.
            let last_attempt = self.stop.borrow().is_some();
            match self.carrier.deliver(lot).await {
                Ok(()) => {
                    self.queue.settle(|account| account.send(lot.totals, lot.body.len()));
                    self.status().connected = true;
                    if let Some((since, _)) = outage {
                        let seconds = since.elapsed().as_secs();
                        tracing::info!(output = %self.name, outage_seconds = seconds, "records are acknowledged again");
                    }
                    return true;
                }
                Err(Failure::Refused(error)) => {
                    let records = lot.totals.flows;
                    tracing::error!(output = %self.name, error, records, "the server cannot read these records; they are counted as not sent");
                    self.queue.settle(|account| account.lose(lot.totals, clock::now()));
                    self.status().error = Some(error);
                    return true;
                }
                Err(Failure::Later(error)) => {
                    let wait = self.note(&mut outage, error);
                    if last_attempt {
                        return false;
                    }
                    let mut stop = self.stop.clone();
                    tokio::select! {
                        () = sleep(wait) => {}
                        _ = stop.wait_for(Option::is_some) => {}
                    }
                    self.status().repeated += 1;
                }
            }
        }
    }

    /// Notes a failure, the first of an outage aloud; how long to wait then.
    fn note(&self, outage: &mut Option<(Instant, Backoff)>, error: String) -> Duration {
        let mut status = self.status();
        if outage.is_none() {
            tracing::warn!(output = %self.name, error, "records are not acknowledged; they are queued, retrying");
            status.outages += 1;
            status.connected = false;
        }
        status.error = Some(error);
        let (_, backoff) = outage.get_or_insert_with(|| (Instant::now(), Backoff::new()));
        backoff.wait(RandomState::new().build_hasher().finish())
    }

    fn status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unpoisoned()
    }
}
