//! Scenarios under one agent with policies, mostly the stock library: who makes which traffic, and exactly which hits must
//! come of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    net::IpAddr,
    thread,
};

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;

use crate::{
    agent::Agent,
    peers::wait_until,
    site::{NEAR, Place, Site},
};

/// One kind of traffic.
#[derive(Debug)]
pub struct Scenario {
    /// For people.
    pub name: &'static str,
    /// Makes the traffic.
    pub traffic: fn(Place<'_>) -> Result<()>,
    /// All hits that may come of it: policy, highest severity, and the key, its addresses by name.
    pub hits: &'static [&'static str],
}

/// What an agent watches, and what it makes of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Conditions {
    /// A policy file in place of the stock library.
    pub policies: Option<&'static str>,
    /// Whether the hosts negotiate explicit congestion notification; else as the kernel likes.
    pub ecn: Option<bool>,
    /// Flows end after two seconds of silence.
    pub short_timeouts: bool,
}

/// Runs all of `scenarios` at once before an agent as it is shipped, and compares the hits of its whole life.
///
/// # Errors
/// With all differences.
pub fn run(scenarios: &[Scenario]) -> Result<()> {
    run_under(Conditions::default(), scenarios)
}

/// As [`run`], under `conditions`.
///
/// # Errors
/// With all differences.
pub fn run_under(conditions: Conditions, scenarios: &[Scenario]) -> Result<()> {
    Watch::start(conditions)?.judge(scenarios, |_| Ok(()))
}

/// As [`run`], with shorter timeouts, and all hits must come while the agent runs.
///
/// # Errors
/// With all differences.
pub fn run_live(scenarios: &[Scenario]) -> Result<()> {
    let conditions = Conditions { short_timeouts: true, ..Conditions::default() };
    Watch::start(conditions)?.judge(scenarios, |watch| {
        let due = scenarios.iter().map(|scenario| scenario.hits.len()).sum();
        let found = || hits(&watch.agent.printed()?);
        // Where this is in vain, the comparison tells more.
        let _ = wait_until("hits", || found().is_ok_and(|found| found.len() >= due));
        compare(&watch.site, scenarios, &found()?).context("while the agent runs")
    })
}

/// An agent with policies, and what it watches.
struct Watch {
    site: Site,
    agent: Agent,
}

impl Watch {
    fn start(conditions: Conditions) -> Result<Self> {
        let site = Site::new()?;
        if let Some(ecn) = conditions.ecn {
            site.negotiate_ecn(ecn)?;
        }
        let directory = tempfile::tempdir()?;
        let config = directory.path().join("sensor.toml");
        // Tables that hold what one CPU gets of a flood, however many CPUs share the memory.
        let memory = 128.max(24 * thread::available_parallelism()?.get());
        fs::write(&config, format!("[capture]\nkernel_memory = \"{memory}MiB\"\n"))?;
        let mut line = format!("--config {} --ingress xdp --print hits", config.display());
        match conditions.policies {
            None => line += " --policies stock",
            Some(text) => {
                let policies = directory.path().join("policies.toml");
                fs::write(&policies, text)?;
                write!(line, " --policies {}", policies.display())?;
            }
        }
        if conditions.short_timeouts {
            line += " --interval 250ms --idle-timeout 2s";
        }
        let agent = Agent::watching(site.near(), NEAR, &line)?;
        let mode = format!("{NEAR}: ingress native XDP, egress tcx");
        ensure!(agent.said().contains(&mode), "not `{mode}`: {}", agent.said());
        Ok(Self { site, agent })
    }

    fn judge(
        self,
        scenarios: &[Scenario],
        before_the_end: impl FnOnce(&Self) -> Result<()>,
    ) -> Result<()> {
        make(&self.site, scenarios)?;
        before_the_end(&self)?;
        let Self { site, agent } = self;
        let outcome = agent.stop("INT")?;
        let found = hits(&outcome.stdout)?;
        let (packets, _) = outcome.ledger("seen");
        println!("{} scenarios, {packets} packets, {} hits", scenarios.len(), found.len());
        compare(&site, scenarios, &found)
    }
}

/// Makes the traffic of all scenarios.
fn make(site: &Site, scenarios: &[Scenario]) -> Result<()> {
    let mut faults = String::new();
    thread::scope(|scope| {
        let threads: Vec<_> = (1..)
            .zip(scenarios)
            .map(|(number, scenario)| scope.spawn(move || (scenario.traffic)(site.place(number))))
            .collect();
        for (scenario, thread) in scenarios.iter().zip(threads) {
            let made = thread.join().unwrap_or_else(|_| Err(anyhow!("it panicked")));
            if let Err(error) = made {
                let _ = writeln!(faults, "{}: {error:#}", scenario.name);
            }
        }
    });
    ensure!(faults.is_empty(), "traffic was not made:\n{faults}");
    Ok(())
}

/// One line for each policy and key in what the agent has printed: its highest severity, and how often it spoke, if more
/// than it should. An incident starts once; without thresholds there is a hit, and at the end another for all those that
/// were kept back.
fn hits(printed: &str) -> Result<BTreeSet<String>> {
    let mut keys: BTreeMap<String, (usize, [usize; 2])> = BTreeMap::new();
    // The last line may be half written.
    for line in printed.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
        let (key, severity, kind) = event(line).with_context(|| format!("no hit: {line}"))?;
        let (highest, [starts, hits]) = keys.entry(key).or_default();
        *highest = (*highest).max(severity);
        *starts += usize::from(kind == "start");
        *hits += usize::from(kind == "hit");
    }
    let lines = keys.into_iter().map(|(key, (severity, spoke))| {
        let times = match spoke {
            [1, 0] | [0, 1 | 2] => String::new(),
            [starts, hits] => format!(", {starts} starts, {hits} hits"),
        };
        key.replacen(' ', &format!(" {} ", SEVERITIES[severity]), 1) + &times
    });
    Ok(lines.collect())
}

/// Policy and key, severity, and kind of an event.
fn event(line: &str) -> Option<(String, usize, String)> {
    let event: Value = serde_json::from_str(line).ok()?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let mut key = text(&event["algorithm"])?;
    for field in event["track_by"].as_array()? {
        let name = field.as_str()?;
        let value = &event["tracked"][name];
        key += &format!(" {name}={}", text(value).unwrap_or_else(|| value.to_string()));
    }
    let severity = SEVERITIES.iter().position(|&severity| event["severity"] == severity)?;
    Some((key, severity, text(&event["alerttype"])?))
}

const SEVERITIES: [&str; 3] = ["low", "medium", "high"];

/// Fails with every hit that is missing, and every one that is too many.
fn compare(site: &Site, scenarios: &[Scenario], found: &BTreeSet<String>) -> Result<()> {
    let mut text = String::new();
    let mut left = found.clone();
    for (number, scenario) in (1..).zip(scenarios) {
        let place = site.place(number);
        for hit in scenario.hits {
            let hit = place.text(hit);
            if !left.remove(&hit) {
                writeln!(text, "missing: {}: {hit}", scenario.name)?;
            }
        }
    }
    for hit in left {
        let whose = number(&hit).and_then(|number| scenarios.get(number.checked_sub(1)?));
        let name = whose.map_or("nobody's", |scenario| scenario.name);
        writeln!(text, "too many: {name}: {hit}")?;
    }
    ensure!(text.is_empty(), "other hits than expected\n{text}");
    Ok(())
}

/// The number of the scenario that an address in a hit belongs to.
fn number(hit: &str) -> Option<usize> {
    let addresses = hit.split([' ', '=', ',']).filter_map(|word| word.parse::<IpAddr>().ok());
    addresses
        .map(|address| match address {
            IpAddr::V4(address) => usize::from(address.octets()[1] & 0x7f),
            IpAddr::V6(address) => usize::from(address.segments()[2]),
        })
        .next()
}
