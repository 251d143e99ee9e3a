//! What is done beside receiving: messages that wait are hidden again in time, and those that are done with are deleted.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use sensor_core::sync::Unpoisoned as _;
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::{Instant, MissedTickBehavior, interval_at},
};

use super::{
    api::{self, Api, QueueError},
    messages::{Due, Messages},
};

/// How long a message is hidden at a time.
pub const HIDDEN: Duration = Duration::from_secs(30);
/// How often that is done again.
const AGAIN: Duration = Duration::from_secs(10);
/// How long more is waited for, so that one request does for several.
const GATHER: Duration = Duration::from_millis(200);
/// Between two attempts.
const RETRY: Duration = Duration::from_secs(5);

/// What is shared with whoever receives.
#[derive(Clone)]
pub struct Upkeep {
    /// The messages that wait.
    pub messages: Arc<Mutex<Messages>>,
    dues: UnboundedSender<Due>,
    trouble: Arc<Mutex<Option<String>>>,
    /// Why the object that was read last could not be read.
    unreadable: Arc<Mutex<Option<String>>>,
}

/// The other end.
pub struct Worker {
    shared: Upkeep,
    dues: UnboundedReceiver<Due>,
    /// Messages to be deleted.
    delete: Vec<String>,
}

impl Upkeep {
    /// No message waits.
    pub fn new() -> (Self, Worker) {
        let (sender, dues) = unbounded_channel();
        let shared = Self {
            messages: Arc::default(),
            dues: sender,
            trouble: Arc::default(),
            unreadable: Arc::default(),
        };
        (shared.clone(), Worker { shared, dues, delete: Vec::new() })
    }

    /// Sees to it.
    pub fn due(&self, dues: impl IntoIterator<Item = Due>) {
        // Nobody sees to anything any more at the end.
        dues.into_iter().for_each(|due| drop(self.dues.send(due)));
    }

    /// What cannot be done.
    pub fn trouble(&self) -> Option<String> {
        let trouble = self.trouble.lock().unpoisoned().clone();
        trouble.or_else(|| self.unreadable.lock().unpoisoned().clone())
    }

    /// An object was read, or not, and why.
    pub fn read(&self, trouble: Option<String>) {
        *self.unreadable.lock().unpoisoned() = trouble;
    }

    fn tell(&self, done: Result<(), QueueError>) -> bool {
        let failed = done.is_err();
        let trouble =
            done.err().map(|error| format!("cannot delete or hide messages of the queue: {error}"));
        *self.trouble.lock().unpoisoned() = trouble;
        failed
    }
}

impl Worker {
    /// Works until it is dropped.
    pub async fn run(&mut self, api: &Api) {
        let mut again = interval_at(Instant::now() + AGAIN, AGAIN);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                due = self.dues.recv() => {
                    let Some(due) = due else { return };
                    tokio::time::sleep(GATHER).await;
                    self.sort(api, due).await;
                    if self.delete(api).await {
                        tokio::time::sleep(RETRY).await;
                    }
                }
                _ = again.tick() => {
                    let failed = self.delete(api).await;
                    let hidden = self.hide(api, HIDDEN).await;
                    if !failed {
                        self.shared.tell(hidden);
                    }
                }
            }
        }
    }

    /// The end: what is done with is deleted, and the rest may be received again at once.
    pub async fn end(&mut self, api: &Api) {
        while let Ok(due) = self.dues.try_recv() {
            self.sort(api, due).await;
        }
        self.delete(api).await;
        // They come again by themselves, only later.
        let _ = self.hide(api, Duration::ZERO).await;
    }

    async fn sort(&mut self, api: &Api, first: Due) {
        let mut due = Some(first);
        while let Some(one) = due {
            match one {
                Due::Delete(handle) => self.delete.push(handle),
                Due::Later(handle, after) => {
                    // Otherwise it comes again a little sooner.
                    let _ = api.hide(&[handle], after).await;
                }
            }
            due = self.dues.try_recv().ok();
        }
    }

    /// Whether some could not be deleted.
    async fn delete(&mut self, api: &Api) -> bool {
        while !self.delete.is_empty() {
            let count = self.delete.len().min(api::MOST);
            let done = api.delete(&self.delete[..count]).await;
            if self.shared.tell(done) {
                return true;
            }
            self.delete.drain(..count);
        }
        false
    }

    async fn hide(&self, api: &Api, time: Duration) -> Result<(), QueueError> {
        let mut all = self.shared.messages.lock().unpoisoned().handles();
        if !time.is_zero() {
            all.extend(self.delete.iter().cloned());
        }
        let mut done = Ok(());
        for some in all.chunks(api::MOST) {
            done = done.and(api.hide(some, time).await);
        }
        done
    }
}
