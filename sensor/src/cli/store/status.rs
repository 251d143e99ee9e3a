//! `sensor store status`: what a store holds.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use sensor_core::diagnostic::{Finding, Findings, Theme};
use sensor_store::{
    aside,
    folder::Folder,
    gaps::{Gap, REMEDY},
    library::Library,
    names::SegmentName,
};
use serde::Serialize;

use super::folder::FolderArgs;
use crate::{
    cli::{
        hunt::table::{Table, numbers, words},
        report::{Body, Outcome, report},
        when::{Zone, rfc3339},
    },
    export::log::line::octets,
};

/// What a store holds.
#[derive(Serialize)]
struct Status {
    store: PathBuf,
    /// Whether a process writes there.
    writer: bool,
    records: u64,
    octets: u64,
    /// Octets that are free on its disk.
    free_octets: u64,
    segments: Files,
    journals: Files,
    /// Those that were put aside: their records are those that are known of.
    damaged: Files,
    /// Octets of these with records whose number is not known.
    damaged_unknown_octets: u64,
    /// Records that are missing between others.
    missing: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_ms: Option<u64>,
    days: Vec<Day>,
    columns: Vec<Column>,
}

/// Files of one kind.
#[derive(Clone, Copy, Default, Serialize)]
struct Files {
    files: u64,
    records: u64,
    octets: u64,
}

impl Files {
    fn add(&mut self, records: u64, octets: u64) {
        self.files += 1;
        self.records += records;
        self.octets += octets;
    }
}

/// Segments whose first record was received on a day, UTC.
#[derive(Serialize)]
struct Day {
    day: String,
    #[serde(flatten)]
    files: Files,
}

/// A column of all segments.
#[derive(Serialize)]
struct Column {
    name: String,
    octets: u64,
}

/// Shows what the store holds.
pub fn status(args: &FolderArgs) -> anyhow::Result<()> {
    report(args.json, args.folder().and_then(|path| read(&path)))
}

fn read(path: &Path) -> anyhow::Result<Outcome<Status>> {
    let (library, folder) = (Library::open(path)?, Folder::new(path));
    let sizes: BTreeMap<SegmentName, u64> = folder.segments()?.into_iter().collect();
    let holdings = library.holdings(0, u64::MAX)?;
    let (mut segments, mut journals, mut damaged) = <(Files, Files, Files)>::default();
    let mut days: BTreeMap<String, Files> = BTreeMap::new();
    let mut columns: BTreeMap<String, u64> = BTreeMap::new();
    let mut times: Option<(u64, u64)> = None;
    let mut widen = |from: u64, to: u64| {
        let (first, last) = times.unwrap_or((from, to));
        times = Some((first.min(from), last.max(to)));
    };
    let mut findings = Findings::default();
    for name in &holdings.segments {
        // One that was made into another meanwhile is counted there.
        let Some(own) = sizes.get(name).copied() else { continue };
        segments.add(name.rows(), own);
        let day = rfc3339(name.from).split('T').next().unwrap_or_default().to_owned();
        days.entry(day).or_default().add(name.rows(), own);
        widen(name.from, name.to);
        match library.segment(name) {
            Ok(segment) => {
                for (column, own) in segment.octets() {
                    *columns.entry(column).or_default() += own;
                }
            }
            Err(error) if error.is_gone() => {}
            Err(error) => {
                let help = "`sensor store verify` reads everything";
                findings.push(Finding::warning(told(&error), help));
            }
        }
    }
    for journal in &holdings.journals {
        journals.add(journal.rows(), journal.length().1);
        if let Some((from, to)) = journal.received() {
            widen(from, to);
        }
    }
    let put_aside = aside::all(&folder)?;
    put_aside.iter().for_each(|own| damaged.add(own.records, own.octets));
    holdings.gaps.iter().for_each(|gap| findings.push(missing(*gap)));
    let mut columns: Vec<Column> =
        columns.into_iter().map(|(name, octets)| Column { name, octets }).collect();
    columns.sort_by(|one, other| other.octets.cmp(&one.octets).then(one.name.cmp(&other.name)));
    let body = Status {
        store: path.to_owned(),
        writer: folder.has_writer(),
        records: segments.records + journals.records,
        octets: segments.octets + journals.octets + damaged.octets,
        free_octets: folder.free()?,
        segments,
        journals,
        damaged,
        damaged_unknown_octets: put_aside.iter().map(|own| own.unknown).sum(),
        missing: holdings.gaps.iter().map(Gap::records).sum(),
        first_ms: times.map(|(first, _)| first),
        last_ms: times.map(|(_, last)| last),
        days: days.into_iter().map(|(day, files)| Day { day, files }).collect(),
        columns,
    };
    Ok(Outcome::well(body, findings))
}

/// What is said of records that are missing.
pub fn missing(gap: Gap) -> Finding {
    Finding::warning(gap.to_string(), REMEDY)
}

/// An error with its causes.
pub fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

/// So many of something, such as `1 file`.
pub fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {what}{plural}", octets(count))
}

fn per_record(octets: u64, records: u64) -> String {
    match records {
        0 => "-".to_owned(),
        records => format!("{:.2}", octets as f64 / records as f64),
    }
}

impl Body for Status {
    fn text(&self) -> String {
        let style = Theme::COLOR.heading;
        let mut text = String::new();
        let mut line = |name: &str, value: &str| {
            text.push_str(&format!("{style}{name:<9}{style:#} {value}\n"));
        };
        let writer = if self.writer { "a sensor writes there" } else { "nobody writes there now" };
        line("store", &format!("{}; {writer}", self.store.display()));
        let average = per_record(self.segments.octets, self.segments.records);
        line(
            "records",
            &format!(
                "{} in {}B; sealed, {average} octets each; {}B free",
                octets(self.records),
                octets(self.octets),
                octets(self.free_octets)
            ),
        );
        if let (Some(first), Some(last)) = (self.first_ms, self.last_ms) {
            let zone = Zone::Utc;
            line("received", &format!("{} to {} UTC", zone.show(first), zone.show(last)));
        }
        let kinds =
            [("segments", self.segments), ("journals", self.journals), ("damaged", self.damaged)];
        for (name, Files { files, records, octets: own }) in kinds {
            if name == "damaged" && files == 0 {
                continue;
            }
            let mut text = format!(
                "{}, {} records, {}B",
                counted(files, "file"),
                octets(records),
                octets(own)
            );
            if name == "damaged" && self.damaged_unknown_octets > 0 {
                let unknown = octets(self.damaged_unknown_octets);
                text.push_str(&format!("; {unknown}B of them have an unknown number of records"));
            }
            line(name, &text);
        }
        if self.missing > 0 {
            let text = format!("{} records are in no file, see the warnings", octets(self.missing));
            line("missing", &text);
        }
        if !self.days.is_empty() {
            let mut table = Table::new(vec![
                words("DAY", 0),
                numbers("FILES", 0),
                numbers("RECORDS", 0),
                numbers("OCTETS", 0),
            ]);
            for Day { day, files } in &self.days {
                let cells = [octets(files.files), octets(files.records), octets(files.octets)];
                table.push(std::iter::once(day.clone()).chain(cells));
            }
            text.push_str(&format!("\n{}", table.text(None)));
        }
        if !self.columns.is_empty() {
            let mut table = Table::new(vec![
                words("COLUMN", 0),
                numbers("OCTETS", 0),
                numbers("A RECORD", 0),
                numbers("SHARE", 0),
            ]);
            let all: u64 = self.columns.iter().map(|column| column.octets).sum();
            for Column { name, octets: own } in &self.columns {
                let share = format!("{:.1} %", *own as f64 * 100.0 / all.max(1) as f64);
                let average = per_record(*own, self.segments.records);
                table.push([name.clone(), octets(*own), average, share]);
            }
            text.push_str(&format!("\n{}", table.text(None)));
        }
        text
    }
}
