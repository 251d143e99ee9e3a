//! The loop of one output. Two halves run side by side: one renders what comes and puts it into the backlog, in memory
//! or on disk; the other delivers what is in the backlog and waits out an outage.
//!
//! Every event moves through the account exactly once: it is settled when it is delivered, refused, or has no room.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    hash::{BuildHasher, Hasher, RandomState},
    io,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use sensor_core::{policy::alert::Alert, sync::Unpoisoned as _};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, sleep_until},
};

use super::{
    deliver::{Delivery, Failure, Message, Renderer, Verdict},
    spool::{Kept, Spool},
    status::Status,
};
use crate::{
    clock,
    export::{net::backoff::Backoff, queue::Queue},
    files,
};

/// Messages that are handed over in one go.
const BATCH: usize = 64;

/// What is rendered and not delivered.
enum Backlog {
    /// At most [`BATCH`]; the others wait in the queue.
    Memory(VecDeque<Message>),
    Disk(Spool),
}

/// The loop and what it works with.
pub struct Process {
    name: String,
    queue: Arc<Queue<Alert>>,
    renderer: Renderer,
    backlog: RefCell<Backlog>,
    /// Something is in the backlog, or nothing more will come.
    arrived: Notify,
    /// The backlog has become shorter.
    room: Notify,
    complete: Cell<bool>,
    /// The receiver is given up, in the midst of an outage.
    given_up: Cell<bool>,
    spooling: Attempts,
    forcing: Attempts,
    recording: Attempts,
    status: Arc<Mutex<Status>>,
    stop: watch::Receiver<Option<Instant>>,
}

impl Process {
    /// A loop that has not begun. What lies in the spool is in the account from now on.
    pub fn new(
        name: String,
        queue: Arc<Queue<Alert>>,
        renderer: Renderer,
        spool: Option<Spool>,
        status: Arc<Mutex<Status>>,
        stop: watch::Receiver<Option<Instant>>,
    ) -> Self {
        if let Some(spool) = &spool {
            queue.settle(|account| {
                account.queue(spool.waiting());
                account.spool(spool.waiting());
                account.turn_away(spool.torn(), clock::now());
            });
        }
        let backlog = spool.map_or_else(|| Backlog::Memory(VecDeque::new()), Backlog::Disk);
        Self {
            name,
            queue,
            renderer,
            backlog: RefCell::new(backlog),
            arrived: Notify::new(),
            room: Notify::new(),
            complete: Cell::new(false),
            given_up: Cell::new(false),
            spooling: Attempts::to("spool hits", "they are counted as not sent"),
            forcing: Attempts::to("force spooled hits to the disk", "a power cut may lose them"),
            recording: Attempts::to(
                "record which spooled hits are delivered",
                "after a crash they are delivered again",
            ),
            status,
            stop,
        }
    }

    /// Works until it is stopped and all is delivered, and no longer than the stop's deadline.
    pub async fn run(self, mut delivery: Delivery) {
        let mut stop = self.stop.clone();
        let deadline = async move {
            let asked = stop.wait_for(Option::is_some).await.map(|deadline| *deadline);
            // An error means that the output is gone: nobody waits for us.
            sleep_until(asked.ok().flatten().unwrap_or_else(Instant::now)).await;
        };
        let work = async {
            tokio::join!(self.take_in(), self.deliver(&mut delivery));
            delivery.close().await;
        };
        tokio::select! {
            () = work => {}
            () = deadline => {
                tracing::warn!(output = %self.name, "not all hits were delivered before the deadline");
                // What is only in the queue can still be saved.
                self.save_rest();
            }
        }
        self.queue.abandon(clock::now());
    }

    async fn take_in(&self) {
        loop {
            // Whoever offers without end must not keep the other half from its turn.
            tokio::task::coop::consume_budget().await;
            while matches!(&*self.backlog.borrow(), Backlog::Memory(list) if list.len() >= BATCH) {
                if self.given_up.get() {
                    return;
                }
                self.room.notified().await;
            }
            // Asked first: an event may come just before the end.
            let closed = self.queue.is_closed();
            if self.keep_some() {
                self.arrived.notify_one();
            } else if closed {
                break;
            } else {
                self.queue.filled().await;
            }
        }
        self.complete.set(true);
        self.arrived.notify_one();
    }

    fn save_rest(&self) {
        while matches!(&*self.backlog.borrow(), Backlog::Disk(_)) && self.keep_some() {}
    }

    /// Renders events that wait, as many as make a batch, and puts them into the backlog. False if none waits.
    fn keep_some(&self) -> bool {
        match &mut *self.backlog.borrow_mut() {
            Backlog::Memory(list) => {
                let before = list.len();
                while list.len() < BATCH
                    && let Some(message) = self.take()
                {
                    list.push_back(message);
                }
                list.len() > before
            }
            Backlog::Disk(spool) => self.spool_some(spool),
        }
    }

    /// They count as spooled when they are on the disk.
    fn spool_some(&self, spool: &mut Spool) -> bool {
        let (mut spooled, mut lost) = (0, 0);
        let mut kept = Ok(());
        while spooled + lost < BATCH as u64
            && let Some(message) = self.take()
        {
            match spool.append(&message) {
                Ok(Kept::Yes) => spooled += 1,
                Ok(Kept::Full) => {
                    lost += 1;
                    kept = Err(io::Error::other(FULL));
                }
                Err(error) => {
                    lost += 1;
                    kept = Err(error);
                }
            }
        }
        if spooled + lost > 0 {
            self.spooling.note(&self.name, spool, kept);
            let forced = spool.force();
            self.forcing.note(&self.name, spool, forced);
        }
        self.queue.settle(|account| {
            account.spool(spooled);
            if lost > 0 {
                account.lose(lost, clock::now());
            }
        });
        spooled + lost > 0
    }

    /// The first event of the queue, rendered.
    fn take(&self) -> Option<Message> {
        let event = self.queue.head()?;
        self.queue.pop();
        Some(self.renderer.render(&event))
    }

    async fn deliver(&self, delivery: &mut Delivery) {
        let mut outage = Outage::default();
        // How many messages of a batch that was refused are still to be tried one by one.
        let mut apart: usize = 0;
        loop {
            let limit = if apart > 0 { 1 } else { BATCH };
            let batch = match self.first(limit) {
                Ok(batch) => batch,
                Err(error) => {
                    self.give_up_segment(&error);
                    continue;
                }
            };
            if batch.is_empty() {
                if self.complete.get() {
                    return;
                }
                delivery.idle(&self.arrived).await;
                continue;
            }
            // A stop that comes during an outage leaves one more attempt.
            let last_attempt = self.stop.borrow().is_some();
            let outcome = delivery.deliver(&batch).await;
            let deleted = delivery.take_deleted();
            if deleted.files > 0 {
                self.queue.settle(|account| account.deleted.add(deleted));
            }
            let Failure { delivered, verdict, error } = match outcome {
                Ok(octets) => {
                    self.settle(&batch, octets);
                    apart = apart.saturating_sub(batch.len());
                    outage.end(&self.name);
                    continue;
                }
                Err(failure) => failure,
            };
            let (done, rest) = batch.split_at(delivered);
            self.settle(done, done.iter().map(Vec::len).sum());
            apart = apart.saturating_sub(done.len());
            self.status().error = Some(error.clone());
            match verdict {
                Verdict::Retry { after } => {
                    outage.note(&self.name, &error);
                    if last_attempt {
                        self.given_up.set(true);
                        self.room.notify_one();
                        return;
                    }
                    let wait = outage.wait().max(after.unwrap_or_default());
                    let mut stop = self.stop.clone();
                    tokio::select! {
                        () = sleep(wait) => {}
                        _ = stop.wait_for(Option::is_some) => {}
                    }
                }
                Verdict::Refused if rest.len() > 1 => apart = rest.len(),
                Verdict::Refused => {
                    tracing::warn!(output = %self.name, error, "a hit was refused");
                    self.lose(rest);
                    apart = apart.saturating_sub(rest.len());
                }
                Verdict::Gone => {
                    self.status().gone = true;
                    self.queue.close();
                    self.lose(rest);
                }
            }
        }
    }

    fn first(&self, count: usize) -> io::Result<Vec<Message>> {
        match &mut *self.backlog.borrow_mut() {
            Backlog::Memory(list) => Ok(list.iter().take(count).cloned().collect()),
            Backlog::Disk(spool) => spool.peek(count),
        }
    }

    fn settle(&self, messages: &[Message], octets: usize) {
        let count = messages.len() as u64;
        if count > 0 {
            self.advance(messages);
            self.queue.settle(|account| account.send(count, octets));
        }
    }

    fn lose(&self, messages: &[Message]) {
        self.advance(messages);
        self.queue.settle(|account| account.lose(messages.len() as u64, clock::now()));
    }

    /// Takes the first `messages` out of the backlog.
    fn advance(&self, messages: &[Message]) {
        match &mut *self.backlog.borrow_mut() {
            Backlog::Memory(list) => drop(list.drain(..messages.len())),
            Backlog::Disk(spool) => {
                self.queue.settle(|account| account.unspool(messages.len() as u64));
                let recorded = spool.advance(messages);
                self.recording.note(&self.name, spool, recorded);
            }
        }
        self.room.notify_one();
    }

    fn status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unpoisoned()
    }

    fn give_up_segment(&self, error: &io::Error) {
        if let Backlog::Disk(spool) = &mut *self.backlog.borrow_mut() {
            let lost = spool.waiting() - spool.skip_segment();
            self.queue.settle(|account| {
                account.unspool(lost);
                account.lose(lost, clock::now());
            });
            tracing::error!(output = %self.name, %error, lost, "cannot read spooled hits");
        }
    }
}

/// Why a spool takes no message although the disk would.
const FULL: &str = "the spool has reached `spool_size`; raise it, or see to the receiver";

/// Something that is done to a spool again and again: that it fails is told once, and that it succeeds again.
struct Attempts {
    what: &'static str,
    /// What a failure means.
    so: &'static str,
    failing: Cell<bool>,
}

impl Attempts {
    fn to(what: &'static str, so: &'static str) -> Self {
        Self { what, so, failing: Cell::new(false) }
    }

    fn note(&self, output: &str, spool: &Spool, result: io::Result<()>) {
        let failed_before = self.failing.replace(result.is_err());
        let (Self { what, so, .. }, spool) = (self, spool.directory().display());
        match result {
            Err(error) if !failed_before => {
                let remedy = files::remedy(&error);
                tracing::error!(%output, %spool, "cannot {what}: {error}{remedy}; {so}");
            }
            Ok(()) if failed_before => tracing::info!(%output, %spool, "can {what} again"),
            _ => {}
        }
    }
}

/// An outage, from the first failure to the first success; told once.
#[derive(Default)]
struct Outage(Option<(Instant, Backoff)>);

impl Outage {
    fn note(&mut self, output: &str, error: &str) {
        if self.0.is_none() {
            tracing::warn!(%output, error, "hits are not delivered; they are queued, retrying");
            self.0 = Some((Instant::now(), Backoff::new()));
        }
    }

    fn wait(&mut self) -> Duration {
        let random = RandomState::new().build_hasher().finish();
        self.0.as_mut().map_or(Duration::ZERO, |(_, backoff)| backoff.wait(random))
    }

    fn end(&mut self, output: &str) {
        if let Some((since, _)) = self.0.take() {
            let seconds = since.elapsed().as_secs();
            tracing::info!(%output, outage_seconds = seconds, "hits are delivered again");
        }
    }
}
