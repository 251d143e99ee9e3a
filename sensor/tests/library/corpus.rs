//! Real captures: what the policies that are on say of each file is in `corpus.hits`, and nothing else is said.
//!
//! The corpus is optional: it lies where `SENSOR_CORPORA` says, else beside the workspace in `../shared/corpora`.
//! `UPDATE_EXPECT=1` writes the table anew; whoever does looks at what is new in it, and says why above the line.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use sensor::{
    engine::Engine,
    enrich::{
        combine::Precedence,
        context::{Context, Limits},
        current::Current,
        sources::Sources,
    },
    flow::{batch::Source, cache::CacheOptions},
    replay::{capture::CaptureReader, packets},
};
use sensor_common::ledger::{Count, Ledger};

use crate::{Bench, stock_policies};

fn traffic() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora");
    let corpora = env::var_os("SENSOR_CORPORA").map_or_else(beside, PathBuf::from);
    let traffic = corpora.join("traffic");
    if !traffic.is_dir() {
        eprintln!("not run: {} is not there; SENSOR_CORPORA names the corpora", traffic.display());
        return None;
    }
    Some(traffic)
}

/// All files below `directory`, in a fixed order.
fn files_below(directory: &Path, files: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(directory).expect("the corpus can be read");
    let mut paths: Vec<_> =
        entries.map(|entry| entry.expect("the corpus can be read").path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            files_below(&path, files);
        } else {
            files.push(path);
        }
    }
}

/// Names of the policies that speak of a capture.
fn hits(path: &Path) -> BTreeSet<String> {
    let mut sources = Sources::default();
    sources.private_networks();
    sources.bogons();
    let context = Context::new(sources, Precedence::default(), Limits::default());
    let policies = stock_policies().into_iter().filter(|policy| policy.enabled);
    let mut bench = Bench::new(policies, Arc::new(Current::new(context)));
    let mut last = 0;
    if let Ok(mut capture) = CaptureReader::open(path) {
        let options = CacheOptions {
            active_timeout: 60_000,
            idle_timeout: 15_000,
            end_linger: 2000,
            max_flows: 1 << 16,
        };
        let mut engine = Engine::new(Source::Host, options, 0, |batch| bench.observe(batch));
        let (mut ledger, mut unknown) = (Ledger::default(), Count::default());
        while let Ok(Some(frame)) = capture.next() {
            last = frame.timestamp_ns / 1_000_000;
            engine.expire(last);
            packets::count(&frame, &mut ledger, &mut unknown, &mut engine);
        }
        engine.finish();
    }
    bench.finish(last).iter().map(|event| event.policy.name.clone()).collect()
}

#[test]
fn captures_hit_what_they_contain() {
    let Some(traffic) = traffic() else { return };
    let mut files = Vec::new();
    files_below(&traffic, &mut files);
    let mut found = BTreeMap::new();
    for file in &files {
        let hits = hits(file);
        if !hits.is_empty() {
            let name = file.strip_prefix(&traffic).expect("below it").display().to_string();
            found.insert(name, hits.into_iter().collect::<Vec<_>>().join(" "));
        }
    }
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/library/corpus.hits");
    let written = fs::read_to_string(&table).unwrap_or_default();
    let expected: BTreeMap<_, _> = written
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .filter_map(|line| line.split_once(": "))
        .map(|(file, hits)| (file.to_owned(), hits.to_owned()))
        .collect();
    if env::var_os("UPDATE_EXPECT").is_some() && expected != found {
        let fresh = found.iter().map(|(file, hits)| format!("{file}: {hits}\n"));
        fs::write(&table, fresh.collect::<String>()).expect("the table can be written");
        return;
    }
    assert_eq!(found, expected);
}
