//! What is wrong with a query, collected while it is read.

use std::cmp::Ordering;

use super::codes;
use crate::diagnostic::{Diagnostic, Severity};

/// The faults and warnings so far, up to a limit of each: a text of brackets can have as many as characters.
#[derive(Debug)]
pub struct Faults {
    errors: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
    limit: usize,
}

impl Faults {
    /// None so far, and `limit` of each kind at most.
    pub fn new(limit: usize) -> Self {
        Self { errors: Vec::new(), warnings: Vec::new(), limit }
    }

    /// Adds one; in place of the first above the limit stands that there are more, and the rest is dropped.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        let limit = self.limit;
        let (list, more, what) = match diagnostic.severity {
            Severity::Error => (&mut self.errors, codes::TOO_MANY_FAULTS, "faults"),
            Severity::Warning | Severity::Note => {
                (&mut self.warnings, codes::TOO_MANY_WARNINGS, "warnings")
            }
        };
        match list.len().cmp(&limit) {
            Ordering::Less => list.push(diagnostic),
            Ordering::Equal => {
                let message = format!("more {what} than the limit `faults`, {limit}");
                list.push(more.at(diagnostic.span, message));
            }
            Ordering::Greater => {}
        }
    }

    /// True when the query cannot be used.
    pub fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    /// All, in the order of the text; last, that there are more.
    pub fn into_sorted(self) -> Vec<Diagnostic> {
        let mut all = self.errors;
        all.extend(self.warnings);
        let more = [Some(codes::TOO_MANY_FAULTS.code), Some(codes::TOO_MANY_WARNINGS.code)];
        all.sort_by_key(|diagnostic| (more.contains(&diagnostic.code), diagnostic.span.start));
        all
    }
}
