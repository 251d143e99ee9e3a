//! Policies at work: nanoseconds per matched flow, flows per second through many policies, bytes per key.
//!
//! Times are those that the processor spent on this thread. Each measurement is repeated, and the median and the least are
//! shown; all share one run, so that their ratios hold. An argument picks `memory`, `threshold` or `stock`.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(unsafe_code, reason = "reads the thread's clock")]

#[path = "nql/flows.rs"]
#[expect(dead_code, reason = "the other bench asks routers' flows as well")]
mod flows;

use std::{env, fs, hint::black_box, time::Duration};

use flows::Random;
use sensor::{
    flow::{
        batch::{Addresses, BATCH_ROWS, FlowBatch, Source},
        interfaces::Interfaces,
    },
    nql::{
        columns::{Program, Scratch},
        lists::Lists,
    },
    policy::{
        detector::{Detector, Rules},
        load,
        load::PolicyFile,
        model::Policy,
        stock,
    },
};

const FLOWS: usize = 1 << 20;
const ROUNDS: usize = 9;
/// Time of the flows' clock that a round covers, milliseconds.
const ROUND: u64 = 10_000;

fn main() {
    let only = env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let wanted = |what: &str| only.as_ref().is_none_or(|only| what.contains(only));
    println!("{:<44} {:>9} {:>9}", "", "median", "least");
    if wanted("memory") {
        memory();
    }
    let batches = mixed(flows::flows(FLOWS));
    for keys in [1 << 6, 1 << 12, 1 << 16, 1 << 20]
        .into_iter()
        .filter(|keys| wanted(&format!("threshold {keys}")))
    {
        let batches = keyed(keys, &batches);
        let sum = one("'srcip', 'dstip'", "medium = 'sum(packetsxrate) >= 1000000000'");
        let plain =
            measure(&format!("threshold update, {keys} keys, ns"), detector(&sum), &batches);
        let distinct = one("'srcip', 'dstip'", "medium = 'distinct(dstport) >= 1000000000'");
        let with = measure("  the same with distinct, ns", detector(&distinct), &batches);
        println!("{:<44} {:>9.1}", "  so distinct alone, ns", with - plain);
    }
    if !wanted("stock") {
        return;
    }
    let stock: Vec<_> = load(&stock::policies(), &stock::lists()).policies;
    let enabled = stock.iter().filter(|policy| policy.enabled).count();
    let queries = measure_queries(&stock, &batches);
    let rules = Rules::compile(stock);
    let name = format!("stock library, {enabled} policies, ns per flow");
    let all = measure(&name, Detector::new(rules, 1, "host"), &batches);
    println!("{:<44} {:>9.2}", "  million flows per second", 1e3 / all);
    println!("{:<44} {:>9.1}", "  without queries, ns per flow", all - queries);
}

/// Queries alone.
fn measure_queries(policies: &[Policy], batches: &[FlowBatch]) -> f64 {
    let enabled = policies.iter().filter(|policy| policy.enabled);
    let program = Program::compile(enabled.filter_map(|policy| policy.search.of(Source::Host)));
    let (interfaces, mut scratch) = (Interfaces::default(), Scratch::default());
    let rows: usize = batches.iter().map(FlowBatch::len).sum();
    let mut found = 0;
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            found = 0;
            let start = processor_time();
            for batch in batches {
                program.evaluate(batch, &interfaces, &mut scratch, |matched| {
                    found += matched.rows.count();
                });
            }
            (processor_time() - start).as_secs_f64() * 1e9 / rows as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let median = times[times.len() / 2];
    println!(
        "{:<44} {:>9.1} {:>9.1}",
        "stock library, queries alone, ns per flow", median, times[0]
    );
    println!("{:<44} {:>9.3}", "  matches per flow", found as f64 / rows as f64);
    median
}

fn one(key: &str, severity: &str) -> String {
    format!(
        "[[policy]]\nname = 'p'\nmatch = ''\ntrack_by = [[{key}]]\nmax_keys = 2000000\n\
         window = '60s'\nseverity = {{ {severity} }}\n"
    )
}

/// The same flows between addresses that come again, some far more often than others, in the order of time but for a
/// second; most flows are short.
fn mixed(mut batches: Vec<FlowBatch>) -> Vec<FlowBatch> {
    let mut random = Random(11);
    let mut skewed = |of: u64| random.below(of) * random.below(of) / of;
    let first = batches[0].start[0];
    let count = batches.len() as u64;
    for (number, batch) in (0..).zip(&mut batches) {
        let rows = batch.len();
        let Addresses::V4 { source, destination } = &mut batch.addresses else { continue };
        for row in 0..rows {
            let sides = [
                (&mut source[row], &mut batch.source_profile[row]),
                (&mut destination[row], &mut batch.destination_profile[row]),
            ];
            for (address, profile) in sides {
                let (number, known) = if *address >> 24 == 10 {
                    let host = skewed(4000) as u32;
                    (0x0a00_0000 | host, 1 + host % 7)
                } else {
                    // One of 64 has a bad name.
                    let host = skewed(50_000) as u32;
                    let category = if host.is_multiple_of(64) { 7 } else { host % 7 };
                    (0x2d00_0000 | host, 8 + 8 * (host % 8) + category)
                };
                (*address, *profile) = (number, known);
            }
            batch.end[row] = first + number * ROUND / count + skewed(1000);
            batch.start[row] = batch.end[row] - skewed(30_000) * skewed(30_000) / 30_000;
        }
    }
    batches
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

fn measure(name: &str, mut detector: Detector, batches: &[FlowBatch]) -> f64 {
    let mut batches = batches.to_vec();
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
        // In the first round, all keys are new.
        if round > 0 {
            times.push(spent.as_secs_f64() * 1e9 / rows as f64);
        }
        shift(&mut batches, ROUND);
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
