//! Patterns, the right side of `=~` and `!~`: wildcards, regular expressions and fuzzy words.
//!
//! All run in time linear in the value. Wildcards and regular expressions become a finite automaton (the `regex` crate,
//! whose size is bounded); fuzzy words compute a band of the edit-distance table.

use std::hash::{Hash, Hasher};

use regex::{Regex, RegexBuilder};

mod error;
mod fuzzy;
mod interval;
mod lucene;
mod wildcard;

use super::limits::Limits;

pub use error::{PatternError, PatternErrorKind};

/// A compiled pattern. Equal patterns have the same text and treat case alike.
#[derive(Clone, Debug)]
pub struct Pattern {
    source: Source,
    ignore_case: bool,
    matcher: Matcher,
}

/// A pattern as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// Without slashes: `*`, `?`, `<1-100>`, and `~` or `~2` at the end.
    Wildcard(String),
    /// Between slashes: the Lucene dialect of regular expressions.
    Regex(String),
}

/// What a pattern comes down to, for whoever matches elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form<'p> {
    /// The whole value is this text; it is in lower case where case does not count.
    Text(&'p str),
    /// The value matches this regular expression of the crate `regex`, which says itself where it is bound.
    Regex(&'p str),
    /// The value is at most so many edits away from these characters, which are in lower case where case does not count.
    Fuzzy(&'p [char], usize),
}

#[derive(Clone, Debug)]
enum Matcher {
    /// Whole value; folded when case does not count.
    Text(String),
    Automaton(Regex),
    Fuzzy(fuzzy::Word),
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// Says what is wrong with the text and what would be right.
    pub fn compile(
        source: Source,
        ignore_case: bool,
        limits: &Limits,
    ) -> Result<Self, PatternError> {
        let matcher = match &source {
            Source::Regex(text) => automaton(&lucene::translate(text)?, ignore_case, limits)?,
            Source::Wildcard(text) => match wildcard::parse(text)? {
                wildcard::Parsed::Text(text) if ignore_case => {
                    Matcher::Text(text.to_ascii_lowercase())
                }
                wildcard::Parsed::Text(text) => Matcher::Text(text),
                wildcard::Parsed::Regex(regex) => automaton(&regex, ignore_case, limits)?,
                wildcard::Parsed::Fuzzy { word, distance, at } => {
                    if distance.is_some_and(|distance| distance > limits.fuzzy_distance) {
                        return Err(PatternError {
                            span: at..text.len(),
                            kind: PatternErrorKind::TooFuzzy,
                            help: format!(
                                "at most `~{}`; `~` alone picks the distance by the length",
                                limits.fuzzy_distance
                            ),
                        });
                    }
                    Matcher::Fuzzy(fuzzy::Word::new(&word, distance, ignore_case))
                }
            },
        };
        Ok(Self { source, ignore_case, matcher })
    }

    /// True when `text` as a whole matches; a regular expression with an anchor of its own is bound only there.
    pub fn matches(&self, text: &str) -> bool {
        match &self.matcher {
            Matcher::Text(own) if self.ignore_case => own.eq_ignore_ascii_case(text),
            Matcher::Text(own) => own == text,
            Matcher::Automaton(regex) => regex.is_match(text),
            Matcher::Fuzzy(word) => word.matches(text),
        }
    }

    /// What it comes down to.
    pub fn form(&self) -> Form<'_> {
        match &self.matcher {
            Matcher::Text(text) => Form::Text(text),
            Matcher::Automaton(regex) => Form::Regex(regex.as_str()),
            Matcher::Fuzzy(word) => Form::Fuzzy(word.characters(), word.distance()),
        }
    }

    /// True when case does not count.
    pub fn ignores_case(&self) -> bool {
        self.ignore_case
    }

    /// As it was written.
    pub fn source(&self) -> &Source {
        &self.source
    }
}

fn automaton(regex: &str, ignore_case: bool, limits: &Limits) -> Result<Matcher, PatternError> {
    let built = RegexBuilder::new(regex)
        .case_insensitive(ignore_case)
        .size_limit(limits.regex_bytes)
        .dfa_size_limit(limits.regex_bytes)
        .build();
    built.map(Matcher::Automaton).map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => PatternError {
            span: 0..usize::MAX,
            kind: PatternErrorKind::TooLarge,
            help: "repeat less, or use a smaller interval".to_owned(),
        },
        error => {
            // The crate's message shows the translated text over several lines; its last line says what is wrong.
            let message = error.to_string();
            let last = message.lines().last().unwrap_or_default();
            let reason = last.trim_start_matches("error: ").to_owned();
            PatternError::syntax(0..usize::MAX, reason, "see patterns in sensor/docs/nql.md")
        }
    })
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source && self.ignore_case == other.ignore_case
    }
}

impl Eq for Pattern {}

impl Hash for Pattern {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.source.hash(state);
        self.ignore_case.hash(state);
    }
}
