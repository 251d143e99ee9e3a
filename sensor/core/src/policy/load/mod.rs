//! Policy files: text in, policies and every fault out.
//!
//! A file is TOML with `[[policy]]` tables, or JSON with Fusion's `traffic_detection_model` objects. Policies without a
//! fault are there even where others of their file have one; whether that is enough is for the caller to say.

mod by_source;
mod fusion;
mod label;
mod places;
mod raw;
mod replace;
mod resolve;
pub(super) mod strings;
#[cfg(test)]
mod tests;
pub mod tuning;
mod written;

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::Arc,
};

use self::{
    places::Placed,
    raw::{RawFile, RawPolicy},
    replace::replace,
    strings::line,
    tuning::{Change, Laid, Layer, Prepared, Told, Tuning, Variant},
    written::{Words, Written, regions},
};
pub use super::file::PolicyFile;
use super::{exempt, model::Policy, written::WrittenPolicy};
use crate::{
    diagnostic::{Diagnostic, Findings, Severity},
    flow::labels::ROLE,
    nql::lists::Lists,
    settings::{document, schema::Value as _},
};

/// What was read.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Policies without a fault, in the order of the files.
    pub policies: Vec<Policy>,
    /// Where each of them stands, in the same order.
    pub written: Vec<WrittenPolicy>,
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
    /// The policies, each once: without those that are for flows of one source.
    pub fn by_name(&self) -> impl Iterator<Item = &Policy> {
        self.policies.iter().filter(|policy| policy.source.is_none())
    }

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
        roles: UsedRoles::default(),
        loaded: Loaded::default(),
    };
    replace(&mut read);
    for (file, (written, faults)) in files.iter().zip(read) {
        let diagnostics = loader.file(file, written, faults);
        if !diagnostics.is_empty() {
            loader.loaded.faults.push(FileFaults { file: file.clone(), diagnostics });
        }
    }
    let Loader { told, roles, mut loaded, .. } = loader;
    of_tuning.extend(told.diagnostics());
    of_tuning.extend(tuning::unused_roles(tuning, &roles.places, &roles.known));
    of_tuning.sort_by_key(|fault| fault.span.start);
    if !of_tuning.is_empty() {
        for (path, text, diagnostics) in tuning.files.by_file(of_tuning) {
            let file = PolicyFile { path: path.to_owned(), text: text.to_owned() };
            loaded.faults.push(FileFaults { file, diagnostics });
        }
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
    roles: UsedRoles,
    loaded: Loaded,
}

/// Roles that exempt from some policy.
#[derive(Default)]
struct UsedRoles {
    /// Those that overrides name: where, in the file of the site.
    places: BTreeSet<usize>,
    known: BTreeSet<String>,
}

/// A policy that was found without a fault of its own.
struct Sound {
    policy: Policy,
    written: WrittenPolicy,
    changes: Vec<Change>,
    region: Range<usize>,
}

impl<'a> Loader<'a> {
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
            true => Cow::from(format!("{}\n{}", file.text, self.tuning.files.text())),
            false => Cow::from(&file.text),
        };
        let mut found = Vec::new();
        let mut more = Vec::new();
        let own_file = Arc::new(file.clone());
        for Written { policy: raw, region, words } in written {
            let expects = self.expects(&raw);
            let variants = self.variants(raw.name.value.as_deref(), expects);
            let first = found.len();
            for variant in variants {
                let mut raw = raw.clone();
                let mut of_policy = Vec::new();
                let laid = self.tune(&mut raw, variant.name(), &text, base, &mut of_policy);
                let faults = &mut of_policy;
                let mut resolver =
                    resolve::Resolver { text: &text, lists: self.lists, words, faults };
                let mut policy = resolver.policy(&raw, &region);
                let name =
                    policy.as_ref().map(|policy| policy.summary.name.clone()).unwrap_or_default();
                if policy.is_some() && variant.source.is_none() {
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
                    self.told.add(fault.moved(span), &name);
                }
                if expects && variant.source.is_none() {
                    for source in self.prepared.without_keys(&name) {
                        let message = "the policy has `expect`: say which of its keys are those of this source";
                        let fault = Diagnostic::error(message, raw::place(source));
                        let help = "add `expect` to the override; these keys are no longer expected of other sources";
                        self.told.add(fault.help(help), &name);
                    }
                }
                // The policy itself has told its own already.
                if variant.source.is_none() {
                    more.extend(own);
                }
                if let Some(policy) = &mut policy {
                    self.name_roles(policy, &laid);
                    policy.source = variant.name().map(str::to_owned);
                    variant.flows.iter().for_each(|flows| policy.search.restrict(flows));
                }
                let mut changes = laid.changes;
                changes.retain(|change| change.source.is_some() || variant.source.is_none());
                let place = Placed { own: &own_file, site: &self.tuning.files, base };
                if let Some(policy) = policy.filter(|_| sound) {
                    let written = place.policy(&raw, &region, laid.roles, variant.flows);
                    found.push(Sound { policy, written, changes, region: region.clone() });
                }
            }
            part_keys(&mut found[first..]);
        }
        document::add_to_sound_lines(&mut faults, more, &file.text);
        for Sound { policy, written, changes, region } in found {
            let is_inside = |fault: &&Diagnostic| region.contains(&fault.span.start);
            if faults.iter().filter(is_inside).all(|fault| fault.severity != Severity::Error) {
                if !changes.is_empty() {
                    let known = self.loaded.changes.entry(policy.summary.name.clone());
                    known.or_default().extend(changes);
                }
                self.loaded.policies.push(policy);
                self.loaded.written.push(written);
            }
        }
        faults
    }

    /// The policy itself, and those of its name for flows of sources that the site gives limits of their own.
    fn variants(&self, name: Option<&str>, expects: bool) -> Vec<Variant<'a>> {
        let itself = || vec![Variant { source: None, flows: None }];
        name.map_or_else(itself, |name| self.prepared.variants(name, expects))
    }

    /// Whether the silence of keys matters to a policy, by its file or by what the site changes of it.
    fn expects(&self, policy: &RawPolicy) -> bool {
        let name = policy.name.value.as_deref().unwrap_or_default();
        let mut laid = self.prepared.overrides(name, None);
        !policy.expect.value.is_empty() || laid.any(|over| over.expect.is_given())
    }

    /// Gives the roles that exempt from a policy the labels of the site.
    fn name_roles(&mut self, policy: &mut Policy, laid: &Laid) {
        self.roles.known.extend(exempt::by_label(policy, ROLE));
        policy.search.for_each(&mut |query| {
            let used = exempt::rename(query, &laid.roles, false);
            let places = laid.roles_at.iter().filter(|(role, _)| used.contains(role));
            self.roles.places.extend(places.map(|(_, at)| *at));
        });
    }

    /// Lays what the site changes over a policy, for flows of `source`; `text` is that of its file, with that of the site from
    /// `base` on.
    fn tune(
        &self,
        policy: &mut RawPolicy,
        source: Option<&str>,
        text: &str,
        base: usize,
        faults: &mut Vec<Diagnostic>,
    ) -> Laid {
        let Some(name) = policy.name.value.clone() else { return Laid::default() };
        let files = &self.tuning.files;
        let mut layer = Layer { text, base, files, faults, laid: Laid::default(), source: None };
        if let Some((enabled, glob)) = self.prepared.enabled(&name) {
            layer.enable(policy, enabled, glob);
        }
        self.prepared.overrides(&name, source).for_each(|over| layer.lay(policy, over));
        layer.laid
    }
}

/// Takes keys that are expected of a source with limits of its own from those that are expected of all others: none of their
/// flows come there.
fn part_keys(of_name: &mut [Sound]) {
    let Some((itself, of_sources)) = of_name.split_first_mut() else { return };
    let moved: Vec<_> = of_sources.iter().flat_map(|sound| &sound.policy.expect).collect();
    if itself.policy.source.is_none() {
        itself.policy.expect.retain(|key| !moved.contains(&key));
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
