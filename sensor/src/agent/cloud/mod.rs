//! Flow logs of clouds, and logs of their DNS resolvers, from files.
//!
//! * [`decode`]: to JSON lines, for people and scripts. [`replay`]: to the outputs of the agent.
//! * [`follow`]: while they come.
//! * [`ledger`]: what became of every record, as text.

pub mod decode;
#[expect(clippy::disallowed_types, reason = "edge: followed folders, state files")]
pub mod follow;
pub mod ledger;
pub mod replay;

pub use sensor_wire::cloud::{
    aws::layout::Layout,
    decoder::Hints,
    double::{Double, Reporting},
    format::Format,
};

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use super::{
    progress::{self, Progress},
    status::losses,
    unread::Unread,
};
use crate::replay::{
    folders::Listing,
    meter::Meter,
    objects::{self, Batch, ObjectError, Objects},
    open::{self, STDIN},
};
use anyhow::ensure;

/// What the files hold, as far as the command line says.
#[derive(Clone, Debug)]
pub struct Input {
    /// Their format; none for what their first octets tell.
    pub format: Option<Format>,
    /// What else is known.
    pub hints: Hints,
    /// What of them is left out, as logged more than once.
    pub reporting: Reporting,
    /// The time of reading, milliseconds since the epoch: records that are dated more than a day later are not believed.
    pub now: u64,
}

/// Whether these are flow logs of clouds: nothing else comes in folders, and the first file that holds anything tells the rest
/// by its first octets.
pub fn is_log(files: &[impl AsRef<Path>]) -> bool {
    let mut paths = files.iter().map(AsRef::as_ref);
    let is_folder = |path: &Path| path != Path::new(STDIN) && path.is_dir();
    paths.clone().any(is_folder)
        || paths.find(|path| open::size(path) != Some(0)).and_then(objects::format).is_some()
}

/// Files of folders that are named where they are skipped; the others are counted.
const TOLD: usize = 20;

/// Reads the objects that `paths` name; `printed` is whether something goes to stdout meanwhile. `each` gets their records, and
/// may end it. Names on stderr what is skipped.
pub(super) fn read(
    objects: &mut Objects,
    paths: &[impl AsRef<Path>],
    printed: bool,
    mut each: impl FnMut(Batch) -> ControlFlow<()>,
) -> anyhow::Result<()> {
    let Listing { files, skipped, folders } = objects::list(paths)?;
    let meter = Meter::of(&files);
    let mut progress = Progress::new(&meter, "records", progress::is_wanted(printed));
    objects.skipped = skipped;
    let mut told = 0;
    let mut tell = |objects: &Objects, progress: &Progress| {
        for skipped in objects.skipped.iter().take(TOLD).skip(told) {
            progress.clear();
            // Whoever names a file does not write lines of the log.
            let path = skipped.path.display().to_string();
            losses::warn(format_args!("{}: {}; skipped", path.escape_debug(), skipped.why));
        }
        told = objects.skipped.len();
    };
    tell(objects, &progress);
    let mut unread = Unread::new(files.len());
    for file in &files {
        let ended = objects.read(file, &meter, &mut |batch| {
            (0..batch.records()).for_each(|_| progress.count());
            each(batch)
        });
        tell(objects, &progress);
        match ended {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(())) => return unread.end(),
            Err(error) => unread.note(Err(error.into())),
        }
    }
    unread.end()?;
    let unreadable = objects.skipped.iter().filter(|skipped| skipped.why.may_be_log()).count();
    ensure!(
        unreadable == 0,
        "not everything in {} could be read: see the warnings above ({unreadable} unreadable)",
        joined(&folders)
    );
    if objects.count == 0 && !folders.is_empty() {
        return Err(ObjectError::NoLog(joined(&folders)).into());
    }
    Ok(())
}

fn joined(folders: &[PathBuf]) -> String {
    let folders: Vec<_> = folders.iter().map(|folder| folder.display().to_string()).collect();
    folders.join(", ")
}
