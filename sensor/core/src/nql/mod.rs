//! NQL: boolean queries over one record.
//!
//! Text becomes a tree ([`ast`], by [`parse`]), the tree becomes typed ([`typed`], by [`check`]: names resolved, aliases
//! spelled out, values read), and evaluators take it from there: [`mod@reference`] for one record, [`columns`] for batches
//! of flows. The language is described in `sensor/docs/nql.md`.

use crate::diagnostic::Diagnostic;

mod advice;
pub mod ast;
pub mod check;
pub mod codes;
pub mod columns;
pub mod complete;
pub mod dag;
mod dns;
pub mod faults;
pub mod json;
pub mod limits;
pub mod lists;
pub mod literal;
mod needs;
mod optimise;
mod options;
pub mod parse;
pub mod pattern;
mod print;
pub mod reference;
pub mod sets;
mod show;
pub mod sql;
pub mod synonyms;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
pub mod traced;
pub mod typed;

pub use self::options::Options;
use self::{faults::Faults, typed::Typed};

/// A query, ready to be asked of records.
#[derive(Clone, Debug)]
pub struct Filter {
    /// What it asks.
    pub typed: Typed,
    /// What its author should look at, although it can be used.
    pub warnings: Vec<Diagnostic>,
}

impl Filter {
    /// Reads a query.
    ///
    /// # Errors
    /// All faults of the query, and its warnings, in the order of the text.
    pub fn compile(text: &str, options: &Options<'_>) -> Result<Self, Vec<Diagnostic>> {
        let mut faults = Faults::new(options.limits.faults);
        let query = parse::parse(text, options, &mut faults);
        let typed = check::check(query.as_ref(), options, &mut faults);
        if faults.has_errors() {
            return Err(faults.into_sorted());
        }
        Ok(Self { typed, warnings: faults.into_sorted() })
    }

    /// Whether one record fulfils the query. For columns of records, see the evaluator.
    pub fn matches(&self, record: &impl reference::Record) -> bool {
        reference::matches(&self.typed, record)
    }
}
