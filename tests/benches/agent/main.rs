//! The agent as a process: what it costs at a million packets a second beside other probes on the same wire, while nothing
//! happens, and the memory that a million active flows take.
//!
//! Frames go over a veth pair between two namespaces; the accounts of the programs say how many of them they saw.

mod load;
mod sender;

use std::{fs, thread, time::Duration};

use anyhow::{Result, ensure};
use tests::{
    netns::Netns,
    program::{Program, release_binary},
    usage,
};

use crate::sender::Sender;

/// Active flows to hold.
const FLOWS: u32 = 1_000_000;
/// New flows a second: as many as a table region can hold between two glances.
const RATE: u32 = 200_000;
/// How long the idle agent is watched.
const IDLE: Duration = Duration::from_secs(20);

fn main() -> Result<()> {
    ensure!(tests::root("this benchmark"), "needs root, for namespaces and eBPF programs");
    let (near, far) = (Netns::new("bench")?, Netns::new("bench")?);
    near.veth("va", &far, "vb")?;
    if std::env::args().any(|argument| argument == "load") {
        return load::compare(&near, &far);
    }
    idle(&far)?;
    memory(&near, &far)?;
    load::compare(&near, &far)
}

/// Processor time of an agent that sees nothing, without and with what an operator has on.
fn idle(netns: &Netns) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let config = directory.path().join("sensor.toml");
    fs::write(
        &config,
        "[policies]\npaths = [\"stock\"]\n[metrics]\nlisten = \"127.0.0.1:9477\"\n",
    )?;
    let full = format!("--config {}", config.display());
    for (name, arguments) in [("capture alone", ""), ("with policies and metrics", &full)] {
        let agent = capture(netns, arguments)?;
        let before = usage::cpu_time(agent.id())?;
        thread::sleep(IDLE);
        let cost = usage::cpu_time(agent.id())?.saturating_sub(before);
        let share = cost.as_secs_f64() * 100.0 / IDLE.as_secs_f64();
        println!("idle agent, {name:<26}{share:>6.2} % of a core over {} s", IDLE.as_secs());
        agent.finish()?;
    }
    Ok(())
}

/// Memory with [`FLOWS`] active flows.
fn memory(near: &Netns, far: &Netns) -> Result<()> {
    let agent = capture(far, "--idle-timeout 60s")?;
    let empty = agent.peak_memory()?;
    near.enter(|| Sender::new("va", FLOWS)?.send(u64::from(FLOWS), RATE))??;
    agent.settled()?;
    let peak = agent.peak_memory()?;
    println!("\npeak RSS: {empty} MiB empty, {peak} MiB with {FLOWS} active IPv4 flows");
    println!("the agent's own summary:\n{}", agent.finish()?);
    Ok(())
}

fn capture(netns: &Netns, arguments: &str) -> Result<Program> {
    let mut command = netns.command(&release_binary());
    command.args("run -i vb --ingress xdp --print none".split(' '));
    command.args(arguments.split_whitespace());
    Program::start(command)
}
