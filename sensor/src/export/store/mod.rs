//! Flow records into the flow store: a sink with two threads of its own. One appends what is offered to a journal, the other seals, compacts
//! and deletes; so that neither the source nor the other sinks wait for a disk, and the journal not for a compaction.
//!
//! * [`options`]: where, and how it is kept. [`report`]: how it stands.
//! * `appender`, `keeper`: the threads. [`trouble`]: what goes wrong, told once.

mod appender;
mod keeper;
pub mod options;
pub mod report;
pub mod trouble;

use std::{
    sync::{
        Arc, Mutex,
        mpsc::{Sender, channel},
    },
    time::{Duration, Instant},
};

use sensor_core::sync::Unpoisoned as _;
use sensor_store::store::{self, Recovered, Watched};

use self::{
    appender::AppenderThread, keeper::KeeperThread, options::StoreOptions, report::StoreReport,
    trouble::Trouble,
};
use super::{queue::Queue, sink::Sink, thread::Thread};
use crate::clock;

/// How long its threads may take to end behind the deadline of the stop.
const GRACE: Duration = Duration::from_millis(500);

/// Why the store cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It cannot be opened.
    #[error(transparent)]
    Open(#[from] sensor_store::error::Error),
    /// The system has no more threads.
    #[error("cannot start a thread of the flow store: {0}")]
    Thread(std::io::Error),
}

/// A store at work.
pub struct StoreSink {
    name: String,
    queue: Arc<Queue>,
    /// None once it has ended: whoever holds it keeps others from the folder.
    watched: Mutex<Option<Watched>>,
    /// What there was when it ended.
    ended: Mutex<Option<StoreReport>>,
    troubles: [Arc<Trouble>; 2],
    deadline: Arc<Mutex<Option<Instant>>>,
    appender: Option<Thread>,
    keeper: Option<(Thread, Sender<()>)>,
}

impl StoreSink {
    /// Opens the store, and starts its threads. At most `queue_records` records wait.
    ///
    /// # Errors
    /// When another process writes there, a later version wrote it, or its files cannot be read.
    pub fn start(options: &StoreOptions, queue_records: u64) -> Result<Self, StartError> {
        let (appender, keeper, found) = store::open(&options.folder, options.store)?;
        let name = options.to_string();
        tell(&name, &found);
        let watched = appender.watched();
        let queue = Arc::new(Queue::new(queue_records));
        let deadline = Arc::<Mutex<Option<Instant>>>::default();
        let trouble = |what| Arc::new(Trouble::new(&name, what));
        let troubles = [trouble(appender::TROUBLE), trouble(keeper::TROUBLE)];
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.map_err(StartError::Thread)?;
        let appending = AppenderThread {
            name: name.clone(),
            queue: queue.clone(),
            appender,
            trouble: troubles[0].clone(),
            deadline: deadline.clone(),
            ticked: Instant::now(),
            slots: appender::slots(&options.folder, watched.next()),
        };
        let appending = Thread::start("store-append", move || runtime.block_on(appending.run()));
        let appending = appending.map_err(StartError::Thread)?;
        let (end, ended) = channel();
        let keeping =
            KeeperThread { name: name.clone(), keeper, trouble: troubles[1].clone(), ended };
        let keeping = Thread::start("store-keep", move || keeping.run());
        let keeping = keeping.map_err(StartError::Thread)?;
        Ok(Self {
            name,
            queue,
            watched: Mutex::new(Some(watched)),
            ended: Mutex::default(),
            troubles,
            deadline,
            appender: Some(appending),
            keeper: Some((keeping, end)),
        })
    }

    fn report(&self) -> Option<StoreReport> {
        let ended = self.ended.lock().unpoisoned().clone();
        ended.or_else(|| {
            let watched = self.watched.lock().unpoisoned();
            let (figures, journals) = watched.as_ref()?.figures();
            Some(StoreReport {
                folder: self.name.clone(),
                statement: watched.as_ref()?.accounts().statement(),
                figures,
                journals,
                trouble: self.troubles.iter().find_map(|trouble| trouble.now()),
            })
        })
    }

    /// Ends both threads; `until` is how long they are waited for, if not for as long as it takes.
    fn finish(&mut self, until: Option<Instant>) {
        self.queue.close();
        if let Some(watched) = &*self.watched.lock().unpoisoned() {
            watched.end();
        }
        let keeper = self.keeper.take().map(|(thread, end)| {
            drop(end);
            thread
        });
        for thread in self.appender.take().into_iter().chain(keeper) {
            match until {
                None => thread.join(),
                Some(end) if thread.join_until(end) => {}
                Some(_) => tracing::warn!(
                    store = %self.name,
                    "the disk takes nothing any more; what is left is counted as not stored"
                ),
            }
        }
        self.queue.abandon(clock::now());
        let report = self.report();
        *self.ended.lock().unpoisoned() = report;
        // Lets go of the folder.
        *self.watched.lock().unpoisoned() = None;
    }
}

impl Sink for StoreSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn queue(&self) -> &Queue {
        &self.queue
    }

    fn stop(&self, deadline: Duration) {
        *self.deadline.lock().unpoisoned() = Instant::now().checked_add(deadline);
        self.queue.close();
    }

    fn end(&mut self) {
        self.finish(None);
    }

    fn leave(&mut self) {
        let deadline = *self.deadline.lock().unpoisoned();
        self.finish(Some(deadline.unwrap_or_else(Instant::now) + GRACE));
    }

    fn last_error(&self) -> Option<String> {
        self.troubles.iter().find_map(|trouble| trouble.last())
    }

    fn store(&self) -> Option<StoreReport> {
        self.report()
    }
}

impl Drop for StoreSink {
    fn drop(&mut self) {
        if self.appender.is_some() || self.keeper.is_some() {
            self.finish(None);
        }
    }
}

fn tell(store: &str, found: &Recovered) {
    let Recovered { unfinished, superseded, journals, journaled, sealed, missing } = *found;
    tracing::info!(
        %store,
        sealed,
        journals,
        journaled,
        unfinished,
        superseded,
        "opened the flow store: records in sealed files and in journals, files left by a crash and deleted"
    );
    if missing > 0 {
        tracing::warn!(
            %store,
            records = missing,
            "records of the flow store are missing between others: a file was deleted or put aside as damaged; `sensor store status` says which"
        );
    }
}

#[cfg(test)]
mod tests;
