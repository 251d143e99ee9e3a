//! A text as a TOML document, with the faults of its form.

use std::collections::HashSet;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::diagnostic::Diagnostic;

/// Reads a text, with all faults of syntax in the order of the text.
///
/// Where a fault is one of a single value, reading goes on behind it. `None` is returned where the text is broken so that
/// it is unsure which keys belong to which table: what could be said of the rest would be guesswork.
pub fn parse(text: &str) -> (Option<Spanned<DeValue<'_>>>, Vec<Diagnostic>) {
    let (document, errors) = DeTable::parse_recoverable(text);
    let faults: Vec<Diagnostic> = errors
        .iter()
        .map(|error| Diagnostic::error(error.message(), error.span().unwrap_or_default()))
        .collect();
    if faults.iter().any(|fault| breaks_structure(text, fault)) {
        return (None, faults);
    }
    (Some(Spanned::new(document.span(), DeValue::Table(document.into_inner()))), faults)
}

/// Whether a syntax fault lies before the `=` of its line: in a key or a header.
fn breaks_structure(text: &str, fault: &Diagnostic) -> bool {
    let before = &text[..text.floor_char_boundary(fault.span.start)];
    let line = before.rsplit('\n').next().unwrap_or_default();
    !line.contains('=') && fault.message != "duplicate key"
}

/// Adds those of `more` that stand in lines which have no fault yet: what follows from a fault is not another one.
pub fn add_to_sound_lines(faults: &mut Vec<Diagnostic>, mut more: Vec<Diagnostic>, text: &str) {
    // Looked up rather than counted for each: there may be a fault in every line of a large file.
    let ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
    let line_of = |fault: &Diagnostic| ends.partition_point(|&end| end < fault.span.start);
    let faulty: HashSet<usize> = faults.iter().map(line_of).collect();
    more.retain(|fault| !faulty.contains(&line_of(fault)));
    faults.append(&mut more);
    faults.sort_by_key(|fault| fault.span.start);
}
