//! Policy files: text in, policies and every fault out.
//!
//! A file is TOML with `[[policy]]` tables, or JSON with Fusion's `traffic_detection_model` objects. Policies without a
//! fault are there even where others of their file have one; whether that is enough is for the caller to say.

mod fusion;
mod label;
mod raw;
mod replace;
mod resolve;
mod strings;
#[cfg(test)]
mod tests;
pub mod tuning;
mod written;

use std::{borrow::Cow, collections::BTreeMap};

use self::{
    raw::{RawFile, RawPolicy},
    replace::replace,
    strings::line,
    tuning::{Change, Layer, Prepared, Told, Tuning},
    written::{Words, Written, regions},
};
pub use super::file::PolicyFile;
use super::model::Policy;
use crate::{
    diagnostic::{Diagnostic, Findings, Severity},
    nql::lists::Lists,
    settings::{document, schema::Value as _},
};

/// What was read.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Policies without a fault, in the order of the files.
    pub policies: Vec<Policy>,
    /// What the site has changed, by policy.
    pub changes: BTreeMap<String, Vec<Change>>,
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
    load_tuned(files, lists, &Tuning::default())
}

/// Reads policies, which name lists of `lists`, with what a site changes of them.
pub fn load_tuned(files: &[PolicyFile], lists: &Lists, tuning: &Tuning) -> Loaded {
    let mut read: Vec<_> = files.iter().map(read).collect();
    let mut of_tuning = Vec::new();
    let prepared = {
        let written = read.iter().flat_map(|(written, _)| written);
        let names: Vec<&str> = written.filter_map(Written::name).collect();
        Prepared::new(tuning, &names, &mut of_tuning)
    };
    let mut loader = Loader {
        lists,
        tuning,
        prepared,
        names: BTreeMap::new(),
        told: Told::default(),
        loaded: Loaded::default(),
    };
    replace(&mut read);
    for (file, (written, faults)) in files.iter().zip(read) {
        let diagnostics = loader.file(file, written, faults);
        if !diagnostics.is_empty() {
            loader.loaded.faults.push(FileFaults { file: file.clone(), diagnostics });
        }
    }
    let Loader { told, mut loaded, .. } = loader;
    of_tuning.extend(told.diagnostics());
    of_tuning.sort_by_key(|fault| fault.span.start);
    if !of_tuning.is_empty() {
        let file = tuning.file.clone();
        loaded.faults.push(FileFaults { file, diagnostics: of_tuning });
    }
    loaded
}

struct Loader<'a> {
    lists: &'a Lists,
    tuning: &'a Tuning,
    prepared: Prepared<'a>,
    /// Names so far, and where they are.
    names: BTreeMap<String, String>,
    /// What is wrong with overrides.
    told: Told,
    loaded: Loaded,
}

impl Loader<'_> {
    /// Judges what was read of a file, and gives its faults.
    fn file(
        &mut self,
        file: &PolicyFile,
        written: Vec<Written>,
        mut faults: Vec<Diagnostic>,
    ) -> Vec<Diagnostic> {
        let is_tuned =
            |written: &Written| written.name().is_some_and(|name| self.prepared.names(name));
        // Places behind the file are places in that of the site.
        let base = file.text.len() + 1;
        let text = match written.iter().any(is_tuned) {
            true => Cow::from(format!("{}\n{}", file.text, self.tuning.file.text)),
            false => Cow::from(&file.text),
        };
        let mut found = Vec::new();
        let mut more = Vec::new();
        for Written { mut policy, region, words } in written {
            let mut of_policy = Vec::new();
            let changes = self.tune(&mut policy, &text, base, &mut of_policy);
            let faults = &mut of_policy;
            let mut resolver = resolve::Resolver { text: &text, lists: self.lists, words, faults };
            let policy = resolver.policy(&policy, &region);
            let name =
                policy.as_ref().map(|policy| policy.summary.name.clone()).unwrap_or_default();
            if policy.is_some() {
                let place = format!("{}:{}", file.path, line(&file.text, region.start));
                match self.names.get(&name) {
                    Some(first) => resolver.duplicate(&name, first, &region),
                    None => _ = self.names.insert(name.clone(), place),
                }
            }
            let (own, site): (Vec<_>, Vec<_>) =
                of_policy.into_iter().partition(|fault| fault.span.start < base);
            let sound = site.iter().all(|fault| fault.severity != Severity::Error);
            for fault in site {
                let span = fault.span.start - base..fault.span.end - base;
                self.told.add(Diagnostic { span, ..fault }, &name);
            }
            more.extend(own);
            if sound {
                found.extend(policy.map(|policy| (policy, changes, region)));
            }
        }
        document::add_to_sound_lines(&mut faults, more, &file.text);
        for (policy, changes, region) in found {
            let is_inside = |fault: &&Diagnostic| region.contains(&fault.span.start);
            if faults.iter().filter(is_inside).all(|fault| fault.severity != Severity::Error) {
                if !changes.is_empty() {
                    self.loaded.changes.insert(policy.summary.name.clone(), changes);
                }
                self.loaded.policies.push(policy);
            }
        }
        faults
    }

    /// Lays what the site changes over a policy; `text` is that of its file, with that of the site from `base` on.
    fn tune(
        &self,
        policy: &mut RawPolicy,
        text: &str,
        base: usize,
        faults: &mut Vec<Diagnostic>,
    ) -> Vec<Change> {
        let Some(name) = policy.name.value.clone() else { return Vec::new() };
        let file = &self.tuning.file.path;
        let mut layer = Layer { text, base, file, faults, changes: Vec::new() };
        if let Some((enabled, glob)) = self.prepared.enabled(&name) {
            layer.enable(policy, enabled, glob);
        }
        self.prepared.overrides(&name).for_each(|over| layer.lay(policy, over));
        layer.changes
    }
}

/// The policies of a file as they are written, and the faults of their form.
fn read(file: &PolicyFile) -> (Vec<Written>, Vec<Diagnostic>) {
    if file.path.ends_with(".json") { fusion::read(&file.text) } else { read_toml(&file.text) }
}

fn read_toml(text: &str) -> (Vec<Written>, Vec<Diagnostic>) {
    let (document, mut faults) = document::parse(text);
    let mut of_form = Vec::new();
    let raw = document.and_then(|document| RawFile::read(&document, "", &mut of_form));
    document::add_to_sound_lines(&mut faults, of_form, text);
    let policies = raw.map(|raw| raw.policy.value).unwrap_or_default();
    (regions(policies, text.len(), &TOML_WORDS), faults)
}
