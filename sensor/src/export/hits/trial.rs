//! An event that no policy has made: it shows whether outputs reach their receivers, and what theirs will look like.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use sensor_core::{
    flow::fields::OwnedValue,
    policy::alert::{Alert, EventKind, Extremes, Metrics, PolicySummary, Severity, Top},
};

/// The event, as if it happened at `now` (milliseconds since the epoch). Its addresses are those of documentation
/// (RFC 5737).
pub fn event(now: u64) -> Alert {
    let address = |last| IpAddr::V4(Ipv4Addr::new(192, 0, 2, last));
    let count = |number| {
        let mean = number as f64;
        Extremes { min: number, max: number, avg: mean, rate: mean, sum: number }
    };
    Alert {
        incident: now,
        sequence: 0,
        kind: EventKind::Hit,
        timestamp: now,
        policy: Arc::new(PolicySummary {
            name: "trial".into(),
            group: "System".into(),
            description: "A test of this output: nothing has happened".into(),
            categories: vec!["trial".into()],
            search: "srcip == 192.0.2.1".into(),
            window: 0,
            update: 0,
            factors: vec!["srcip".into()],
        }),
        severity: Severity::Low,
        threshold: None,
        measured: Vec::new(),
        track: vec![("srcip", OwnedValue::Ip(address(1)))],
        start: now.saturating_sub(1000),
        end: now,
        records: 1,
        suppressed: 0,
        metrics: Metrics {
            bits: count(480),
            scaled_bits: count(480),
            packets: count(1),
            scaled_packets: count(1),
        },
        sources: vec!["trial".into()],
        source_ports: vec![40_000],
        destination_ports: vec![443],
        top: Top {
            sources: vec![(address(1), 1)],
            destinations: vec![(address(2), 1)],
            source_ports: vec![(40_000, 1)],
            destination_ports: vec![(443, 1)],
        },
        samples: vec![vec![
            ("start", OwnedValue::Integer(now.saturating_sub(1000))),
            ("end", OwnedValue::Integer(now)),
            ("srcip", OwnedValue::Ip(address(1))),
            ("dstip", OwnedValue::Ip(address(2))),
            ("srcport", OwnedValue::Integer(40_000)),
            ("dstport", OwnedValue::Integer(443)),
            ("protocol", OwnedValue::Text("tcp".into())),
            ("protocolint", OwnedValue::Integer(6)),
            ("octets", OwnedValue::Integer(60)),
            ("packets", OwnedValue::Integer(1)),
        ]],
        addresses: vec![(address(1), Arc::default()), (address(2), Arc::default())],
        reason: None,
    }
}
