//! Synthetic flows: clients and servers inside and outside, their replies, and some noise.

use std::sync::Arc;

use sensor_core::flow::{
    batch::{Addresses, BATCH_ROWS, EndReason, FlowBatch, Source},
    device::Device,
    profile::{Profile, Profiles},
};

/// Numbers by a linear congruential generator (Knuth, MMIX).
pub struct Random(pub u64);

impl Random {
    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Services by how often they are used; the weights sum up to 100.
const SERVICES: [(u16, u8, u64); 14] = [
    (443, 6, 38),
    (53, 17, 18),
    (80, 6, 10),
    (443, 17, 8),
    (123, 17, 4),
    (22, 6, 4),
    (445, 6, 3),
    (25, 6, 3),
    (3389, 6, 2),
    (993, 6, 2),
    (5432, 6, 2),
    (161, 17, 2),
    (514, 17, 2),
    (8080, 6, 2),
];

/// `rows` IPv4 flows in batches.
pub fn flows(rows: usize) -> Vec<FlowBatch> {
    let mut random = Random(1);
    let (profiles, inside, outside) = profiles();
    let mut batches = Vec::new();
    for _ in 0..rows.div_ceil(BATCH_ROWS) {
        let mut batch = FlowBatch::v4(Source::Host);
        batch.profiles = profiles.clone();
        for _ in 0..BATCH_ROWS {
            push(&mut batch, &mut random, &inside, &outside);
        }
        batches.push(batch);
    }
    batches
}

/// The same flows as a router tells them, sampled, without what only the host knows.
pub fn of_router(flows: &[FlowBatch]) -> Vec<FlowBatch> {
    let mut random = Random(3);
    let devices = [1, 2, 3].map(|last| Arc::new(Device::new([192, 0, 2, last].into())));
    let mut told = flows.to_vec();
    for batch in &mut told {
        batch.observed_by = Source::NetFlow;
        for column in [&mut batch.ttl_min, &mut batch.ttl_max] {
            column.clear();
        }
        batch.layer2_octets.clear();
        batch.source_mac.clear();
        batch.destination_mac.clear();
        let rows = batch.len();
        let mut column = |bound| (0..rows).map(|_| random.below(bound) as u32).collect::<Vec<_>>();
        batch.devices = devices.to_vec();
        batch.device = column(3);
        batch.output_interface = column(48);
        batch.source_as = column(64);
        batch.destination_as = column(64);
        batch.sample_rate = vec![100; rows];
        batch.version = vec![9; rows];
        batch.received = batch.end.clone();
    }
    told
}

fn profiles() -> (Arc<Profiles>, Vec<u32>, Vec<u32>) {
    let profiles = Profiles::default();
    let roles = ["web", "database", "application", "resolver", "mailserver", "scanner", "backup"];
    let inside = roles
        .iter()
        .map(|role| {
            let label = |value: &str| vec![value.to_owned()];
            profiles.intern(Profile {
                labels: [("role".to_owned(), label(role)), ("name".to_owned(), label(role))].into(),
                internal: Some(true),
                ..Profile::default()
            })
        })
        .collect();
    let mut outside = Vec::new();
    for country in ["US", "DE", "FR", "CN", "GB", "JP", "NL", "RU"] {
        for category in [None, None, None, None, None, None, None, Some("scanners")] {
            outside.push(profiles.intern(Profile {
                internal: Some(false),
                country: Some(country.to_owned()),
                reputation: Some(category.map(str::to_owned).into_iter().collect()),
                ..Profile::default()
            }));
        }
    }
    (Arc::new(profiles), inside, outside)
}

fn push(batch: &mut FlowBatch, random: &mut Random, inside: &[u32], outside: &[u32]) {
    let mut pick = random.below(100);
    let (service, protocol, _) = SERVICES
        .iter()
        .copied()
        .find(|&(_, _, weight)| {
            let found = pick < weight;
            pick = pick.wrapping_sub(weight);
            found
        })
        .unwrap_or(SERVICES[0]);
    let client = 32_768 + random.below(28_000) as u16;
    let (source_port, destination_port, protocol) = match random.below(100) {
        0..48 => (client, service, protocol),
        48..90 => (service, client, protocol),
        // Scans, and services that talk to each other by their own ports.
        90..95 => (random.below(1 << 16) as u16, random.below(1 << 16) as u16, protocol),
        95..97 => (random.below(1024) as u16, random.below(1024) as u16, protocol),
        _ => (0, 0, 1),
    };
    let internal = 0x0a00_0000 | random.below(1 << 16) as u32;
    let external = random.below(1 << 32) as u32 & 0xdfff_ffff;
    let (local, remote) = (
        inside[random.below(inside.len() as u64) as usize],
        outside[random.below(outside.len() as u64) as usize],
    );
    let (source, destination, source_profile, destination_profile) = match random.below(10) {
        0..4 => (internal, external, local, remote),
        4..8 => (external, internal, remote, local),
        _ => (internal, internal ^ 1, local, inside[internal as usize % inside.len()]),
    };
    if let Addresses::V4 { source: sources, destination: destinations } = &mut batch.addresses {
        sources.push(source);
        destinations.push(destination);
    }
    let packets = 1 + random.below(8) * random.below(8);
    let flags = [0x1b, 0x1b, 0x1b, 0x1a, 0x02, 0x12, 0x14, 0x10][random.below(8) as usize];
    batch.source_profile.push(source_profile);
    batch.destination_profile.push(destination_profile);
    batch.source_port.push(source_port);
    batch.destination_port.push(destination_port);
    batch.icmp_type_code.push(if protocol == 1 { 0x0800 } else { 0 });
    batch.protocol.push(protocol);
    batch.tos.push(0);
    batch.tcp_flags.push(if protocol == 6 { flags } else { 0 });
    batch.interface.push(2);
    batch.direction.push(random.below(2) as u8);
    batch.vlan.push(0);
    batch.octets.push(packets * (40 + random.below(1400)));
    batch.packets.push(packets);
    batch.layer2_octets.push(packets * 1000);
    batch.start.push(1_700_000_000_000);
    batch.end.push(1_700_000_000_000 + random.below(10_000));
    batch.ttl_min.push(64);
    batch.ttl_max.push(64);
    batch.source_mac.push([2, 0, 0, 0, 0, 1]);
    batch.destination_mac.push([2, 0, 0, 0, 0, 2]);
    batch.fragment.push(0);
    batch.folded.push(0);
    batch.end_reason.push(EndReason::EndOfFlow as u8);
    batch.initiator.push(if protocol == 6 { 1 + random.below(2) as u8 } else { 0 });
    batch.continued.push(0);
}
