//! The thread that copies what it is offered to where it is held: producers have the memory of a load back as soon as that is done, and what
//! is held has no more memory than it needs.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use sensor_core::flow::{batch::FlowBatch, totals::Amount as _};

use super::ring::Ring;
use crate::{
    clock,
    export::{
        queue::{Load, Queue},
        sink::Sink,
        thread::Thread,
    },
};

/// How long the thread may take to end.
const GRACE: Duration = Duration::from_secs(5);

/// Where something is held.
pub trait Hold<T: Load>: Send + Sync + 'static {
    /// What it is called.
    const NAME: &'static str;

    /// Takes a load; older ones make room for it.
    fn hold(&self, load: &T);

    /// Says that one is lacking that came then, milliseconds since the epoch.
    fn lacks(&self, time: u64);
}

impl Hold<FlowBatch> for Ring {
    const NAME: &'static str = "held records";

    fn hold(&self, batch: &FlowBatch) {
        self.push(batch.clone());
    }

    fn lacks(&self, time: u64) {
        Self::lacks(self, time);
    }
}

/// A thread at work.
pub struct HeldSink<T: Load = FlowBatch> {
    name: &'static str,
    queue: Arc<Queue<T>>,
    thread: Option<Thread>,
}

impl<T: Load> HeldSink<T> {
    /// Starts the thread that fills `held`. At most `queue` records wait.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn start<H: Hold<T>>(held: Arc<H>, queue: u64) -> io::Result<Self> {
        let queue = Arc::new(Queue::new(queue));
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let own = queue.clone();
        let thread = Thread::start("held", move || runtime.block_on(fill(&own, &*held)))?;
        Ok(Self { name: H::NAME, queue, thread: Some(thread) })
    }
}

async fn fill<T: Load>(queue: &Queue<T>, held: &impl Hold<T>) {
    let mut lost = 0;
    loop {
        // Asked first: a load may come just before the end.
        let closed = queue.is_closed();
        while let Some(load) = queue.head() {
            queue.pop();
            held.hold(&load);
            let amount = load.amount();
            drop(load);
            queue.settle(|account| account.send(amount, 0));
        }
        let not_sent = queue.account().not_sent;
        if not_sent.totals.records() > lost {
            lost = not_sent.totals.records();
            held.lacks(not_sent.last);
        }
        if closed {
            break;
        }
        queue.filled().await;
    }
}

impl<T: Load> Sink<T> for HeldSink<T> {
    fn name(&self) -> &str {
        self.name
    }

    fn queue(&self) -> &Queue<T> {
        &self.queue
    }

    fn stop(&self, _deadline: Duration) {
        self.queue.close();
    }

    fn end(&mut self) {
        self.queue.close();
        if let Some(thread) = self.thread.take() {
            // It waits for nothing but its queue.
            thread.join_until(Instant::now() + GRACE);
        }
        self.queue.abandon(clock::now());
    }
}

impl<T: Load> Drop for HeldSink<T> {
    fn drop(&mut self) {
        self.end();
    }
}
