//! Policies at work: nanoseconds per matched flow, flows per second through many policies, bytes per key.
//!
//! Times are those that the processor spent on this thread. Each measurement is repeated, and the median and the least are
//! shown; all share one run, so that their ratios hold.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(unsafe_code, reason = "reads the thread's clock")]

#[path = "nql/flows.rs"]
#[expect(dead_code, reason = "the other bench asks routers' flows as well")]
mod flows;

use std::{fs, hint::black_box, time::Duration};

use flows::Random;
use sensor::{
    flow::{
        batch::{Addresses, BATCH_ROWS, FlowBatch},
        interfaces::Interfaces,
    },
    nql::lists::Lists,
    policy::{
        detector::{Detector, Rules},
        load,
        load::PolicyFile,
    },
};

/// Queries of stock policies, one a line.
const MATCHES: &str = include_str!("nql/matches.txt");

/// Keys, windows and thresholds as the stock policies have them, by how often: `track_by`, window, thresholds.
const KINDS: [(&str, &str, &str); 12] = [
    (
        "'srcip', 'dstip'",
        "300s",
        "medium = 'distinct(srcport) >= 20', high = 'distinct(srcport) >= 100'",
    ),
    (
        "'dstip'",
        "60s",
        "medium = 'avg(packetsxrate) >= 200000', high = 'avg(bitsxrate) >= 5000000000'",
    ),
    ("'srcip', 'dstip', 'dstport'", "900s", "medium = 'sum(packetsxrate) >= 300000'"),
    ("'srcip'", "300s", "low = 'distinct(dstip) >= 3000', medium = 'distinct(dstip) >= 30000'"),
    ("'srcip', 'dstport'", "300s", "medium = 'distinct(dstip) >= 2000'"),
    (
        "'srcip', 'dstip'",
        "900s",
        "medium = 'sum(packetsxrate) >= 40000', high = 'sum(bitsxrate) >= 200000000000'",
    ),
    ("'dstip'", "60s", "medium = 'avg(bitsxrate) >= 2000000000 && distinct(srcip) >= 100'"),
    (
        "'srcip', 'dstip'",
        "3600s",
        "low = 'sum(packetsxrate) >= 100000', medium = 'sum(bitsxrate) >= 100000000000'",
    ),
    (
        "'srcip', 'dstip', 'dstport'",
        "3600s",
        "medium = 'sum(packetsxrate) >= 600000', high = 'sum(packetsxrate) >= 2000000'",
    ),
    ("'srcip'", "60s", "medium = 'distinct(dstport) >= 2500'"),
    ("'srcip', 'srcport'", "60s", "low = 'sum(octets) >= 10000000000'"),
    ("'srcip', 'dstip'", "3600s", ""),
];

const FLOWS: usize = 1 << 20;
const ROUNDS: usize = 9;

fn main() {
    println!("{:<44} {:>9} {:>9}", "", "median", "least");
    let batches = flows::flows(FLOWS);
    for keys in [1 << 12, 1 << 16, 1 << 20] {
        let batches = keyed(keys, &batches);
        let sum = one("'srcip', 'dstip'", "medium = 'sum(packetsxrate) >= 1000000000'");
        let plain = measure(&format!("threshold update, {keys} keys, ns"), &sum, &batches, true);
        let distinct = one("'srcip', 'dstip'", "medium = 'distinct(dstport) >= 1000000000'");
        let with = measure("  the same with distinct, ns", &distinct, &batches, true);
        println!("{:<44} {:>9.1}", "  so distinct alone, ns", with - plain);
    }
    let stock = stock();
    measure("93 policies, ns per flow", &stock, &batches, false);
    memory();
}

fn one(key: &str, severity: &str) -> String {
    policy(0, "", key, "60s", severity)
}

fn policy(number: usize, query: &str, key: &str, window: &str, severity: &str) -> String {
    let kind = match severity {
        "" => "suppress = '300s'".to_owned(),
        severity => format!("window = '{window}'\nseverity = {{ {severity} }}"),
    };
    format!(
        "[[policy]]\nname = 'p{number}'\nmatch = \"{query}\"\ntrack_by = [[{key}]]\nmax_keys = 2000000\n{kind}\n"
    )
}

/// As many policies as there are queries.
fn stock() -> String {
    let numbered = MATCHES.lines().enumerate();
    let policies = numbered.map(|(number, query)| {
        let (key, window, severity) = KINDS[number % KINDS.len()];
        policy(number, query, key, window, severity)
    });
    policies.collect()
}

fn detector(text: &str) -> Detector {
    let file = PolicyFile { path: "policies".to_owned(), text: text.to_owned() };
    let loaded = load(&[file], &Lists::default());
    assert_eq!(loaded.errors(), 0, "{}", loaded.report());
    Detector::new(Rules::compile(loaded.policies), 1, "host")
}

/// The same flows between so many pairs of addresses.
fn keyed(keys: u64, batches: &[FlowBatch]) -> Vec<FlowBatch> {
    let mut random = Random(7);
    let mut batches = batches.to_vec();
    for batch in &mut batches {
        if let Addresses::V4 { source, destination } = &mut batch.addresses {
            for (source, destination) in source.iter_mut().zip(destination) {
                let key = random.below(keys) as u32;
                (*source, *destination) = (0x0a00_0000 | key, 0x0b00_0000 | key);
            }
        }
    }
    batches
}

/// Shifts the times of flows, so that windows move on from round to round.
fn shift(batches: &mut [FlowBatch], by: u64) {
    for batch in batches {
        batch.start.iter_mut().for_each(|time| *time += by);
        batch.end.iter_mut().for_each(|time| *time += by);
    }
}

fn measure(name: &str, policies: &str, batches: &[FlowBatch], warm: bool) -> f64 {
    let mut batches = batches.to_vec();
    let mut detector = detector(policies);
    let (interfaces, mut events) = (Interfaces::default(), Vec::new());
    let mut times = Vec::new();
    let rows: usize = batches.iter().map(FlowBatch::len).sum();
    for round in 0..ROUNDS {
        let start = processor_time();
        for batch in &batches {
            detector.observe(batch, &interfaces, &mut events);
        }
        detector.advance(batches[0].end[0], &mut events);
        let spent = processor_time() - start;
        black_box(&events);
        events.clear();
        // In the first round, keys are new.
        if round > 0 || !warm {
            times.push(spent.as_secs_f64() * 1e9 / rows as f64);
        }
        shift(&mut batches, 10_000);
    }
    times.sort_by(f64::total_cmp);
    println!("{name:<44} {:>9.1} {:>9.1}", times[times.len() / 2], times[0]);
    times[times.len() / 2]
}

/// Fills one policy with a million keys, as a scan would, and says what that takes.
fn memory() {
    const KEYS: usize = 1_000_000;
    let mut detector =
        detector(&one("'srcip', 'dstip', 'dstport'", "medium = 'sum(packetsxrate) >= 1000000000'"));
    let mut batch = flows::flows(BATCH_ROWS).remove(0);
    let (interfaces, mut events) = (Interfaces::default(), Vec::new());
    let before = resident();
    for first in (0..KEYS).step_by(BATCH_ROWS) {
        if let Addresses::V4 { source, .. } = &mut batch.addresses {
            source
                .iter_mut()
                .enumerate()
                .for_each(|(row, address)| *address = (first + row) as u32);
        }
        detector.observe(&batch, &interfaces, &mut events);
    }
    let keys = detector.counters().map(|(_, _, keys)| keys).sum::<usize>();
    let bytes = resident() - before;
    println!("{:<44} {:>9.1}", format!("{keys} keys, MiB"), bytes as f64 / f64::from(1 << 20));
    println!("{:<44} {:>9.1}", "whole process, MiB", resident() as f64 / f64::from(1 << 20));
}

/// Resident memory of the process, bytes.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kibibytes.unwrap_or(0) << 10
}

/// What the processor has spent on this thread.
fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is valid for writes; the clock is one that every Linux has.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
