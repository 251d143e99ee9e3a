//! Synthetic flow batches: every column filled, every row different, the same for the same seed.

use std::sync::Arc;

use sensor_core::flow::{
    application,
    batch::{Addresses, FlowBatch, Source},
    device::Device,
};

/// First packet of the first row, milliseconds since the epoch: 2023-11-14 22:13:20.
pub const START: u64 = 1_700_000_000_000;

/// `rows` IPv4 flows.
pub fn ipv4(seed: u32, rows: usize) -> Arc<FlowBatch> {
    Arc::new(fill(FlowBatch::v4(Source::Host), seed, rows, false))
}

/// `rows` IPv6 flows.
pub fn ipv6(seed: u32, rows: usize) -> Arc<FlowBatch> {
    Arc::new(fill(FlowBatch::v6(Source::Host), seed, rows, false))
}

/// `rows` IPv4 flows, of which every other one lacks its remote end.
pub fn ipv4_half_folded(seed: u32, rows: usize) -> Arc<FlowBatch> {
    Arc::new(fill(FlowBatch::v4(Source::Host), seed, rows, true))
}

/// As [`ipv4_half_folded`], for IPv6.
pub fn ipv6_half_folded(seed: u32, rows: usize) -> Arc<FlowBatch> {
    Arc::new(fill(FlowBatch::v6(Source::Host), seed, rows, true))
}

/// `rows` IPv4 flows of a router that tells much: all that only routers tell, and nothing of what they cannot know.
pub fn routed_ipv4(seed: u32, rows: usize) -> Arc<FlowBatch> {
    Arc::new(tell(fill(FlowBatch::v4(Source::NetFlow), seed, rows, false)))
}

/// As [`routed_ipv4`], for IPv6 and a router that tells little.
pub fn routed_ipv6(seed: u32, rows: usize) -> Arc<FlowBatch> {
    let mut batch = tell(fill(FlowBatch::v6(Source::NetFlow), seed, rows, false));
    batch.vlan.fill(0);
    batch.end_reason.fill(0);
    batch.destination_vlan.clear();
    batch.next_hop_v6.clear();
    batch.application.clear();
    batch.input_vrf.clear();
    batch.output_vrf.clear();
    batch.action.clear();
    batch.sample_rate.fill(0);
    batch.devices = vec![Arc::new(Device::new([0xfd, 0, 0, 0, 0, 0, 0, 1].into()))];
    Arc::new(batch)
}

fn tell(mut batch: FlowBatch) -> FlowBatch {
    batch.layer2_octets.clear();
    batch.ttl_min.clear();
    batch.ttl_max.clear();
    batch.source_mac.clear();
    batch.destination_mac.clear();
    let rows = batch.len() as u32;
    let numbers = |first: u32, range: u32| (0..rows).map(move |n| first + n % range);
    batch.output_interface = numbers(40, 4).collect();
    batch.destination_vlan = numbers(100, 7).map(|vlan| vlan as u16).collect();
    match batch.addresses {
        Addresses::V4 { .. } => batch.next_hop_v4 = numbers(0x0a01_0001, 9).collect(),
        Addresses::V6 { .. } => {
            batch.next_hop_v6 = numbers(1, 9).map(|n| 0xfd01_u128 << 112 | u128::from(n)).collect();
        }
    }
    batch.source_as = numbers(64_500, 20).collect();
    batch.destination_as = numbers(4_200_000_000, 20).collect();
    batch.sample_rate = numbers(100, 1).collect();
    batch.device = numbers(0, 1).collect();
    batch.version = numbers(9, 1).map(|version| version as u8).collect();
    batch.received = batch.end.clone();
    batch.action = numbers(0, 3).map(|action| action as u8).collect();
    let application = |n: u32| application::number(&n.to_be_bytes()).unwrap_or(0);
    batch.application = numbers(0x0300_0050, 5).map(application).collect();
    batch.input_vrf = numbers(1, 3).collect();
    batch.output_vrf = numbers(11, 3).collect();
    batch.devices = vec![Arc::new(Device::new([192, 0, 2, 77].into()))];
    batch
}

fn fill(mut batch: FlowBatch, seed: u32, rows: usize, half_folded: bool) -> FlowBatch {
    for row in 0..rows as u32 {
        let n = seed.wrapping_mul(100_000).wrapping_add(row);
        let egress = n & 1 == 1;
        let folded = half_folded && n & 2 == 2;
        let (source_folded, destination_folded) = (folded && !egress, folded && egress);
        let keep = |folded: bool, port: u16| if folded { 0 } else { port };
        match &mut batch.addresses {
            Addresses::V4 { source, destination } => {
                source.push(if source_folded { 0 } else { 0x0a00_0000 + n });
                destination.push(if destination_folded { 0 } else { 0xc0a8_0000 + n % 65_536 });
            }
            Addresses::V6 { source, destination } => {
                let near = 0xfd00_u128 << 112 | u128::from(n);
                let far = 0x2001_0db8_u128 << 96 | u128::from(n);
                source.push(if source_folded { 0 } else { near });
                destination.push(if destination_folded { 0 } else { far });
            }
        }
        let protocol =
            [6, 17, 132, if batch.ip_version() == 4 { 1 } else { 58 }][n as usize / 4 % 4];
        let icmp = matches!(protocol, 1 | 58);
        let ports = if icmp { (0, 0) } else { (1024 + (n % 50_000) as u16, 443) };
        batch.source_port.push(keep(source_folded, ports.0));
        batch.destination_port.push(keep(destination_folded, ports.1));
        batch.icmp_type_code.push(if icmp && !destination_folded { 0x0801 } else { 0 });
        batch.protocol.push(protocol);
        batch.tos.push((n % 256) as u8);
        batch.tcp_flags.push(if protocol == 6 { 0x11b } else { 0 });
        batch.interface.push(2 + n % 3);
        batch.direction.push(egress.into());
        batch.vlan.push((n % 4096) as u16);
        batch.octets.push(40 + u64::from(n) * 7);
        batch.packets.push(1 + u64::from(n % 1000));
        batch.layer2_octets.push(54 + u64::from(n) * 8);
        batch.start.push(START + u64::from(n));
        batch.end.push(START + u64::from(n) + 1_234);
        batch.ttl_min.push((n % 64) as u8);
        batch.ttl_max.push(64 + (n % 64) as u8);
        let [_, a, b, c] = n.to_be_bytes();
        batch.source_mac.push([2, 0, 1, a, b, c]);
        batch.destination_mac.push([2, 0, 2, a, b, c]);
        batch.fragment.push(0);
        batch.folded.push(folded.into());
        batch.end_reason.push(1 + (n % 5) as u8);
        batch.initiator.push((n % 3) as u8);
        batch.continued.push((n % 2) as u8);
    }
    batch
}
