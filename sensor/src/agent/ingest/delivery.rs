//! One object on its way from a request to the decoding of its source, and the answer back.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use sensor_core::sync::Unpoisoned as _;
use sensor_wire::cloud::format::{ENOUGH, Format};
use tokio::{
    sync::{OwnedSemaphorePermit, oneshot},
    time::timeout,
};

use super::{
    figures::Accepted,
    protocol::request::Log,
    rate::Rate,
    refusal::Refusal,
    resume::{Resume, Turn},
};
use crate::agent::{
    cloud::follow::seam::{Answer, Content, Desk, Handed, Object, Trouble, Wanted},
    config::push::PushConfig,
};

/// How long a request waits for its records to be with the outputs. Firehose gives up after three minutes, Event Grid after thirty
/// seconds; what they make again then is known by then, or waits as well.
const ANSWER: Duration = Duration::from_secs(25);

/// An object and its version.
type Key = (Arc<str>, Arc<str>);
type Waiting = Mutex<HashMap<Key, Vec<oneshot::Sender<Answer>>>>;

/// The way to one source.
pub struct Channel {
    /// The protocol, and how senders prove who they are.
    pub push: PushConfig,
    format: Option<Format>,
    desk: Desk,
    /// Objects on their way, with the requests that wait for them: several where one was made again meanwhile.
    waiting: Arc<Waiting>,
    rate: Mutex<Option<Rate>>,
    resume: Mutex<Resume<Handed>>,
    /// What senders prove cannot be compared with anything.
    is_blind: AtomicBool,
}

/// An object on its way. Whatever becomes of it, those who wait for it learn it.
struct Pending {
    waiting: Arc<Waiting>,
    key: Key,
    /// Its octets are in memory until then.
    _permit: OwnedSemaphorePermit,
}

impl Pending {
    fn take(&self) -> Vec<oneshot::Sender<Answer>> {
        self.waiting.lock().unpoisoned().remove(&self.key).unwrap_or_default()
    }

    fn tell(&self, answer: &Answer) {
        // Whoever has gone away makes the request again.
        self.take().into_iter().for_each(|waits| drop(waits.send(answer.clone())));
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        drop(self.take());
    }
}

impl Channel {
    /// To the source behind `desk`; it began at `now`.
    pub fn new(push: PushConfig, format: Option<Format>, desk: Desk, now: Instant) -> Self {
        let resumed = desk.resumed().into_iter().map(|planned| planned.name).collect();
        Self {
            push,
            format,
            resume: Mutex::new(Resume::new(resumed, now)),
            desk,
            waiting: Arc::default(),
            rate: Mutex::default(),
            is_blind: AtomicBool::new(false),
        }
    }

    /// Whether one more request at `now` is within `rate` a second.
    pub fn is_within(&self, rate: u64, now: Instant) -> bool {
        let mut known = self.rate.lock().unpoisoned();
        known.get_or_insert_with(|| Rate::new(rate, now)).take(rate, now)
    }

    /// What keeps senders from proving who they are; none once they can.
    pub fn blind(&self, error: Option<&str>) {
        if self.is_blind.swap(error.is_some(), Relaxed) || error.is_some() {
            self.desk.figures().trouble(error);
        }
    }

    /// Delivers `log`, whose octets `permit` allows to be in memory. `now` is milliseconds since the epoch.
    ///
    /// # Errors
    /// Why it is to be made again later, or never.
    pub async fn deliver(
        &self,
        log: Log,
        permit: OwnedSemaphorePermit,
        now: u64,
    ) -> Result<Accepted, Refusal> {
        if log.octets.is_empty() {
            return Ok(Accepted::Log);
        }
        let begin = &log.octets[..log.octets.len().min(ENOUGH)];
        if self.format.is_none() && Format::detect(begin).is_none() {
            // Before it is read: what was read is known, and would be taken the next time.
            return Err(Refusal::Foreign);
        }
        let object = Object {
            name: log.name().into(),
            version: log.version().into(),
            size: Some(log.octets.len() as u64),
            modified: now,
            settled: true,
            grows: false,
        };
        match self.desk.wants(&object) {
            Wanted::Yes => {}
            Wanted::Known => return Ok(Accepted::Duplicate),
            Wanted::Old => return Err(Refusal::Clock),
        }
        let key = (object.name.clone(), object.version.clone());
        let (answer, answered) = oneshot::channel();
        let is_first = {
            let mut waiting = self.waiting.lock().unpoisoned();
            let waits = waiting.entry(key.clone()).or_default();
            waits.push(answer);
            waits.len() == 1
        };
        if is_first {
            let pending = Pending { waiting: self.waiting.clone(), key, _permit: permit };
            let reply = Box::new(move |answer| pending.tell(&answer));
            let content = Content::Octets(log.octets);
            self.hand(Handed { object, content, reply }, now)?;
        }
        let accepted = match timeout(ANSWER, answered).await {
            Err(_) => return Err(Refusal::Late),
            Ok(Err(_)) => return Err(Refusal::Closed),
            Ok(Ok(answer)) => judge(&answer)?,
        };
        Ok(if is_first { accepted } else { Accepted::Duplicate })
    }

    /// In its turn.
    fn hand(&self, handed: Handed, now: u64) -> Result<(), Refusal> {
        let name = handed.object.name.clone();
        let turn = self.resume.lock().unpoisoned().come(&name, handed, Instant::now());
        match turn {
            Turn::Waits => Ok(()),
            Turn::Early(_) => Err(Refusal::Resuming),
            Turn::Now(all) => {
                self.desk.figures().found(now);
                self.hand_all(all)
            }
        }
    }

    fn hand_all(&self, all: Vec<Handed>) -> Result<(), Refusal> {
        let handed = all.into_iter().try_for_each(|handed| self.desk.try_hand(handed));
        let waiting = self.waiting.lock().unpoisoned().len() as u64;
        self.desk.figures().change(|figures| figures.waiting = waiting);
        handed.map_err(|full| if full { Refusal::Full } else { Refusal::Closed })
    }

    /// Looks after what waits for others that do not come.
    pub fn tick(&self, now: Instant) {
        let all = self.resume.lock().unpoisoned().tick(now);
        // Those that find no room learn it.
        let _ = self.hand_all(all);
    }
}

fn judge(answer: &Answer) -> Result<Accepted, Refusal> {
    match answer {
        Answer::Done { .. } => Ok(Accepted::Log),
        Answer::Known => Ok(Accepted::Duplicate),
        Answer::Old => Err(Refusal::Clock),
        Answer::Failed(Trouble::Foreign, _) => Err(Refusal::Foreign),
        Answer::Failed(Trouble::Unreadable, _) => Err(Refusal::Malformed),
    }
}
