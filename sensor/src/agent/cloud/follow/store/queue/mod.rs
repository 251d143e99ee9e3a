//! AWS: objects of a bucket as a queue of SQS names them.
//!
//! * [`event`]: what messages say. [`messages`]: which message waits for which objects. [`api`]: the queue.
//! * [`upkeep`]: messages are hidden in time, and deleted.
//!
//! A message is hidden from others while its objects are read, and deleted once the outputs and the state file have them.

pub mod api;
pub mod event;
pub mod messages;
pub mod upkeep;

use std::{
    collections::HashSet,
    hash::{BuildHasher as _, RandomState},
    sync::Arc,
    time::Duration,
};

use sensor_core::sync::Unpoisoned as _;
use tokio::{runtime::Runtime, sync::Mutex as AsyncMutex};

use self::{
    api::{Api, Message},
    event::Named,
    messages::Join,
    upkeep::{HIDDEN, Upkeep, Worker},
};
use super::{
    STEP, backoff, bucket,
    bucket::{Bucket, BucketError},
    pending::content,
    started,
};
use crate::{
    agent::{
        cloud::follow::{
            figures::Figures,
            seam::{Answer, Closed, Desk, Handed, Object, ObjectSource, Stop, Trouble, Wanted},
            state::Planned,
        },
        config::cloud::store::Store,
    },
    clock,
};

/// A message that cannot be used is not looked at again for so long.
const POISON: Duration = Duration::from_secs(3600);
/// Receptions after which an object that cannot be read is told.
const ATTEMPTS: u32 = 5;
/// Messages and objects that are remembered as told.
const TOLD: usize = 10_000;
/// Between two attempts to receive.
const LEAST: Duration = Duration::from_secs(5);
/// How long is waited for the queue at the end.
const END: Duration = Duration::from_secs(3);

/// A bucket that a queue speaks of.
pub struct Queue {
    store: Store,
    url: String,
    upkeep: Upkeep,
    worker: Arc<AsyncMutex<Worker>>,
    /// Messages that cannot be used and were told.
    told: HashSet<String>,
    resumed: bool,
}

/// Why there is a pause.
enum Ended {
    Closed,
    /// What cannot be done, and why.
    Refused(String),
}

impl From<Closed> for Ended {
    fn from(_: Closed) -> Self {
        Self::Closed
    }
}

/// A bucket and its queue.
struct Open {
    bucket: Bucket,
    api: Api,
    runtime: Arc<Runtime>,
    stop: Stop,
    upkeep: tokio::task::AbortHandle,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.upkeep.abort();
    }
}

impl Queue {
    /// The objects of `store`, as the queue at `url` names them.
    pub fn new(store: Store, url: String) -> Self {
        let (upkeep, worker) = Upkeep::new();
        let worker = Arc::new(AsyncMutex::new(worker));
        Self { store, url, upkeep, worker, told: HashSet::new(), resumed: false }
    }

    fn open(&self, runtime: &Arc<Runtime>, stop: &Stop) -> Result<Open, Ended> {
        let refused = |error: &dyn std::fmt::Display| Ended::Refused(error.to_string());
        let bucket = Bucket::new(&self.store, runtime.clone(), stop.clone());
        let bucket = bucket.map_err(|error| refused(&error))?;
        let Some(credentials) = bucket.credentials.clone() else { return Err(Ended::Closed) };
        let api = Api::new(&self.url, self.store.region.as_deref(), credentials)
            .map_err(|error| refused(&error))?;
        let (worker, of_worker) = (self.worker.clone(), api.clone());
        let upkeep = runtime.spawn(async move { worker.lock().await.run(&of_worker).await });
        let (runtime, stop) = (runtime.clone(), stop.clone());
        Ok(Open { bucket, api, runtime, stop, upkeep: upkeep.abort_handle() })
    }

    /// Receives messages once, and hands over what they name.
    fn round(&mut self, open: &Open, desk: &Desk) -> Result<(), Ended> {
        if !self.resumed {
            self.resume(open, desk)?;
            self.resumed = true;
        }
        let messages = self.upkeep.messages.lock().unpoisoned();
        let (many, objects) = (messages.count(), messages.objects() as u64);
        drop(messages);
        desk.figures().change(|report| report.waiting = objects);
        desk.figures().trouble(self.upkeep.trouble().as_deref());
        if many + api::MOST > messages::MOST {
            open.stop.wait(STEP);
            return Ok(());
        }
        let received = bucket::wait(&open.runtime, &open.stop, open.api.receive(HIDDEN));
        let received = received.ok_or(Ended::Closed)?.map_err(|error| {
            Ended::Refused(format!("cannot receive from {}: {error}", self.url))
        })?;
        received.into_iter().try_for_each(|message| self.message(message, open, desk))
    }

    fn message(&mut self, message: Message, open: &Open, desk: &Desk) -> Result<(), Ended> {
        let receives = message.receives();
        let Message { message_id: id, receipt_handle: handle, body, .. } = message;
        let named = match event::parse(&body) {
            Ok(named) => named,
            Err(error) => {
                if self.told.len() < TOLD && self.told.insert(id.clone()) {
                    let what = format!("message {id} of {}", self.url);
                    desk.figures().give_up(&what, Trouble::Foreign, &error.to_string());
                }
                // Where the queue has another for dead letters, it gets there by and by.
                self.upkeep.due([messages::Due::Later(handle, POISON)]);
                return Ok(());
            }
        };
        let ours: Vec<Named> = named.into_iter().filter(|named| self.is_ours(named)).collect();
        let mut messages = self.upkeep.messages.lock().unpoisoned();
        if messages.receive(&id, handle, receives, ours.len()) {
            return Ok(());
        }
        let ended = messages.ended(&id);
        drop(messages);
        self.upkeep.due(ended);
        let mut ours = ours.into_iter();
        let handed = ours.try_for_each(|named| self.object(&id, named, open, desk));
        if handed.is_err() {
            // The message comes again for them, and is not hidden until then.
            let due = self.upkeep.messages.lock().unpoisoned().abandon(&id, ours.len());
            self.upkeep.due(due);
        }
        handed
    }

    fn is_ours(&self, named: &Named) -> bool {
        named.bucket == self.store.bucket
            && named.key.starts_with(&self.store.prefix)
            && !named.key.ends_with('/')
            && named.size != Some(0)
    }

    /// One object of the message `id` needs no reading, or cannot be read now.
    fn answered(&self, id: &str, done: bool) {
        let due = self.upkeep.messages.lock().unpoisoned().answered(id, done);
        self.upkeep.due(due);
    }

    /// An object that the message `id` names.
    fn object(&mut self, id: &str, named: Named, open: &Open, desk: &Desk) -> Result<(), Ended> {
        let name = named.key.clone();
        let object = match described(named, &open.bucket, &self.store) {
            Ok(object) => object,
            Err(BucketError::Absent) => {
                let why = BucketError::Absent.to_string();
                desk.figures().give_up(&name, Trouble::Unreadable, &why);
                self.answered(id, true);
                return Ok(());
            }
            Err(BucketError::Stopped) => return Err(Ended::Closed),
            Err(error) => {
                self.answered(id, false);
                return Err(Ended::Refused(format!(
                    "cannot read {}{name}: {error}",
                    self.store.root()
                )));
            }
        };
        if desk.wants(&object) == Wanted::Known {
            self.answered(id, true);
            return Ok(());
        }
        let join = self.upkeep.messages.lock().unpoisoned().join(id, &object.name, &object.version);
        match join {
            Join::Hand => {
                desk.figures().found(clock::now());
                self.hand(object, open, desk)?;
            }
            Join::Waits => {}
            Join::Clashes => self.answered(id, false),
        }
        Ok(())
    }

    fn hand(&self, object: Object, open: &Open, desk: &Desk) -> Result<(), Closed> {
        let content = content(&open.bucket, &object);
        let (name, upkeep, figures) =
            (object.name.clone(), self.upkeep.clone(), desk.figures.clone());
        let reply = Box::new(move |answer| answer_of(&name, answer, &upkeep, &figures));
        desk.hand(Handed { object, content, reply })
    }

    /// Hands over what was being read when the agent was killed, in the order of then. Its messages come again.
    fn resume(&mut self, open: &Open, desk: &Desk) -> Result<(), Ended> {
        for Planned { name, .. } in desk.resumed() {
            match open.bucket.head(&name) {
                Ok(meta) => {
                    let object = bucket::object(&meta, &self.store.kind);
                    let mut messages = self.upkeep.messages.lock().unpoisoned();
                    messages.hold(&object.name, &object.version);
                    drop(messages);
                    self.hand(object, open, desk)?;
                }
                Err(BucketError::Absent) => {}
                Err(BucketError::Stopped) => return Err(Ended::Closed),
                Err(error) => {
                    return Err(Ended::Refused(format!(
                        "cannot read {}{name}: {error}",
                        self.store.root()
                    )));
                }
            }
        }
        Ok(())
    }
}

/// Takes the answer about an object.
fn answer_of(name: &str, answer: Answer, upkeep: &Upkeep, figures: &Figures) {
    let mut messages = upkeep.messages.lock().unpoisoned();
    let receives = messages.receives(name);
    let done = !matches!(answer, Answer::Failed(Trouble::Unreadable, _));
    let dues = messages.object(name, done);
    drop(messages);
    match answer {
        Answer::Failed(Trouble::Foreign, error) => figures.give_up(name, Trouble::Foreign, &error),
        // It comes again, and may be read then.
        Answer::Failed(Trouble::Unreadable, error) if receives == ATTEMPTS => {
            figures.give_up(name, Trouble::Unreadable, &error);
        }
        Answer::Failed(Trouble::Unreadable, error) => {
            upkeep.read(Some(format!("cannot read {name}: {error}; its message comes again")));
        }
        Answer::Old => figures.change(|report| report.objects.old += 1),
        Answer::Done { .. } => upkeep.read(None),
        Answer::Known => {}
    }
    upkeep.due(dues);
}

/// What is known of an object; the bucket is asked where its message does not say enough.
fn described(named: Named, bucket: &Bucket, store: &Store) -> Result<Object, BucketError> {
    let Named { key, size: Some(size), tag: Some(tag), written: Some(written), .. } = named else {
        return Ok(bucket::object(&bucket.head(&named.key)?, &store.kind));
    };
    Ok(Object {
        name: key.into(),
        version: tag.into(),
        size: Some(size),
        modified: written,
        settled: true,
        grows: false,
    })
}

impl ObjectSource for Queue {
    fn run(mut self: Box<Self>, desk: &Desk, stop: &Stop) {
        let Some(runtime) = started(desk, stop) else { return };
        let random = RandomState::new();
        let mut open = None;
        let mut failed = 0;
        while !stop.is_asked() {
            let opened = match open.take() {
                Some(open) => Ok(open),
                None => self.open(&runtime, stop),
            };
            let result = opened.and_then(|opened| {
                let result = self.round(&opened, desk);
                open = Some(opened);
                result
            });
            match result {
                Ok(()) => failed = 0,
                Err(Ended::Closed) => drop(stop.wait(STEP)),
                Err(Ended::Refused(error)) => {
                    desk.figures().trouble(Some(&error));
                    // Anew: files and variables may have been mended.
                    open = None;
                    failed += 1;
                    stop.wait(backoff(LEAST, failed, random.hash_one(failed)));
                }
            }
        }
        if let Some(open) = open {
            let (worker, api) = (self.worker.clone(), open.api.clone());
            drop(open);
            let end = async move { worker.lock().await.end(&api).await };
            let _ = runtime.block_on(async { tokio::time::timeout(END, end).await });
        }
        bucket::end(runtime);
    }
}
