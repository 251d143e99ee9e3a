//! The flow store of an agent: on a disk that is full, beside another writer and beside readers, through `kill -9`, and with hits.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use sensor_store::{error::Error, hits::reader, testing::reading};
use serde_json::Value;
use tests::{
    agent::{Agent, binary},
    disk::SmallDisk,
    peers::wait_until,
    root,
};

use crate::site::{Plan, Site, figure, offered};

/// A stored record, as far as it is looked at: its number, when it was received, and its source port.
type Stored = (u64, u64, u16);

/// All records of a store, ascending by their numbers.
fn records(path: &Path) -> Result<Vec<Stored>, Error> {
    let mut all = Vec::new();
    reading::each(path, |records| {
        for (row, number) in records.sequence.iter().enumerate() {
            let port = records.batch.source_port[row];
            all.push((*number, records.batch.received[row], port));
        }
    })?;
    all.sort_unstable();
    Ok(all)
}

/// The same, where a file may be made into another meanwhile.
fn records_now(path: &Path) -> Result<Vec<Stored>> {
    loop {
        match records(path) {
            Err(error) if error.is_gone() => {}
            found => return Ok(found?),
        }
    }
}

/// That the numbers of records are those from 1 on, each once.
fn check_numbers(stored: &[Stored]) -> Result<()> {
    let is_next = |(at, own): (usize, &Stored)| own.0 == at as u64 + 1;
    ensure!(stored.iter().enumerate().all(is_next), "a number is missing or is there twice");
    Ok(())
}

fn config(path: &Path) -> String {
    format!("[store]\nfolder = '{}'\nsegment_age = '1s'\n", path.display())
}

#[test]
fn a_full_disk_costs_records_that_are_counted_and_the_store_recovers() -> Result<()> {
    if !root("a full disk") {
        return Ok(());
    }
    let disk = SmallDisk::new("8m")?;
    let path = disk.path().join("store");
    let text = config(&path) + "retention.min_free = '0B'\n";
    let mut site = Site::start(None, &text, "")?;
    site.feed(300)?;
    site.wait_for_all("sinks", "store")?;
    wait_until("it is sealed", || {
        site.status().is_ok_and(|status| status["store"]["sealed"] == 300)
    })?;

    disk.fill()?;
    for _ in 0..20 {
        site.feed(30)?;
    }
    let full = site.wait_for_all("sinks", "store")?;
    ensure!(figure(&full, "not_sent") > 0, "{full:#}");
    let status = site.status()?;
    let store = &status["store"];
    ensure!(store["shed"][0]["reason"] == "disk_full", "{store:#}");
    ensure!(store["shed"][0]["records"] == full["not_sent"], "{store:#}");
    ensure!(
        store["error"].as_str().is_some_and(|error| error.contains("No space left")),
        "{store:#}"
    );
    let reasons = status["health"]["reasons"].as_array().context("reasons")?;
    let is_failing = |reason: &&Value| reason["code"] == "store_failing";
    ensure!(reasons.iter().filter(is_failing).count() == 1, "{status:#}");
    ensure!(
        site.metric("sensor_store_shed_records_total{reason=\"disk_full\"}")?
            == full["not_sent"].as_f64()
    );
    // Time for more than one attempt.
    thread::sleep(Duration::from_secs(3));
    site.feed(30)?;
    let told = site.said(&["ERROR", "cannot write to the flow store", "No space left on device"]);
    ensure!(told.len() == 1, "{} times: {}", told.len(), site.agent.said());

    disk.relieve()?;
    site.feed(100)?;
    let after = site.wait_for_all("sinks", "store")?;
    wait_until("it is healthy", || {
        site.status().is_ok_and(|status| status["health"]["healthy"] == true)
    })?;
    ensure!(!site.said(&["the flow store can be written again"]).is_empty());
    let (sent, fed) = (figure(&after, "sent"), site.fed);
    let (outcome, _directory) = site.stop()?;
    ensure!(outcome.account("store") == Some((sent, fed - sent)), "{}", outcome.stderr);
    let stored = records(&path)?;
    check_numbers(&stored)?;
    ensure!(stored.len() as u64 == sent, "{} of {sent}", stored.len());
    Ok(())
}

#[test]
fn one_agent_writes_to_a_store_that_it_knows() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("store");
    let text = config(&path);
    let mut site = Site::start(None, &text, "")?;
    site.feed(60)?;
    site.wait_for_all("sinks", "store")?;
    let refused = |parts: &[&str]| -> Result<()> {
        let outcome =
            Agent::spawn(&mut Plan::new()?.command(None, &text, "--duration 1s")?)?.wait()?;
        ensure!(outcome.code == Some(1), "{:?}: {}", outcome.code, outcome.stderr);
        for part in parts {
            ensure!(outcome.stderr.contains(part), "no `{part}`: {}", outcome.stderr);
        }
        Ok(())
    };
    refused(&[&path.display().to_string(), "has another writer", "a folder of its own"])?;
    // Who was there first is not disturbed, nor by a reload that opens its store anew.
    let answer = site.reload_with(&text.replace("'1s'", "'2s'"))?;
    ensure!(answer["complete"] == true, "{answer:#}");
    site.feed(30)?;
    site.wait_for("sinks", "store", |sink| sink["sent"] == 30)?;
    site.stop()?;
    ensure!(records(&path)?.len() == 90);

    fs::write(path.join("format"), "2\n")?;
    refused(&["format 2, which is newer than 1", "another folder"])?;
    let checked = Command::new(binary()?)
        .args(["doctor", "--config"])
        .arg({
            let file = directory.path().join("sensor.toml");
            fs::write(&file, format!("{text}[[listen]]\nurl = 'netflow://127.0.0.1:2055'\n"))?;
            file
        })
        .output()?;
    let told = String::from_utf8_lossy(&checked.stdout);
    let also = String::from_utf8_lossy(&checked.stderr);
    ensure!(told.contains("format 2, which is newer"), "{told} {also}");
    Ok(())
}

#[test]
fn readers_find_each_record_once_while_an_agent_stores() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("store");
    let mut site = Site::start(None, &config(&path), "")?;
    let done = AtomicBool::new(false);
    let (fed, reads) = thread::scope(|scope| -> Result<(u64, usize)> {
        let reader = scope.spawn(|| -> Result<usize> {
            let (mut reads, mut before) = (0, 0);
            while !done.load(Relaxed) {
                let found = records_now(&path)?;
                check_numbers(&found)?;
                ensure!(found.len() >= before, "{} after {before}", found.len());
                (reads, before) = (reads + 1, found.len());
            }
            Ok(reads)
        });
        // Over several journals.
        let mut feed = || -> Result<()> {
            for _ in 0..40 {
                site.feed(300)?;
                site.wait_for_all("sinks", "store")?;
            }
            Ok(())
        };
        let fed = feed();
        done.store(true, Relaxed);
        let reads = reader.join().expect("a reader")?;
        fed?;
        Ok((site.fed, reads))
    })?;
    ensure!(reads > 10, "{reads}");
    site.stop()?;
    let found = records(&path)?;
    check_numbers(&found)?;
    ensure!(found.len() as u64 == fed, "{} of {fed}", found.len());
    Ok(())
}

#[test]
fn an_agent_that_is_killed_loses_nothing_that_it_had_stored() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("store");
    let mut random = 20_261_201_u64;
    let mut before = Vec::new();
    let mut slowest = Duration::ZERO;
    for _ in 0..10 {
        let begun = Instant::now();
        let mut site = Site::start(None, &config(&path), "")?;
        slowest = slowest.max(begun.elapsed());
        // Knuth's generator for MMIX: any points, and the same each time.
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let end = Instant::now() + Duration::from_millis((random >> 33) % 3000);
        let mut stored = 0;
        while Instant::now() < end || stored == 0 {
            site.feed(60)?;
            stored = figure(&site.output("sinks", "store")?, "sent");
        }
        site.agent.signal("KILL")?;
        let fed = site.fed;
        site.agent.wait()?;
        let found = records_now(&path)?;
        check_numbers(&found)?;
        ensure!(found[..before.len()] == before[..], "what was there is something else");
        let new = (found.len() - before.len()) as u64;
        ensure!((stored..=fed).contains(&new), "{new} of {stored} stored, {fed} sent");
        before = found;
    }
    println!("10 kills, {} records; the slowest start took {slowest:?}", before.len());
    Ok(())
}

/// Every flow from a low port is a hit.
const POLICY: &str = "[[policy]]\nname = 'low'\nmatch = 'protocol == udp and srcport < 10'\n\
                      track_by = [['srcport']]\nsuppress = '1s'\n";

#[test]
fn hits_are_stored_and_name_their_flows() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("store");
    let policy = directory.path().join("low.toml");
    fs::write(&policy, POLICY)?;
    let text = format!("policies.paths = ['{}']\n{}", policy.display(), config(&path));
    let mut site = Site::start(None, &text, "")?;
    site.feed(300)?;
    site.wait_for_all("sinks", "store")?;
    site.wait_for("hits", "store", |hits| hits["sent"] == 10 && offered(hits) == 10)?;
    site.stop()?;
    let stored = records(&path)?;
    let mut hits = Vec::new();
    reader::read(&path, (0, u64::MAX), |line| {
        hits.push(serde_json::from_slice::<Value>(line));
        true
    })?;
    let mut ports = BTreeSet::new();
    for hit in hits {
        let hit = hit?;
        let number = |value: &Value| value.as_u64().context("a number");
        let flows = &hit["stored"]["flows"];
        let (from, to) = (number(&flows["from"])?, number(&flows["to"])?);
        let port = number(&hit["tracked"]["srcport"])?;
        let its = stored
            .iter()
            .filter(|(_, received, own)| u64::from(*own) == port && (from..to).contains(received));
        ensure!(its.count() == 1, "{hit:#}");
        ports.insert(port);
    }
    ensure!(ports == (0..10).collect(), "{ports:?}");
    // Whoever is told of a hit finds it, and its flows.
    let asked = |arguments: &[&str]| -> Result<(Option<i32>, Value)> {
        let mut command = Command::new(binary()?);
        let output = command.args(arguments).arg("--json").arg("--store").arg(&path).output()?;
        Ok((output.status.code(), serde_json::from_slice(&output.stdout)?))
    };
    let (_, listed) = asked(&["hits", "list", "srcports == 7 && algorithm == low"])?;
    ensure!(listed["matched"] == 1, "{listed:#}");
    let id = listed["hits"][0]["id"].as_str().context("an id")?;
    let (_, flows) = asked(&["hunt", "--hit", id, "--fields", "srcport,dstport"])?;
    let one = serde_json::json!([{ "srcport": 7, "dstport": 53 }]);
    ensure!(flows["flows"] == one, "{flows:#}");
    let (_, none) = asked(&["hunt", "srcport == 8", "--hit", id])?;
    ensure!(none["flows"] == serde_json::json!([]), "{none:#}");
    let (_, all) = asked(&["hits", "list", "--limit", "3", "--newest"])?;
    let last = all["hits"].as_array().and_then(|hits| hits.last()).context("hits")?;
    ensure!(all["matched"] == 10 && last["tracked"]["srcport"] == 9, "{all:#}");
    for wrong in [&["hits", "list", "srcip == 10.0.0.1"][..], &["hunt", "--hit", "none"]] {
        ensure!(asked(wrong)?.0 == Some(64), "{wrong:?}");
    }
    Ok(())
}
