//! The thread that copies what it is offered into the ring: producers have the memory of a batch back as soon as that is done, and what is
//! held has no more memory than its records.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use sensor_core::flow::totals::{Amount as _, Totals};

use super::ring::Ring;
use crate::{
    clock,
    export::{queue::Queue, sink::Sink, thread::Thread},
};

/// How long the thread may take to end.
const GRACE: Duration = Duration::from_secs(5);

/// A ring at work.
pub struct HeldSink {
    queue: Arc<Queue>,
    thread: Option<Thread>,
}

impl HeldSink {
    /// Starts the thread that fills `ring`. At most `queue` records wait.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn start(ring: Arc<Ring>, queue: u64) -> io::Result<Self> {
        let queue = Arc::new(Queue::new(queue));
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let own = queue.clone();
        let thread = Thread::start("held", move || runtime.block_on(fill(&own, &ring)))?;
        Ok(Self { queue, thread: Some(thread) })
    }
}

async fn fill(queue: &Queue, ring: &Ring) {
    let mut lost = 0;
    loop {
        // Asked first: a batch may come just before the end.
        let closed = queue.is_closed();
        while let Some(batch) = queue.head() {
            queue.pop();
            ring.push((*batch).clone());
            let totals = Totals::of(&batch);
            drop(batch);
            queue.settle(|account| account.send(totals, 0));
        }
        let not_sent = queue.account().not_sent;
        if not_sent.totals.records() > lost {
            lost = not_sent.totals.records();
            ring.lacks(not_sent.last);
        }
        if closed {
            break;
        }
        queue.filled().await;
    }
}

impl Sink for HeldSink {
    fn name(&self) -> &str {
        "held records"
    }

    fn queue(&self) -> &Queue {
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

impl Drop for HeldSink {
    fn drop(&mut self) {
        self.end();
    }
}
