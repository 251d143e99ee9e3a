//! What an agent must have counted of the traffic of a path.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::{agent::sum, netns::Netns};

use crate::{
    network::{Path, Sees},
    traffic,
};

/// Rows of flows of one interface and direction, between two addresses.
pub fn between<'a>(
    flows: &'a [Value],
    interface: &str,
    direction: &str,
    (from, to): (&str, &str),
) -> Vec<&'a Value> {
    let is_it = |flow: &&Value| {
        flow["direction"] == direction
            && flow["interface"] == interface
            && flow["srcip"] == from
            && flow["dstip"] == to
    };
    flows.iter().filter(is_it).collect()
}

/// Packets of the datagrams whose number is known, on the device of `path` at the end whose flows these are (1 near, 2
/// far): those that left it, and those that arrived. A line for each number that is wrong.
pub fn wrong(path: &Path, end: usize, flows: &[Value], by_tc: bool) -> Vec<String> {
    let device = path.device_at(end);
    let mut wrong = Vec::new();
    for &(near, far) in &path.ends {
        let (here, there) = if end == 1 { (near, far) } else { (far, near) };
        for (direction, from, to) in [("egress", here, there), ("ingress", there, here)] {
            let rows = between(flows, device, direction, (&from.to_string(), &to.to_string()));
            for (port, known) in traffic::KNOWN {
                let packets: u64 = rows
                    .iter()
                    .filter(|flow| flow["dstport"] == port)
                    .filter_map(|flow| flow["packets"].as_u64())
                    .sum();
                let expected = match path.sees {
                    Sees::Packets => known,
                    // tc alone is asked again when the kernel has decrypted them, and nothing is cut behind IPsec.
                    Sees::Encrypted
                        if direction == "ingress" && by_tc && port == traffic::SINGLE =>
                    {
                        known
                    }
                    Sees::Encrypted => 0,
                };
                if packets != expected {
                    wrong.push(format!(
                        "{}, {device}, {direction}, {from} > {to}:{port}: {packets} packets, not {expected}",
                        path.name
                    ));
                }
            }
        }
    }
    wrong
}

/// Packets that the kernel has encrypted or decrypted so far at this end: from near, and from far.
pub fn transformed(netns: &Netns) -> Result<[u64; 2]> {
    let states = netns.run("ip -s xfrm state")?;
    let count = |from: usize| -> Result<u64> {
        let source = format!("src 10.9.0.{from} ");
        let state =
            states.split("\nsrc ").map(|state| format!("src {}", state.trim_start_matches("src ")));
        let state = state.into_iter().find(|state| state.starts_with(&source));
        let state = state.context("no state of IPsec")?;
        // "lifetime current:", then "OCTETS(bytes), PACKETS(packets)".
        let (_, current) = state.split_once("lifetime current:").context("no lifetime")?;
        let (numbers, _) = current.split_once("(packets)").context("no packets")?;
        let (_, packets) = numbers.rsplit_once(' ').context("no number")?;
        Ok(packets.parse()?)
    };
    Ok([count(1)?, count(2)?])
}

/// The ESP packets of the wire are as many as the kernel has encrypted at one end, and decrypted at the other, and as large
/// where they leave as where they arrive. What filled the MTU before it was encrypted goes in two fragments.
pub fn encrypted(near: &[Value], far: &[Value], transformed: [[u64; 2]; 2]) -> Result<()> {
    let esp = |flows: &[Value], direction: &str, way: (&str, &str)| {
        let rows = between(flows, "wire", direction, way).into_iter();
        let rows: Vec<_> = rows.filter(|flow| flow["protocolint"] == 50).cloned().collect();
        [sum(&rows, "packets"), sum(&rows, "octets")]
    };
    let ends = ["10.9.0.1", "10.9.0.2"];
    for (from, leave, arrive) in [(0, near, far), (1, far, near)] {
        let way = (ends[from], ends[1 - from]);
        let (left, arrived) = (esp(leave, "egress", way), esp(arrive, "ingress", way));
        ensure!(left == arrived, "ESP {way:?}: {left:?} left, {arrived:?} arrived");
        let kernel = transformed.map(|end| end[from]);
        ensure!(kernel[0] > 0, "no ESP {way:?}");
        ensure!(
            kernel.map(|packets| packets + traffic::FULL_FRAGMENTS) == [left[0]; 2],
            "ESP {way:?}: {left:?}, the kernel has {kernel:?}"
        );
    }
    Ok(())
}
