//! Objects that were found and are not read yet.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    time::Duration,
};

use super::bucket::{Bucket, BucketError};
use crate::{
    agent::cloud::follow::{
        folder::known::{Due, Known},
        seam::{Answer, Closed, Content, Desk, Handed, Object, Trouble},
    },
    clock,
};

/// An object, until it has been read.
struct Entry {
    known: Known,
    object: Object,
    handed: bool,
    /// Whether it had settled when the agent was killed that was reading it.
    settled: Option<bool>,
}

/// The answer about an object.
type Named = (Arc<str>, Answer);

/// All of them.
pub struct Pending {
    poll: Duration,
    objects: HashMap<Arc<str>, Entry>,
    answers: (Sender<Named>, Receiver<Named>),
    /// Why the object that was read last could not be read.
    pub trouble: Option<String>,
}

impl Pending {
    /// None yet.
    pub fn new(poll: Duration) -> Self {
        Self { poll, objects: HashMap::new(), answers: channel(), trouble: None }
    }

    /// An object that is wanted; whether that is news.
    pub fn see(&mut self, object: Object, now: u64) -> bool {
        let complete = |object: &Object| {
            let mut known = Known::new(object.version.clone(), now);
            // What stores list is complete.
            known.complete();
            known
        };
        match self.objects.get_mut(&object.name) {
            None => {
                let known = complete(&object);
                let name = object.name.clone();
                self.objects.insert(name, Entry { known, object, handed: false, settled: None });
                true
            }
            Some(entry) => {
                let news = entry.object.version != object.version;
                // What is being read gets its answer first.
                if news && !entry.handed {
                    *entry =
                        Entry { known: complete(&object), object, handed: false, settled: None };
                }
                news
            }
        }
    }

    /// An object that was being read when the agent was killed.
    pub fn resume(&mut self, object: Object, now: u64) {
        let (name, settled) = (object.name.clone(), object.settled);
        self.see(object, now);
        if let Some(entry) = self.objects.get_mut(&name) {
            entry.settled = Some(settled);
        }
    }

    /// Hands over what is due, the oldest first.
    pub fn hand_over(&mut self, bucket: &Bucket, desk: &Desk) -> Result<(), Closed> {
        self.take_answers(desk);
        let now = clock::now();
        let due = |entry: &Entry| {
            let Object { size, modified, .. } = entry.object;
            match entry.known.due(now, size.unwrap_or(1), modified, self.poll) {
                Due::Hand(settled) => Some(settled),
                Due::Wait | Due::Never => None,
            }
        };
        let mut all: Vec<(u64, Arc<str>, bool)> = Vec::new();
        for (name, entry) in &self.objects {
            if let Some(settled) = due(entry) {
                all.push((entry.object.modified, name.clone(), settled));
            }
        }
        all.sort();
        for (_, name, settled) in all {
            let Some(entry) = self.objects.get_mut(&name) else { continue };
            entry.known.hand();
            entry.handed = true;
            let settled = entry.settled.take().unwrap_or(settled || !entry.object.grows);
            let object = Object { settled, ..entry.object.clone() };
            let answers = self.answers.0.clone();
            let reply = Box::new(move |answer| drop(answers.send((name, answer))));
            desk.hand(Handed { content: content(bucket, &object), object, reply })?;
            self.take_answers(desk);
        }
        Ok(())
    }

    /// Takes the answers that have come.
    pub fn take_answers(&mut self, desk: &Desk) {
        while let Ok((name, answer)) = self.answers.1.try_recv() {
            let Some(entry) = self.objects.get_mut(&name) else { continue };
            entry.handed = false;
            match answer {
                Answer::Failed(Trouble::Foreign, error) => {
                    desk.figures().give_up(&name, Trouble::Foreign, &error);
                    self.objects.remove(&name);
                }
                Answer::Failed(_, error) if error == BucketError::Absent.to_string() => {
                    self.objects.remove(&name);
                }
                Answer::Done { whole: true, .. } | Answer::Known | Answer::Old => {
                    self.trouble = None;
                    self.objects.remove(&name);
                }
                answer => {
                    self.trouble = match &answer {
                        Answer::Failed(_, error) => {
                            Some(format!("cannot read {name}: {error}; it is tried again"))
                        }
                        _ => None,
                    };
                    if let Some(error) = entry.known.answered(answer, clock::now(), self.poll) {
                        desk.figures().give_up(&name, Trouble::Unreadable, &error);
                    }
                }
            }
        }
        let waiting = self.objects.values().filter(|entry| entry.known.waits()).count() as u64;
        desk.figures().change(|report| report.waiting = waiting);
    }

    /// When the oldest of those that are still to be read was written.
    pub fn oldest(&self) -> Option<u64> {
        let waiting = self.objects.values().filter(|entry| entry.known.waits());
        waiting.map(|entry| entry.object.modified).min()
    }
}

/// The way to the octets of an object.
pub fn content(bucket: &Bucket, object: &Object) -> Content {
    let (bucket, object) = (bucket.clone(), object.clone());
    Content::Open(Box::new(move |from| bucket.open(&object, from)))
}
