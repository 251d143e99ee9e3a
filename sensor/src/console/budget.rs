//! Bounds of a question: rows that it looks at, and how long it may take. A question that reaches one is answered by what was read until
//! then, and the answer says so.

use std::sync::{
    Arc,
    atomic::{AtomicU8, AtomicU64, Ordering::Relaxed},
};

use sensor_core::hunt::{
    Progress,
    archive::{Archive, File, Piece, Pieces, Records, Scan, Unreadable, Wanted},
    bounds::Bounds,
};

/// Milliseconds since some moment, by a clock that never goes back.
pub type Timer = Arc<dyn Fn() -> u64 + Send + Sync>;

/// What a question may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Rows.
    pub rows: u64,
    /// Milliseconds.
    pub time_ms: u64,
}

/// Why a question was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// It would have looked at more rows.
    Rows = 1,
    /// It would have taken longer.
    Time = 2,
}

/// What is left of it.
pub struct Budget {
    rows: AtomicU64,
    most: u64,
    until: u64,
    timer: Timer,
    progress: Arc<Progress>,
    spent: AtomicU8,
}

impl Budget {
    /// From now on, for the question of `progress`.
    pub fn new(limits: Limits, timer: &Timer, progress: &Arc<Progress>) -> Arc<Self> {
        let until = timer().saturating_add(limits.time_ms);
        let (rows, spent) = Default::default();
        let (timer, progress) = (timer.clone(), progress.clone());
        Arc::new(Self { rows, most: limits.rows, until, timer, progress, spent })
    }

    /// Rows that were looked at.
    pub fn rows(&self) -> u64 {
        self.rows.load(Relaxed)
    }

    /// Which bound was reached.
    pub fn spent(&self) -> Option<Spent> {
        match self.spent.load(Relaxed) {
            0 => None,
            1 => Some(Spent::Rows),
            _ => Some(Spent::Time),
        }
    }

    /// Whether more may be read; ends the question where not.
    fn allows(&self) -> bool {
        let spent = if self.rows.load(Relaxed) >= self.most {
            Spent::Rows
        } else if (self.timer)() >= self.until {
            Spent::Time
        } else {
            return true;
        };
        // The first is why.
        let _ = self.spent.compare_exchange(0, spent as u8, Relaxed, Relaxed);
        self.progress.cancel();
        false
    }
}

/// An archive that is read within a budget.
pub struct Bounded<'a> {
    archive: &'a dyn Archive,
    budget: Arc<Budget>,
}

impl<'a> Bounded<'a> {
    /// `archive`, within `budget`.
    pub fn new(archive: &'a dyn Archive, budget: &Arc<Budget>) -> Self {
        Self { archive, budget: budget.clone() }
    }
}

struct BoundedPieces {
    pieces: Arc<dyn Pieces>,
    budget: Arc<Budget>,
}

struct BoundedScan<'s> {
    scan: Box<dyn Scan + 's>,
    budget: &'s Budget,
}

impl Archive for Bounded<'_> {
    fn files(&self) -> &[File] {
        self.archive.files()
    }

    fn open(&self, file: usize) -> Result<Arc<dyn Pieces>, Unreadable> {
        let pieces = self.archive.open(file)?;
        Ok(Arc::new(BoundedPieces { pieces, budget: self.budget.clone() }))
    }
}

impl Pieces for BoundedPieces {
    fn pieces(&self) -> &[Piece] {
        self.pieces.pieces()
    }

    fn only(&self) -> Option<(u64, u64)> {
        self.pieces.only()
    }

    fn bounds(&self, piece: usize) -> Box<dyn Bounds + '_> {
        self.pieces.bounds(piece)
    }

    fn scan(&self, piece: usize) -> Result<Box<dyn Scan + '_>, Unreadable> {
        Ok(Box::new(BoundedScan { scan: self.pieces.scan(piece)?, budget: &self.budget }))
    }
}

impl Scan for BoundedScan<'_> {
    fn advance(&mut self, records: &mut Records) -> usize {
        // Where nothing is left to read, no bound is reached.
        let rows = self.scan.advance(records);
        if rows > 0 && !self.budget.allows() {
            return 0;
        }
        self.budget.rows.fetch_add(rows as u64, Relaxed);
        rows
    }

    fn read(
        &mut self,
        wanted: Wanted,
        rows: Option<&[u32]>,
        records: &mut Records,
    ) -> Result<(), Unreadable> {
        self.scan.read(wanted, rows, records)
    }

    fn octets(&self) -> u64 {
        self.scan.octets()
    }
}
