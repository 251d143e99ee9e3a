//! Why there is no answer, for programs: a code that stays, and a message for people.

use std::ops::Range;

use sensor_core::{diagnostic::Diagnostic, hunt::LimitReached};
use serde::Serialize;

/// Kinds of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The request is no document of the right form.
    Request,
    /// A query has faults.
    Query,
    /// More would be held than may be.
    Limit,
    /// There is no such thing, or not any more.
    NotFound,
    /// Too many questions at once.
    Busy,
    /// Nobody may ask that here, or nobody without a token.
    Refused,
    /// Something is wrong with the sensor.
    Internal,
}

/// No answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Which kind.
    pub code: Code,
    /// What is wrong, and what to do.
    pub message: String,
    /// Where in the query, of the first fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span: Option<Span>,
    /// All faults of the query.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub diagnostics: Vec<Told>,
}

/// A place in a text: in octets, and in the units of UTF-16 that browsers count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct At {
    /// Octets before it.
    pub byte: usize,
    /// Units of UTF-16 before it.
    pub utf16: usize,
}

/// A part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// Its beginning.
    pub from: At,
    /// Its end.
    pub to: At,
}

/// A fault of a query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Told {
    /// `error`, `warning` or `note`.
    pub severity: &'static str,
    /// Its code, such as `N101`.
    pub code: Option<&'static str>,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// Where it begins.
    pub from: At,
    /// Where it ends.
    pub to: At,
}

impl Fault {
    /// One without a place.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), span: None, diagnostics: Vec::new() }
    }

    /// The request has a fault.
    pub fn request(message: impl Into<String>) -> Self {
        Self::new(Code::Request, message)
    }

    /// The query has faults.
    pub fn query(text: &str, faults: &[Diagnostic]) -> Self {
        let diagnostics: Vec<Told> = faults.iter().map(|fault| Told::of(text, fault)).collect();
        let first = diagnostics.iter().find(|told| told.severity == "error");
        let message =
            first.map_or_else(|| "the query has faults".to_owned(), |told| told.message.clone());
        let span = first.map(|told| Span { from: told.from, to: told.to });
        Self { code: Code::Query, message, span, diagnostics }
    }
}

impl From<LimitReached> for Fault {
    fn from(limit: LimitReached) -> Self {
        Self::new(Code::Limit, limit.to_string())
    }
}

impl Told {
    /// A diagnostic of `text`.
    pub fn of(text: &str, fault: &Diagnostic) -> Self {
        let Span { from, to } = Span::of(text, &fault.span);
        let help = fault.help.clone().or_else(|| fault.label.as_deref().map(str::to_owned));
        Self {
            severity: match fault.severity {
                sensor_core::diagnostic::Severity::Error => "error",
                sensor_core::diagnostic::Severity::Warning => "warning",
                sensor_core::diagnostic::Severity::Note => "note",
            },
            code: fault.code,
            message: fault.message.clone(),
            help,
            from,
            to,
        }
    }
}

impl Span {
    /// Where some octets of a text stand.
    pub fn of(text: &str, octets: &Range<usize>) -> Self {
        let at = |byte: usize| {
            let mut byte = byte.min(text.len());
            while !text.is_char_boundary(byte) {
                byte -= 1;
            }
            At { byte, utf16: text[..byte].encode_utf16().count() }
        };
        Self { from: at(octets.start), to: at(octets.end.max(octets.start)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_count_other_units() {
        let text = "srcip == \"é😀\" x";
        let span = Span::of(text, &(16..99));
        assert_eq!((span.from, span.to), (At { byte: 16, utf16: 13 }, At { byte: 19, utf16: 16 }));
        // In the middle of a character: its beginning.
        assert_eq!(Span::of(text, &(13..13)).from, At { byte: 12, utf16: 11 });
    }

    #[test]
    fn a_query_tells_all_of_its_faults() {
        let lists = sensor_core::nql::lists::Lists::default();
        let text = "srcprt == 1 && dstprt == 2";
        let faults =
            sensor_core::nql::Filter::compile(text, &sensor_core::nql::Options::new(&lists))
                .unwrap_err();
        let fault = Fault::query(text, &faults);
        assert_eq!((fault.code, fault.diagnostics.len()), (Code::Query, 2));
        assert_eq!(fault.span.map(|span| (span.from.byte, span.to.utf16)), Some((0, 6)));
    }
}
