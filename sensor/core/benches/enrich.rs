//! What it costs to know addresses: nanoseconds per flow, and the time to load labels.
//!
//! 10,000 labels (addresses and prefixes of two lengths, five contexts), the built-in networks, and where it is said MMDB
//! records of 65,536 prefixes. Hot flows are between 512 addresses, cold ones between a million, of which half lie in the
//! labelled networks. A hash map of single addresses, which knows no prefixes, stands beside the trie. All measurements take
//! turns, round by round; times are those that the processor spent on this thread.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(unsafe_code, reason = "reads the thread's clock")]

use std::{
    collections::HashMap,
    fmt::Write as _,
    hint::black_box,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
    time::Duration,
};

use maxminddb_writer::{Database as Writer, metadata::IpVersion, paths::IpAddrWithMask};
use sensor_core::{
    enrich::{
        active::ActiveContext,
        combine::Precedence,
        context::{Context, Limits},
        enricher::Enricher,
        formats::Form,
        sources::Sources,
    },
    flow::batch::{Addresses, FlowBatch, Source},
};

const ROWS: usize = 4096;
const BATCHES: usize = 64;
const ROUNDS: usize = 15;
const LABELS: u32 = 10_000;
const MANY_LABELS: u32 = 100_000;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 32) as u32
    }
}

/// Labels in 10.0.0.0/8 and 2001:db8::/32: of ten, seven are of addresses, two of /24 (/64), one of /16 (/48).
fn labels(count: u32) -> String {
    let mut random = Random(7);
    let mut csv = String::new();
    for number in 0..count {
        let v4 = Ipv4Addr::from(0x0a00_0000 | random.next() & 0x00ff_ffff);
        let low = u128::from(random.next() & 0xffff) << 80 | u128::from(random.next() & 0xff) << 64;
        let v6 = Ipv6Addr::from(0x2001_0db8 << 96 | low | u128::from(number));
        let context = ["name", "role", "securitygroup", "zone", "team"][number as usize % 5];
        let value = if context == "name" { number } else { number % 50 };
        let v4_length = [32, 32, 32, 32, 32, 32, 32, 24, 24, 16][number as usize % 10];
        let v6_length = [128, 128, 128, 128, 128, 128, 128, 64, 64, 48][number as usize % 10];
        // Writing to a String cannot fail.
        let _ = if number % 4 == 3 {
            writeln!(csv, "{v6}/{v6_length},{context},{context}-{value}")
        } else {
            writeln!(csv, "{v4}/{v4_length},{context},{context}-{value}")
        };
    }
    csv
}

/// Records for every /16, of 5,000 places.
fn places() -> Vec<u8> {
    let mut writer = Writer::default();
    writer.metadata.ip_version = IpVersion::V4;
    writer.metadata.binary_format_major_version = 2;
    let records: Vec<_> = (0..5_000_u32)
        .map(|number| {
            let record = serde_json::json!({
                "country": {"iso_code": format!("{}{}", char::from(b'A' + (number % 26) as u8), 'X')},
                "autonomous_system_number": 64_500 + number / 5,
                "autonomous_system_organization": format!("Network {}", number / 5),
                "location": {"latitude": f64::from(number) / 100.0, "longitude": 8.5},
            });
            writer.insert_value(record).expect("the record can be written")
        })
        .collect();
    for prefix in 0..=0xffff_u32 {
        let address = IpAddr::from((prefix << 16).to_be_bytes());
        let record = records[(prefix.wrapping_mul(2_654_435_761) >> 8) as usize % records.len()];
        writer.insert_node(IpAddrWithMask::new(address, 16), record);
    }
    writer.write_to(Vec::new()).expect("memory takes everything")
}

fn context(labels: &str, places: Option<&[u8]>) -> Context {
    let mut sources = Sources::default();
    sources.bogons();
    sources.private_networks();
    assert_eq!(sources.labels("labels", labels, Form::Csv).faulty, 0);
    if let Some(bytes) = places {
        sources.database("places", bytes.to_vec()).expect("the bytes are sound");
    }
    Context::new(sources, Precedence::MostSpecific, Limits::default())
}

/// Batches between so many addresses.
fn batches(v4: bool, addresses: u32) -> Vec<FlowBatch> {
    let mut random = Random(1);
    let mut address = || {
        let number = (random.next() % addresses).wrapping_mul(2_654_435_761);
        // Half of them labelled ones' neighbours, half anywhere.
        if number & 1 == 0 { 0x0a00_0000 | number >> 8 } else { number }
    };
    let wide =
        |number: u32| (0x2001_0db8_u128 << 96) | u128::from(number) << 64 | u128::from(number >> 7);
    let batch = |_| {
        let mut batch = if v4 { FlowBatch::v4(Source::Host) } else { FlowBatch::v6(Source::Host) };
        for _ in 0..ROWS {
            let (from, to) = (address(), address());
            match &mut batch.addresses {
                Addresses::V4 { source, destination } => {
                    source.push(from);
                    destination.push(to);
                }
                Addresses::V6 { source, destination } => {
                    source.push(wide(from));
                    destination.push(wide(to));
                }
            }
        }
        batch
    };
    (0..BATCHES).map(batch).collect()
}

struct Measurement<'a> {
    name: &'static str,
    units: usize,
    work: Box<dyn FnMut() -> u64 + 'a>,
    times: Vec<Duration>,
}

/// What the processor has spent on this thread.
fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is valid for writes; the clock is one that every Linux has.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn enrichment<'a>(
    name: &'static str,
    context: Context,
    mut batches: Vec<FlowBatch>,
) -> Measurement<'a> {
    let mut enricher = Enricher::new(Arc::new(ActiveContext::new(context)));
    let work = move || {
        for batch in &mut batches {
            enricher.enrich(batch);
        }
        u64::from(batches[0].source_profile[0])
    };
    Measurement { name, units: ROWS * BATCHES, work: Box::new(work), times: Vec::new() }
}

fn main() {
    let (few, many, places) = (labels(LABELS), labels(MANY_LABELS), places());
    let known = context(&few, None);
    let (combinations, octets) = known.size();
    let (combinations_many, octets_many) = context(&many, None).size();
    let column = |batches: &[FlowBatch]| -> Vec<u32> {
        let columns = batches.iter().map(|batch| match &batch.addresses {
            Addresses::V4 { source, .. } => source.as_slice(),
            Addresses::V6 { .. } => &[],
        });
        columns.flatten().copied().collect()
    };
    let cold = column(&batches(true, 1 << 20));
    let map: HashMap<u32, u32> = cold.iter().take(LABELS as usize).map(|&at| (at, at)).collect();

    let mut measurements = vec![
        enrichment("IPv4, hot", context(&few, None), batches(true, 512)),
        enrichment("IPv4, hot, places", context(&few, Some(&places)), batches(true, 512)),
        enrichment("IPv4, cold", context(&few, None), batches(true, 1 << 20)),
        enrichment("IPv4, cold, places", context(&few, Some(&places)), batches(true, 1 << 20)),
        enrichment("IPv4, cold, 100,000 labels", context(&many, None), batches(true, 1 << 20)),
        enrichment("IPv6, hot", context(&few, None), batches(false, 512)),
        enrichment("IPv6, cold", context(&few, None), batches(false, 1 << 20)),
        Measurement {
            name: "trie, an address",
            units: cold.len(),
            work: Box::new(|| {
                let numbers = cold.iter().map(|&at| known.number(IpAddr::from(at.to_be_bytes())));
                numbers.map(u64::from).sum()
            }),
            times: Vec::new(),
        },
        Measurement {
            name: "hash map, an address",
            units: cold.len(),
            work: Box::new(|| cold.iter().map(|at| map.get(at).map_or(0, |&n| u64::from(n))).sum()),
            times: Vec::new(),
        },
    ];
    let loads: Vec<(&'static str, &str)> =
        vec![("load 10,000 labels, a label", &few), ("load 100,000 labels, a label", &many)];
    measurements.extend(loads.into_iter().map(|(name, text)| Measurement {
        name,
        units: text.lines().count(),
        work: Box::new(move || context(text, None).size().0 as u64),
        times: Vec::new(),
    }));
    measurements.push(Measurement {
        name: "  of which reading it",
        units: MANY_LABELS as usize,
        work: Box::new(|| Sources::default().labels("labels", &many, Form::Csv).entries as u64),
        times: Vec::new(),
    });

    for _ in 0..ROUNDS {
        for Measurement { work, times, .. } in &mut measurements {
            let start = processor_time();
            black_box(work());
            times.push(processor_time() - start);
        }
    }
    println!("{combinations} combinations, tables of {} KiB", octets / 1024);
    println!("of 100,000 labels: {combinations_many}, {} KiB", octets_many / 1024);
    println!("{:<32}{:>14}{:>14}{:>14}", "", "median ns", "least ns", "whole, ms");
    let mut medians = HashMap::new();
    for Measurement { name, units, times, .. } in &mut measurements {
        times.sort_unstable();
        let each = |time: Duration| time.as_secs_f64() * 1e9 / *units as f64;
        let median = times[times.len() / 2];
        println!(
            "{name:<32}{:>14.2}{:>14.2}{:>14.1}",
            each(median),
            each(times[0]),
            median.as_secs_f64() * 1e3
        );
        medians.insert(*name, each(median));
    }
    let ratio = |a: &str, b: &str| medians[a] / medians[b];
    println!("trie / hash map: {:.2}", ratio("trie, an address", "hash map, an address"));
    println!("cold / hot: {:.1}", ratio("IPv4, cold", "IPv4, hot"));
    println!("cold with places / cold: {:.1}", ratio("IPv4, cold, places", "IPv4, cold"));
}
