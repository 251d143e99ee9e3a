//! Requests that push flow logs.

use super::metric::{Family, Metric, View, counter, gauge};
use crate::agent::{
    ingest::figures::{Ingested, Requests},
    status::pushed,
};

fn ingest(view: &View, family: &mut Family<'_>, put: impl FnOnce(&Ingested, &mut Family<'_>)) {
    if let Some(ingest) = &view.status.ingest {
        put(ingest, family);
    }
}

fn results(requests: &Requests) -> [(&'static str, u64); 5] {
    [
        ("accepted", requests.accepted),
        ("duplicate", requests.duplicate),
        ("handshake", requests.handshake),
        ("event", requests.event),
        ("refused", requests.refused),
    ]
}

pub(super) const ROWS: &[Metric] = &[
    counter(
        "sensor_ingest_requests",
        &["cloud", "result"],
        "Requests that push flow logs, by the [[cloud]] they are for: accepted, duplicates of those, handshakes, events that only name objects, refused.",
        |view, family| {
            ingest(view, family, |ingest, family| {
                for (name, requests) in &ingest.sources {
                    for (result, count) in results(requests) {
                        family.put(&[name, result], count);
                    }
                }
            });
        },
    ),
    counter(
        "sensor_ingest",
        &["cloud"],
        "Octets of bodies that were pushed, as they came.",
        |view, family| {
            ingest(view, family, |ingest, family| {
                family.each(ingest.sources.iter().map(|(name, requests)| (name, requests.octets)));
            });
        },
    )
    .bytes(),
    counter(
        "sensor_ingest_refused_requests",
        &["reason"],
        "Pushed requests refused, also those for no [[cloud]] that there is.",
        |view, family| {
            ingest(view, family, |_, family| {
                for (refusal, count) in pushed::refused(&view.status) {
                    family.put(&[refusal.name()], count);
                }
            });
        },
    ),
    counter(
        "sensor_ingest_connections",
        &["outcome"],
        "Connections to ingest.listen: accepted, of these broken (a head that was no HTTP, too large or too late, or a client that went away), closed since there were too many, and closed since no TLS was agreed on.",
        |view, family| {
            ingest(view, family, |ingest, family| {
                let connections = &ingest.connections;
                family.put(&["accepted"], connections.accepted);
                family.put(&["too_many"], connections.too_many);
                family.put(&["no_tls"], connections.no_tls);
                family.put(&["broken"], connections.broken);
            });
        },
    ),
    gauge(
        "sensor_ingest_under_way_requests",
        &[],
        "Pushed requests that have no answer yet.",
        |view, family| {
            ingest(view, family, |ingest, family| family.put(&[], ingest.under_way));
        },
    ),
];
