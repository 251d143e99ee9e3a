//! `sensor policy explain`: what a policy comes to.

use std::collections::BTreeSet;

use sensor_core::{
    diagnostic::Theme,
    nql::{
        columns::{self, Program},
        typed::Typed,
    },
    policy::{alert::Severity, exempt, load::tuning::Change, model::Policy},
    roles,
};
use serde::Serialize;

use super::{
    args::ExplainArgs,
    files::{Site, named},
    list::Summary,
};
use crate::cli::report::{Body, Outcome, report};

/// A policy as it is evaluated.
#[derive(Serialize)]
struct Explained {
    #[serde(flatten)]
    summary: Summary,
    search: String,
    track_by: Vec<Vec<&'static str>>,
    max_keys: usize,
    lateness_ms: u64,
    #[serde(flatten)]
    rule: Rule,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<Label>,
    remarks: Vec<String>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    exempt_roles: BTreeSet<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    overrides: Vec<Overridden>,
    queries: Vec<Query>,
}

/// A value that is not the policy's own.
#[derive(Serialize)]
struct Overridden {
    file: String,
    line: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    key: String,
    value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    was: Option<String>,
}

impl Overridden {
    fn of(Change { file, line, source, key, value, was }: Change) -> Self {
        Self { file, line, source, key, value, was }
    }
}

/// When it tells.
#[derive(Serialize)]
#[serde(untagged)]
enum Rule {
    Thresholds {
        window_ms: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        update_ms: Option<u64>,
        levels: Vec<Level>,
        #[serde(skip_serializing_if = "Option::is_none")]
        clear: Option<String>,
        hold_ms: u64,
        reopen_ms: u64,
    },
    EachMatch {
        suppress_ms: u64,
    },
}

#[derive(Serialize)]
struct Level {
    severity: &'static str,
    threshold: String,
}

#[derive(Serialize)]
struct Label {
    field: &'static str,
    context: String,
    values: Vec<String>,
    expires_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_severity: Option<&'static str>,
}

/// The tests that a query comes to, in the order in which they are made.
#[derive(Serialize)]
struct Query {
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'static str>,
    tests: Vec<String>,
}

/// Prints what there is to know of a policy.
pub fn explain(arguments: &ExplainArgs) -> anyhow::Result<()> {
    report(arguments.site.files.json, read(arguments))
}

fn read(arguments: &ExplainArgs) -> anyhow::Result<Outcome<Explained>> {
    let site = Site::read(&arguments.site)?;
    let loaded = site.load()?;
    let (policy, _) = named(&loaded, &arguments.name)?[0];
    let remarks = site.remarks(&arguments.name)?;
    let overrides = loaded.changes.get(&arguments.name).cloned().unwrap_or_default();
    let overrides = overrides.into_iter().map(Overridden::of).collect();
    Ok(Outcome::well(Explained::of(policy, remarks, overrides), Default::default()))
}

impl Explained {
    fn of(policy: &Policy, remarks: Vec<String>, overrides: Vec<Overridden>) -> Self {
        let names = |key: &Vec<&'static sensor_core::flow::fields::Field>| {
            key.iter().map(|field| field.name).collect()
        };
        let any = policy.search.any.iter().map(|query| (None, query));
        let by_source =
            policy.search.by_source.iter().map(|(source, query)| (Some(source.name()), query));
        Self {
            summary: Summary::of(policy),
            search: policy.summary.search.clone(),
            track_by: policy.track_by.iter().map(names).collect(),
            max_keys: policy.max_keys,
            lateness_ms: policy.lateness,
            rule: Rule::of(policy),
            label: policy.label.as_ref().map(|label| Label {
                field: label.field.name,
                context: label.context.clone(),
                values: label.values.iter().map(ToString::to_string).collect(),
                expires_ms: label.expires,
                at_severity: label.at_severity.map(Severity::name),
            }),
            remarks,
            exempt_roles: exempt::by_label(policy, roles::CONTEXT),
            overrides,
            queries: any
                .chain(by_source)
                .map(|(source, query)| Query { source, tests: tests(query) })
                .collect(),
        }
    }
}

impl Rule {
    fn of(policy: &Policy) -> Self {
        if !policy.has_thresholds() {
            return Self::EachMatch { suppress_ms: policy.suppress };
        }
        let level = |level: &sensor_core::policy::model::Level| Level {
            severity: level.severity.name(),
            threshold: level.threshold.text.to_string(),
        };
        Self::Thresholds {
            window_ms: policy.window,
            update_ms: (policy.update > 0).then_some(policy.update),
            levels: policy.levels.iter().map(level).collect(),
            clear: policy.clear.as_ref().map(|clear| clear.text.to_string()),
            hold_ms: policy.hold,
            reopen_ms: policy.reopen,
        }
    }
}

fn tests(query: &Typed) -> Vec<String> {
    columns::explain(&Program::compile([query])).lines().map(str::to_owned).collect()
}

impl Body for Explained {
    fn text(&self) -> String {
        let summary = &self.summary;
        let style = Theme::COLOR.heading;
        let mut text = format!("{style}{}{style:#}: {}\n", summary.name, summary.description);
        let mut line = |name: &str, value: &str| text.push_str(&format!("  {name:<10} {value}\n"));
        line("group", &summary.group);
        line("categories", &summary.categories.join(", "));
        line("enabled", &summary.enabled.to_string());
        line("gives", &summary.gives.text());
        for key in &self.track_by {
            let names = key.join(", ");
            line("key", if key.is_empty() { "one key for all flows" } else { &names });
        }
        let keys = self.max_keys;
        line("keys", &format!("{keys}; beyond that, the longest-idle key is evicted"));
        line(
            "late",
            &format!("{} behind the newest record of its source", shown(self.lateness_ms)),
        );
        match &self.rule {
            Rule::Thresholds { window_ms, update_ms, levels, clear, hold_ms, reopen_ms } => {
                line("window", &shown(*window_ms));
                line("update", &update_ms.map_or("never".to_owned(), shown));
                for Level { severity, threshold } in levels {
                    line(severity, threshold);
                }
                let clear = clear.as_deref().unwrap_or("below 90 % of the threshold");
                line("clear", &format!("{clear} for {}", shown(*hold_ms)));
                let within = format!("within {} of the end", shown(*reopen_ms));
                line("reopen", if *reopen_ms == 0 { "never" } else { &within });
            }
            Rule::EachMatch { suppress_ms } => line("suppress", &shown(*suppress_ms)),
        }
        if !self.exempt_roles.is_empty() {
            let roles: Vec<_> = self.exempt_roles.iter().map(String::as_str).collect();
            line("exempt", &format!("hosts with the role {}", roles.join(", ")));
        }
        if let Some(Label { field, context, values, expires_ms, at_severity }) = &self.label {
            let (values, expires) = (values.join(", "), shown(*expires_ms));
            let from = at_severity.map_or(String::new(), |least| format!(", from {least} on"));
            line("label", &format!("{field}: {context} = {values} for {expires}{from}"));
        }
        text.push('\n');
        if !self.remarks.is_empty() {
            text.push_str("comment of the author:\n");
            text.extend(self.remarks.iter().map(|remark| format!("  {remark}\n")));
            text.push('\n');
        }
        if !self.overrides.is_empty() {
            text.push_str("overridden by the configuration:\n");
            for Overridden { file, line, source, key, value, was } in &self.overrides {
                let was = was.as_ref().map_or(String::new(), |was| format!(", instead of {was}"));
                let flows =
                    source.as_ref().map_or(String::new(), |of| format!(", for flows of {of}"));
                text.push_str(&format!("  {file}:{line}: {key} = {value}{was}{flows}\n"));
            }
            text.push('\n');
        }
        for Query { source, tests } in &self.queries {
            text.push_str(&format!("{}, selected by:\n", source.unwrap_or("flows")));
            text.extend(tests.iter().map(|test| format!("  {test}\n")));
        }
        text
    }
}

fn shown(milliseconds: u64) -> String {
    humantime::format_duration(std::time::Duration::from_millis(milliseconds)).to_string()
}
