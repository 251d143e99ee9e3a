//! What answers rest on: records that are held, and records that are stored. The time decides who answers: all that was received since some
//! moment is held, and what was received before that moment is asked of the store. So a record counts once, though both have it.

use std::{path::PathBuf, sync::Arc};

use sensor_core::{
    flow::interfaces::{Interfaces, SharedInterfaces},
    hunt::{
        Account, Answer, Labels, Options, Progress, Question, Span, archive::Archive as _,
        run_spans,
    },
    nql::lists::Lists,
};
use sensor_store::archive::Stored;
use serde::Serialize;

use super::{
    agent::Agent,
    budget::{Bounded, Budget, Limits, Spent, Timer},
    fault::{Code, Fault},
    value::Count,
};
use crate::export::held::{ring::Ring, snapshot::Snapshot};

/// What a question of held records may cost.
pub const LIVE: Limits = Limits { rows: 2_000_000, time_ms: 50 };
/// The same where the store is asked too.
pub const STORED: Limits = Limits { rows: 50_000_000, time_ms: 5_000 };

/// What answers rest on.
#[derive(Clone)]
pub struct Desk {
    /// The records that are held.
    pub held: Arc<Ring>,
    /// The folder of the store, where there is one.
    pub store: Option<PathBuf>,
    /// Lists that queries may name.
    pub lists: Lists,
    /// Names of this host's interfaces.
    pub interfaces: SharedInterfaces,
    /// By which time is taken.
    pub timer: Timer,
    /// Who knows the agent.
    pub agent: Arc<dyn Agent>,
}

/// Records that an answer rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Rest {
    /// Received from then on, milliseconds since the epoch.
    pub from_ms: u64,
    /// Received before that.
    pub to_ms: u64,
    /// Records of that time, or of files that reach into it.
    pub records: Count,
}

/// Where these are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Rests {
    /// In memory.
    pub live: Option<Rest>,
    /// In the store.
    pub stored: Option<Rest>,
}

/// An answer lacks something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lacks {
    /// `rows` or `time`: a bound of the question; `faults`: something could not be read; `order`: the order was made of a part.
    pub reason: &'static str,
}

/// What all answers say of themselves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ground {
    /// Which records they rest on.
    pub rests: Rests,
    /// Records that were looked at.
    pub tested: Count,
    /// Those that match.
    pub matched: Count,
    /// What is lacking.
    pub partial: Option<Lacks>,
}

impl Ground {
    /// Adds what another question of the same answer has cost.
    pub fn add(&mut self, other: Self) {
        self.tested.0 += other.tested.0;
        self.partial = self.partial.take().or(other.partial);
    }
}

/// Half-open, milliseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first.
    pub from: u64,
    /// The one behind the last.
    pub to: u64,
}

impl Range {
    /// What a request says.
    ///
    /// # Errors
    /// It is empty.
    pub fn of(from: u64, to: u64) -> Result<Self, Fault> {
        if from >= to {
            return Err(Fault::request(
                "`from_ms` must come before `to_ms`: that is the first millisecond that does not count",
            ));
        }
        Ok(Self { from, to })
    }
}

impl Desk {
    /// Asks a question.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn ask(&self, question: &Question) -> Result<(Answer, Ground), Fault> {
        let held = self.held.snapshot();
        self.ask_of(&held, question)
    }

    /// The same of what was held at a moment.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn ask_of(&self, held: &Snapshot, question: &Question) -> Result<(Answer, Ground), Fault> {
        // After what is held was looked at: what has left it since is stored, if it was before.
        let seam = if self.store.is_some() { held.whole_from() } else { 0 };
        let stored = if question.from < seam { self.stored()? } else { None };
        let seam = if stored.is_some() { seam } else { 0 };
        let progress = Arc::new(Progress::default());
        let limits = if stored.is_some() { STORED } else { LIVE };
        let budget = Budget::new(limits, &self.timer, &progress);
        let live = Bounded::new(held, &budget);
        let before = stored.as_ref().map(|stored| Bounded::new(stored, &budget));
        let mut spans = vec![Span { archive: &live, from: seam, to: u64::MAX }];
        spans.extend(before.as_ref().map(|before| Span { archive: before, from: 0, to: seam }));
        let options = Options { threads: 1, labels: Labels::Then, interfaces: self.interfaces() };
        let answer = run_spans(question, &spans, &options, &progress);
        let rest = |from: u64, to: u64, files: &[sensor_core::hunt::archive::File]| {
            let in_time = |(first, last): (u64, u64)| from <= last && first < to;
            let files = files.iter().filter(|file| in_time(file.received));
            let records: u64 = files.map(|file| file.rows).sum();
            (from < to).then_some(Rest { from_ms: from, to_ms: to, records: records.into() })
        };
        let rests = Rests {
            live: rest(question.from.max(seam), question.to, held.files()),
            stored: stored
                .as_ref()
                .and_then(|stored| rest(question.from, question.to.min(seam), stored.files())),
        };
        let account = progress.account();
        let partial = lacks(budget.spent(), &account);
        let (tested, matched) = (budget.rows().into(), account.matched.into());
        Ok((answer, Ground { rests, tested, matched, partial }))
    }

    /// Asks a question of what is held alone.
    pub fn ask_held(
        &self,
        held: &Snapshot,
        question: &Question,
        limits: Limits,
    ) -> (Answer, Account) {
        let progress = Arc::new(Progress::default());
        let budget = Budget::new(limits, &self.timer, &progress);
        let live = Bounded::new(held, &budget);
        let spans = [Span { archive: &live, from: 0, to: u64::MAX }];
        let options = Options { threads: 1, labels: Labels::Then, interfaces: self.interfaces() };
        (run_spans(question, &spans, &options, &progress), progress.account())
    }

    /// The names of interfaces.
    pub fn interfaces(&self) -> Arc<Interfaces> {
        self.interfaces.get()
    }

    /// What is stored; none where nothing has been stored yet.
    fn stored(&self) -> Result<Option<Stored>, Fault> {
        let Some(folder) = &self.store else { return Ok(None) };
        match Stored::open(folder) {
            Ok(stored) => Ok(Some(stored)),
            Err(sensor_store::error::Error::NoStore { .. }) => Ok(None),
            Err(error) => Err(Fault::new(Code::Internal, format!("the flow store: {error}"))),
        }
    }
}

fn lacks(spent: Option<Spent>, account: &Account) -> Option<Lacks> {
    let reason = match spent {
        Some(Spent::Rows) => "rows",
        Some(Spent::Time) => "time",
        None if account.partial.is_some() => "faults",
        None => return None,
    };
    Some(Lacks { reason })
}
