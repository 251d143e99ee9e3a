//! What is counted of a source of objects, for the status: written by who finds objects and who decodes them, read by snapshots.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

use sensor_core::{flow::source::SourceId, sync::Unpoisoned as _};
use sensor_wire::cloud::ledger::{Ledger, Window};
use serde::Serialize;

use super::{items::Trouble, silence::Silence};
use crate::agent::status::histogram::{Histogram, Scale};

/// One log of an account, within a source of objects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FollowedLog {
    /// Which log.
    pub id: SourceId,
    /// What became of its records.
    pub ledger: Ledger,
    /// End of its newest flow, milliseconds since the epoch; 0 before the first. A gauge.
    pub newest: u64,
    /// How long before its arrival the newest flow of the last batch had ended, milliseconds. A gauge.
    pub delay: u64,
}

/// Objects of a source, by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ObjectCounts {
    /// Read to the end, or as far as they had grown; one that grows counts each time.
    pub read: u64,
    /// Of these, such as were read on from where they had ended before.
    pub grown: u64,
    /// Of these, such as had other content than before: they were read from the beginning.
    pub rewritten: u64,
    /// Older than what is followed.
    pub old: u64,
    /// No flow log that is known here.
    pub foreign: u64,
    /// Given up after several attempts, since they could not be read to the end.
    pub unreadable: u64,
}

/// A source of objects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Followed {
    /// Its name in the configuration.
    pub name: String,
    /// The folder, or bucket.
    pub place: String,
    /// Objects.
    pub objects: ObjectCounts,
    /// Objects that are known and not read yet; a gauge.
    pub waiting: u64,
    /// Octets read, as they are stored.
    pub octets: u64,
    /// Lots: what is put out, and noted in the state file, in one step.
    pub lots: u64,
    /// Lots that a killed agent had under way, and that were read once more from the same octets.
    pub resumed_lots: u64,
    /// Lots of that kind of which records may have been put out twice, since the objects were not there any more as they had been.
    pub repeated_lots: u64,
    /// When an object was last found that was new or had grown, milliseconds since the epoch; 0 before the first. A gauge.
    pub last_object: u64,
    /// The usual time between two such, milliseconds; 0 until it is known. A gauge.
    pub usual_interval: u64,
    /// No object has come for longer than is usual, or than `silent_after` allows. A gauge.
    pub silent: bool,
    /// How long before they were read its flows had ended.
    pub delays: Histogram,
    /// A reload has ended it.
    pub ended: bool,
    /// What keeps it from being followed now.
    pub error: Option<String>,
    /// Objects that were given up last, with the reason.
    pub given_up: Vec<String>,
    /// Each log of an account.
    pub logs: Vec<FollowedLog>,
}

/// Objects given up that are named.
const NAMED: usize = 10;

/// The figures of one source.
#[derive(Debug)]
pub struct Figures {
    report: Mutex<Followed>,
    /// What logs had come to when the source was last started.
    before: Mutex<Vec<FollowedLog>>,
    silence: Mutex<Silence>,
}

impl Figures {
    /// Of the source `name` at `place`, followed from `now` on.
    pub fn new(name: &str, place: String, silence: Silence) -> Self {
        let delays = Histogram::of(Scale::Delivery);
        let report = Followed { name: name.to_owned(), place, delays, ..Followed::default() };
        Self { report: Mutex::new(report), before: Mutex::default(), silence: Mutex::new(silence) }
    }

    /// The source is started once more, at `place`.
    pub fn begin_again(&self, place: String, silence: Silence) {
        *self.silence.lock().unpoisoned() = silence;
        let mut report = self.lock();
        (report.place, report.ended) = (place, false);
        self.before.lock().unpoisoned().clone_from(&report.logs);
    }

    /// The source is not followed any more.
    pub fn end(&self) {
        let mut report = self.lock();
        (report.waiting, report.error, report.ended) = (0, None, true);
    }

    /// Takes over what `ledgers` say, and the ends of the newest flows with their delays. Returns the windows of which the cloud
    /// says since the last time that it kept no records.
    pub fn update<'l>(
        &self,
        ledgers: impl Iterator<Item = (&'l SourceId, &'l Ledger)>,
        newest: &BTreeMap<SourceId, (u64, u64)>,
    ) -> u64 {
        let mut logs = self.before.lock().unpoisoned().clone();
        for (id, ledger) in ledgers.filter(|(_, ledger)| ledger.records != 0) {
            let (newest, delay) = newest.get(id).copied().unwrap_or_default();
            match logs.iter_mut().find(|log| log.id == *id) {
                Some(log) => {
                    log.ledger.add(ledger);
                    (log.newest, log.delay) = (log.newest.max(newest), delay);
                }
                None => {
                    let (id, ledger) = (id.clone(), ledger.clone());
                    logs.push(FollowedLog { id, ledger, newest, delay });
                }
            }
        }
        logs.sort_by(|one, other| one.id.cmp(&other.id));
        let skipped = |logs: &[FollowedLog]| {
            let windows = logs.iter().map(|log| log.ledger.windows[Window::SkipData as usize]);
            windows.sum::<u64>()
        };
        let mut report = self.lock();
        let before = skipped(&report.logs);
        report.logs = logs;
        skipped(&report.logs).saturating_sub(before)
    }

    /// Changes them.
    pub fn change(&self, change: impl FnOnce(&mut Followed)) {
        change(&mut self.lock());
    }

    fn lock(&self) -> MutexGuard<'_, Followed> {
        self.report.lock().unpoisoned()
    }

    /// New objects have been found at `now`.
    pub fn found(&self, now: u64) {
        self.silence.lock().unpoisoned().object(now);
        self.lock().last_object = now;
    }

    /// Says in the log when the source falls silent, and when it does not any more.
    pub fn look(&self, now: u64) {
        let silent = self.silence.lock().unpoisoned().is_silent(now);
        let mut report = self.lock();
        if std::mem::replace(&mut report.silent, silent) == silent {
            return;
        }
        let name = &report.name;
        if silent {
            tracing::warn!(
                "cloud {name}: no new object for long; see whether the cloud still delivers, and whether the folder is still mirrored"
            );
        } else {
            tracing::info!("cloud {name}: objects come again");
        }
    }

    /// What keeps the source from being followed; nothing once it is followed again. Told in the log when it changes.
    pub fn trouble(&self, error: Option<&str>) {
        let error = error.map(one_line);
        let mut report = self.lock();
        if report.error == error {
            return;
        }
        let name = &report.name;
        match &error {
            Some(error) => tracing::error!("cloud {name}: {error}"),
            None => tracing::info!("cloud {name}: followed again"),
        }
        report.error = error;
    }

    /// An object was given up.
    pub fn give_up(&self, object: &str, trouble: Trouble, error: &str) {
        let mut report = self.lock();
        match trouble {
            Trouble::Foreign => report.objects.foreign += 1,
            Trouble::Unreadable => report.objects.unreadable += 1,
        }
        let text = one_line(&format!("{object}: {error}"));
        tracing::warn!("cloud {}: {text}; the object is given up until it changes", report.name);
        if report.given_up.len() == NAMED {
            report.given_up.remove(0);
        }
        report.given_up.push(text);
    }

    /// Everything as of `now`.
    pub fn report(&self, now: u64) -> Followed {
        let mut report = self.lock().clone();
        let silence = self.silence.lock().unpoisoned();
        report.usual_interval = silence.usual();
        report.silent = !report.ended && silence.is_silent(now);
        report
    }
}

/// Text with names in it that somebody else gave: none of them begins a line of the log, or speaks to a terminal.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        match character.is_control() {
            true => line.extend(character.escape_default()),
            false => line.push(character),
        }
    }
    line
}
