//! Policy files: text in, policies and every fault out.
//!
//! A file is TOML with `[[policy]]` tables, or JSON with Fusion's `traffic_detection_model` objects. Policies without a
//! fault are there even where others of their file have one; whether that is enough is for the caller to say.

mod fusion;
mod raw;
mod resolve;
mod strings;
#[cfg(test)]
mod tests;
mod written;

use std::{collections::BTreeMap, ops::Range};

use self::{
    raw::RawFile,
    written::{Words, Written, regions},
};
use super::model::Policy;
use crate::{
    diagnostic::{Diagnostic, Findings, Severity},
    nql::lists::Lists,
    settings::{document, schema::Value as _},
};

/// A file of policies; a name that ends in `.json` makes it JSON.
#[derive(Clone, Debug)]
pub struct PolicyFile {
    /// For messages.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// What was read.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Policies without a fault, in the order of the files.
    pub policies: Vec<Policy>,
    /// Faults and warnings of each file that has some.
    pub faults: Vec<FileFaults>,
}

/// The faults of one file.
#[derive(Debug)]
pub struct FileFaults {
    /// The file.
    pub file: PolicyFile,
    /// Faults and warnings, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

impl Loaded {
    /// Number of faults; warnings do not count.
    pub fn errors(&self) -> usize {
        let all = self.faults.iter().flat_map(|file| &file.diagnostics);
        all.filter(|fault| fault.severity == Severity::Error).count()
    }

    /// All faults and warnings with their places.
    pub fn findings(&self) -> Findings {
        let of = |FileFaults { file, diagnostics }: &FileFaults| {
            Findings::located(&file.path, &file.text, diagnostics)
        };
        self.faults.iter().flat_map(of).collect()
    }

    /// The same for people, over several lines; empty without any.
    pub fn report(&self) -> String {
        self.findings().to_string()
    }
}

const TOML_WORDS: Words =
    Words { matches: "match", window: "window", update: "update", severity: "severity" };

/// Reads policies, which name lists of `lists`.
pub fn load(files: &[PolicyFile], lists: &Lists) -> Loaded {
    let mut loaded = Loaded::default();
    let mut names = BTreeMap::new();
    for file in files {
        let diagnostics = load_file(file, lists, &mut names, &mut loaded.policies);
        if !diagnostics.is_empty() {
            loaded.faults.push(FileFaults { file: file.clone(), diagnostics });
        }
    }
    loaded
}

fn load_file(
    file: &PolicyFile,
    lists: &Lists,
    names: &mut BTreeMap<String, String>,
    policies: &mut Vec<Policy>,
) -> Vec<Diagnostic> {
    let (written, mut faults) =
        if file.path.ends_with(".json") { fusion::read(&file.text) } else { read_toml(&file.text) };
    let mut found = Vec::new();
    let mut more = Vec::new();
    for Written { policy, region, words } in &written {
        let mut resolver = resolve::Resolver { text: &file.text, lists, words, faults: &mut more };
        let policy = resolver.policy(policy, region);
        if let Some(name) = policy.as_ref().map(|policy| policy.summary.name.clone()) {
            let place = format!("{}:{}", file.path, line(&file.text, region.start));
            match names.get(&name) {
                Some(first) => resolver.duplicate(&name, first, region),
                None => _ = names.insert(name, place),
            }
        }
        found.push((policy, region.clone()));
    }
    document::add_to_sound_lines(&mut faults, more, &file.text);
    let sound = |region: &Range<usize>| {
        !faults
            .iter()
            .any(|fault| fault.severity == Severity::Error && region.contains(&fault.span.start))
    };
    policies.extend(found.into_iter().filter(|(_, region)| sound(region)).filter_map(|(p, _)| p));
    faults
}

fn line(text: &str, at: usize) -> usize {
    text[..text.floor_char_boundary(at)].matches('\n').count() + 1
}

fn read_toml(text: &str) -> (Vec<Written>, Vec<Diagnostic>) {
    let (document, mut faults) = document::parse(text);
    let mut of_form = Vec::new();
    let raw = document.and_then(|document| RawFile::read(&document, "", &mut of_form));
    document::add_to_sound_lines(&mut faults, of_form, text);
    let policies = raw.map(|raw| raw.policy.value).unwrap_or_default();
    (regions(policies, text.len(), &TOML_WORDS), faults)
}
