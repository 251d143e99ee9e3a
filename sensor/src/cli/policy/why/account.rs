//! The report of `sensor replay --why`: how the flows were divided, and the nearest key.

use std::fmt::Write as _;

use sensor_core::{
    diagnostic::{Finding, Theme},
    nql::lists::Lists,
    policy::{
        alert::FlowSample,
        model::Policy,
        why::{Asked, account::Account},
        written::{WrittenPolicy, WrittenText},
    },
};
use serde::Serialize;

use super::shown::{Compared, FieldValue, brief, compared, line, note};
use crate::cli::{exit::Failure, report::Body};

/// Policies that can be asked why; their queries name lists of `lists`.
///
/// # Errors
/// Where the queries cannot be read again.
pub fn asked(
    policies: Vec<(&Policy, &WrittenPolicy)>,
    lists: &Lists,
) -> anyhow::Result<Vec<Asked>> {
    let asked = policies.into_iter().map(|(policy, written)| {
        let fault = || Failure::other("its queries cannot be read again").into();
        Asked::new(policy, written, lists).ok_or_else(fault)
    });
    asked.collect()
}

/// The accounts of policies.
#[derive(Serialize)]
pub struct Accounts {
    policies: Vec<Reported>,
}

/// The account of one.
#[derive(Serialize)]
struct Reported {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    enabled: bool,
    file: String,
    line: usize,
    tested: u64,
    no_query: u64,
    unmatched: u64,
    discarded: u64,
    matched: u64,
    late: u64,
    untracked: u64,
    keys: u64,
    evicted: u64,
    events: u64,
    labels: u64,
    failed: Vec<Counted>,
    discards: Vec<Counted>,
    exempt: Vec<Exempt>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nearest: Option<Nearest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    furthest: Option<Vec<FieldValue>>,
}

/// Flows that one part of a query decided on.
#[derive(Serialize)]
struct Counted {
    flows: u64,
    condition: String,
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
}

#[derive(Serialize)]
struct Exempt {
    role: String,
    flows: u64,
}

/// The key that came nearest to its lowest threshold.
#[derive(Serialize)]
struct Nearest {
    share: f64,
    severity: &'static str,
    threshold: String,
    window_ms: u64,
    timestamp_ms: u64,
    key: Vec<FieldValue>,
    measured: Vec<Compared>,
    flow: Vec<FieldValue>,
}

impl Accounts {
    /// What became of the flows.
    pub fn of(accounts: &[Account]) -> Self {
        Self { policies: accounts.iter().map(Reported::of).collect() }
    }
}

fn sample(flow: &FlowSample) -> Vec<FieldValue> {
    flow.iter().map(|(field, value)| FieldValue::of(field, Some(value))).collect()
}

impl Counted {
    fn of(query: &WrittenText, part: &std::ops::Range<usize>, flows: u64) -> Self {
        let line = note(query, part, String::new(), "").as_ref().and_then(Finding::line);
        let condition = query.text.get(part.clone()).unwrap_or_default();
        let condition = condition.split_whitespace().collect::<Vec<_>>().join(" ");
        Self { flows, condition, file: query.path().to_owned(), line }
    }

    fn text(&self) -> String {
        let line = self.line.map_or(String::new(), |line| format!(":{line}"));
        format!("{:>12}  {}  ({}{line})", self.flows, self.condition, self.file)
    }
}

impl Reported {
    fn of(account: &Account) -> Self {
        let asked = account.asked();
        let (policy, written) = (&asked.policy, &asked.written);
        let (counts, detected) = (account.counts(), account.detected());
        let discards = written.discards.iter().zip(&counts.discarded);
        let nearest = account.nearest().and_then(|(near, flow)| {
            let level = policy.levels.first()?;
            Some(Nearest {
                share: (near.share * 1000.0).round() / 1000.0,
                severity: level.severity.name(),
                threshold: level.threshold.text.to_string(),
                window_ms: policy.window,
                timestamp_ms: near.time,
                key: near.track.iter().map(|(f, value)| FieldValue::of(f, Some(value))).collect(),
                measured: near.measured.iter().map(Compared::of).collect(),
                flow: sample(flow),
            })
        });
        let failed = account.failed();
        Self {
            name: policy.summary.name.clone(),
            source: policy.source.clone(),
            enabled: policy.enabled,
            file: written.header.path().to_owned(),
            line: written.header.line(),
            tested: counts.tested,
            no_query: counts.no_query,
            unmatched: counts.unmatched,
            discarded: counts.discarded.iter().sum(),
            matched: detected.matched,
            late: detected.late,
            untracked: detected.untracked,
            keys: detected.keys,
            evicted: detected.evicted,
            events: detected.events,
            labels: detected.labels,
            failed: failed.iter().map(|f| Counted::of(f.query, &f.part, f.flows)).collect(),
            discards: discards
                .map(|(query, flows)| Counted::of(query, &(0..query.text.len()), *flows))
                .collect(),
            exempt: counts
                .exempt
                .iter()
                .map(|(role, flows)| Exempt { role: role.clone(), flows: *flows })
                .collect(),
            nearest,
            furthest: account.furthest().map(sample),
        }
    }

    fn write(&self, out: &mut String) {
        let style = Theme::COLOR.heading;
        let of =
            self.source.as_ref().map_or(String::new(), |source| format!(", flows of {source}"));
        let enabled = if self.enabled { "" } else { ", not enabled" };
        // A string takes everything.
        let _ = writeln!(
            out,
            "{style}{}{style:#}{of} ({}:{}{enabled})",
            self.name, self.file, self.line
        );
        let mut count = |what: &str, flows: u64| {
            let _ = writeln!(out, "  {flows:>10}  {what}");
        };
        count("flows tested", self.tested);
        if self.no_query > 0 {
            count("of a source without a query", self.no_query);
        }
        count("not matched, by the first condition that failed", self.unmatched);
        for failed in &self.failed {
            let _ = writeln!(out, "  {}", failed.text());
        }
        let mut count = |what: &str, flows: u64| {
            let _ = writeln!(out, "  {flows:>10}  {what}");
        };
        count("discarded", self.discarded);
        for discard in &self.discards {
            let _ = writeln!(out, "  {}", discard.text());
        }
        for Exempt { role, flows } in &self.exempt {
            let _ = writeln!(out, "  {flows:>12}  exempt by the role {role}, among those above");
        }
        let mut count = |what: &str, flows: u64| {
            let _ = writeln!(out, "  {flows:>10}  {what}");
        };
        count("matched", self.matched);
        for (what, flows) in
            [("too late to count", self.late), ("without a field of the key", self.untracked)]
        {
            if flows > 0 {
                count(what, flows);
            }
        }
        count("keys", self.keys);
        count("events", self.events);
        if self.labels > 0 {
            count("labels", self.labels);
        }
        if let Some(near) = &self.nearest {
            let window =
                humantime::format_duration(std::time::Duration::from_millis(near.window_ms));
            let key = if near.key.is_empty() { "all flows".to_owned() } else { line(&near.key) };
            let _ = writeln!(
                out,
                "  nearest key  {key}: {} in {window} ({}: {})",
                compared(&near.measured),
                near.severity,
                near.threshold
            );
            let _ = writeln!(out, "    by the flow {}", brief(&near.flow));
        }
        if let (0, Some(flow)) = (self.matched, &self.furthest) {
            let _ = writeln!(out, "  came furthest: {}", brief(flow));
        }
    }
}

impl Body for Accounts {
    fn text(&self) -> String {
        let mut out = String::new();
        self.policies.iter().for_each(|policy| policy.write(&mut out));
        out
    }
}
