//! What a configuration has without a fault, and probably not on purpose: policies that can never match, hits that nobody
//! sees, outputs that select no policy.
//!
//! `sensor check` and `sensor policy check --config` say so. A run does not: a site may fill in lists and labels later.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use sensor_core::{
    diagnostic::{Diagnostic, Finding, Findings, nearest},
    enrich::{sources::Sources, statement::Fact},
    flow::batch::Source,
    policy::{
        alert::Severity,
        lacks::{self, Lack, Site, Values},
        model::Policy,
    },
    settings::schema::{Origin, Setting},
};

use crate::agent::config::{Config, faults::Faults, hits::Hits};

/// Policies that a message names.
const NAMED: usize = 5;

/// All of it; `policies` are those that are enabled.
pub fn advice(config: &Config, sources: &Sources, policies: &[Arc<Policy>]) -> Findings {
    let mut advice = never(&site(config, sources, policies), policies);
    let is_told = !config.hits.outputs.is_empty()
        || config.hits.ipfix.is_some()
        || config.console.is_some()
        || config.store.as_ref().is_some_and(|store| store.hits.is_some());
    if !is_told && policies.iter().any(|policy| gives_hits(&policy)) {
        let help = "add a [[hits]] block, such as url = \"journald\", or run with --print hits";
        advice.push(Finding::warning("no output: no hit of these policies will be written", help));
    }
    if let Some(finding) = pins(config) {
        advice.push(finding);
    }
    let mut file = selections(config, policies);
    file.extend(unknown_sources(config));
    advice.extend(config.written.findings(&Faults { file, flags: Vec::new() }));
    advice
}

/// Pins that cannot be had on this host. A run does without them, and says so as well.
fn pins(config: &Config) -> Option<Finding> {
    let capture = &config.capture;
    let wanted = capture.pins.keep && !capture.interfaces.is_empty();
    let error = wanted.then(|| sensor_kernel::pins::check(&capture.pins.path))?.err()?;
    let help = "until then, packets between the end of a sensor and the next start are not counted";
    Some(Finding::warning(format!("`capture.pin` has no effect: {error}"), help))
}

fn site(config: &Config, sources: &Sources, policies: &[Arc<Policy>]) -> Site {
    let tags = config.context.tags.iter().map(|tag| tag.name.clone());
    let devices = config.written.sections.device.value.iter();
    let of_devices = devices.flat_map(|device| device.value.tags.value.iter());
    Site {
        contexts: contexts(sources, policies),
        has_databases: !sources.databases.is_empty(),
        has_reputation: !config.context.reputation.is_empty(),
        has_devices: !config.intake.listeners.is_empty(),
        tags: tags.chain(of_devices.map(|tag| tag.value.clone())).collect(),
    }
}

/// The contexts of all labels, and their values as far as they are known beforehand.
fn contexts(sources: &Sources, policies: &[Arc<Policy>]) -> BTreeMap<String, Values> {
    let mut contexts = BTreeMap::new();
    for statement in &sources.statements {
        let Fact::Label(context, value) = statement.fact else { continue };
        let context = sources.texts.get(context).to_lowercase();
        let values = contexts.entry(context).or_insert_with(|| Values::These(BTreeSet::new()));
        if let Values::These(values) = values {
            values.insert(sources.texts.get(value).to_owned());
        }
    }
    let by_policies = policies.iter().filter_map(|policy| policy.label.as_ref());
    contexts.extend(by_policies.map(|label| (label.context.clone(), Values::Any)));
    contexts
}

/// Policies that can never match, by the reason.
fn never(site: &Site, policies: &[Arc<Policy>]) -> Findings {
    let mut by_lack: BTreeMap<Lack, Vec<&str>> = BTreeMap::new();
    // Those for flows of a source lack the same.
    for policy in policies.iter().filter(|policy| policy.source.is_none()) {
        if let Some(lack) = lacks::of_policy(policy, site) {
            by_lack.entry(lack).or_default().push(&policy.summary.name);
        }
    }
    by_lack.into_iter().map(|(lack, names)| warning(&lack, &names)).collect()
}

fn warning(lack: &Lack, names: &[&str]) -> Finding {
    let (reason, help) = match lack {
        Lack::Context(context) => (
            format!("nothing sets labels of the context `{context}`"),
            "add them to a file of [labels], or disable these policies",
        ),
        Lack::Label(context, values) => (
            format!("no label of the context `{context}` is {}", any_of(values)),
            "correct the value or add it to a file of [labels], or disable these policies",
        ),
        Lack::Tags(tags) => (
            format!("no flow gets the tag {}", any_of(tags)),
            "correct the name or add a [[tag]] block, or disable these policies",
        ),
        Lack::Databases => (
            "there is no database of countries or AS".to_owned(),
            "name databases under [geo], or disable these policies",
        ),
        Lack::Reputation => (
            "there is no list of reputation".to_owned(),
            "add a [[reputation]] block, or disable these policies",
        ),
        Lack::List(list) => (
            format!("the list `{list}` has no value that these queries can use"),
            "fill the list, or disable these policies",
        ),
        Lack::Devices(field) => (
            format!("only devices tell `{field}`, and none sends flows here"),
            "add a [[listen]] block, or disable these policies",
        ),
        Lack::Value(field) => {
            (format!("no value of `{field}` fulfils all that is asked of it"), "correct the query")
        }
    };
    let shown = names.iter().take(NAMED).map(|name| format!("`{name}`"));
    let mut shown = shown.collect::<Vec<_>>().join(", ");
    if names.len() > NAMED {
        shown = format!("{shown} and {} more", names.len() - NAMED);
    }
    Finding::warning(format!("{shown} can never match: {reason}"), help)
}

/// `a`, `a` or `b`, and so on.
fn any_of(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ")
}

/// Sources of overrides that look like a kind of source, or the name of a device, and are neither. Whatever is not a kind or an
/// address is taken for a name, and files and cloud logs bring names that the configuration does not have.
fn unknown_sources(config: &Config) -> Vec<Diagnostic> {
    let sections = &config.written.sections;
    let names = sections.device.value.iter().map(|device| device.value.name.value.as_str());
    let mut known: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
    Source::ALL.into_iter().for_each(|kind| known.push(kind.name()));
    let written = sections.policies.value.overrides.value.iter().map(|over| &over.value.source);
    let of_source = |source: &Setting<Option<String>>| {
        let text = source.value.as_deref().filter(|text| !text.contains(['*', '?', '[', '{']))?;
        let Origin::File(span) = &source.origin else { return None };
        let near = nearest(text, known.iter().copied()).filter(|_| !known.contains(&text))?;
        let fault =
            Diagnostic::warning(format!("no source is known by the name `{text}`"), span.clone());
        Some(fault.label(format!("did you mean `{near}`?")))
    };
    written.filter_map(of_source).collect()
}

/// What outputs select and no enabled policy gives: names, and severities.
fn selections(config: &Config, policies: &[Arc<Policy>]) -> Vec<Diagnostic> {
    let outputs = config.written.sections.hits.value.iter().map(|hits| &hits.value);
    let of_output = |hits: &Hits| {
        let globs = hits.policies.value.iter().flatten();
        let mut found: Vec<_> = globs.filter_map(|glob| names_nothing(glob, policies)).collect();
        found.extend(too_severe(hits, policies));
        found
    };
    outputs.flat_map(of_output).collect()
}

fn names_nothing(glob: &Setting<String>, policies: &[Arc<Policy>]) -> Option<Diagnostic> {
    if policies.iter().any(|policy| is_named(policy, glob)) {
        return None;
    }
    let Origin::File(span) = &glob.origin else { return None };
    let message = format!("no enabled policy is named `{}`", glob.value);
    Some(Diagnostic::warning(message, span.clone()).label("this selects no hit"))
}

/// An output of hits that are more severe than any that the policies give which it names.
fn too_severe(hits: &Hits, policies: &[Arc<Policy>]) -> Option<Diagnostic> {
    let name = &hits.severity.value;
    let least = Severity::ALL.into_iter().find(|severity| severity.name() == *name)?;
    let globs = hits.policies.value.as_ref();
    let is_selected = |policy: &&Arc<Policy>| {
        globs.is_none_or(|globs| globs.iter().any(|glob| is_named(policy, glob)))
    };
    let mut selected = policies.iter().filter(gives_hits).filter(is_selected).peekable();
    let Origin::File(span) = &hits.severity.origin else { return None };
    if selected.peek().is_none() || selected.any(|policy| highest(policy) >= least) {
        return None;
    }
    let message = format!("no policy that this output selects reaches the severity `{name}`");
    Some(Diagnostic::warning(message, span.clone()).label("this selects no hit"))
}

fn is_named(policy: &Policy, glob: &Setting<String>) -> bool {
    let glob = globset::Glob::new(&glob.value);
    glob.is_ok_and(|glob| glob.compile_matcher().is_match(&policy.summary.name))
}

fn gives_hits(policy: &&Arc<Policy>) -> bool {
    policy.gives_events()
}

/// The highest severity of a policy's events.
fn highest(policy: &Policy) -> Severity {
    policy.levels.last().map_or(policy.severity, |level| level.severity)
}
