//! A policy, checked and in its units.

use std::sync::Arc;

use super::{
    alert::{PolicySummary, Severity},
    label::LabelRule,
    threshold::{Condition, Quantity, Threshold},
};
use crate::{
    flow::{
        batch::Source,
        fields::{Field, OwnedValue},
    },
    nql::typed::Typed,
};

/// Fields that a key has at most.
pub const KEY_FIELDS: usize = 5;

/// One policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// What its events repeat of it.
    pub summary: Arc<PolicySummary>,
    /// The source whose flows it is about, where the site gives that limits of its own; `None` for all others.
    pub source: Option<String>,
    /// Whether it is evaluated.
    pub enabled: bool,
    /// Which flows it is about.
    pub search: Search,
    /// Alternative keys, at least one; each a list of up to [`KEY_FIELDS`] fields. The empty key watches all flows
    /// together.
    pub track_by: Vec<Vec<&'static Field>>,
    /// Length of the window, milliseconds; 0 without thresholds.
    pub window: u64,
    /// Between `ongoing` events, milliseconds; 0 for none.
    pub update: u64,
    /// Thresholds, the lowest severity first; none where every matching flow is a hit.
    pub levels: Vec<Level>,
    /// Severity of hits, without thresholds.
    pub severity: Severity,
    /// Fields inside `distinct()`.
    pub distinct: Vec<&'static Field>,
    /// Ends an incident, in place of the eased thresholds.
    pub clear: Option<Threshold>,
    /// How long no threshold must hold for an incident to end, milliseconds.
    pub hold: u64,
    /// How long after its end an incident that returns goes on, milliseconds; 0 for never.
    pub reopen: u64,
    /// Between hits of one key, milliseconds.
    pub suppress: u64,
    /// A label, in place of events or beside them.
    pub label: Option<LabelRule>,
    /// Keys whose silence is told by `absent()`.
    pub expect: Vec<Vec<OwnedValue>>,
    /// Keys that are watched at most, of each alternative.
    pub max_keys: usize,
    /// How far a record may be behind the newest of its source, milliseconds.
    pub lateness: u64,
}

/// A threshold and how much it matters.
#[derive(Clone, Debug, PartialEq)]
pub struct Level {
    /// Severity.
    pub severity: Severity,
    /// Threshold.
    pub threshold: Threshold,
}

/// The flows of a policy: queries with the discards taken off.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// For every source that has none of its own; `None`: no flow.
    pub any: Option<Typed>,
    /// By source.
    pub by_source: Vec<(Source, Typed)>,
    /// How many of the conditions at the end of each query are discards.
    pub discards: usize,
}

impl Search {
    /// The query for flows of `source`.
    pub fn of(&self, source: Source) -> Option<&Typed> {
        let own = self.by_source.iter().find(|(own, _)| *own == source).map(|(_, query)| query);
        own.or(self.any.as_ref())
    }

    /// Calls `change` for every query.
    pub fn for_each(&mut self, change: &mut dyn FnMut(&mut Typed)) {
        self.any.iter_mut().for_each(&mut *change);
        self.by_source.iter_mut().for_each(|(_, query)| change(query));
    }

    /// What `query`, one of these, asks for before the discards.
    pub fn before_discards<'q>(&self, query: &'q Typed) -> &'q Typed {
        match query {
            Typed::And(operands) if self.discards > 0 => operands.first().unwrap_or(query),
            query => query,
        }
    }

    /// Asks for `condition` as well, before the discards.
    pub fn restrict(&mut self, condition: &Typed) {
        let discards = self.discards;
        self.for_each(&mut |query| {
            let own = match query {
                Typed::And(operands) if discards > 0 => &mut operands[0],
                query => query,
            };
            let before = std::mem::replace(own, Typed::Constant(true));
            *own = Typed::And(vec![before, condition.clone()]);
        });
    }
}

impl Policy {
    /// Its name, with the source that it is limited to.
    pub fn shown_name(&self) -> String {
        let name = &self.summary.name;
        match &self.source {
            None => name.clone(),
            Some(source) => format!("{name} (flows of {source})"),
        }
    }

    /// True where windows and thresholds decide, not single flows.
    pub fn has_thresholds(&self) -> bool {
        !self.levels.is_empty()
    }

    /// Whether it gives events. One that only writes labels does not.
    pub fn gives_events(&self) -> bool {
        self.label.as_ref().is_none_or(|label| label.at_severity.is_some())
    }

    /// Calls `each` for every condition, the clearing one included.
    pub fn for_each_condition(&self, each: &mut dyn FnMut(&Condition)) {
        self.levels.iter().for_each(|level| each(&level.threshold.condition));
        self.clear.iter().for_each(|clear| each(&clear.condition));
    }

    /// Whether some threshold asks for what `wanted` accepts; `None` stands for `absent()`.
    pub fn asks(&self, wanted: impl Fn(Option<Quantity>) -> bool) -> bool {
        let mut found = false;
        self.for_each_condition(&mut |condition| {
            condition.for_each(&mut |quantity| found |= wanted(quantity));
        });
        found
    }
}
