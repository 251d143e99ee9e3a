//! `sensor store verify`: reads everything that a store holds.

use std::{
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
};

use sensor_core::{
    diagnostic::{Finding, Findings},
    sync::Unpoisoned as _,
};
use sensor_store::{
    aside::{self, PutAside},
    cells::{self, Groups as _, Told},
    documents::tables::Tables,
    folder::Folder,
    gaps::Gap,
    journal::reader::Journal,
    layout::Item,
    library::Library,
    names::SegmentName,
    segment::reader::Segment,
};
use serde::Serialize;

use super::{
    folder::FolderArgs,
    status::{counted, missing, told},
};
use crate::{
    cli::{
        exit::{Exit, Failure},
        hunt::watch,
        report::{Body, Outcome, report},
    },
    export::log::line::octets,
};

/// What was read.
#[derive(Serialize)]
struct Verified {
    store: PathBuf,
    /// Files that were read.
    files: u64,
    /// Their records.
    records: u64,
    /// Files in which something is damaged.
    damaged_files: u64,
    /// Records of the row groups in which something is: at most so many are lost.
    damaged_records: u64,
    /// Files that were put aside before.
    put_aside: u64,
    /// Records that are missing between others.
    missing: u64,
    /// Whether it was stopped before all was read.
    stopped: bool,
}

#[derive(Default)]
struct Counts {
    files: AtomicU64,
    records: AtomicU64,
    damaged_files: AtomicU64,
    damaged_records: AtomicU64,
    findings: Mutex<Vec<(String, Finding)>>,
}

impl Counts {
    fn fault(&self, file: &Path, message: String) {
        let file = file.display().to_string();
        let finding = Finding::error(message).of_file(&file);
        self.findings.lock().unpoisoned().push((file, finding));
    }

    fn done(&self, records: u64, damaged: u64, is_damaged: bool) {
        self.files.fetch_add(1, Relaxed);
        self.records.fetch_add(records, Relaxed);
        self.damaged_records.fetch_add(damaged, Relaxed);
        self.damaged_files.fetch_add(is_damaged.into(), Relaxed);
    }
}

/// Reads everything.
pub fn verify(args: &FolderArgs) -> anyhow::Result<()> {
    report(args.json, args.folder().and_then(|path| read(&path)))
}

fn read(path: &Path) -> anyhow::Result<Outcome<Verified>> {
    let (library, folder) = (Library::open(path)?, Folder::new(path));
    let holdings = library.holdings(0, u64::MAX)?;
    let (counts, stop) = (Counts::default(), AtomicBool::new(false));
    let all: u64 = holdings.segments.iter().map(SegmentName::rows).sum();
    let line = |_| {
        let done = counts.records.load(Relaxed);
        Some(format!("{} of {} records", octets(done), octets(all)))
    };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let next = AtomicUsize::new(0);
    watch::watched(
        false,
        line,
        || stop.store(true, Relaxed),
        || {
            std::thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| {
                        while !stop.load(Relaxed)
                            && let Some(name) = holdings.segments.get(next.fetch_add(1, Relaxed))
                        {
                            segment(&library, &folder.segment(name), name, &counts);
                        }
                    });
                }
            });
        },
    )?;
    holdings.journals.iter().for_each(|own| journal(own, &counts));
    for path in library.misplaced()? {
        let message = "it is not in the folder of the day and hour that its name says, so nothing reads it: move it back, or delete it if it is a copy";
        counts.fault(&path, message.to_owned());
        counts.done(0, 0, true);
    }
    let mut findings = counts.findings.into_inner().unwrap_or_default();
    findings.sort_by(|one, other| one.0.cmp(&other.0));
    let put_aside = aside::all(&folder)?;
    let mut findings: Findings = findings.into_iter().map(|(_, finding)| finding).collect();
    holdings.gaps.iter().for_each(|gap| findings.push(missing(*gap)));
    for PutAside { path, records, unknown, .. } in &put_aside {
        let mut message = format!(
            "{} was put aside as damaged before, with {}",
            path.display(),
            counted(*records, "known record")
        );
        if *unknown > 0 {
            message.push_str(&format!(
                " and {} in which nobody knows how many there are",
                counted(*unknown, "octet")
            ));
        }
        let help = "nothing reads it; delete it when nobody wants to look at it any more";
        findings.push(Finding::warning(message, help));
    }
    let body = Verified {
        store: path.to_owned(),
        files: counts.files.into_inner(),
        records: counts.records.into_inner(),
        damaged_files: counts.damaged_files.into_inner(),
        damaged_records: counts.damaged_records.into_inner(),
        put_aside: put_aside.len() as u64,
        missing: holdings.gaps.iter().map(Gap::records).sum(),
        stopped: stop.into_inner(),
    };
    let failure = match (body.damaged_files, body.stopped) {
        (0, false) if body.missing > 0 => {
            Some(format!("{} missing", is_or_are(body.missing, "record")))
        }
        (0, false) => None,
        (0, true) => Some("it was stopped before all was read".to_owned()),
        (files, _) => Some(format!("{} damaged", is_or_are(files, "file"))),
    };
    let failure = failure.map(|message| Failure { exit: Exit::Partial, ..Failure::other(message) });
    Ok(Outcome { body, findings, failure })
}

/// As in `1 file is` and `2 files are`.
fn is_or_are(count: u64, what: &str) -> String {
    let verb = if count == 1 { "is" } else { "are" };
    format!("{} {verb}", counted(count, what))
}

fn segment(library: &Library, path: &Path, name: &SegmentName, counts: &Counts) {
    let own = match library.segment(name) {
        // Expired, or made into another, since it was listed.
        Err(error) if error.is_gone() => return,
        Err(error) => {
            counts.fault(path, told(&error));
            return counts.done(name.rows(), name.rows(), true);
        }
        Ok(own) => own,
    };
    let (mut damaged, mut is_damaged) = (0, false);
    if own.rows() != name.rows() {
        is_damaged = true;
        let (has, says) = (own.rows(), name.rows());
        counts.fault(path, format!("it has {has} records, and its name says {says}"));
    }
    for group in 0..own.groups().len() {
        let faults = group_faults(&own, group);
        if !faults.is_empty() {
            is_damaged = true;
            damaged += own.groups()[group].rows as u64;
        }
        faults.into_iter().for_each(|fault| counts.fault(path, fault));
    }
    counts.done(name.rows(), damaged, is_damaged);
}

/// What of a row group cannot be read, column by column; or else, what makes no sense.
fn group_faults(own: &Segment, group: usize) -> Vec<String> {
    let is_there = |item: &&Item| own.told(group, **item) != Told::Nowhere;
    let items: Vec<Item> = Item::all().iter().filter(is_there).copied().collect();
    let mut faults: Vec<String> =
        items.iter().filter_map(|item| own.cells(group, *item).err()).map(|e| told(&e)).collect();
    for side in [Item::Source, Item::Destination] {
        faults.extend(own.filter(group, side).err().map(|error| told(&error)));
    }
    if faults.is_empty() {
        faults.extend(cells::read(own, group, &items, &Tables::default()).err().map(|e| told(&e)));
    }
    faults
}

fn journal(own: &Journal, counts: &Counts) {
    let rows = own.rows();
    // The last frame of one that is being written may not be whole yet: that is no damage.
    let damage = own.damage();
    let is_damaged = damage.is_some();
    damage.into_iter().for_each(|damage| counts.fault(own.path(), damage));
    counts.done(rows, 0, is_damaged);
}

impl Body for Verified {
    fn text(&self) -> String {
        let (files, records) = (counted(self.files, "file"), counted(self.records, "record"));
        let mut text = format!("{files}, {records} read");
        match self.damaged_files {
            0 => text.push_str("; no damage"),
            damaged if self.damaged_records == 0 => text
                .push_str(&format!("; {damaged} damaged, with records whose number is not known")),
            damaged => text.push_str(&format!(
                "; {damaged} damaged, with up to {} records that cannot be read",
                octets(self.damaged_records)
            )),
        }
        if self.put_aside > 0 {
            text.push_str(&format!("; {} put aside before", self.put_aside));
        }
        if self.missing > 0 {
            text.push_str(&format!(
                "; {} missing between others",
                is_or_are(self.missing, "record")
            ));
        }
        text.push('\n');
        text
    }
}
