//! Scenarios under one agent with the stock library: who makes which traffic, and exactly which hits must come of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    net::IpAddr,
    thread,
};

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;

use crate::{
    agent::Agent,
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

/// Runs all of `scenarios` at once before an agent as it is shipped, and compares.
///
/// # Errors
/// With all differences.
pub fn run(scenarios: &[Scenario]) -> Result<()> {
    let site = Site::new()?;
    let agent = Agent::watching(site.near(), NEAR, "--policies stock --print hits")?;
    let mode = format!("{NEAR}: ingress native XDP, egress tcx");
    ensure!(agent.said().contains(&mode), "not `{mode}`: {}", agent.said());
    make(&site, scenarios)?;
    let outcome = agent.stop("INT")?;
    let found = hits(&outcome.flows()?)?;
    println!("{} scenarios, {} hits", scenarios.len(), found.len());
    compare(&site, scenarios, &found)
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

/// One line for each policy and key: its highest severity, and how many incidents, if more than one.
fn hits(events: &[Value]) -> Result<BTreeSet<String>> {
    let mut keys: BTreeMap<(&str, String), (usize, BTreeSet<&str>)> = BTreeMap::new();
    for event in events {
        let text = |value: &'_ Value| value.as_str().map(str::to_owned);
        let policy = event["algorithm"].as_str().with_context(|| event.to_string())?;
        let fields = event["track_by"].as_array().with_context(|| event.to_string())?;
        let key = fields.iter().map(|field| {
            let name = text(field).unwrap_or_default();
            let value = &event["tracked"][&name];
            format!(" {name}={}", text(value).unwrap_or_else(|| value.to_string()))
        });
        let severity = SEVERITIES.iter().position(|&severity| event["severity"] == severity);
        let incident = event["incident"].as_str().with_context(|| event.to_string())?;
        let (highest, incidents) = keys.entry((policy, key.collect())).or_default();
        *highest = (*highest).max(severity.with_context(|| event.to_string())?);
        incidents.insert(incident);
    }
    let lines = keys.into_iter().map(|((policy, key), (severity, incidents))| {
        let times = match incidents.len() {
            1 => String::new(),
            times => format!(", {times} times"),
        };
        format!("{policy} {}{key}{times}", SEVERITIES[severity])
    });
    Ok(lines.collect())
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
