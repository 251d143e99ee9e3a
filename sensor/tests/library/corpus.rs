//! Real captures: what the policies that are on say of each file is in `corpus.hits`, and nothing else is said.
//!
//! The corpus is optional: it lies where `SENSOR_CORPORA` says, else beside the workspace in `../shared/corpora`.
//! `UPDATE_EXPECT=1` writes the table anew; whoever does looks at what is new in it. Its first lines say why each policy hits.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use sensor::replay::{capture::CaptureReader, packets};
use sensor_common::ledger::{Count, Ledger};
use sensor_core::{
    enrich::{
        active::ActiveContext,
        combine::Precedence,
        context::{Context, Limits},
        sources::Sources,
    },
    flow::{
        aggregator::Aggregator,
        batch::{FlowBatch, Source},
        cache::CacheOptions,
    },
    policy::model::Policy,
};

use crate::{Bench, corpora, stock_policies};

/// The flows of a capture, and when it ends.
pub fn flows(path: &Path) -> (Vec<FlowBatch>, u64) {
    let mut batches = Vec::new();
    let mut last = 0;
    if let Ok(mut capture) = CaptureReader::open(path) {
        let options = CacheOptions {
            active_timeout: 60_000,
            idle_timeout: 15_000,
            end_linger: 2000,
            max_flows: 1 << 16,
        };
        let mut aggregator = Aggregator::new(Source::Host, options, 0, |batch| batches.push(batch));
        let (mut ledger, mut unknown) = (Ledger::default(), Count::default());
        while let Ok(Some(frame)) = capture.next() {
            last = frame.timestamp_ns / 1_000_000;
            aggregator.expire(last);
            packets::count(&frame, &mut ledger, &mut unknown, &mut aggregator);
        }
        aggregator.finish();
    }
    (batches, last)
}

/// Names of the policies that speak of a capture.
fn hits(policies: &[Policy], path: &Path) -> BTreeSet<String> {
    let (batches, last) = flows(path);
    if batches.is_empty() {
        return BTreeSet::new();
    }
    let mut sources = Sources::default();
    sources.own_networks();
    sources.private_networks();
    sources.bogons();
    let context = Context::new(sources, Precedence::default(), Limits::default());
    let mut bench = Bench::new(policies.to_vec(), Arc::new(ActiveContext::new(context)));
    batches.into_iter().for_each(|batch| bench.observe(batch));
    bench.finish(last).iter().map(|event| event.policy.name.clone()).collect()
}

/// The hits of all files, by their paths below `traffic`; two threads share the work.
fn found(traffic: &Path) -> BTreeMap<String, String> {
    let files = corpora::files_below(traffic);
    let policies: Vec<_> = stock_policies().into_iter().filter(|policy| policy.enabled).collect();
    let some = |files: &[PathBuf]| {
        let with_hits = files.iter().map(|file| (file, hits(&policies, file)));
        let named = with_hits.filter(|(_, hits)| !hits.is_empty()).map(|(file, hits)| {
            let name = file.strip_prefix(traffic).expect("below it").display().to_string();
            (name, hits.into_iter().collect::<Vec<_>>().join(" "))
        });
        named.collect::<Vec<_>>()
    };
    thread::scope(|scope| {
        let halves = files.chunks(files.len().div_ceil(2).max(1));
        let workers: Vec<_> = halves.map(|half| scope.spawn(move || some(half))).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no panic")).collect()
    })
}

#[test]
fn captures_hit_what_they_contain() {
    let Some(traffic) = corpora::folder("traffic") else { return };
    let found = found(&traffic);
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/library/corpus.hits");
    let written = fs::read_to_string(&table).expect("the table can be read");
    let (reasons, rows): (Vec<_>, Vec<_>) =
        written.lines().filter(|line| !line.is_empty()).partition(|line| line.starts_with("# "));
    let expected: BTreeMap<_, _> = rows
        .into_iter()
        .filter_map(|line| line.split_once(": "))
        .map(|(file, hits)| (file.to_owned(), hits.to_owned()))
        .collect();
    if env::var_os("UPDATE_EXPECT").is_some() && expected != found {
        let rows = found.iter().map(|(file, hits)| format!("{file}: {hits}"));
        let lines: Vec<_> = reasons.iter().map(|line| (*line).to_owned()).chain(rows).collect();
        fs::write(&table, lines.join("\n") + "\n").expect("the table can be written");
    } else {
        assert_eq!(found, expected);
    }
    for policy in found.values().flat_map(|hits| hits.split(' ')) {
        let begin = format!("# {policy}: ");
        assert!(reasons.iter().any(|line| line.starts_with(&begin)), "why does {policy} hit?");
    }
}
