//! A monitor must not change what it sees: all traffic arrives with the agent as it does without, and the kernel has
//! nothing to complain of.
//!
//! Two ways to be in the way: at the sending end alone, where super-packets go whole to a peer that has no XDP; and at all
//! ends and on a router, where devices cut what leaves.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::{
    agent::{Agent, Outcome},
    netns::Netns,
};

use crate::{
    in_a_machine_of_its_own,
    kernel_log::KernelLog,
    network::Network,
    raw,
    traffic::{self, FAILED},
};

#[test]
fn nothing_is_harmed() -> Result<()> {
    in_a_machine_of_its_own();
    let network = Network::new()?;
    // Else it would be the lab that does harm.
    pass(&network, "without the agent")?;

    let near = watch(&network.near, &network.devices(1))?;
    pass(&network, "with the agent at the near end")?;
    near.stop("INT")?;

    everywhere(&network)
}

/// All traffic with agents at both ends and on the router, and what they have counted.
fn everywhere(network: &Network) -> Result<()> {
    let near = watch(&network.near, &network.devices(1))?;
    let far = watch(&network.far, &network.devices(2))?;
    let router = watch(&network.router, &["in".to_owned(), "out".to_owned()])?;
    pass(network, "with the agent at all ends")?;
    router.stop("INT")?;
    let (near, far) = (near.stop("INT")?, far.stop("INT")?);
    counted(network, &near, &far)
}

/// All traffic once. Where a kernel stops, its console tells last what it was busy with.
fn pass(network: &Network, name: &str) -> Result<()> {
    let mut log = KernelLog::from_now()?;
    let mut lines = Vec::new();
    println!("\n{name}:");
    for path in &network.paths {
        println!("  {}", path.name);
        lines.extend(traffic::everything(&network.near, &network.far, path));
    }
    lines.retain(|line| line.contains(FAILED));
    for (from, to) in [(&network.near, &network.far), (&network.far, &network.near)] {
        if let Err(error) = raw::frames(from, to, "raw") {
            lines.push(format!("frames: {error:#}"));
        }
    }
    ensure!(lines.is_empty(), "{name}: {lines:#?}");
    log.assert_clean().with_context(|| name.to_owned())
}

/// The agent on these interfaces of a namespace, once it watches all of them.
fn watch(netns: &Netns, devices: &[String]) -> Result<Agent> {
    let patterns: String = devices.iter().map(|device| format!("-i {device} ")).collect();
    let mut agent = Agent::start(netns, &format!("{patterns} --print flows"))?;
    for device in devices {
        agent.wait_for(&format!("{device}: ingress"))?;
    }
    Ok(agent)
}

/// Packets of the datagrams whose number is known, on the device of each path: those that left one end, and those that
/// arrived at the other.
fn counted(network: &Network, near: &Outcome, far: &Outcome) -> Result<()> {
    let (near, far) = (near.flows()?, far.flows()?);
    let mut wrong = Vec::new();
    for path in network.paths.iter().filter(|path| path.has_flows()) {
        for &(here, there) in &path.ends {
            for (from, to, egress, ingress) in
                [(here, there, &near, &far), (there, here, &far, &near)]
            {
                for (port, packets) in traffic::KNOWN {
                    for (flows, direction) in [(egress, "egress"), (ingress, "ingress")] {
                        let is_it = |flow: &&Value| {
                            flow["direction"] == direction
                                && flow["interface"] == path.device
                                && flow["srcip"] == from.to_string()
                                && flow["dstip"] == to.to_string()
                                && flow["dstport"] == port
                        };
                        let sum: u64 = flows
                            .iter()
                            .filter(is_it)
                            .filter_map(|flow| flow["packets"].as_u64())
                            .sum();
                        if sum != packets {
                            wrong.push(format!(
                                "{}, {direction}, {from} > {to}:{port}: {sum} packets, not {packets}",
                                path.name
                            ));
                        }
                    }
                }
            }
        }
    }
    ensure!(wrong.is_empty(), "{wrong:#?}");
    Ok(())
}
