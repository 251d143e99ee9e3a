//! Why a text is no pattern.

use std::ops::Range;

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError {
    /// Bytes of the pattern's text.
    pub span: Range<usize>,
    /// What is wrong.
    pub kind: PatternErrorKind,
    /// What would be right.
    pub help: String,
}

/// What is wrong with a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatternErrorKind {
    /// The text is not of the language; the message says why.
    Syntax(String),
    /// The automaton would exceed [`Limits::regex_bytes`](crate::nql::limits::Limits::regex_bytes).
    TooLarge,
    /// The edit distance exceeds [`Limits::fuzzy_distance`](crate::nql::limits::Limits::fuzzy_distance).
    TooFuzzy,
}

impl PatternError {
    pub(super) fn syntax(
        span: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self { span, kind: PatternErrorKind::Syntax(message.into()), help: help.into() }
    }
}
