//! More flows than the kernel's tables hold: nothing is lost, only told with less detail.

use std::thread;

use anyhow::{Context, Result, ensure};
use tests::{
    agent::{Agent, sum},
    frames,
    netns::Netns,
    reference::flood,
    root,
};

/// Of each of two senders.
const FRAMES: u32 = 400_000;
/// Many times the slots that the smallest budget buys: 8,192 on one CPU, fewer where there are more.
const FLOWS: u32 = 65_536;
const LENGTH: u64 = 64;

/// What the kernel says that an interface has received: a count that nobody here keeps.
fn received(netns: &Netns, device: &str) -> Result<(u64, u64)> {
    let read = |name: &str| -> Result<u64> {
        let path = format!("/sys/class/net/{device}/statistics/{name}");
        netns.run(&format!("cat {path}"))?.trim().parse().with_context(|| path)
    };
    Ok((read("rx_packets")?, read("rx_bytes")?))
}

#[test]
fn a_flood_of_sources_is_accounted_for_to_the_packet() -> Result<()> {
    if !root("a flood over veth") {
        return Ok(());
    }
    let (near, far) = (Netns::new("lb-near")?, Netns::new("lb-far")?);
    // No addresses: these namespaces have nothing to say by themselves.
    far.run(&format!("ip link add va type veth peer name vb netns {}", near.name()))?;
    for (netns, device) in [(&near, "vb"), (&far, "va")] {
        netns.run(&format!("sysctl -qw net.ipv6.conf.{device}.disable_ipv6=1"))?;
        netns.run(&format!("ip link set {device} up"))?;
    }
    let directory = tempfile::tempdir()?;
    let config = directory.path().join("sensor.toml");
    std::fs::write(&config, "[capture]\nkernel_memory = \"4MiB\"\n[export]\nqueue = 1000000\n")?;

    let before = received(&near, "vb")?;
    // The flood comes as XDP frames, which only a program of this kind receives.
    let line = format!("--config {} --ingress xdp --print flows", config.display());
    let agent = Agent::watching(&near, "vb", &line)?;
    let frame = frames::udp_v4(0, LENGTH as usize);
    thread::scope(|scope| {
        let other = scope.spawn(|| flood(&far, "va", &frame, FLOWS, FRAMES));
        flood(&far, "va", &frame, FLOWS, FRAMES)?;
        other.join().expect("no panic")
    })?;
    let outcome = agent.stop("TERM")?;
    let after = received(&near, "vb")?;
    let frames = (after.0 - before.0, after.1 - before.1);
    ensure!(frames.0 > u64::from(FRAMES / 2), "only {frames:?} of twice {FRAMES} frames arrived");

    let flows = outcome.flows()?;
    let (folded, unattributed) =
        (outcome.ledger("of these folded"), outcome.ledger("+ without a flow"));
    println!(
        "{frames:?} frames, {} flows, folded {folded:?}, without a flow {unattributed:?}",
        flows.len()
    );
    print!("{}", outcome.stderr);
    ensure!(
        outcome.ledger("seen") == frames,
        "seen is not received {frames:?}: {}",
        outcome.stderr
    );
    ensure!(folded.0 > 0, "the tables were not overfull: {}", outcome.stderr);

    // Packets, frame octets and IP octets, in what was printed and what could not be.
    ensure!(sum(&flows, "packets") + unattributed.0 == frames.0, "packets: {}", outcome.stderr);
    ensure!(sum(&flows, "layer2octets") + unattributed.1 == frames.1, "octets: {}", outcome.stderr);
    let ip_octets = (frames.0 - unattributed.0) * (LENGTH - 14);
    ensure!(sum(&flows, "octets") == ip_octets, "IP octets: {}", outcome.stderr);

    let of_folded: Vec<_> = flows.iter().filter(|flow| flow["folded"] == true).cloned().collect();
    ensure!(sum(&of_folded, "packets") == folded.0, "folded: {}", outcome.stderr);
    for flow in &of_folded {
        // Who sent it is not known any more; what was attacked is.
        ensure!(flow["srcip"] == "0.0.0.0" && flow["srcport"] == 0, "{flow}");
        ensure!(flow["dstip"] == "192.0.2.1" && flow["dstport"] == 53, "{flow}");
    }
    ensure!(flows.len() > 1000, "only {} flows", flows.len());
    Ok(())
}
