//! The two queries that the language is introduced with, over flows made by hand: exactly the right ones are selected.

use std::sync::Arc;

use sensor_common::{
    key::{Common, Direction, KeyV4},
    packet::Fragment,
};
use sensor_core::{
    flow::{
        batch::{EndReason, FlowBatch, Source},
        delta::FlowDelta,
        fields::Row,
        interfaces::Interfaces,
        profile::{Profile, Profiles},
    },
    nql::{Filter, Options, lists::Lists},
};

/// Traffic between two groups of hosts that should never meet.
const LABELS: &str =
    "label.ip.securitygroup == production && label.ip.securitygroup == development";

/// TCP and UDP between two well-known ports, which no client uses, without the services that do.
const PORTS: &str = "((protocol == tcp || protocol == udp) && srcport < 1024 && dstport < 1024 && \
    !(srcport == 0 || dstport == 0 || srcport == 123 || dstport == 123 || (srcport == 67 && dstport == 68) || \
    (srcport == 68 && dstport == 67) || (srcport == 67 && dstport == 67) || srcport == 137 || dstport == 137 || \
    srcport == 138 || dstport == 138 || (srcport == 53 || dstport == 53) || (srcport == 514 || dstport == 514)))";

/// `source` and `destination` are the last octets of addresses.
fn push(batch: &mut FlowBatch, protocol: u8, ports: (u16, u16), source: u8, destination: u8) {
    let common = Common {
        source_port: ports.0,
        destination_port: ports.1,
        interface: 1,
        protocol,
        tos: 0,
        vlan: 0,
        direction: Direction::Ingress,
        fragment: Fragment::None,
        folded: false,
    };
    let counts = FlowDelta {
        octets: 100,
        packets: 1,
        layer2_octets: 114,
        start: 0,
        end: 0,
        tcp_flags: 0,
        ttl_min: 64,
        ttl_max: 64,
        macs: [0; 3],
    };
    let address = |last: u8| u32::from_ne_bytes([10, 0, 0, last]);
    let key = KeyV4 { source: address(source), destination: address(destination), common };
    batch.push(&key, &counts, EndReason::IdleTimeout);
}

fn selects(query: &str, batch: &FlowBatch) -> Vec<bool> {
    let lists = Lists::default();
    let strict = Options { strict: true, ..Options::new(&lists) };
    let filter = Filter::compile(query, &strict).expect("the query is in the public language");
    let interfaces = Interfaces::default();
    let row = |row| filter.matches(&Row { batch, row, interfaces: &interfaces });
    (0..batch.len()).map(row).collect()
}

#[test]
fn production_meets_development() {
    let profiles = Profiles::default();
    let labelled = |context: &str, values: &[&str]| {
        let values = values.iter().map(|&value| value.to_owned()).collect();
        profiles
            .intern(Profile { labels: [(context.to_owned(), values)].into(), ..Profile::default() })
    };
    let unknown = 0;
    let production = labelled("securitygroup", &["production"]);
    let development = labelled("securitygroup", &["development"]);
    let many = labelled("securitygroup", &["web", "production", "dmz"]);
    let both = labelled("securitygroup", &["production", "development"]);
    let other_case = labelled("securitygroup", &["Development"]);
    let longer = labelled("securitygroup", &["development-2"]);
    let other_context = labelled("role", &["development"]);
    let none = labelled("securitygroup", &[]);

    let flows = [
        (production, development, true),
        (development, production, true),
        (many, development, true),
        (development, many, true),
        // One address in both groups is enough: each condition looks at both ends.
        (both, unknown, true),
        (unknown, both, true),
        (both, both, true),
        (production, production, false),
        (development, development, false),
        (production, unknown, false),
        (unknown, development, false),
        (unknown, unknown, false),
        (production, other_case, false),
        (production, longer, false),
        (production, other_context, false),
        (production, none, false),
    ];
    let mut batch = FlowBatch::v4(Source::Host);
    for (source, destination, _) in flows {
        push(&mut batch, 6, (40_000, 443), 1, 2);
        batch.source_profile.push(source);
        batch.destination_profile.push(destination);
    }
    batch.profiles = Arc::new(profiles);
    assert_eq!(selects(LABELS, &batch), flows.map(|(_, _, expected)| expected));
}

#[test]
fn labels_of_flows_that_were_not_looked_up() {
    let mut batch = FlowBatch::v4(Source::Host);
    push(&mut batch, 6, (40_000, 443), 1, 2);
    assert_eq!(selects(LABELS, &batch), [false]);
    assert_eq!(selects("label.ip.securitygroup != production", &batch), [true]);
}

#[test]
fn well_known_ports_talk_to_each_other() {
    const TCP: u8 = 6;
    const UDP: u8 = 17;
    let flows = [
        (TCP, 22, 22, true),
        (TCP, 80, 1, true),
        (UDP, 1, 1023, true),
        (UDP, 1023, 1023, true),
        (TCP, 1023, 1024, false),
        (TCP, 1024, 1023, false),
        (TCP, 1024, 1024, false),
        (TCP, 40_000, 443, false),
        (TCP, 0, 22, false),
        (UDP, 22, 0, false),
        (UDP, 0, 0, false),
        // Other protocols have no ports, and read as 0.
        (1, 0, 0, false),
        (47, 0, 0, false),
        (132, 22, 22, false),
        (UDP, 123, 123, false),
        (UDP, 123, 22, false),
        (UDP, 22, 123, false),
        (UDP, 122, 124, true),
        // DHCP: from 67 to 68, back, and between relay and server, but nothing else.
        (UDP, 67, 68, false),
        (UDP, 68, 67, false),
        (UDP, 67, 67, false),
        (UDP, 68, 68, true),
        (UDP, 67, 69, true),
        (UDP, 66, 67, true),
        (UDP, 137, 22, false),
        (UDP, 22, 137, false),
        (UDP, 138, 138, false),
        (UDP, 136, 139, true),
        (UDP, 53, 53, false),
        (TCP, 53, 22, false),
        (TCP, 22, 53, false),
        (TCP, 52, 54, true),
        (UDP, 514, 514, false),
        (TCP, 514, 22, false),
        (TCP, 22, 514, false),
        (TCP, 513, 515, true),
    ];
    let mut batch = FlowBatch::v4(Source::Host);
    for (protocol, source, destination, _) in flows {
        push(&mut batch, protocol, (source, destination), 1, 2);
    }
    for (flow, selected) in flows.iter().zip(selects(PORTS, &batch)) {
        assert_eq!(selected, flow.3, "{flow:?}");
    }
}
