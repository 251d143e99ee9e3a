//! A monitor must not change what it sees: all traffic arrives with the agent as it does without, and the kernel has
//! nothing to complain of. What it sees must be right as well.
//!
//! Two ways to be in the way: at the sending end alone, where super-packets go whole to a peer that has no XDP; and at all
//! ends and on a router, where devices cut what leaves.

use anyhow::{Context, Result, ensure};
use tests::{agent::Agent, netns::Netns};

use crate::{
    flows, in_a_machine_of_its_own,
    kernel_log::KernelLog,
    network::{Network, Path},
    raw,
    traffic::{self, FAILED},
};

/// Paths of which tc gets other packets than XDP: whole ones that devices cut for XDP, merged and decrypted ones.
const OTHERWISE_BY_TC: [&str; 6] = ["wire", "vlan", "big", "ipsec", "vrf", "forwarded"];

/// Devices that have no XDP of their own that counts right.
const MASTERS: [&str; 2] = ["bond", "team"];

#[test]
fn nothing_is_harmed() -> Result<()> {
    in_a_machine_of_its_own();
    let network = Network::shared()?;
    let all: Vec<_> = network.paths.iter().collect();
    // Else it would be the lab that does harm.
    pass(network, &all, "without the agent")?;

    let near = watch(&network.near, &network.all_devices(1), false)?;
    pass(network, &all, "with the agent at the near end")?;
    near.stop("INT")?;

    let devices = [1, 2].map(|end| network.all_devices(end));
    everywhere(network, &all, devices, false)
}

#[test]
fn nothing_is_harmed_by_ingress_on_tc() -> Result<()> {
    in_a_machine_of_its_own();
    let network = Network::shared()?;
    let paths = network.paths.iter().filter(|path| OTHERWISE_BY_TC.contains(&path.name));
    let paths: Vec<_> = paths.collect();
    let devices = [1, 2].map(|end| Network::devices(end, &paths));
    everywhere(network, &paths, devices, true)
}

/// Traffic of `paths` with agents at both ends and on the router, and what they have counted.
fn everywhere(
    network: &Network,
    paths: &[&Path],
    devices: [Vec<String>; 2],
    by_tc: bool,
) -> Result<()> {
    let name =
        if by_tc { "with the agent at all ends, by tc" } else { "with the agent at all ends" };
    let near = watch(&network.near, &devices[0], by_tc)?;
    let far = watch(&network.far, &devices[1], by_tc)?;
    let router = watch(&network.router, &["in".to_owned(), "out".to_owned()], by_tc)?;
    let ends = [&network.near, &network.far];
    let before = [flows::transformed(ends[0])?, flows::transformed(ends[1])?];
    pass(network, paths, name)?;
    let mut transformed = [flows::transformed(ends[0])?, flows::transformed(ends[1])?];
    for (now, before) in transformed.as_flattened_mut().iter_mut().zip(before.as_flattened()) {
        *now -= before;
    }
    router.stop("INT")?;
    let (near, far) = (near.stop("INT")?.flows()?, far.stop("INT")?.flows()?);
    let wrong: Vec<_> = paths
        .iter()
        .flat_map(|path| {
            let far = flows::wrong(path, 2, &far, by_tc);
            flows::wrong(path, 1, &near, by_tc).into_iter().chain(far)
        })
        .collect();
    ensure!(wrong.is_empty(), "{name}: {wrong:#?}");
    flows::encrypted(&near, &far, transformed).with_context(|| name.to_owned())
}

/// All traffic once. Where a kernel stops, its console tells last what it was busy with.
fn pass(network: &Network, paths: &[&Path], name: &str) -> Result<()> {
    let mut log = KernelLog::from_now()?;
    let mut lines = Vec::new();
    println!("\n{name}:");
    for path in paths {
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
fn watch(netns: &Netns, devices: &[String], by_tc: bool) -> Result<Agent> {
    let patterns: String = devices.iter().map(|device| format!("-i {device} ")).collect();
    let ingress = if by_tc { "--ingress tc".to_owned() } else { by_xdp(devices) };
    let mut agent = Agent::start(netns, &format!("{patterns} {ingress} --print flows"))?;
    for device in devices {
        agent.wait_for(&format!("{device}: ingress"))?;
    }
    Ok(agent)
}

/// XDP wherever it counts right: also on veth, where `auto` takes tcx.
fn by_xdp(devices: &[String]) -> String {
    let masters = devices.iter().filter(|device| MASTERS.contains(&device.as_str()));
    let masters: String = masters.map(|device| format!("--ingress {device}=auto ")).collect();
    format!("{masters}--ingress xdp")
}
