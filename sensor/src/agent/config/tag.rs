//! `[[tag]]`: names that flows get, and which flows get them.
//!
//! A query may name lists, which are read when the agent starts and at each reload. So `resolve` judges everything but
//! that, and [`compile`] the query with the lists as they are then.

use std::ops::Range;

use sensor_core::{
    diagnostic::{Diagnostic, Severity},
    nql::{Filter, Options, codes, lists::Lists},
    policy::tags::TagRule,
    settings::schema::{Key, Origin, Setting, Table, Value, table},
};

use super::faults::Faults;

table! {
    /// `[[tag]]`
    Tag {
        /// The tag.
        name: Option<String> = None;
        /// NQL; flows that fulfil it get the tag. It may name the lists that policies may name.
        matches as "match": Option<String> = None;
    }
}

/// A tag, and the query of the flows that get it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagConfig {
    /// The tag.
    pub name: String,
    /// The query; what it may have wrong are names of lists.
    pub query: String,
    /// Where the query is written.
    origin: Origin,
}

/// Judges the rules.
pub(super) fn resolve(rules: &[Setting<Tag>], faults: &mut Faults) -> Vec<TagConfig> {
    let mut known = Vec::with_capacity(rules.len());
    for rule in rules {
        let Tag { name, matches: query } = &rule.value;
        for (key, setting) in [("name", name), ("match", query)] {
            if setting.value.is_none() && !setting.is_given() {
                faults.report(rule, "tag", &format!("needs a `{key}`"), "there is none");
            }
        }
        if name.value.as_ref().is_some_and(|name| name.trim().is_empty()) {
            faults.report(name, "tag.name", "must be a name", "this is empty");
        }
        let Some(text) = &query.value else { continue };
        let name = name.value.clone().unwrap_or_default();
        let tag = TagConfig { name, query: text.clone(), origin: query.origin.clone() };
        let found = tag.compile(&Lists::default()).err().unwrap_or_default();
        let unknown_list = Some(codes::UNKNOWN_LIST.code);
        faults.file.extend(found.into_iter().filter(|fault| fault.code != unknown_list));
        known.push(tag);
    }
    known
}

/// The rules of tags, whose queries may name `lists`, and warnings of the queries.
///
/// # Errors
/// All faults, at their places in the file.
pub fn compile(
    tags: &[TagConfig],
    lists: &Lists,
) -> Result<(Vec<TagRule>, Vec<Diagnostic>), Vec<Diagnostic>> {
    let (mut faults, mut warnings) = (Vec::new(), Vec::new());
    let mut rules = Vec::with_capacity(tags.len());
    for tag in tags {
        match tag.compile(lists) {
            Ok((rule, told)) => {
                rules.push(rule);
                warnings.extend(told);
            }
            Err(found) => faults.extend(found),
        }
    }
    if faults.is_empty() { Ok((rules, warnings)) } else { Err(faults) }
}

impl TagConfig {
    fn compile(&self, lists: &Lists) -> Result<(TagRule, Vec<Diagnostic>), Vec<Diagnostic>> {
        match Filter::compile(&self.query, &Options::new(lists)) {
            Ok(Filter { typed, warnings }) => {
                let rule = TagRule { name: self.name.clone(), query: typed };
                Ok((rule, warnings.into_iter().map(|told| self.in_file(told)).collect()))
            }
            Err(found) => {
                let errors = found.into_iter().filter(|fault| fault.severity == Severity::Error);
                Err(errors.map(|fault| self.in_file(fault)).collect())
            }
        }
    }

    /// A fault of the query, at its place in the file. Where the string is written with escapes, that is the string.
    fn in_file(&self, fault: Diagnostic) -> Diagnostic {
        let Origin::File(written) = &self.origin else { return fault };
        let span = match written.len() - self.query.len() {
            // Within quotes, or within three of them.
            quotes @ (2 | 6) => {
                let start = written.start + quotes / 2;
                Range { start: start + fault.span.start, end: start + fault.span.end }
            }
            _ => written.clone(),
        };
        fault.moved(span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::config::{from_text, overrides::Overrides};
    use sensor_core::{diagnostic::render, nql::lists::ListValues};

    #[test]
    fn queries_may_name_lists_that_are_there_when_they_are_compiled() {
        let text = "[[tag]]\nname = 'web'\nmatch = 'dstport in $ports'\n\
                    [[tag]]\nname = 'own'\nmatch = '''srcip in $own'''\n";
        let config = from_text(text, &Overrides::default()).expect("nothing else is wrong");
        let mut lists = Lists::default();
        lists.set("ports", ListValues::parse("443"));
        let faults = compile(&config.context.tags, &lists).expect_err("a list is missing");
        let expected = "\
error[N211]: unknown list `own`
 --> f:6:21
  |
6 | match = '''srcip in $own'''
  |                     ^^^^
";
        let shown = render("f", text, &faults);
        assert_eq!(shown, expected, "shown:\n{shown}");
        lists.set("own", ListValues::parse("10.0.0.0/8"));
        let (rules, warnings) = compile(&config.context.tags, &lists).expect("all lists are there");
        assert_eq!(warnings, []);
        assert_eq!(rules.iter().map(|rule| rule.name.as_str()).collect::<Vec<_>>(), ["web", "own"]);
        // As if somebody were still writing it.
        lists.set("own", ListValues::parse("10.0.0.0/8\n192.0."));
        let (_, warnings) = compile(&config.context.tags, &lists).expect("it may mean something");
        let expected = "\
warning[N502]: 1 of the 2 values of `$own` are not valid for `srcip`
 --> f:6:21
  |
6 | match = '''srcip in $own'''
  |                     ^^^^
";
        let shown = render("f", text, &warnings);
        assert_eq!(shown, expected, "shown:\n{shown}");
    }
}
