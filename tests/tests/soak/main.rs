//! An agent under load for a long time: capture, intake, policies and export at once. Its memory and its descriptors do not grow, and
//! in the end every packet, datagram and record is accounted for.
//!
//! `cargo xtask test soak` runs it, every night: for 20 minutes, or for `SENSOR_SOAK_SECONDS`. What is judged are the last two thirds
//! of the samples; by then timeouts have passed, caches are filled, and the allocator has what it needs.
//!
//! * Resident memory: by the slope of Theil and Sen it grows over that time by no more than 1 MiB and 2 % of its median.
//! * Descriptors: their number is the same in all samples.

mod load;

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use tests::{
    agent::Agent,
    netns::Netns,
    root,
    trend::{self, Sample},
};

use crate::load::{Counter, Load};

/// The variable with how long it takes, in seconds.
const SECONDS: &str = "SENSOR_SOAK_SECONDS";
const EVERY: Duration = Duration::from_secs(2);

/// Memory (octets) and descriptors of a process.
struct Usage {
    memory: f64,
    descriptors: usize,
}

impl Usage {
    fn of(process: u32) -> Result<Self> {
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()).context("VmRSS")?;
        let descriptors = fs::read_dir(format!("/proc/{process}/fd"))?.count();
        Ok(Self { memory: kib.parse::<f64>()? * 1024.0, descriptors })
    }
}

/// What the module says of memory.
fn judge_memory(samples: &[Sample]) -> Result<()> {
    let median = trend::median(samples.iter().map(|sample| sample.1).collect());
    let (growth, bound) = (trend::growth(samples), 1_048_576.0 + median * 0.02);
    let mib = |octets: f64| octets / 1_048_576.0;
    println!(
        "resident memory: median {:.1} MiB, growth {:.2} MiB over {} samples, bound {:.2} MiB",
        mib(median),
        mib(growth),
        samples.len(),
        mib(bound)
    );
    ensure!(growth <= bound, "memory grows: {samples:?}");
    Ok(())
}

#[test]
fn nothing_grows_and_nothing_is_lost_under_load() -> Result<()> {
    if !root("a soak") {
        return Ok(());
    }
    let seconds = std::env::var(SECONDS).map_or(Ok(1200), |text| text.parse())?;
    let duration = Duration::from_secs(seconds);
    let (near, far) = (Netns::new("so-near")?, Netns::new("so-far")?);
    far.veth("va", &near, "vb")?;
    let collector = Counter::start(&near)?;
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("sensor.toml");
    fs::write(
        &path,
        format!(
            "control.enabled = false\ncapture.interfaces = ['vb']\npolicies.paths = ['stock']\n\
             flow.active_timeout = '5s'\nflow.idle_timeout = '2s'\n\
             [[listen]]\nurl = 'netflow://127.0.0.1:{}'\n\
             [[collector]]\nurl = 'tcp://{}'\n[[hits]]\nurl = 'file://{}'\n",
            load::INTAKE,
            collector.address,
            directory.path().join("hits.json").display()
        ),
    )?;
    let mut agent = Agent::start(&near, &format!("--config {} --print none", path.display()))?;
    agent.wait_for("vb: ingress")?;
    agent.wait_for(": listening")?;

    let load = Load::start(&near, &far)?;
    let (start, mut samples, mut descriptors) = (Instant::now(), Vec::new(), Vec::new());
    while start.elapsed() < duration {
        thread::sleep(EVERY);
        let usage = Usage::of(agent.id()).with_context(|| agent.said())?;
        samples.push((start.elapsed().as_secs_f64(), usage.memory));
        descriptors.push(usage.descriptors);
    }
    let sent = load.stop()?;
    let outcome = agent.stop("TERM")?;
    println!("{sent:?}\n{}", outcome.stderr);

    let warm = samples.len() / 3;
    ensure!(samples.len() - warm >= 5, "too short to judge: {} samples", samples.len());
    judge_memory(&samples[warm..])?;
    let descriptors = &descriptors[warm..];
    ensure!(descriptors.iter().all(|n| *n == descriptors[0]), "descriptors: {descriptors:?}");

    // The agent says itself whether its books balance; here is what others have counted.
    let collector_name = format!("tcp://{}", collector.address);
    let (exported, not_sent) = outcome.account(&collector_name).context("the collector")?;
    ensure!(not_sent == 0, "{not_sent} records not sent");
    tests::peers::wait_until("all is received", || collector.flows() == exported)
        .with_context(|| format!("{} of {exported}", collector.flows()))?;
    let (seen, _) = outcome.ledger("seen");
    ensure!(seen >= sent.packets, "{seen} packets seen of {}", sent.packets);
    let decoded = format!("decoded: {} datagrams", sent.datagrams);
    ensure!(outcome.stderr.contains(&decoded), "no `{decoded}`");
    ensure!(exported >= sent.flows, "{exported} records, {} of the router alone", sent.flows);
    Ok(())
}
