//! Policies in force: what they are, how they fare, and what one would have found in the flows that are held.

use std::sync::Arc;

use sensor_core::policy::{
    alert::{Alert, EndReason},
    detector::{Detector, Rules},
    model::Policy,
};
use serde::{Deserialize, Serialize};

use super::{
    agent::Fared,
    desk::{Desk, LIVE, Lacks, Range},
    fault::{Code, Fault},
    hits::{self, Hit},
    value::Count,
};
use crate::export::hits::render::stored;

/// Events of a dry run, at most.
const MOST_EVENTS: usize = 1000;
/// Batches that are judged between two looks at the clock.
const AT_ONCE: usize = 16;

/// `GET /policies`
#[derive(Clone, Debug, Serialize)]
pub struct Policies {
    /// By name.
    pub policies: Vec<PolicyTold>,
}

/// A policy.
#[derive(Clone, Debug, Serialize)]
pub struct PolicyTold {
    /// Tells it from others.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Group.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// The highest that its hits can have.
    pub severity: &'static str,
    /// Whether it is evaluated.
    pub enabled: bool,
    /// Which flows it is about.
    pub q: String,
    /// How many of them, by severity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<String>,
    /// Window, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_s: Option<u32>,
    /// For each combination of values of these fields.
    pub track_by: Vec<String>,
    /// What it means when it fires.
    pub description: String,
    /// Events since the start, or since a reload changed it.
    pub hits: Count,
    /// Records that it was asked of.
    pub evaluated: Count,
    /// What each of them took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ns_per_row: Option<f64>,
}

/// Answers.
///
/// # Errors
/// None.
pub fn ask(desk: &Desk) -> Policies {
    let standing = desk.agent.standing();
    let mut policies: Vec<PolicyTold> = desk
        .agent
        .policies()
        .iter()
        .map(|policy| {
            let name = policy.shown_name();
            told(policy, standing.policies.iter().find(|fared| fared.name == name))
        })
        .collect();
    policies.sort_by(|one, other| one.name.cmp(&other.name));
    Policies { policies }
}

fn told(policy: &Policy, fared: Option<&Fared>) -> PolicyTold {
    let levels = policy.levels.iter();
    let threshold: Vec<String> = levels
        .map(|level| format!("{}: {}", level.severity.name(), level.threshold.text))
        .collect();
    let keys = policy.track_by.iter().filter(|key| !key.is_empty());
    let key = |key: &Vec<&'static sensor_core::flow::fields::Field>| {
        key.iter().map(|field| field.name).collect::<Vec<_>>().join(", ")
    };
    let summary = &policy.summary;
    PolicyTold {
        id: policy.shown_name(),
        name: policy.shown_name(),
        group: summary.group.clone(),
        severity: policy.levels.last().map_or(policy.severity, |level| level.severity).name(),
        enabled: policy.enabled,
        q: summary.search.clone(),
        threshold: (!threshold.is_empty()).then(|| threshold.join("; ")),
        window_s: (summary.window > 0).then_some(summary.window),
        track_by: keys.map(key).collect(),
        description: summary.description.clone(),
        hits: fared.map_or(0, |fared| fared.events).into(),
        evaluated: fared.map_or(0, |fared| fared.tested).into(),
        ns_per_row: fared.and_then(|fared| fared.ns_per_row),
    }
}

/// `POST /policies/{id}/dryrun`
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DryRunAsk {
    /// Flows received from then on, milliseconds since the epoch.
    pub from_ms: u64,
    /// Flows received before that.
    pub to_ms: u64,
}

/// What a policy would have found.
#[derive(Clone, Debug, Serialize)]
pub struct DryRun {
    /// Its events, in their order.
    pub events: Vec<Hit>,
    /// Flows that it was asked of.
    pub tested: Count,
    /// What each of them took.
    pub ns_per_row: f64,
    /// What is lacking.
    pub partial: Option<Lacks>,
}

/// Lets a policy judge the flows that are held, by itself: nothing of it gets out.
///
/// # Errors
/// There is no such policy; the range is empty.
pub fn dry_run(desk: &Desk, id: &str, asked: DryRunAsk) -> Result<DryRun, Fault> {
    let Range { from, to } = Range::of(asked.from_ms, asked.to_ms)?;
    let policy = desk.agent.policies().into_iter().find(|policy| policy.shown_name() == id);
    let Some(policy) = policy else {
        return Err(Fault::new(Code::NotFound, format!("no policy in force is named `{id}`")));
    };
    let policy = Policy { enabled: true, ..Arc::unwrap_or_clone(policy) };
    let mut detector = Detector::new(Rules::new([policy]), 0, "dry run");
    let interfaces = desk.interfaces();
    let held = desk.held.snapshot();
    let (mut alerts, mut found): (Vec<Alert>, Vec<Hit>) = Default::default();
    let (begun, mut tested, mut partial) = ((desk.timer)(), 0_u64, None);
    let mut take = |alerts: &mut Vec<Alert>, now: u64| {
        for alert in alerts.drain(..) {
            if found.len() < MOST_EVENTS {
                let mut line = Vec::new();
                stored::write(&mut line, &alert, now);
                found.extend(hits::of_line(&line));
            }
        }
    };
    let mut last = from;
    for (at, held) in held.batches().enumerate() {
        if tested >= LIVE.rows
            || at % AT_ONCE == 0 && (desk.timer)().saturating_sub(begun) > LIVE.time_ms
        {
            partial = Some(Lacks { reason: if tested >= LIVE.rows { "rows" } else { "time" } });
            break;
        }
        let rows: Vec<usize> =
            (0..held.batch.len()).filter(|row| (from..to).contains(&held.time(*row))).collect();
        let Some(newest) = rows.iter().map(|row| held.time(*row)).max() else { continue };
        let mut batch = held.batch.clone();
        if rows.len() < batch.len() {
            batch.keep(&rows);
        }
        tested += rows.len() as u64;
        last = last.max(newest);
        detector.observe(&batch, &interfaces, &mut alerts);
        detector.advance(last, &mut alerts);
        take(&mut alerts, last);
    }
    detector.finish(last, EndReason::Shutdown, &mut alerts);
    take(&mut alerts, last);
    let took = (desk.timer)().saturating_sub(begun) as f64 * 1e6;
    Ok(DryRun {
        events: found,
        tested: tested.into(),
        ns_per_row: if tested == 0 { 0.0 } else { took / tested as f64 },
        partial,
    })
}
