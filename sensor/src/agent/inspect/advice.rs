//! What a configuration has without a fault, and probably not on purpose: policies that can never match, hits that nobody
//! sees, outputs that select no policy.
//!
//! `sensor check` and `sensor policy check --config` say so. A run does not: a site may fill in lists and labels later.

use std::{collections::BTreeMap, sync::Arc};

use sensor_core::{
    diagnostic::{Diagnostic, Finding, Findings},
    enrich::{sources::Sources, statement::Fact},
    policy::{
        lacks::{self, Lack, Site},
        model::Policy,
    },
    settings::schema::{Origin, Setting},
};

use crate::agent::config::{Config, faults::Faults};

/// Policies that a message names.
const NAMED: usize = 5;

/// All of it; `policies` are those that are enabled.
pub fn advice(config: &Config, sources: &Sources, policies: &[Arc<Policy>]) -> Findings {
    let mut advice = never(&site(config, sources, policies), policies);
    let gives_hits = |policy: &Arc<Policy>| policy.label.is_none();
    let is_told = !config.hits.outputs.is_empty() || config.hits.ipfix.is_some();
    if !is_told && policies.iter().any(gives_hits) {
        let help = "add a [[hits]] block, such as url = \"journald\", or run with --print hits";
        advice.push(Finding::warning("no output: no hit of these policies will be written", help));
    }
    let file = selections(config, policies);
    advice.extend(config.written.findings(&Faults { file, flags: Vec::new() }));
    advice
}

fn site(config: &Config, sources: &Sources, policies: &[Arc<Policy>]) -> Site {
    let in_files = sources.statements.iter().filter_map(|statement| match statement.fact {
        Fact::Label(context, _) => Some(sources.texts.get(context).to_lowercase()),
        _ => None,
    });
    let by_policies =
        policies.iter().filter_map(|policy| Some(policy.label.as_ref()?.context.clone()));
    Site {
        contexts: in_files.chain(by_policies).collect(),
        has_databases: !sources.databases.is_empty(),
        has_reputation: !config.context.reputation.is_empty(),
    }
}

/// Policies that can never match, by the reason.
fn never(site: &Site, policies: &[Arc<Policy>]) -> Findings {
    let mut by_lack: BTreeMap<Lack, Vec<&str>> = BTreeMap::new();
    for policy in policies {
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
    };
    let shown = names.iter().take(NAMED).map(|name| format!("`{name}`"));
    let mut shown = shown.collect::<Vec<_>>().join(", ");
    if names.len() > NAMED {
        shown = format!("{shown} and {} more", names.len() - NAMED);
    }
    Finding::warning(format!("{shown} can never match: {reason}"), help)
}

/// Globs of outputs that no enabled policy is named by.
fn selections(config: &Config, policies: &[Arc<Policy>]) -> Vec<Diagnostic> {
    let hits = config.written.sections.hits.value.iter();
    let globs = hits.flat_map(|hits| hits.value.policies.value.iter().flatten());
    globs.filter_map(|glob| names_nothing(glob, policies)).collect()
}

fn names_nothing(glob: &Setting<String>, policies: &[Arc<Policy>]) -> Option<Diagnostic> {
    let matcher = globset::Glob::new(&glob.value).ok()?.compile_matcher();
    if policies.iter().any(|policy| matcher.is_match(&policy.summary.name)) {
        return None;
    }
    let Origin::File(span) = &glob.origin else { return None };
    let message = format!("no enabled policy is named `{}`", glob.value);
    Some(Diagnostic::warning(message, span.clone()).label("this selects no hit"))
}
