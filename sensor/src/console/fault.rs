//! Why there is no answer, for programs: a code that stays, and a message for people.

use std::ops::Range;

use sensor_core::{
    diagnostic::{Diagnostic, Edit},
    hunt::LimitReached,
};
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
    /// What would mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<FixTold>,
}

/// Edits that mend a fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FixTold {
    /// What they do, in a few words.
    pub label: String,
    /// In the order of the text; none overlaps another.
    pub edits: Vec<EditTold>,
}

/// A text in the place of a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EditTold {
    /// Where the part begins, in units of UTF-16.
    pub from: usize,
    /// Where it ends.
    pub to: usize,
    /// The text.
    pub text: String,
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
        let units = Units::of(text);
        let diagnostics: Vec<Told> = faults.iter().map(|fault| Told::of(&units, fault)).collect();
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
    /// A diagnostic of the text of `units`.
    pub fn of(units: &Units, fault: &Diagnostic) -> Self {
        let Span { from, to } = units.span(&fault.span);
        let edit = |edit: &Edit| EditTold {
            from: units.at(edit.span.start).utf16,
            to: units.at(edit.span.end).utf16,
            text: edit.text.clone(),
        };
        let fix = fault.fix.as_ref().map(|fix| FixTold {
            label: fix.label.clone(),
            edits: fix.edits.iter().map(edit).collect(),
        });
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
            fix,
        }
    }
}

/// Units of UTF-16 before each octet of a text: looked up, not counted anew for each place.
pub struct Units(Vec<u32>);

impl Units {
    /// Those of a text.
    pub fn of(text: &str) -> Self {
        let mut before = Vec::with_capacity(text.len() + 1);
        let mut units = 0_u32;
        for character in text.chars() {
            before.extend(std::iter::repeat_n(units, character.len_utf8()));
            units += character.len_utf16() as u32;
        }
        before.push(units);
        Self(before)
    }

    /// A place by its octets. In the middle of a character: its beginning; behind the end: the end.
    pub fn at(&self, byte: usize) -> At {
        let mut byte = byte.min(self.0.len() - 1);
        while byte > 0 && byte < self.0.len() - 1 && self.0[byte] == self.0[byte - 1] {
            byte -= 1;
        }
        At { byte, utf16: self.0[byte] as usize }
    }

    /// The octets before a place that is given in units; of one in the middle of a character, those before it.
    pub fn byte(&self, utf16: usize) -> usize {
        let after = self.0.partition_point(|units| *units as usize <= utf16);
        self.at(after.saturating_sub(1)).byte
    }

    /// A part of the text.
    pub fn span(&self, octets: &Range<usize>) -> Span {
        Span { from: self.at(octets.start), to: self.at(octets.end.max(octets.start)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_count_other_units() {
        let text = "srcip == \"é😀\" x";
        let span = Units::of(text).span(&(16..99));
        assert_eq!((span.from, span.to), (At { byte: 16, utf16: 13 }, At { byte: 19, utf16: 16 }));
        for (byte, _) in text.char_indices().chain([(text.len(), ' ')]) {
            let at = Units::of(text).at(byte);
            assert_eq!((at.byte, at.utf16), (byte, text[..byte].encode_utf16().count()));
            assert_eq!(Units::of(text).byte(at.utf16), byte);
        }
        // In the middle of a character: its beginning.
        assert_eq!(Units::of(text).byte(12), 12);
        assert_eq!(Units::of(text).at(13), At { byte: 12, utf16: 11 });
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
