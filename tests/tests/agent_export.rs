//! The agent's flows at every kind of destination at once, read by other people's programs: all of them receive what is
//! printed, and one that is dead harms none.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::{
    agent::{Agent, sum},
    collector::{Collector, Manner},
    frames,
    netns::Netns,
    peers::{Nfcapd, require},
    root,
    wire::{self, Tap},
};

/// Flow records, packets, IP octets.
type Totals = (u64, u64, u64);

/// Nobody listens there.
const DEAD: &str = "tcp://127.0.0.1:9";

#[test]
fn every_destination_receives_every_flow() -> Result<()> {
    let programs = ["nfcapd", "nfdump", "tcpdump", "tshark", "tcpreplay", "ping"];
    if !root("exporting live flows") || !programs.into_iter().all(require) {
        return Ok(());
    }
    let (near, far) = (Netns::new("lb-near")?, Netns::new("lb-far")?);
    far.veth("va", &near, "vb")?;
    let nfcapd = near.enter(Nfcapd::start)??;
    let collector = near.enter(|| Collector::start(Manner::Reads))??;
    let tap = Tap::start(&near, "lo", 65_535)?;
    let directory = tempfile::tempdir()?;
    let files = directory.path();

    let udp = format!("udp://127.0.0.1:{}", nfcapd.port);
    let tcp = format!("tcp://{}", collector.address);
    let line = format!(
        "--print flows --collector {DEAD} --collector {udp} --collector {tcp} --ipfix-file {} \
         --idle-timeout 1s --active-timeout 2s --interval 250ms",
        files.display()
    );
    let agent = Agent::watching(&near, "vb", &line)?;
    traffic(&far, files)?;
    let outcome = agent.stop("INT")?;

    let flows = outcome.flows()?;
    let printed = (flows.len() as u64, sum(&flows, "packets"), sum(&flows, "octets"));
    println!("flows, packets, octets: {printed:?}");
    ensure!(printed.0 > 400, "hardly a flow: {}", outcome.stderr);
    let reasons = |reason: u64| flows.iter().filter(|flow| flow["flowendreason"] == reason).count();
    let by_reason = [1, 2, 4].map(reasons);
    ensure!(by_reason.iter().all(|count| *count > 0), "idle, active, forced: {by_reason:?}");

    let received = collector.received();
    ensure!(received.faults.is_empty(), "over TCP: {:?}", received.faults);
    ensure!(received.totals() == printed, "over TCP: {:?}, not {printed:?}", received.totals());
    let (stored, log) = nfcapd.finish()?;
    ensure!(nfdump_totals(&stored) == printed, "nfdump: {:?}: {log}", nfdump_totals(&stored));
    ensure!(log.contains("Sequence Errors: 0, Bad Packets: 0"), "nfcapd says {log}");
    let (capture, _directory) = tap.finish()?;
    let (_, port) = udp.rsplit_once(':').context("a port")?;
    let sent = tshark_totals(&capture, &["-d", &format!("udp.port=={port},cflow")])?;
    ensure!(sent == printed, "tshark on the wire: {sent:?}, not {printed:?}");
    let mut filed = (0, 0, 0);
    for entry in std::fs::read_dir(files)? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "ipfix") {
            let part = tshark_totals(&path, &[])?;
            filed = (filed.0 + part.0, filed.1 + part.1, filed.2 + part.2);
        }
    }
    ensure!(filed == printed, "tshark on the files: {filed:?}, not {printed:?}");

    for name in ["standard output", &udp, &tcp, files.to_str().context("the path is text")?] {
        let account = outcome.account(name);
        ensure!(account == Some((printed.0, 0)), "{name}: {account:?}: {}", outcome.stderr);
    }
    let dead = outcome.account(DEAD);
    ensure!(dead == Some((0, printed.0)), "dead collector: {dead:?}: {}", outcome.stderr);
    let complaints = outcome.stderr.lines().filter(|line| line.contains("refused")).count();
    ensure!(complaints == 1, "said {complaints} times: {}", outcome.stderr);
    Ok(())
}

/// Echo requests that outlast the active timeout, and many short flows that go idle meanwhile.
fn traffic(far: &Netns, directory: &Path) -> Result<()> {
    let mut many = Vec::new();
    for flow in 0..300 {
        many.push(frames::udp_v4(flow, 60 + flow as usize));
        many.push(frames::udp_v6(flow, 80 + flow as usize));
    }
    let path = directory.join("traffic.pcap");
    frames::write_capture(&path, &many)?;
    far.run(&format!("tcpreplay -q -p 5000 -i va {}", path.display()))?;
    far.run("ping -q -i 0.1 -c 30 192.0.2.2")?;
    far.run("ping -q -i 0.1 -c 5 2001:db8::2").map(drop)
}

fn nfdump_totals(flows: &[Value]) -> Totals {
    (flows.len() as u64, sum(flows, "in_packets"), sum(flows, "in_bytes"))
}

/// What tshark reads in all IPFIX messages of a capture or an IPFIX file, about which it must not complain.
fn tshark_totals(capture: &Path, decode_as: &[&str]) -> Result<Totals> {
    const COMPLAINTS: &str =
        "_ws.malformed || cflow.unexpected_sequence_number || cflow.no_template_found";
    let complaints = [decode_as, &["-Y", COMPLAINTS]].concat();
    let complaints = wire::fields(capture, &["frame.number", "_ws.col.info"], &complaints)?;
    ensure!(complaints.is_empty(), "tshark complains: {complaints:?}");
    let mut totals = (0, 0, 0);
    let only = [decode_as, &["-Y", "cflow"]].concat();
    for row in wire::fields(capture, &["cflow.packets", "cflow.octets"], &only)? {
        let [packets, octets] = row.as_slice() else { continue };
        let numbers = |text: &str| -> Result<Vec<u64>> {
            let numbers = text.split(',').filter(|number| !number.is_empty());
            Ok(numbers.map(str::parse).collect::<Result<_, _>>()?)
        };
        let (packets, octets) = (numbers(packets)?, numbers(octets)?);
        ensure!(packets.len() == octets.len(), "{row:?}");
        totals.0 += packets.len() as u64;
        totals.1 += packets.iter().sum::<u64>();
        totals.2 += octets.iter().sum::<u64>();
    }
    Ok(totals)
}
