//! What a policy does with one flow.

use std::fmt::Write as _;

use sensor_core::{
    diagnostic::{Finding, Findings, Theme},
    flow::batch::Source,
    nql::{literal::value_text, reference::Record},
    policy::why::{
        Asked, alone,
        verdict::{self, Verdict},
    },
};
use serde::Serialize;

use super::shown::{Compared, FieldValue, compared, line, note};
use crate::cli::report::Body;

/// What a policy does with flows.
#[derive(Serialize)]
pub struct Why {
    name: String,
    enabled: bool,
    matched: usize,
    flows: Vec<Explained>,
}

/// What it does with one of them.
#[derive(Serialize)]
pub struct Explained {
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    /// The kind of its source.
    source: &'static str,
    /// The source whose limits hold for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    limits_of: Option<String>,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    decided: Option<Decided>,
    roles: Vec<String>,
    keys: Vec<Key>,
    thresholds: Vec<Threshold>,
    #[serde(skip_serializing_if = "Option::is_none")]
    suppress_ms: Option<u64>,
}

/// The part of a query that decides.
#[derive(Serialize)]
struct Decided {
    query: &'static str,
    condition: String,
    values: Vec<Values>,
    #[serde(flatten)]
    place: Option<Finding>,
}

#[derive(Serialize)]
struct Values {
    field: String,
    values: Vec<String>,
}

#[derive(Serialize)]
struct Key {
    complete: bool,
    fields: Vec<FieldValue>,
}

#[derive(Serialize)]
struct Threshold {
    severity: &'static str,
    threshold: String,
    holds: bool,
    measured: Vec<Compared>,
}

impl Why {
    /// No flow so far.
    pub fn new(asked: &Asked) -> Self {
        let policy = &asked.policy;
        let name = policy.summary.name.clone();
        Self { name, enabled: policy.enabled, matched: 0, flows: Vec::new() }
    }

    /// Adds what becomes of a flow.
    pub fn add(&mut self, flow: Explained) {
        self.matched += usize::from(flow.verdict == "matched");
        self.flows.push(flow);
    }
}

impl Explained {
    /// What becomes of a flow of `source` on this line; `asked` is the policy for flows of every source.
    pub fn of(asked: &[Asked], record: &impl Record, source: Source, line: Option<usize>) -> Self {
        let own = asked.iter().find(|asked| asked.is_about(record)).unwrap_or(&asked[0]);
        let verdict = Verdict::of(own, record, source);
        let matched = verdict == Verdict::Matched;
        let has_thresholds = own.policy.has_thresholds();
        Self {
            line,
            source: source.name(),
            limits_of: own.policy.source.clone(),
            verdict: match verdict {
                Verdict::NoQuery => "no_query",
                Verdict::Unmatched(_) => "unmatched",
                Verdict::Discarded(..) => "discarded",
                Verdict::Matched => "matched",
            },
            decided: Decided::of(own, &verdict, source),
            roles: verdict.roles().to_vec(),
            keys: if matched { keys(own, record) } else { Vec::new() },
            thresholds: if matched { thresholds(own, record) } else { Vec::new() },
            suppress_ms: (matched && !has_thresholds).then_some(own.policy.suppress),
        }
    }

    fn write(&self, out: &mut String) {
        let style = Theme::COLOR.heading;
        let flow = self.line.map_or_else(|| "the flow".to_owned(), |line| format!("line {line}"));
        let limits =
            self.limits_of.as_ref().map_or(String::new(), |of| format!(", by the limits of {of}"));
        let what = match self.verdict {
            "matched" => "matches",
            "discarded" => "is discarded",
            "unmatched" => "does not match",
            _ => "is of a source that the policy has no query for",
        };
        // A string takes everything.
        let _ = writeln!(out, "{style}{flow} {what}{style:#}{limits}");
        if let Some(place) = self.decided.as_ref().and_then(|decided| decided.place.clone()) {
            let findings: Findings = [place].into_iter().collect();
            let _ = write!(out, "{}", findings.styled());
        }
        if !self.roles.is_empty() {
            let _ = writeln!(out, "  exempt by the role {}", self.roles.join(", "));
        }
        for Key { complete, fields } in &self.keys {
            let fields =
                if fields.is_empty() { "one key for all flows".to_owned() } else { line(fields) };
            let lacking = if *complete { "" } else { ": does not count, a field is missing" };
            let _ = writeln!(out, "  key        {fields}{lacking}");
        }
        for Threshold { severity, threshold, holds, measured } in &self.thresholds {
            let state = if *holds { "holds by this flow alone" } else { "not by this flow alone" };
            let _ = writeln!(out, "  {severity:<10} {threshold}: {state}, {}", compared(measured));
        }
        if let Some(suppress) = self.suppress_ms {
            let silence = std::time::Duration::from_millis(suppress);
            let silence = humantime::format_duration(silence);
            let _ = writeln!(out, "  no threshold: each flow is a hit, one in {silence} for a key");
        }
    }
}

impl Decided {
    fn of(asked: &Asked, verdict: &Verdict, source: Source) -> Option<Self> {
        let (query, reason) = verdict.decided(asked, source)?;
        let values = reason.values.iter().map(|(field, values)| Values {
            field: field.clone(),
            values: values.iter().map(value_text).collect(),
        });
        let values: Vec<Values> = values.collect();
        let has = |Values { field, values }: &Values| match values.as_slice() {
            [] => format!("no {field}"),
            values => format!("{field} is {}", values.join(", ")),
        };
        let label = values.iter().map(has).collect::<Vec<_>>().join("; ");
        let (name, message) = match verdict {
            Verdict::Discarded(..) => ("discard", "this discard holds"),
            _ => ("match", "the first condition that fails"),
        };
        let condition = query.text.get(reason.span.clone()).unwrap_or_default().to_owned();
        let place = note(query, &reason.span, message.to_owned(), &label);
        Some(Self { query: name, condition, values, place })
    }
}

fn keys(asked: &Asked, record: &impl Record) -> Vec<Key> {
    let key = |key: verdict::KeyValues| Key {
        complete: key.iter().all(|(_, value)| value.is_some()),
        fields: key.iter().map(|(field, value)| FieldValue::of(field, value.as_ref())).collect(),
    };
    verdict::keys(asked, record).into_iter().map(key).collect()
}

fn thresholds(asked: &Asked, record: &impl Record) -> Vec<Threshold> {
    let threshold = |level: alone::Alone<'_>| Threshold {
        severity: level.severity.name(),
        threshold: level.threshold.map(|text| text.text.clone()).unwrap_or_default(),
        holds: level.holds,
        measured: level.measured.iter().map(Compared::of).collect(),
    };
    alone::levels(asked, record).into_iter().map(threshold).collect()
}

impl Body for Why {
    fn text(&self) -> String {
        let mut out = String::new();
        if !self.enabled {
            let _ = writeln!(out, "{} is not enabled: no flow is asked", self.name);
        }
        self.flows.iter().for_each(|flow| flow.write(&mut out));
        if self.flows.len() > 1 {
            let _ = writeln!(out, "{} of {} flows match", self.matched, self.flows.len());
        }
        out
    }
}
