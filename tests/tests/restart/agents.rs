//! The binary, one after another, as systemd, the kernel's OOM killer and a package manager end and start it.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use aya::maps::{Array, Map, MapData};
use serde_json::Value;
use tempfile::TempDir;
use tests::{
    agent::{self, Agent, sum},
    root,
};

use crate::wire::{Bpffs, NEAR, Wire};

/// Time between two drains: long enough to kill an agent in between, when nothing of the last one is under way any more.
const INTERVAL: Duration = Duration::from_secs(1);

/// Hosts, a bpffs, and a configuration that uses both.
struct Site {
    wire: Wire,
    bpffs: Bpffs,
    directory: TempDir,
}

impl Site {
    fn new() -> Result<Self> {
        let site =
            Self { wire: Wire::new()?, bpffs: Bpffs::mount()?, directory: tempfile::tempdir()? };
        site.configure(true, "32MiB", &site.pins())?;
        Ok(site)
    }

    fn pins(&self) -> PathBuf {
        self.bpffs.path().join("pins")
    }

    fn file(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    fn configure(&self, pin: bool, memory: &str, pins: &std::path::Path) -> Result<()> {
        let text = format!(
            "[capture]\ninterfaces = ['{NEAR}']\npin = {pin}\npin_path = '{}'\nkernel_memory = '{memory}'\n\
             interval = '{}ms'\n[flow]\nactive_timeout = '60s'\nidle_timeout = '1s'\n[control]\nsocket = '{}'\n",
            pins.display(),
            INTERVAL.as_millis(),
            self.file("control.sock"),
        );
        Ok(fs::write(self.file("sensor.toml"), text)?)
    }

    fn agent(&self) -> Result<Agent> {
        Agent::start(
            &self.wire.near,
            &format!("--config {} --print flows", self.file("sensor.toml")),
        )
    }

    fn started(&self) -> Result<Agent> {
        let mut agent = self.agent()?;
        agent.wait_for(&format!("{NEAR}: ingress"))?;
        Ok(agent)
    }

    /// One that has taken over what the agent before has left.
    fn successor(&self) -> Result<Agent> {
        let mut agent = self.started()?;
        agent.wait_for("took over the flow tables")?;
        Ok(agent)
    }

    fn ask(&self, verb: &str, arguments: &[&str]) -> Result<Output> {
        let mut command = Command::new(agent::binary()?);
        command.arg(verb).args(["--config", &self.file("sensor.toml"), "--json"]).args(arguments);
        Ok(command.output()?)
    }

    fn document(&self, verb: &str) -> Result<Value> {
        let output = self.ask(verb, &[])?;
        serde_json::from_slice(&output.stdout).with_context(|| format!("{output:?}"))
    }
}

/// Packets in the flows that an agent has printed.
fn packets(printed: &str) -> Result<u64> {
    let flows = printed.lines().map(|line| Ok(serde_json::from_str::<Value>(line)?));
    Ok(sum(&flows.collect::<Result<Vec<_>>>()?, "packets"))
}

#[test]
fn nothing_is_lost_without_a_name_over_ends_of_every_kind() -> Result<()> {
    if !root("nothing_is_lost_without_a_name_over_ends_of_every_kind") {
        return Ok(());
    }
    let site = Site::new()?;
    let first = site.started()?;
    let ((last, mut counted), sent) = site.wire.load(|| {
        let (mut agent, mut counted) = (first, 0);
        // The same sizes after either end; then others, and at last a build with another layout version.
        for (end, memory, version) in
            [("TERM", "32MiB", 0), ("KILL", "32MiB", 0), ("KILL", "16MiB", 0), ("TERM", "16MiB", 1)]
        {
            // Between two drains, with flows in the cache that are not passed on before they end.
            thread::sleep(INTERVAL * 3 / 2);
            agent.signal(end)?;
            let outcome = agent.wait()?;
            let expected = (end == "TERM").then_some(0);
            ensure!(outcome.code == expected, "{:?}: {}", outcome.code, outcome.stderr);
            counted += packets(&outcome.stdout)?;
            // Nobody is there for a while.
            thread::sleep(Duration::from_millis(200));
            if version > 0 {
                let state = site.pins().join("tables-2/state");
                let mut words: Array<_, u64> = Map::Array(MapData::from_pin(state)?).try_into()?;
                // The first entry of the description, behind a header of four words.
                let found = words.get(&4, 0)?;
                words.set(4, found + version, 0)?;
            }
            site.configure(true, memory, &site.pins())?;
            agent = site.successor()?;
        }
        Ok((agent, counted))
    })?;
    let status = site.document("status")?;
    let pins = &status["kernel"]["pins"];
    ensure!(pins["problem"].is_null() && pins["adopted_links"] == 2, "{pins}");
    ensure!(pins["directory"] == site.pins().display().to_string(), "{pins}");
    let outcome = last.stop("TERM")?;
    counted += packets(&outcome.stdout)?;
    site.wire.is_lossless()?;
    // All that was lost, by the agents that found it missing.
    let lost = lost(&site)?;
    println!(
        "sent {} = in records {counted} + lost with agents that were killed {lost}",
        sent.packets
    );
    ensure!(lost > 0, "two were killed with flows in their memory");
    ensure!(counted + lost == sent.packets, "{counted} + {lost} of {}", sent.packets);
    Ok(())
}

/// Packets that the state of the tables names as lost.
fn lost(site: &Site) -> Result<u64> {
    let state = site.pins().join("tables-3/state");
    let words: Array<_, u64> = Map::Array(MapData::from_pin(state)?).try_into()?;
    // The totals: a word that says which of two copies holds, and seven words each.
    let totals = 4 + 160;
    let copy = words.get(&totals, 0)? as u32 & 1;
    Ok(words.get(&(totals + 1 + copy * 7 + 4), 0)?)
}

#[test]
fn pins_are_refused_doubled_missing_and_removed_in_words() -> Result<()> {
    if !root("pins_are_refused_doubled_missing_and_removed_in_words") {
        return Ok(());
    }
    let site = Site::new()?;
    let first = site.started()?;
    // Nobody else may look into it.
    let mode = Command::new("stat").args(["-c", "%a"]).arg(site.pins()).output()?;
    ensure!(mode.stdout == b"700\n", "{mode:?}");
    // Another one in the same pins.
    let other = site.agent()?.wait()?;
    ensure!(other.code == Some(1), "{other:?}");
    let told = format!("another sensor (process {}) uses the pins in", first.id());
    ensure!(other.stderr.contains(&told), "{}", other.stderr);
    let refused = site.ask("unpin", &[])?;
    ensure!(refused.status.code() == Some(1), "{refused:?}");
    ensure!(String::from_utf8_lossy(&refused.stdout).contains(&told), "{refused:?}");
    site.wire.send(40)?;
    first.signal("KILL")?;
    first.wait()?;
    site.wire.send(60)?;
    // Whoever removes the sensor is told what went with the tables.
    let removed = site.document("unpin")?;
    ensure!(removed["programs"] == 2 && removed["tables"] == 1, "{removed}");
    ensure!(removed["lost_packets"] == 100, "{removed}");
    ensure!(site.bpffs.list()? == [""; 0], "{:?}", site.bpffs.list()?);
    ensure!(site.document("unpin")?["programs"] == 0);
    // Without a bpffs it counts all the same, and says what is amiss.
    let elsewhere = site.directory.path().join("pins");
    site.configure(true, "16MiB", &elsewhere)?;
    let checked = site.ask("check", &[])?;
    ensure!(checked.status.success(), "{checked:?}");
    let advice = format!("mount -t bpf bpf {}", site.directory.path().display());
    ensure!(String::from_utf8_lossy(&checked.stdout).contains(&advice), "{checked:?}");
    let agent = site.started()?;
    ensure!(agent.said().contains(&advice), "{}", agent.said());
    let status = site.document("status")?;
    let problem = status["kernel"]["pins"]["problem"].as_str().context("a problem")?;
    ensure!(problem.contains(&advice), "{problem}");
    site.wire.send(100)?;
    let outcome = agent.stop("TERM")?;
    ensure!(packets(&outcome.stdout)? == 100, "{}", outcome.stdout);
    Ok(())
}
