//! IPFIX encoding: records per second on one core, beside a plain copy of the same octets.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use sensor_core::flow::{
    batch::{Addresses, BATCH_ROWS, FlowBatch, Source},
    device::Device,
};
use sensor_wire::ipfix::encode::{Encoder, EncoderOptions, TemplateRefresh};

const ROUNDS: usize = 15;
const BATCHES_PER_ROUND: usize = 256;
/// Octets of a message: in a datagram, and in a file.
const DATAGRAM: u16 = 1400;
const FILE: u16 = u16::MAX;

fn main() {
    println!(
        "IPFIX encode, {BATCH_ROWS} rows a batch, median of {ROUNDS} rounds; messages of {DATAGRAM} octets, \
         in files of {FILE}"
    );
    println!("{:<24}{:>14}{:>12}{:>16}", "rows", "records/s", "ns/record", "times a memcpy");
    measure("IPv4", &batch(FlowBatch::v4(Source::Host), |_| false), DATAGRAM);
    measure(
        "IPv4, 1 in 64 folded",
        &batch(FlowBatch::v4(Source::Host), |row| row % 64 == 0),
        DATAGRAM,
    );
    measure(
        "IPv4, 1 in 2 folded",
        &batch(FlowBatch::v4(Source::Host), |row| row % 2 == 0),
        DATAGRAM,
    );
    measure("IPv6", &batch(FlowBatch::v6(Source::Host), |_| false), DATAGRAM);
    let routers = told(batch(FlowBatch::v4(Source::NetFlow), |_| false));
    measure("IPv4, routers", &routers, DATAGRAM);
    measure("IPv4, routers, a file", &routers, FILE);
}

/// The same as a router tells it.
fn told(mut batch: FlowBatch) -> FlowBatch {
    batch.layer2_octets.clear();
    batch.ttl_min.clear();
    batch.ttl_max.clear();
    batch.source_mac.clear();
    batch.destination_mac.clear();
    let rows = batch.len();
    batch.output_interface = vec![7; rows];
    batch.next_hop_v4 = vec![0x0a00_0001; rows];
    batch.source_as = vec![64_500; rows];
    batch.destination_as = vec![64_501; rows];
    batch.sample_rate = vec![100; rows];
    batch.device = vec![0; rows];
    batch.devices = vec![Arc::new(Device::new([192, 0, 2, 1].into()))];
    batch
}

fn measure(name: &str, batch: &FlowBatch, message_size: u16) {
    let mut encoder = Encoder::new(EncoderOptions {
        message_size,
        observation_domain: 1,
        refresh: TemplateRefresh::Every { milliseconds: 600_000, messages: 4096 },
        hits: None,
    });
    let mut messages: Vec<Vec<u8>> = Vec::new();
    encoder.encode(batch, 0, |message| messages.push(message.bytes.to_vec()));
    let mut copy = vec![0; message_size.into()];

    let encoding = median(|| encoder.encode(batch, 0, |message| _ = black_box(message.bytes)));
    let copying = median(|| {
        for message in &messages {
            copy[..message.len()].copy_from_slice(message);
            black_box(&copy);
        }
    });
    let records = (BATCHES_PER_ROUND * batch.len()) as f64;
    println!(
        "{name:<24}{:>14.0}{:>12.1}{:>16.1}",
        records / encoding.as_secs_f64(),
        encoding.as_secs_f64() * 1e9 / records,
        encoding.as_secs_f64() / copying.as_secs_f64(),
    );
}

fn median(mut work: impl FnMut()) -> Duration {
    let mut rounds: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..BATCHES_PER_ROUND {
                work();
            }
            start.elapsed()
        })
        .collect();
    rounds.sort_unstable();
    rounds[ROUNDS / 2]
}

fn batch(mut batch: FlowBatch, folded: impl Fn(usize) -> bool) -> FlowBatch {
    for row in 0..BATCH_ROWS {
        let n = row as u32;
        match &mut batch.addresses {
            Addresses::V4 { source, destination } => {
                source.push(0x0a00_0000 + n);
                destination.push(0xc0a8_0000 + n);
            }
            Addresses::V6 { source, destination } => {
                source.push(0xfd00_u128 << 112 | u128::from(n));
                destination.push(0x2001_0db8_u128 << 96 | u128::from(n));
            }
        }
        batch.source_port.push(n as u16);
        batch.destination_port.push(443);
        batch.icmp_type_code.push(0);
        batch.protocol.push(6);
        batch.tos.push(0);
        batch.tcp_flags.push(0x1b);
        batch.interface.push(2);
        batch.direction.push((n & 1) as u8);
        batch.vlan.push(0);
        batch.octets.push(1500 * u64::from(n));
        batch.packets.push(n.into());
        batch.layer2_octets.push(1514 * u64::from(n));
        batch.start.push(1_700_000_000_000);
        batch.end.push(1_700_000_001_000);
        batch.ttl_min.push(64);
        batch.ttl_max.push(64);
        batch.source_mac.push([2, 0, 0, 0, 0, 1]);
        batch.destination_mac.push([2, 0, 0, 0, 0, 2]);
        batch.fragment.push(0);
        batch.folded.push(folded(row).into());
        batch.end_reason.push(3);
        batch.initiator.push(1);
        batch.continued.push(0);
    }
    batch
}
