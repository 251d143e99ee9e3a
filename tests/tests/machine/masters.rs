//! Devices over others of the same frames, watched alone: records carry the master's name and index both ways.

use anyhow::{Result, ensure};
use tests::agent::{Agent, Outcome};

use crate::{
    flows, in_a_machine_of_its_own,
    network::{Network, index},
    traffic::{self, FAILED},
};

/// What an agent that watches `devices` of the near end has to tell, after there was traffic on `path`.
fn watched(network: &Network, path: &str, devices: &[&str]) -> Result<Outcome> {
    let path = network.path(path);
    let patterns: String = devices.iter().map(|device| format!("-i {device} ")).collect();
    let mut agent = Agent::start(&network.near, &format!("{patterns} --print flows"))?;
    for device in devices {
        agent.wait_for(&format!("{device}: ingress"))?;
    }
    let mut lines = traffic::everything(&network.near, &network.far, path);
    lines.retain(|line| line.contains(FAILED));
    ensure!(lines.is_empty(), "{lines:#?}");
    agent.stop("INT")
}

#[test]
fn a_bond_or_team_alone_is_seen_both_ways_under_its_own_name() -> Result<()> {
    in_a_machine_of_its_own();
    let network = Network::shared()?;
    for master in ["bond", "team"] {
        let flows = watched(network, master, &[master])?.flows()?;
        let index = index(&network.near, master)?;
        for flow in &flows {
            let side = if flow["direction"] == "ingress" { "input" } else { "output" };
            ensure!(
                flow["interface"] == master
                    && flow[side] == index
                    && flow[format!("{side}name")] == master,
                "{master} has index {index}: {flow}"
            );
        }
        let wrong = flows::wrong(network.path(master), 1, &flows, true);
        ensure!(wrong.is_empty(), "{wrong:#?}");
    }
    Ok(())
}

#[test]
fn packets_of_a_vrf_are_those_of_its_members() -> Result<()> {
    in_a_machine_of_its_own();
    let network = Network::shared()?;
    let outcome = watched(network, "vrf", &["vrf0", "vrf-1"])?;
    let flows = outcome.flows()?;
    let wrong = flows::wrong(network.path("vrf"), 1, &flows, false);
    ensure!(wrong.is_empty(), "{wrong:#?}");
    let master: Vec<_> = flows.iter().filter(|flow| flow["interface"] == "vrf0").collect();
    ensure!(master.is_empty(), "a packet counts once: {master:#?}");
    let said = &outcome.stderr;
    ensure!(said.contains("only programs on its members see its packets"), "{said}");
    ensure!(!said.contains("counted twice"), "{said}");
    Ok(())
}
