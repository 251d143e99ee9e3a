//! How a query is read: what it is about, what it may say and how much it may ask for.

use super::{limits::Limits, lists::Lists};
use crate::flow::fields::RecordKind;

/// How a query is read.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// Kind of record that the query applies to.
    pub context: RecordKind,
    /// Refuse what is not in the public language.
    pub strict: bool,
    /// How much it may ask for.
    pub limits: Limits,
    /// What it may name by `$name`.
    pub lists: &'a Lists,
}

impl<'a> Options<'a> {
    /// Flows, with extensions, the usual limits.
    pub fn new(lists: &'a Lists) -> Self {
        Self { context: RecordKind::Flow, strict: false, limits: Limits::default(), lists }
    }
}
