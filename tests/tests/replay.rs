//! `sensor replay` against tshark over captures of all kinds: packets and IP octets of each flow.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::{agent, peers::require, traffic, wire};

/// Every so many of the captures.
const STEP: usize = 28;
/// tshark takes long for large ones.
const OCTETS: u64 = 300_000;

/// The flows of a capture, or what the agent says about it.
fn replayed(path: &Path) -> Result<Vec<Value>> {
    let output = Command::new(agent::binary()?)
        .args(["replay", "--print", "flows"])
        .arg(path)
        .stdin(Stdio::null())
        .output()?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{stderr}");
    let text = String::from_utf8(output.stdout)?;
    text.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
}

fn compare(path: &Path) -> Result<()> {
    let (wire, agent) = (wire::captured(path)?, wire::reported(&replayed(path)?, "ingress")?);
    if wire.is_empty() && agent.is_empty() {
        return Ok(());
    }
    wire::compare("flows", &wire, &agent).map(drop)
}

/// Captures of traffic. Those of tcpdump's tests are mostly made by fuzzers: there is no right answer to a packet
/// that contradicts itself.
fn is_capture(path: &Path) -> bool {
    let fuzzed = path.components().any(|part| part.as_os_str() == "the-tcpdump-group+tcpdump");
    let known =
        path.extension().is_some_and(|end| end == "pcap" || end == "pcapng" || end == "cap");
    !fuzzed && known && path.metadata().is_ok_and(|file| file.len() < OCTETS)
}

#[test]
fn flows_are_those_that_tshark_sees() -> Result<()> {
    if !require("tshark") {
        return Ok(());
    }
    let Some(corpus) = traffic::corpus() else { return Ok(()) };
    let captures: Vec<_> =
        traffic::files_below(&corpus)?.into_iter().filter(|path| is_capture(path)).collect();
    let sample: Vec<_> = captures.iter().step_by(STEP).collect();
    let check = |paths: &[&PathBuf]| -> Vec<String> {
        let compare = |path: &&PathBuf| {
            compare(path).err().map(|difference| format!("{}: {difference:#}", path.display()))
        };
        paths.iter().filter_map(compare).collect()
    };
    // Most of the time goes into starting tshark.
    let halves = sample.split_at(sample.len() / 2);
    let differences = thread::scope(|scope| {
        let first = scope.spawn(|| check(halves.0));
        let second = check(halves.1);
        [first.join().expect("no panic"), second].concat()
    });
    println!("{} of {} captures exact", sample.len() - differences.len(), sample.len());
    ensure!(sample.len() > 30, "only {} captures", sample.len());
    // Readers differ about what is cut short or overlaps.
    ensure!(differences.len() * 100 <= sample.len() * 3, "{}", differences.join("\n"));
    Ok(())
}
