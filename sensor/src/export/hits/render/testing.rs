//! Events as policies make them, for tests of all outputs.

use std::sync::Arc;

use sensor_core::{
    flow::{
        fields::OwnedValue,
        profile::{AutonomousSystem, Profile},
    },
    policy::{
        alert::{
            Alert, EndReason, EventKind, Extremes, FlowSample, Metrics, PolicySummary, Severity,
            Top,
        },
        threshold::{Measured, Operator},
    },
};

const NOW: u64 = 1_700_000_000_123;

fn ip(text: &str) -> OwnedValue {
    OwnedValue::Ip(text.parse().unwrap())
}

fn flow(source: &str, destination: &str, port: u64) -> FlowSample {
    vec![
        ("start", OwnedValue::Integer(NOW - 5000)),
        ("srcip", ip(source)),
        ("dstip", ip(destination)),
        ("srcport", OwnedValue::Integer(40_000)),
        ("dstport", OwnedValue::Integer(port)),
        ("protocol", OwnedValue::Text("tcp".into())),
        ("bits", OwnedValue::Integer(480)),
        ("flowbrate", OwnedValue::Float(96.5)),
        ("tcpflags.syn", OwnedValue::Bool(true)),
        ("icmptype", OwnedValue::NumberText(8)),
        ("srcmac", OwnedValue::Mac([2, 0, 0, 0, 0, 0x1f])),
        ("direction", OwnedValue::Text("ingress".into())),
        ("tags", OwnedValue::Texts(["a".to_owned(), "b\"c".to_owned()].into())),
    ]
}

/// A port scan that begins: thresholds, a key, all there can be.
pub fn scan() -> Alert {
    let extremes = |min, max, avg, rate, sum| Extremes { min, max, avg, rate, sum };
    Alert {
        incident: 0x0123_4567_89ab_cdef,
        sequence: 0,
        kind: EventKind::Start,
        timestamp: NOW,
        policy: Arc::new(PolicySummary {
            name: "port_scan".into(),
            group: "Reconnaissance".into(),
            description: "One address asks for many ports: a \\scan|".into(),
            categories: vec!["t1046".into(), "discovery".into()],
            search: "protocol == tcp && tcpflags.syn == true".into(),
            window: 300,
            update: 60,
            factors: vec!["srcip".into()],
        }),
        severity: Severity::High,
        threshold: Some("distinct(dstport) >= 100".into()),
        measured: vec![Measured {
            function: "distinct(dstport)".into(),
            value: 120.0,
            operator: Operator::AtLeast,
            limit: 100.0,
        }],
        track: vec![("srcip", ip("10.0.0.5"))],
        start: NOW - 61_000,
        end: NOW,
        records: 120,
        suppressed: 0,
        metrics: Metrics {
            bits: extremes(320, 480, 480.0, 192.0, 57_600),
            scaled_bits: extremes(320, 48_000, 4800.5, 1920.5, 576_000),
            packets: extremes(1, 2, 2.0, 0.8, 240),
            scaled_packets: extremes(1, 200, 20.0, 8.0, 2400),
        },
        sources: vec!["router \"one\"".into()],
        source_ports: vec![40_000],
        destination_ports: vec![22, 23, 80],
        top: Top {
            sources: vec![("10.0.0.5".parse().unwrap(), 60)],
            destinations: vec![
                ("192.0.2.1".parse().unwrap(), 40),
                ("192.0.2.2".parse().unwrap(), 20),
            ],
            source_ports: vec![(40_000, 60)],
            destination_ports: vec![(22, 30), (23, 29), (80, 1)],
        },
        samples: vec![flow("10.0.0.5", "192.0.2.1", 22), flow("10.0.0.5", "192.0.2.2", 23)],
        addresses: vec![
            (
                "10.0.0.5".parse().unwrap(),
                Profile {
                    internal: Some(true),
                    labels: [("name".to_owned(), vec!["web=1]".to_owned()])].into(),
                    ..Profile::default()
                }
                .into(),
            ),
            (
                "192.0.2.1".parse().unwrap(),
                Profile {
                    internal: Some(false),
                    bogon: Some(true),
                    owner_as: AutonomousSystem {
                        number: Some(64_500),
                        organisation: Some("Example".into()),
                    },
                    country: Some("NL".into()),
                    location: Some((52_370_000, 4_900_000)),
                    reputation: Some(vec!["scanner".into()]),
                    ..Profile::default()
                }
                .into(),
            ),
        ],
        reason: None,
    }
}

/// As [`scan`], when it is over.
pub fn end() -> Alert {
    Alert { kind: EventKind::End, sequence: 3, reason: Some(EndReason::Cleared), ..scan() }
}

/// A flow that should not be: no threshold, no key, IPv6, names that try to break out.
pub fn hit() -> Alert {
    Alert {
        incident: 7,
        kind: EventKind::Hit,
        severity: Severity::Low,
        policy: Arc::new(PolicySummary {
            name: "forbidden = [x] \"y\"\u{1b}[31m\nz".into(),
            group: String::new(),
            description: String::new(),
            categories: Vec::new(),
            search: "dstport == 23".into(),
            window: 0,
            update: 0,
            factors: Vec::new(),
        }),
        threshold: None,
        measured: Vec::new(),
        track: Vec::new(),
        records: 3,
        suppressed: 2,
        metrics: Metrics::default(),
        sources: Vec::new(),
        source_ports: Vec::new(),
        top: Top::default(),
        samples: vec![flow("2001:db8::1", "2001:db8::2", 23)],
        addresses: Vec::new(),
        ..scan()
    }
}
