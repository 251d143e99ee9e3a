//! Runs the pipeline on several threads, behind a bounded queue.
//!
//! Sources put their batches into a queue and go on. One thread, the *lead*, takes them in order. It enriches and tags each
//! batch, corrects its times, and runs the first shard of the policies, which contains every policy that writes labels. A
//! label written because of one batch therefore holds from the next batch on, as it does without threads. Each *worker*
//! thread runs another shard over the same batches in the same order, at most a few batches behind the lead. A batch leaves
//! through the outbox once every shard has seen it, after all earlier batches, and its events are put in order there. The
//! output therefore does not depend on the number of threads.
//!
//! To see all shards at one moment, a caller stops the lead between two batches and recalls the shards from the workers.
//! With a single shard there is no queue and no thread: the source runs the pipeline itself, one batch at a time.

mod outbox;
mod queue;
mod stage;
#[cfg(test)]
mod tests;
mod worker;

use std::{
    io,
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
};

pub use queue::{Lost, Reason, Waiting, WhenFull};
pub use stage::Output;

use self::{
    outbox::Outbox,
    queue::{Item, Queue},
    stage::{Gone, Stage, lock},
    worker::{Order, Worker},
};
use super::pipeline::Pipeline;
use crate::{
    flow::{batch::FlowBatch, interfaces::Interfaces},
    policy::detector::Found,
};

/// The pipeline and its threads.
pub struct Dispatcher<O> {
    shared: Arc<Shared<O>>,
    /// None where sources do the work.
    thread: Option<JoinHandle<()>>,
}

struct Shared<O> {
    lead: Mutex<Lead<O>>,
    queue: Queue,
    outbox: Arc<Outbox<O>>,
}

/// The pipeline, and the workers that have some of its shards.
struct Lead<O> {
    pipeline: Pipeline,
    workers: Vec<Worker>,
    outbox: Arc<Outbox<O>>,
    found: Found,
}

impl<O: Output> Dispatcher<O> {
    /// Starts a thread for each shard of the pipeline's policies; none where there is but one.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn start(mut pipeline: Pipeline, output: O) -> io::Result<Self> {
        let shards = pipeline.detector.part();
        let outbox = Arc::new(Outbox::new(output, shards.len() + 1));
        let workers = shards.into_iter().enumerate();
        let workers = workers
            .map(|(at, shard)| Worker::start(at, shard, outbox.clone()))
            .collect::<io::Result<Vec<_>>>()?;
        let alone = workers.is_empty();
        let lead = Lead { pipeline, workers, outbox: outbox.clone(), found: Vec::new() };
        let shared = Arc::new(Shared { lead: Mutex::new(lead), queue: Queue::default(), outbox });
        let thread = if alone {
            None
        } else {
            let shared = shared.clone();
            Some(thread::Builder::new().name("engine".to_owned()).spawn(move || run(&shared))?)
        };
        Ok(Self { shared, thread })
    }

    /// The output.
    pub fn output(&self) -> &O {
        &self.shared.outbox.output
    }

    /// Takes a batch, and returns one that is no longer needed, if there is one. `when_full` decides what happens when the
    /// queue is full.
    pub fn offer(
        &self,
        mut batch: FlowBatch,
        interfaces: &Arc<Interfaces>,
        when_full: WhenFull,
    ) -> Option<FlowBatch> {
        let Shared { lead, queue, outbox } = &*self.shared;
        if self.thread.is_some() {
            let item = Item::Batch(Box::new((batch, interfaces.clone())));
            return queue.push(item, when_full).or_else(|| outbox.spent());
        }
        lock(lead).pipeline.pass(&mut batch, interfaces, |event| outbox.output.event(event));
        outbox.output.batch(batch)
    }

    /// Moves on to `now`, milliseconds since the epoch, behind all batches that were handed over before.
    pub fn advance(&self, now: u64, when_full: WhenFull) {
        let Shared { lead, queue, outbox } = &*self.shared;
        if self.thread.is_some() {
            queue.push(Item::Advance(now), when_full);
        } else {
            lock(lead).pipeline.advance(now, |event| outbox.output.event(event));
        }
    }

    /// Runs `work` on the whole pipeline between two batches. Batches that are still in the queue come later.
    pub fn with<T>(&self, work: impl FnOnce(&mut Pipeline) -> T) -> T {
        let _turn = self.shared.queue.hold();
        let mut lead = lock(&self.shared.lead);
        lead.recall();
        let done = work(&mut lead.pipeline);
        lead.send_out();
        done
    }

    /// The same as [`Dispatcher::with`], for work that needs none of the other shards.
    pub fn with_front<T>(&self, work: impl FnOnce(&mut Pipeline) -> T) -> T {
        let _turn = self.shared.queue.hold();
        work(&mut lock(&self.shared.lead).pipeline)
    }

    /// Waits until every batch taken so far has left.
    pub fn drain(&self) {
        self.shared.queue.drain();
        self.with(|_| ());
    }

    /// Whether threads share the work.
    pub fn is_shared(&self) -> bool {
        self.thread.is_some()
    }

    /// Records that have been taken from the queue so far.
    pub fn taken(&self) -> u64 {
        self.shared.queue.taken()
    }

    /// What waits at the queue now; nothing where sources do the work.
    pub fn waiting(&self) -> Waiting {
        self.shared.queue.waiting()
    }

    /// Records lost at the queue, by source and reason.
    pub fn lost(&self) -> Vec<Lost> {
        self.shared.queue.lost()
    }

    /// Whether a thread has ended by itself.
    pub fn is_broken(&self) -> bool {
        self.thread.as_ref().is_some_and(JoinHandle::is_finished)
    }

    /// Ends the threads and returns the output.
    pub fn into_output(self) -> Option<O> {
        let outbox = self.shared.outbox.clone();
        drop(self);
        Some(Arc::into_inner(outbox)?.output)
    }

    /// Waits for every batch to leave, then ends all incidents as of the newest record.
    pub fn finish(&self) {
        self.drain();
        self.with(|pipeline| {
            let now = pipeline.latest();
            pipeline.finish(now, |event| self.output().event(event));
        });
    }
}

impl<O> Drop for Dispatcher<O> {
    fn drop(&mut self) {
        self.shared.queue.close();
        if let Some(thread) = self.thread.take() {
            // That it panicked has been told.
            let _ = thread.join();
        }
        lock(&self.shared.lead).workers.clear();
    }
}

/// The lead's thread: until the queue is closed and empty, or a worker has gone.
fn run<O: Output>(shared: &Shared<O>) {
    // However the thread ends, nobody waits for it.
    let _end = shared.queue.consumer();
    while let Some(item) = shared.queue.pop() {
        let mut lead = lock(&shared.lead);
        let result = match item {
            Item::Batch(batch) => lead.pass(batch.0, batch.1),
            Item::Advance(now) => lead.advance(now),
        };
        if result.is_err() {
            break;
        }
    }
}

impl<O: Output> Lead<O> {
    fn pass(&mut self, mut batch: FlowBatch, interfaces: Arc<Interfaces>) -> Result<(), Gone> {
        let Self { pipeline, workers, outbox, found } = self;
        let clocked = pipeline.prepare(&mut batch, &interfaces);
        let stage = Arc::new(Stage { batch, interfaces, clocked });
        let number = outbox.open(Some(stage.clone()));
        for worker in &*workers {
            worker.send(Order::Observe(number, stage.clone()))?;
        }
        let Stage { batch, interfaces, clocked } = &*stage;
        pipeline.detector.observe_here(batch, interfaces, clocked, found);
        pipeline.write_labels();
        drop(stage);
        outbox.report(number, found);
        Ok(())
    }

    fn advance(&mut self, now: u64) -> Result<(), Gone> {
        let Self { pipeline, workers, outbox, found } = self;
        pipeline.current.learned.expire(now);
        let view = Arc::new(pipeline.detector.go_to(now));
        let number = outbox.open(None);
        for worker in &*workers {
            worker.send(Order::Advance(number, view.clone()))?;
        }
        pipeline.detector.advance_here(&view, found);
        outbox.report(number, found);
        Ok(())
    }
}

impl<O> Lead<O> {
    /// Takes the shards back from the workers, once they have carried out all earlier orders.
    fn recall(&mut self) {
        for worker in &self.workers {
            // A worker that panicked has lost its shard; the lead notices at the next batch.
            let _ = worker.send(Order::Give);
        }
        let shards = self.workers.iter().filter_map(Worker::take);
        self.pipeline.detector.join(shards);
    }

    fn send_out(&mut self) {
        let shards = self.pipeline.detector.part();
        for (worker, shard) in self.workers.iter().zip(shards) {
            let _ = worker.send(Order::Take(shard));
        }
    }
}
