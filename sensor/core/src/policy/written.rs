//! Where the queries and thresholds of a policy stand: what a policy is evaluated by has lost its text, and whoever explains
//! it must point at the line.

use std::{ops::Range, sync::Arc};

use super::{alert::Severity, exempt::RoleNames, file::PolicyFile, load::strings::Places};
use crate::{
    diagnostic::{Diagnostic, Findings},
    flow::batch::Source,
    nql::typed::Typed,
};

/// A policy as it stands in its file, with what the site changes of it.
#[derive(Clone, Debug)]
pub struct WrittenPolicy {
    /// Where it begins.
    pub header: WrittenText,
    /// `match`; `None` where only `match_by` says which flows it is about.
    pub matches: Option<WrittenText>,
    /// `match_by`.
    pub by_source: Vec<(Source, WrittenText)>,
    /// `discard`, with those of the site behind its own.
    pub discards: Vec<WrittenText>,
    /// Thresholds, the lowest severity first.
    pub levels: Vec<(Severity, WrittenText)>,
    /// What the site calls the roles that exempt.
    pub roles: RoleNames,
    /// Its flows, where the site gives sources limits of their own; `None` for all.
    pub flows: Option<Typed>,
}

/// A string of a file.
#[derive(Clone, Debug)]
pub struct WrittenText {
    /// What it says.
    pub text: String,
    file: Arc<PolicyFile>,
    /// The string in the file, with its quotes.
    token: Range<usize>,
}

impl WrittenText {
    /// `text`, which stands as `token` in `file`.
    pub fn new(text: String, file: Arc<PolicyFile>, token: Range<usize>) -> Self {
        Self { text, file, token }
    }

    /// The path of the file.
    pub fn path(&self) -> &str {
        &self.file.path
    }

    /// The line in the file where it begins, from 1.
    pub fn line(&self) -> usize {
        self.line_of(&(0..0))
    }

    /// The line of a part of it, from 1.
    pub fn line_of(&self, part: &Range<usize>) -> usize {
        super::load::strings::line(&self.file.text, self.place(part).start)
    }

    /// A finding at a part of it; an empty one of an empty text is the whole string.
    pub fn finding(
        &self,
        part: &Range<usize>,
        of: impl FnOnce(Range<usize>) -> Diagnostic,
    ) -> Findings {
        let span = if self.text.is_empty() { self.token.clone() } else { self.place(part) };
        Findings::located(&self.file.path, &self.file.text, &[of(span)])
    }

    fn place(&self, part: &Range<usize>) -> Range<usize> {
        Places::of(&self.text, self.token.clone(), &self.file.text).of_part(part)
    }
}
