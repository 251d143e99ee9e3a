//! What became of every record of logs, by source: records in = records that became flows + records that became DNS records +
//! windows + records without counts + duplicates + errors.
//!
//! A record that tells both directions becomes two rows, of which one may repeat what another record tells and be left out. It
//! still became a flow: a record is a duplicate only if all its rows are left out. Rows have an account of their own beside
//! that of records: those made = those handed on + those left out.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{Serialize, Serializer};

/// Why a record became no flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Reason {
    /// Longer than any record.
    TooLong,
    /// Nothing says which field stands where, or what flows cannot be without is not among them.
    Layout,
    /// More or fewer values than fields.
    Values,
    /// No address where there must be one.
    Address,
    /// Source and destination of different families.
    Families,
    /// No number where there must be one, or one that is too high.
    Number,
    /// No time, or one before 2001.
    Time,
    /// Another value that the format does not have.
    Value,
    /// Not what the format is written in at all, as JSON that is none.
    Syntax,
    /// The object says that there are more records than it holds.
    Missing,
    /// A record of a log that tells neither flows nor DNS queries.
    OtherLog,
}

impl Reason {
    /// All of them, in their order.
    pub const ALL: [Self; 11] = [
        Self::TooLong,
        Self::Layout,
        Self::Values,
        Self::Address,
        Self::Families,
        Self::Number,
        Self::Time,
        Self::Value,
        Self::Syntax,
        Self::Missing,
        Self::OtherLog,
    ];
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "too long for a record",
            Self::Layout => "layout unknown or without addresses, protocol or time",
            Self::Values => "more or fewer values than fields",
            Self::Address => "not an address",
            Self::Families => "addresses of different families",
            Self::Number => "not a number, or too high",
            Self::Time => "no plausible time",
            Self::Value => "a value that the format does not have",
            Self::Syntax => "not in the syntax of the format",
            Self::Missing => "announced, but not there",
            Self::OtherLog => "of a log that does not tell flows or DNS queries",
        })
    }
}

/// What a cloud says of a window in which it saw, or kept, no flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Window {
    /// No traffic.
    NoData,
    /// Records were left out.
    SkipData,
}

impl Window {
    /// Both, in their order.
    pub const ALL: [Self; 2] = [Self::NoData, Self::SkipData];

    /// What AWS and OCI call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoData => "NODATA",
            Self::SkipData => "SKIPDATA",
        }
    }
}

/// A record that became no flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The object that it stands in.
    pub object: Arc<str>,
    /// Its line, or its number where the object has no lines; from 1.
    pub line: u64,
    /// Why.
    pub reason: Reason,
    /// What it is about, as far as that is short: a value, or the name of a field.
    pub what: String,
}

impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { object, line, reason, what } = self;
        // Whoever names an object does not write to terminals.
        write!(f, "{}:{line}: {reason}", object.escape_debug())?;
        if what.is_empty() { Ok(()) } else { write!(f, ": {what}") }
    }
}

/// Faults that are told of each reason; the others are counted.
const TOLD: u64 = 5;
/// Names of unknown fields that are kept.
const NAMES: usize = 64;
/// Octets of a value that are shown.
const SHOWN: usize = 48;

/// The account of a source, or of several.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ledger {
    /// Records read.
    pub records: u64,
    /// Of these, such that became flow records.
    pub flows: u64,
    /// Of these, such that became DNS records, one each.
    pub dns: u64,
    /// Flow records handed on: two of a record that tells both directions.
    pub rows: u64,
    /// Flow records left out, since others tell the same.
    pub repeated: u64,
    /// Windows without flows, by [`Window`].
    pub windows: [u64; Window::ALL.len()],
    /// Records that say that a flow began, or went on or ended without packets: there is nothing to count.
    pub without_counts: u64,
    /// Records that repeat others with all they tell.
    pub duplicates: u64,
    /// Records that became nothing, by [`Reason`].
    pub errors: [u64; Reason::ALL.len()],
    /// Lines that name fields, or are empty.
    pub headings: u64,
    /// Fields that are not known, by name, with the records that had a value there.
    pub unknown: BTreeMap<String, u64>,
    /// Flows forgotten for others before they ended: their next records have no start.
    pub starts_forgotten: u64,
    /// The first records of each reason that became nothing.
    pub faults: Vec<Fault>,
}

impl Ledger {
    /// Counts a record that became nothing.
    #[cold]
    pub fn error(&mut self, reason: Reason, object: &Arc<str>, line: u64, what: &[u8]) {
        self.errors(reason, 1, object, line, what);
    }

    /// Counts records that became nothing for one reason, of which `line` is the first.
    #[cold]
    pub fn errors(
        &mut self,
        reason: Reason,
        records: u64,
        object: &Arc<str>,
        line: u64,
        what: &[u8],
    ) {
        self.records += records;
        let count = &mut self.errors[reason as usize];
        let before = *count;
        *count += records;
        if before < TOLD && records != 0 {
            let text = String::from_utf8_lossy(&what[..what.len().min(SHOWN)]);
            let what = text.chars().filter(|character| !character.is_control()).collect();
            self.faults.push(Fault { object: object.clone(), line, reason, what });
        }
    }

    /// Counts a window without flows.
    pub fn window(&mut self, window: Window) {
        self.records += 1;
        self.windows[window as usize] += 1;
    }

    /// Counts values of an unknown field.
    pub fn unknown(&mut self, name: &str, values: u64) {
        if let Some(count) = self.unknown.get_mut(name) {
            *count += values;
        } else if self.unknown.len() < NAMES {
            self.unknown.insert(name.to_owned(), values);
        }
    }

    /// Records that became nothing.
    pub fn all_errors(&self) -> u64 {
        self.errors.iter().sum()
    }

    /// Whether every record is accounted for.
    pub fn is_balanced(&self) -> bool {
        let windows: u64 = self.windows.iter().sum();
        let flowless = windows + self.without_counts + self.duplicates;
        self.records == self.flows + self.dns + flowless + self.all_errors()
    }

    /// Adds another account.
    pub fn add(&mut self, other: &Self) {
        self.records += other.records;
        self.flows += other.flows;
        self.dns += other.dns;
        self.rows += other.rows;
        self.without_counts += other.without_counts;
        self.repeated += other.repeated;
        self.duplicates += other.duplicates;
        self.starts_forgotten += other.starts_forgotten;
        self.headings += other.headings;
        for (own, other) in self.windows.iter_mut().zip(other.windows) {
            *own += other;
        }
        for (own, other) in self.errors.iter_mut().zip(other.errors) {
            *own += other;
        }
        for (name, count) in &other.unknown {
            if self.unknown.len() < NAMES || self.unknown.contains_key(name) {
                *self.unknown.entry(name.clone()).or_default() += count;
            }
        }
        let room = (TOLD as usize * Reason::ALL.len()).saturating_sub(self.faults.len());
        self.faults.extend(other.faults.iter().take(room).cloned());
    }
}
