//! `sensor store compact`: what a running sensor does by and by, at once.

use std::path::{Path, PathBuf};

use sensor_core::diagnostic::{Finding, Findings};
use sensor_store::{
    folder::Folder,
    library::Library,
    plan::Retention,
    store::{self, Options, Work},
};
use serde::Serialize;

use super::{
    folder::FolderArgs,
    status::{counted, told},
};
use crate::{
    cli::{
        exit::{Exit, Failure},
        report::{Body, Outcome, report},
    },
    clock,
    export::log::line::octets,
};

/// What was done.
#[derive(Serialize)]
struct Compacted {
    store: PathBuf,
    /// Journals that became segments.
    sealed: usize,
    /// Segments that were made into others.
    compacted: usize,
    before: Segments,
    after: Segments,
}

/// The segments of a store.
#[derive(Clone, Copy, Serialize)]
struct Segments {
    files: u64,
    octets: u64,
}

impl Segments {
    fn of(folder: &Folder) -> anyhow::Result<Self> {
        let all = folder.segments()?;
        Ok(Self { files: all.len() as u64, octets: all.iter().map(|(_, octets)| octets).sum() })
    }
}

/// Compacts the store.
pub fn compact(args: &FolderArgs) -> anyhow::Result<()> {
    report(args.json, args.read().and_then(|(path, options)| work(&path, options)))
}

fn work(path: &Path, options: Options) -> anyhow::Result<Outcome<Compacted>> {
    // What is too old or too much is deleted by the sensor whose store it is.
    let options = Options { retention: Retention::default(), ..options };
    // A writer would make a store of any folder.
    Library::open(path)?;
    let folder = Folder::new(path);
    let before = Segments::of(&folder)?;
    let now = clock::now();
    let Work { sealed, compacted, errors, .. } = {
        let (_, mut keeper, _) = store::open(path, options)?;
        keeper.work(now)
    };
    if compacted > 0 {
        // Whoever opens it deletes what is in other files by now.
        store::open(path, options)?;
    }
    let body = Compacted {
        store: path.to_owned(),
        sealed,
        compacted,
        before,
        after: Segments::of(&folder)?,
    };
    let findings: Findings = errors.iter().map(|error| Finding::error(told(error))).collect();
    let failure = (!findings.is_empty()).then(|| Failure {
        exit: Exit::Partial,
        ..Failure::other("not all of the store could be compacted")
    });
    Ok(Outcome { body, findings, failure })
}

impl Body for Compacted {
    fn text(&self) -> String {
        let Self { sealed, compacted, before, after, .. } = self;
        let segments =
            |own: &Segments| format!("{}, {}B", counted(own.files, "file"), octets(own.octets));
        let (before, after) = (segments(before), segments(after));
        let sealed = counted(*sealed as u64, "journal");
        let compacted = counted(*compacted as u64, "segment");
        format!(
            "{sealed} sealed, {compacted} made into others\nbefore: {before}\nafter:  {after}\n"
        )
    }
}
