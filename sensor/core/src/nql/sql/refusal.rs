//! What cannot be said in SQL.

use super::Dialect;

/// A condition that a dialect has no words for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} cannot be asked for `{condition}`: {reason}", dialect.name())]
pub struct Refusal {
    /// Whose SQL has no words for it.
    pub dialect: Dialect,
    /// The condition, as `nql::show` prints it.
    pub condition: String,
    /// Why, and what to do instead.
    pub reason: Why,
}

/// Why a condition cannot be said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// The table of translations has no row for the field.
    #[error("the field has no translation to SQL yet; ask the store itself (`sensor hunt`)")]
    Untranslated,
    /// What the field is read from is not stored with each record.
    #[error("{0}; ask the store itself (`sensor hunt`)")]
    NotStored(&'static str),
    /// The engine lacks what it takes.
    #[error("{0}; ask the store itself (`sensor hunt`)")]
    Lacking(&'static str),
    /// Values of these kinds do not compare in SQL as they do in NQL.
    #[error("these two fields do not compare in SQL; compare each with a value")]
    Incomparable,
    /// The predicate is none of the field's kind.
    #[error("no field of this kind can be asked for that")]
    Mismatch,
}
