//! Context and policies, and the queue before them.

use super::metric::{Family, Metric, View, counter, gauge};
use crate::agent::status::Policy;

fn policies(view: &View, family: &mut Family<'_>, figure: fn(&Policy) -> u64) {
    let rows = view.status.engine.policies.iter();
    family.each(rows.map(|policy| (&policy.name, figure(policy))));
}

pub(super) const ROWS: &[Metric] = &[
    counter(
        "sensor_flow_records",
        &["initiator"],
        "Flow records of all sources, by whether it is known, guessed or unknown who opened the connection.",
        |view, family| {
            let shares = &view.status.engine.initiators;
            family.put(&["known"], shares.known);
            family.put(&["guessed"], shares.guessed);
            family.put(&["unknown"], shares.unknown);
        },
    ),
    counter(
        "sensor_engine_lost_records",
        &["source", "reason"],
        "Flow records that no policy and no output has seen since the engine's queue was full, or had ended.",
        |view, family| {
            for source in ["host", "netflow", "sflow"] {
                for reason in ["full", "ended"] {
                    let lost = view.status.engine.lost.iter();
                    let lost = lost.filter(|lost| (lost.source, lost.reason) == (source, reason));
                    family.put(&[source, reason], lost.map(|lost| lost.flows).sum::<u64>());
                }
            }
        },
    ),
    gauge(
        "sensor_engine_queue_records",
        &[],
        "Flow records that wait in the engine's queue.",
        |view, family| {
            family.put(&[], view.status.engine.waiting.queued);
        },
    ),
    gauge(
        "sensor_engine_queue_capacity_records",
        &[],
        "Flow records for which the engine's queue has room.",
        |view, family| {
            family.put(&[], view.status.engine.waiting.capacity);
        },
    ),
    gauge(
        "sensor_engine_queue_batches",
        &[],
        "Batches and steps of time that wait in the engine's queue.",
        |view, family| {
            family.put(&[], view.status.engine.waiting.queued_batches);
        },
    ),
    counter(
        "sensor_filtered_records",
        &[],
        "Flow records that did not match --filter.",
        |view, family| {
            family.put(&[], view.status.held_back.unwrap_or(0));
        },
    ),
    counter(
        "sensor_future_records",
        &[],
        "Flow records with timestamps in the future; the arrival time was used.",
        |view, family| {
            family.put(&[], view.status.engine.ahead);
        },
    ),
    counter(
        "sensor_clock_set_back",
        &[],
        "Times that the clock was set back by more than a minute.",
        |view, family| {
            family.put(&[], view.status.engine.set_back);
        },
    ),
    counter(
        "sensor_policy_labels_refused",
        &[],
        "Labels of policies dropped for lack of room.",
        |view, family| {
            family.put(&[], view.status.engine.refused_labels);
        },
    ),
    counter(
        "sensor_cut_flows_forgotten",
        &[],
        "Cut flows of devices forgotten, so that the next record is not marked as continued.",
        |view, family| {
            family.put(&[], view.status.engine.cuts_evicted);
        },
    ),
    gauge(
        "sensor_coarse_profiles",
        &[],
        "Address profiles without location since the profile limit was reached.",
        |view, family| {
            family.put(&[], view.status.engine.coarse);
        },
    ),
    gauge("sensor_policies", &[], "Active policies.", |view, family| {
        family.put(&[], view.status.engine.policies.len() as u64);
    }),
    counter(
        "sensor_policy_matched_records",
        &["policy"],
        "Flow records that the policy matched.",
        |view, family| {
            policies(view, family, |policy| policy.matched);
        },
    ),
    counter(
        "sensor_policy_late_records",
        &["policy"],
        "Matches too late to count.",
        |view, family| {
            policies(view, family, |policy| policy.late);
        },
    ),
    counter(
        "sensor_policy_untracked_records",
        &["policy"],
        "Matches ignored since a field of the key was missing.",
        |view, family| {
            policies(view, family, |policy| policy.untracked);
        },
    ),
    counter(
        "sensor_policy_events",
        &["policy"],
        "Events that the policy gave: starts, updates and ends of incidents, and hits.",
        |view, family| {
            policies(view, family, |policy| policy.events);
        },
    ),
    counter(
        "sensor_policy_labels",
        &["policy"],
        "Labels that the policy wrote.",
        |view, family| {
            policies(view, family, |policy| policy.labels);
        },
    ),
    counter(
        "sensor_policy_evicted_keys",
        &["policy"],
        "Keys evicted with their counts since max_keys was reached.",
        |view, family| {
            policies(view, family, |policy| policy.evicted);
        },
    ),
    counter(
        "sensor_policy",
        &["policy"],
        "Time spent on the policy's matches: keys, windows, events. Estimated from one batch of 64; the queries of all policies \
         are evaluated together, and are not in it.",
        |view, family| {
            let rows = view.status.engine.policies.iter();
            family.each(rows.map(|policy| (&policy.name, policy.spent.as_secs_f64())));
        },
    )
    .seconds(),
    gauge("sensor_policy_keys", &["policy"], "Keys that the policy watches.", |view, family| {
        policies(view, family, |policy| policy.watched);
    }),
];
