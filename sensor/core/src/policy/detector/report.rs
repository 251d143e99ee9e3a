//! How events are put together.

use super::{scope::Flow, traces::Traces};
use crate::{
    flow::fields::{OwnedValue, Value},
    policy::{
        alert::{Extremes, LabelAction, Metrics, PolicySummary},
        label::LabelRule,
        model::Policy,
        threshold::Measured,
        values::text_hash,
        window::series::{Bucket, OCTETS, PACKETS},
    },
};

/// What an event tells of the window of its key.
pub struct Snapshot {
    /// Records as reported.
    pub counted: Bucket,
    /// Records scaled by the sampling rate.
    pub scaled: Bucket,
    /// What the window has beside the numbers of the threshold.
    pub measured: Vec<Measured>,
    /// Time of the newest record, milliseconds since the epoch.
    pub newest: u64,
}

/// The identifier of an incident, which follows from policy, key and start, and from its number among the incidents of a
/// tracker: a key can start twice at one time. Flows of a source with limits of its own have incidents of their own.
pub fn incident(
    policy: &Policy,
    track: &[(&'static str, OwnedValue)],
    start: u64,
    number: u64,
) -> u64 {
    let name = &policy.summary.name;
    text_hash(&match &policy.source {
        None => format!("{name}\0{track:?}\0{start}\0{number}"),
        Some(source) => format!("{name}\0{source}\0{track:?}\0{start}\0{number}"),
    })
}

/// Sums and extremes of records as reported and scaled by the sampling rate, in so many seconds.
pub fn metrics(counted: &Bucket, scaled: &Bucket, seconds: f64) -> Metrics {
    let extremes = |counted: &Bucket, at: usize, factor: u64| {
        let scale = |value: u64| value.saturating_mul(factor);
        let sum = scale(counted.sums[at]);
        Extremes {
            min: if counted.records == 0 { 0 } else { scale(counted.minima[at]) },
            max: scale(counted.maxima[at]),
            avg: sum as f64 / f64::from(counted.records.max(1)),
            rate: sum as f64 / seconds,
            sum,
        }
    };
    Metrics {
        bits: extremes(counted, OCTETS, 8),
        scaled_bits: extremes(scaled, OCTETS, 8),
        packets: extremes(counted, PACKETS, 1),
        scaled_packets: extremes(scaled, PACKETS, 1),
    }
}

/// The label that a rule writes because of a flow.
pub fn label(policy: &PolicySummary, rule: &LabelRule, flow: &Flow<'_>) -> Option<LabelAction> {
    let Value::Ip(address) = rule.field.value(flow.row) else { return None };
    let values: Vec<_> = rule.values.iter().filter_map(|value| value.render(flow.row)).collect();
    if values.is_empty() {
        return None;
    }
    Some(LabelAction {
        policy: policy.name.clone(),
        address,
        context: rule.context.clone(),
        values,
        expires: flow.sample.end.saturating_add(rule.expires),
    })
}

/// How long after a label was written it is written again, milliseconds.
pub fn label_refresh(rule: &LabelRule) -> u64 {
    (rule.expires / 2).min(60_000)
}

/// Ports that are known from counting them.
pub fn add_counted(traces: &mut Traces, field: &str, values: impl IntoIterator<Item = u64>) {
    for port in values.into_iter().filter_map(|value| u16::try_from(value).ok()) {
        match field {
            "srcport" => traces.add_ports([Some(port), None]),
            "dstport" => traces.add_ports([None, Some(port)]),
            _ => return,
        }
    }
}
