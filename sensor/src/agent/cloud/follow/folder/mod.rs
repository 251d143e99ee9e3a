//! A folder into which a tool mirrors a bucket, followed: its files are handed over as they appear and grow.
//!
//! * [`known`]: when a file is complete, as far as one can tell. [`names`]: names of objects, and temporary ones. [`watch`]: a word from the kernel.

pub mod known;
pub mod names;
pub mod watch;

use std::{
    collections::{HashMap, HashSet},
    fs::Metadata,
    hash::{BuildHasher as _, RandomState},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    time::{Duration, Instant},
};

use self::{
    known::{Due, Known},
    watch::Watch,
};
use super::{
    seam::{Answer, Closed, Content, Desk, Handed, Object, ObjectSource, Stop, Trouble, Wanted},
    state::Planned,
};
use crate::{
    clock, files,
    replay::folders::{self, Listing, Why},
};

/// Between two looks because of what the kernel says.
const LEAST: Duration = Duration::from_millis(200);
/// How long is waited before it is looked whether to end.
const STEP: Duration = Duration::from_millis(100);
/// Paths that are remembered as told.
const TOLD: usize = 100_000;

/// What became of the object of this name.
type Told = (Arc<str>, Answer);

/// A followed folder.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    poll: Duration,
    watch: Watch,
    objects: HashMap<Arc<str>, Known>,
    /// Files that are complete, as the kernel says.
    complete: HashSet<PathBuf>,
    answers: (Sender<Told>, Receiver<Told>),
    /// What was passed over and counted, by hash.
    told: HashSet<u64>,
    hasher: RandomState,
}

/// A file as it was found.
struct Found {
    name: Arc<str>,
    path: PathBuf,
    version: Arc<str>,
    size: u64,
    modified: u64,
}

impl Found {
    fn new(root: &Path, path: PathBuf, metadata: &Metadata) -> Self {
        let name = names::of_path(path.strip_prefix(root).unwrap_or(&path)).into();
        let (size, seconds) = (metadata.len(), metadata.mtime());
        let version = format!(
            "{:x}:{:x}:{size:x}:{seconds:x}.{:x}",
            metadata.dev(),
            metadata.ino(),
            metadata.mtime_nsec()
        );
        let modified =
            seconds.max(0) as u64 * 1000 + metadata.mtime_nsec().max(0) as u64 / 1_000_000;
        Self { name, path, version: version.into(), size, modified }
    }

    /// The file as it was when it had the version `planned`: it may have grown since. None where it is not there any more.
    fn as_planned(root: &Path, planned: &Planned) -> Option<Self> {
        let path = root.join(names::path_of(&planned.name));
        let metadata = path.metadata().ok()?;
        let mut found = Self::new(root, path, &metadata);
        let parts = |version: &str| -> Option<(String, u64)> {
            let mut parts = version.split(':');
            let file = format!("{}:{}", parts.next()?, parts.next()?);
            Some((file, u64::from_str_radix(parts.next()?, 16).ok()?))
        };
        let ((file, size), (before, then)) = (parts(&found.version)?, parts(&planned.version)?);
        if file != before || size < then {
            return None;
        }
        (found.name, found.version, found.size) =
            (planned.name.clone(), planned.version.clone(), then);
        Some(found)
    }

    fn object(&self, settled: bool) -> Object {
        Object {
            name: self.name.clone(),
            version: self.version.clone(),
            size: Some(self.size),
            modified: self.modified,
            settled,
            grows: true,
        }
    }
}

impl Folder {
    /// The folder `root`, looked at every `poll`.
    pub fn new(root: PathBuf, poll: Duration) -> Self {
        Self {
            root,
            poll,
            watch: Watch::default(),
            objects: HashMap::new(),
            complete: HashSet::new(),
            answers: channel(),
            told: HashSet::new(),
            hasher: RandomState::new(),
        }
    }

    /// Looks at all files, and hands over those that are complete.
    fn look(&mut self, desk: &Desk) -> Result<(), Closed> {
        let listing = match folders::list(std::slice::from_ref(&self.root)) {
            Ok(listing) if listing.folders.is_empty() => {
                desk.figures().trouble(Some(&format!("{} is no folder", self.root.display())));
                return Ok(());
            }
            Ok(listing) => listing,
            Err((path, error)) => {
                let trouble = format!("cannot read the folder {}: {error}", path.display());
                desk.figures().trouble(Some(&trouble));
                return Ok(());
            }
        };
        desk.figures().trouble(None);
        self.watch_folders(&listing);
        self.pass_over(&listing, desk);
        let mut found = self.found(listing, desk);
        let names: HashSet<&str> = found.iter().map(|found| &*found.name).collect();
        // What is gone was read, or is not to be had any more.
        self.objects.retain(|name, _| names.contains(&**name));
        drop(names);
        // Of what has no time in its name, the oldest first.
        found.sort_by_cached_key(|found| match folders::time(&found.path) {
            Some(time) => (1, 0, time),
            None => (0, found.modified, String::new()),
        });
        self.hand_over(&found, desk)
    }

    /// The folders in which files are, and those above: where new ones appear.
    fn watch_folders(&mut self, listing: &Listing) {
        let mut folders = HashSet::from([self.root.as_path()]);
        for file in &listing.files {
            let above = file.path.ancestors().skip(1);
            for folder in above.take_while(|folder| folder.starts_with(&self.root)) {
                if !folders.insert(folder) {
                    break;
                }
            }
        }
        self.watch.watch(folders.into_iter());
    }

    /// Tells, once each, what in the folder cannot be read.
    fn pass_over(&mut self, listing: &Listing, desk: &Desk) {
        for skipped in &listing.skipped {
            let path = skipped.path.display().to_string();
            let trouble = match skipped.why {
                Why::Unreadable(_) => Trouble::Unreadable,
                Why::Special(_) | Why::Empty | Why::Foreign => Trouble::Foreign,
            };
            if self.tell(&path) {
                desk.figures().give_up(&path, trouble, &skipped.why.to_string());
            }
        }
    }

    /// Whether this was not told before.
    fn tell(&mut self, what: &str) -> bool {
        self.told.len() < TOLD && self.told.insert(self.hasher.hash_one(what))
    }

    /// The files that are to be read, now or later, as they are now.
    fn found(&mut self, listing: Listing, desk: &Desk) -> Vec<Found> {
        let mut all = Vec::new();
        let mut old = 0;
        for file in listing.files {
            let name = file.path.file_name().unwrap_or_default().to_string_lossy();
            if names::is_temporary(&name) {
                continue;
            }
            // It may have gone meanwhile.
            let Ok(metadata) = file.path.metadata() else { continue };
            let found = Found::new(&self.root, file.path, &metadata);
            match desk.wants(&found.object(false)) {
                Wanted::Yes => all.push(found),
                Wanted::Known => {}
                Wanted::Old => old += u64::from(self.tell(&found.name)),
            }
        }
        desk.figures().change(|report| report.objects.old += old);
        all
    }

    fn hand_over(&mut self, found: &[Found], desk: &Desk) -> Result<(), Closed> {
        let now = clock::now();
        let mut fresh = false;
        let complete = std::mem::take(&mut self.complete);
        for found in found {
            let known = self.objects.entry(found.name.clone()).or_insert_with(|| {
                fresh = true;
                Known::new(found.version.clone(), now)
            });
            fresh |= known.see(&found.version, now);
            if complete.contains(&found.path) {
                known.complete();
            }
        }
        if fresh {
            desk.figures().found(now);
        }
        for found in found {
            let Some(known) = self.objects.get_mut(&found.name) else { continue };
            match known.due(now, found.size, found.modified, self.poll) {
                Due::Hand(settled) => self.hand(found, settled, desk)?,
                Due::Wait | Due::Never => {}
            }
            self.take_answers(desk);
        }
        let waiting = self.objects.values().filter(|known| known.waits()).count() as u64;
        desk.figures().change(|report| report.waiting = waiting);
        Ok(())
    }

    /// Hands one object over. It is opened here, where there is what it takes to open it.
    fn hand(&mut self, found: &Found, settled: bool, desk: &Desk) -> Result<(), Closed> {
        let Some(known) = self.objects.get_mut(&found.name) else { return Ok(()) };
        known.hand();
        let file = match files::open(&found.path) {
            Ok(file) => Arc::new(file),
            Err(error) => {
                let failed = Answer::Failed(Trouble::Unreadable, error.to_string());
                let _ = self.answers.0.send((found.name.clone(), failed));
                return Ok(());
            }
        };
        let (name, answers) = (found.name.clone(), self.answers.0.clone());
        desk.hand(Handed {
            object: found.object(settled),
            // What is read is what was looked at, also where something else has its name by now, or it has grown.
            content: Content::File(file, found.size),
            reply: Box::new(move |answer| drop(answers.send((name, answer)))),
        })
    }

    fn take_answers(&mut self, desk: &Desk) {
        while let Ok((name, answer)) = self.answers.1.try_recv() {
            let now = clock::now();
            if let Answer::Failed(Trouble::Foreign, error) = &answer {
                desk.figures().give_up(&name, Trouble::Foreign, error);
                self.objects.remove(&name);
                continue;
            }
            let Some(known) = self.objects.get_mut(&name) else { continue };
            if matches!(answer, Answer::Done { whole: true, .. } | Answer::Known | Answer::Old) {
                self.objects.remove(&name);
            } else if let Some(error) = known.answered(answer, now, self.poll) {
                desk.figures().give_up(&name, Trouble::Unreadable, &error);
            }
        }
    }

    /// Hands over what was being read when the agent was killed, in the order of then, complete or not.
    fn resume(&mut self, desk: &Desk) -> Result<(), Closed> {
        for planned in desk.resumed() {
            let Some(found) = Found::as_planned(&self.root, &planned) else { continue };
            let known = Known::new(found.version.clone(), clock::now());
            self.objects.insert(planned.name, known);
            self.hand(&found, planned.settled, desk)?;
        }
        Ok(())
    }

    /// Waits for the next look: until it is time, or something happens.
    fn wait(&mut self, stop: &Stop) {
        let looked = Instant::now();
        while !stop.is_asked() && looked.elapsed() < self.poll {
            let happened = self.watch.wait(STEP);
            self.complete.extend(happened.complete);
            if happened.any {
                // More may be about to happen.
                stop.wait(LEAST);
                self.complete.extend(self.watch.wait(Duration::ZERO).complete);
                return;
            }
        }
    }
}

impl ObjectSource for Folder {
    fn run(mut self: Box<Self>, desk: &Desk, stop: &Stop) {
        let mut going = self.resume(desk);
        while going.is_ok() && !stop.is_asked() {
            going = self.look(desk);
            desk.figures().look(clock::now());
            self.wait(stop);
            self.take_answers(desk);
        }
    }
}
