//! What a store holds and what was done to it, for whoever watches it. No I/O.

use crate::{gaps::Gap, names::SegmentName, work::Work};

/// Counters of files since the store was opened, and what the sealed ones are; gauges, the latter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Journals that were sealed.
    pub sealed: u64,
    /// Files that were made into others.
    pub compacted: u64,
    /// Files that were deleted because their time was over or their room was needed.
    pub expired: u64,
    /// Octets of these.
    pub expired_octets: u64,
    /// Files and journals that were put aside as damaged.
    pub damaged: u64,
    /// Sealed files; a gauge, as what follows.
    pub files: u64,
    /// Their octets.
    pub octets: u64,
    /// When the oldest of their records was received, milliseconds since the epoch; none without files.
    pub oldest: Option<u64>,
    /// Records that are missing between others.
    pub missing: u64,
}

impl Figures {
    /// Those of a store that was opened anew, with what was done `earlier`.
    #[must_use]
    pub fn after(self, earlier: &Self) -> Self {
        Self {
            sealed: earlier.sealed + self.sealed,
            compacted: earlier.compacted + self.compacted,
            expired: earlier.expired + self.expired,
            expired_octets: earlier.expired_octets + self.expired_octets,
            damaged: earlier.damaged + self.damaged,
            ..self
        }
    }

    /// The same once the keeper has worked.
    pub(crate) fn add(&mut self, work: &Work) {
        self.sealed += work.sealed as u64;
        self.compacted += work.compacted as u64;
        self.expired += work.expired as u64;
        self.expired_octets += work.expired_octets;
        self.damaged += work.damaged as u64;
    }

    /// The same with these files, each with its octets, and what is missing between them.
    pub(crate) fn holding(self, segments: &[(SegmentName, u64)], gaps: &[Gap]) -> Self {
        Self {
            files: segments.len() as u64,
            octets: segments.iter().map(|(_, octets)| octets).sum(),
            oldest: segments.iter().map(|(name, _)| name.from).min(),
            missing: gaps.iter().map(Gap::records).sum(),
            ..self
        }
    }
}

/// A journal that has records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalFigures {
    /// When the first of them was received, milliseconds since the epoch.
    pub begun: u64,
    /// Its octets.
    pub octets: u64,
}

/// What the journals are together; gauges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// How many have records.
    pub journals: u64,
    /// Their octets.
    pub octets: u64,
    /// When the first of their records was received, milliseconds since the epoch; none without records.
    pub begun: Option<u64>,
}

impl Held {
    /// With another journal.
    #[must_use]
    pub fn and(self, journal: JournalFigures) -> Self {
        Self {
            journals: self.journals + 1,
            octets: self.octets + journal.octets,
            begun: Some(self.begun.map_or(journal.begun, |begun| begun.min(journal.begun))),
        }
    }
}
