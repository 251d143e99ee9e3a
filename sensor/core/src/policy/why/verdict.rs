//! What becomes of one flow.

use super::Asked;
use crate::{
    flow::{
        batch::Source,
        fields::{Field, OwnedValue},
        labels::ROLE,
    },
    nql::{
        reference::Record,
        traced::{HeldLabels, Reason},
        typed::Subject,
    },
    policy::written::WrittenText,
};

/// What becomes of a flow.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The policy has no query for flows of this kind of source.
    NoQuery,
    /// It does not fulfil the query.
    Unmatched(Reason),
    /// A discard, by its number, passes it over.
    Discarded(usize, Reason),
    /// It counts.
    Matched,
}

impl Verdict {
    /// What becomes of a flow of `source`.
    pub fn of(asked: &Asked, record: &impl Record, source: Source) -> Self {
        let Some((query, _)) = asked.query(source) else { return Self::NoQuery };
        if !query.holds(record) {
            return Self::Unmatched(query.reason(record));
        }
        match asked.discards.iter().position(|discard| discard.holds(record)) {
            Some(at) => Self::Discarded(at, asked.discards[at].reason(record)),
            None => Self::Matched,
        }
    }

    /// What decided, and where it stands.
    pub fn decided<'a>(
        &'a self,
        asked: &'a Asked,
        source: Source,
    ) -> Option<(&'a WrittenText, &'a Reason)> {
        match self {
            Self::NoQuery | Self::Matched => None,
            Self::Unmatched(reason) => Some((asked.query(source)?.1, reason)),
            Self::Discarded(at, reason) => Some((asked.written.discards.get(*at)?, reason)),
        }
    }

    /// The roles that exempt the flow.
    pub fn roles(&self) -> &[String] {
        let (Self::Unmatched(reason) | Self::Discarded(_, reason)) = self else { return &[] };
        match &reason.labels {
            Some(HeldLabels { context, values }) if context == ROLE => values,
            _ => &[],
        }
    }
}

/// The values of a key; `None` where the flow has none, so that it does not count under this key.
pub type KeyValues = Vec<(&'static str, Option<OwnedValue>)>;

/// The keys under which a flow counts.
pub fn keys(asked: &Asked, record: &impl Record) -> Vec<KeyValues> {
    let value = |field: &&'static Field| (field.name, value(record, field));
    asked.policy.track_by.iter().map(|key| key.iter().map(value).collect()).collect()
}

/// The value of a field, where the record has one.
pub(super) fn value(record: &impl Record, field: &'static Field) -> Option<OwnedValue> {
    let mut found = None;
    record.any(&Subject::Field(field), &mut |value| {
        found = OwnedValue::of(value);
        found.is_some()
    });
    found
}
