//! A word from the kernel when something happens in a folder: it saves the wait for the next look, and says when a file is complete.
//! Looks come in any case, so that nothing depends on it: network file systems say nothing, and watches may run out.

use std::{
    collections::{HashMap, HashSet},
    mem::MaybeUninit,
    os::{fd::OwnedFd, unix::ffi::OsStrExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags},
};

/// Folders that are watched.
const MOST: usize = 4096;

/// Watches folders; without inotify it only lets time pass.
#[derive(Debug)]
pub struct Watch {
    inotify: Option<OwnedFd>,
    folders: HashMap<i32, PathBuf>,
    known: HashSet<PathBuf>,
}

/// What has happened.
#[derive(Debug, Default)]
pub struct Happened {
    /// Anything.
    pub any: bool,
    /// Files that were closed by their writer, or that something was renamed to.
    pub complete: HashSet<PathBuf>,
}

impl Watch {
    /// Watches nothing yet.
    pub fn new() -> Self {
        let flags = CreateFlags::CLOEXEC | CreateFlags::NONBLOCK;
        Self { inotify: inotify::init(flags).ok(), folders: HashMap::new(), known: HashSet::new() }
    }

    /// Watches these folders as well.
    pub fn watch<'p>(&mut self, folders: impl Iterator<Item = &'p Path>) {
        let Some(inotify) = &self.inotify else { return };
        for folder in folders {
            if self.known.len() >= MOST {
                return;
            }
            if self.known.contains(folder) {
                continue;
            }
            let events = WatchFlags::CLOSE_WRITE
                | WatchFlags::MOVED_TO
                | WatchFlags::CREATE
                | WatchFlags::ONLYDIR;
            if let Ok(number) = inotify::add_watch(inotify, folder, events) {
                self.folders.insert(number, folder.to_owned());
                self.known.insert(folder.to_owned());
            }
        }
    }

    /// Waits until something happens, but no longer than `time`, and says what.
    pub fn wait(&mut self, time: Duration) -> Happened {
        let Self { inotify, folders, known } = self;
        let mut happened = Happened::default();
        let Some(inotify) = inotify else {
            std::thread::sleep(time);
            return happened;
        };
        let timeout = Timespec {
            tv_sec: time.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: time.subsec_nanos().into(),
        };
        let mut ready = [PollFd::new(inotify, PollFlags::IN)];
        if !matches!(poll(&mut ready, Some(&timeout)), Ok(1..)) {
            return happened;
        }
        let mut room = [MaybeUninit::uninit(); 16 << 10];
        let mut events = inotify::Reader::new(&*inotify, &mut room);
        // Until there are no more.
        while let Ok(event) = events.next() {
            happened.any = true;
            // The folder is gone, and may come again.
            if event.events().contains(ReadFlags::IGNORED)
                && let Some(folder) = folders.remove(&event.wd())
            {
                known.remove(&folder);
            }
            let complete = ReadFlags::CLOSE_WRITE | ReadFlags::MOVED_TO;
            if event.events().intersects(complete)
                && let (Some(folder), Some(name)) = (folders.get(&event.wd()), event.file_name())
            {
                let name = std::ffi::OsStr::from_bytes(name.to_bytes());
                happened.complete.insert(folder.join(name));
            }
        }
        happened
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn files_are_complete_once_they_are_closed_or_renamed() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let mut watch = Watch::new();
        watch.watch([folder.path()].into_iter());
        assert!(!watch.wait(Duration::ZERO).any);
        fs::write(at("a.tmp"), "x").expect("a file");
        fs::rename(at("a.tmp"), at("a")).expect("renamed");
        fs::create_dir(at("below")).expect("a folder");
        let mut complete = HashSet::new();
        loop {
            let happened = watch.wait(Duration::from_secs(5));
            if !happened.any {
                break;
            }
            complete.extend(happened.complete);
            if complete.len() == 2 {
                break;
            }
        }
        assert_eq!(complete, [at("a.tmp"), at("a")].into());
    }
}
