//! A query while somebody types it: the kinds of its parts, what is wrong with it, and what may come at a place.
//!
//! Faults are those of the parser and the checks ([`super::Filter::compile`]). `scan` goes over a text that may be unfinished or wrong, and
//! says what each part is and what is expected at its end; `offers` says what that could be. The values that flows have come from
//! whoever knows flows ([`Values`]).

mod offers;
mod operators;
mod scan;
#[cfg(test)]
mod tests;

use std::ops::Range;

pub use self::{
    offers::{Offer, OfferKind, Seen, Values},
    operators::operators,
    scan::{Part, PartKind},
};
use super::{Options, ast::Query, check, faults::Faults, parse};
use crate::diagnostic::Diagnostic;

/// What is to be said of a query.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Whether it can be asked.
    pub ok: bool,
    /// The query as this program writes it; none where it has faults.
    pub norm: Option<String>,
    /// Its parts, in their order; white space is in none.
    pub parts: Vec<Part>,
    /// Faults and warnings, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
    /// Names of the fields, aliases and labels that it asks for, once each, in the order of the text.
    pub fields: Vec<String>,
}

/// Looks at a query.
pub fn check(text: &str, options: &Options<'_>) -> Checked {
    let mut faults = Faults::new(options.limits.faults);
    let query: Query = parse::parse(text, options, &mut faults);
    let _ = check::check(query.as_ref(), options, &mut faults);
    let ok = !faults.has_errors();
    // What is too long for the parser is not looked through either.
    let is_read = text.len() <= options.limits.query_bytes;
    let parts = if is_read { scan::scan(text).parts } else { Vec::new() };
    let mut fields: Vec<String> = Vec::new();
    for part in parts.iter().filter(|part| part.kind == PartKind::Field) {
        let name = text[part.span.clone()].to_ascii_lowercase();
        if !fields.contains(&name) {
            fields.push(name);
        }
    }
    Checked {
        ok,
        norm: ok.then(|| query.as_ref().map(ToString::to_string).unwrap_or_default()),
        parts,
        diagnostics: faults.into_sorted(),
        fields,
    }
}

/// What may stand in the place of a part of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The part that an offer replaces: what was typed of it. Empty where nothing was.
    pub span: Range<usize>,
    /// The likeliest first.
    pub offers: Vec<Offer>,
}

/// What may be meant at the byte `cursor` of a query, which must be the start of a character or the end; what stands behind it does not
/// matter.
pub fn complete(
    text: &str,
    cursor: usize,
    options: &Options<'_>,
    values: &dyn Values,
) -> Completion {
    let before = &text[..cursor];
    if before.len() > options.limits.query_bytes {
        return Completion { span: cursor..cursor, offers: Vec::new() };
    }
    let scan = scan::scan(before);
    let is_typed = |part: &&Part| part.span.end == cursor && part.kind.is_word();
    let (start, expects) = match scan.parts.last().filter(is_typed) {
        Some(part) => (part.span.start, scan::scan(&before[..part.span.start]).expects),
        None => (cursor, scan.expects),
    };
    let typed = &before[start..];
    Completion { span: start..cursor, offers: offers::offers(&expects, typed, options, values) }
}
