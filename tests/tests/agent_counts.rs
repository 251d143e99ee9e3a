//! The agent's flows against the same wire as tcpdump and tshark saw it: packets and IP octets of each flow exact, in
//! both directions.
//!
//! One end of a veth pair is watched. The other end runs an XDP program that passes everything, for which the kernel
//! gives up segmentation offload towards it: super-packets still reach the agent's egress hook, but travel as single
//! frames, which the capture at the sending end shows (see `lab/wire.rs`).

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::{
    agent::{Agent, Outcome},
    netns::Netns,
    peers::{Peer, require, wait_until},
    reference::Pass,
    root, traffic,
    wire::{self, Tap},
};

/// Two hosts with a wire between them: `near` is the one that the agent runs on.
struct Hosts {
    near: Netns,
    far: Netns,
    /// Attached to the far end.
    _pass: Pass,
}

/// The interface that is watched.
const NEAR: &str = "vb";
const FAR: &str = "va";

/// The addresses that [`Netns::veth`] gives to the near end.
const NEAR_V4: &str = "192.0.2.2";
const NEAR_V6: &str = "2001:db8::2";

/// What was seen, besides being equal.
struct Seen {
    outcome: Outcome,
    flows: Vec<Value>,
    /// Packets and IP octets, ingress and egress.
    ingress: (u64, u64),
    egress: (u64, u64),
}

impl Hosts {
    fn new(mtu: u32) -> Result<Self> {
        let (near, far) = (Netns::new("lb-near")?, Netns::new("lb-far")?);
        far.veth(FAR, &near, NEAR)?;
        far.run(&format!("ip link set {FAR} mtu {mtu}"))?;
        near.run(&format!("ip link set {NEAR} mtu {mtu}"))?;
        let pass = Pass::attach(&far, FAR)?;
        Ok(Self { near, far, _pass: pass })
    }

    /// Runs the agent and the captures around `traffic`, and compares.
    fn compare(&self, mode: &str, traffic: impl FnOnce(&Self) -> Result<()>) -> Result<Seen> {
        let taps = [Tap::start(&self.far, FAR)?, Tap::start(&self.near, NEAR)?];
        let agent = Agent::watching(&self.near, NEAR, "--print flows")?;
        ensure!(agent.said().contains(mode), "not `{mode}`: {}", agent.said());
        traffic(self)?;
        let outcome = agent.stop("INT")?;
        let flows = outcome.flows()?;
        let mut totals = [(0, 0); 2];
        for ((tap, direction), total) in
            taps.into_iter().zip(["ingress", "egress"]).zip(&mut totals)
        {
            let (capture, _directory) = tap.finish()?;
            let (wire, agent) = (wire::captured(&capture)?, wire::reported(&flows, direction)?);
            if !wire.is_empty() || !agent.is_empty() {
                *total = wire::compare(direction, &wire, &agent)?;
            }
        }
        let [ingress, egress] = totals;
        println!("packets and IP octets: ingress {ingress:?}, egress {egress:?}");
        Ok(Seen { outcome, flows, ingress, egress })
    }

    /// Answered echo requests to `address` from afar, with `payload` octets each.
    fn ping(&self, address: &str, payload: u32) -> Result<()> {
        self.far.run(&format!("ping -q -i 0.01 -c 20 -s {payload} {address}")).map(drop)
    }

    /// iperf3 from afar against a server of one session at `address`.
    fn iperf(&self, address: &str, arguments: &str) -> Result<()> {
        let mut server = self.near.command("iperf3");
        server.args(["-s", "-1", "-B", address]).stdout(std::process::Stdio::null());
        let _server = Peer::start(&mut server)?;
        // A connection would be the session that it waits for.
        wait_until("iperf3 listens", || {
            self.near.run("ss -Hltn sport = :5201").is_ok_and(|sockets| !sockets.is_empty())
        })?;
        self.far.run(&format!("iperf3 -c {address} {arguments}")).map(drop)
    }
}

fn ready(test: &str) -> bool {
    root(test) && ["tcpdump", "tshark", "iperf3", "ping"].into_iter().all(require)
}

/// Several payloads, so that octets cannot agree by chance; UDP and TCP each way; TCP in bulk each way.
fn everything(hosts: &Hosts, address: &str) -> Result<()> {
    for payload in [8, 56, 1300] {
        hosts.ping(address, payload)?;
    }
    hosts.iperf(address, "-u -b 8M -n 400K -l 700")?;
    hosts.iperf(address, "-u -b 8M -n 400K -l 900 -R")?;
    hosts.iperf(address, "-n 12M")?;
    hosts.iperf(address, "-n 12M -R")
}

#[test]
fn native_xdp_and_tcx_egress_count_what_is_on_the_wire() -> Result<()> {
    if !ready("native XDP against tcpdump") {
        return Ok(());
    }
    let hosts = Hosts::new(1500)?;
    let seen = hosts.compare("vb: ingress native XDP, egress tcx", |hosts| {
        everything(hosts, NEAR_V4)?;
        everything(hosts, NEAR_V6)
    })?;
    for (packets, octets) in [seen.ingress, seen.egress] {
        // Both bulk transfers went each way, in frames of the MTU at most.
        ensure!(octets > 24_000_000 && packets * 1500 > octets, "{packets}, {octets}");
    }
    // Else no super-packet reached the egress hook, and this would not test their counting.
    let (added, _) = seen.outcome.ledger("added by segmentation");
    ensure!(added > 1000, "hardly a super-packet: {}", seen.outcome.stderr);
    tcp_flows_are_whole(&seen.flows)
}

/// The bulk connections end by FIN; nothing else is left of them.
fn tcp_flows_are_whole(flows: &[Value]) -> Result<()> {
    let tcp: Vec<_> = flows.iter().filter(|flow| flow["protocolint"] == 6).collect();
    for flow in &tcp {
        let all = ["tcpflags.syn", "tcpflags.ack", "tcpflags.fin"].map(|key| flow[key] == true);
        ensure!(all == [true; 3], "not a whole connection: {flow}");
        ensure!(flow["interface"] == NEAR, "{flow}");
    }
    // Per address: four sessions of a control connection, two data connections; each has two directions.
    ensure!(tcp.len() == 2 * (4 + 2) * 2, "{} TCP flows", tcp.len());
    Ok(())
}

#[test]
fn tcx_ingress_counts_the_same_when_the_xdp_slot_is_taken() -> Result<()> {
    if !ready("tcx ingress against tcpdump") {
        return Ok(());
    }
    let hosts = Hosts::new(1500)?;
    let _taken = Pass::attach(&hosts.near, NEAR)?;
    let seen = hosts.compare(
        "vb: ingress tcx (native XDP: slot taken by another program), egress tcx",
        |hosts| {
            everything(hosts, NEAR_V4)?;
            everything(hosts, NEAR_V6)
        },
    )?;
    ensure!(seen.ingress.1 > 24_000_000 && seen.egress.1 > 24_000_000);
    let (added, _) = seen.outcome.ledger("added by segmentation");
    ensure!(added > 1000, "hardly a super-packet: {}", seen.outcome.stderr);
    Ok(())
}

#[test]
fn jumbo_frames_are_counted_whole() -> Result<()> {
    if !ready("MTU 9000 against tcpdump") {
        return Ok(());
    }
    let hosts = Hosts::new(9000)?;
    let seen = hosts.compare("vb: ingress native XDP, egress tcx", |hosts| {
        for address in [NEAR_V4, NEAR_V6] {
            hosts.ping(address, 8900)?;
            hosts.iperf(address, "-n 12M")?;
            hosts.iperf(address, "-n 12M -R")?;
        }
        Ok(())
    })?;
    for (packets, octets) in [seen.ingress, seen.egress] {
        ensure!(octets / packets > 4000, "no jumbo frames: {octets} octets in {packets} packets");
    }
    Ok(())
}

/// A packet that is cut into fragments is as many packets; those after the first have no ports.
#[test]
fn fragments_are_counted_one_by_one() -> Result<()> {
    if !ready("fragments against tcpdump") {
        return Ok(());
    }
    let hosts = Hosts::new(1500)?;
    let seen = hosts.compare("vb: ingress native XDP, egress tcx", |hosts| {
        for address in [NEAR_V4, NEAR_V6] {
            hosts.ping(address, 4000)?;
            hosts.iperf(address, "-u -b 8M -n 200K -l 5000")?;
        }
        Ok(())
    })?;
    let later = seen.flows.iter().filter(|flow| flow["fragment"] == "later");
    ensure!(later.count() >= 6, "no fragments: {:#?}", seen.flows);
    Ok(())
}

/// Traffic of a VLAN device, seen on its parent.
#[test]
fn vlan_traffic_is_counted_on_the_parent() -> Result<()> {
    if !(ready("a VLAN against tcpdump") && require("ethtool")) {
        return Ok(());
    }
    let hosts = Hosts::new(1500)?;
    for (netns, device, host) in [(&hosts.far, FAR, 1), (&hosts.near, NEAR, 2)] {
        // Else the tag travels beside the frame, where XDP does not see it; a real wire carries it within.
        netns.run(&format!("ethtool -K {device} txvlan off"))?;
        netns.run(&format!("ip link add {device}.7 link {device} type vlan id 7"))?;
        netns.run(&format!("ip address add 198.51.100.{host}/24 dev {device}.7"))?;
        netns.run(&format!("ip address add 2001:db8:7::{host}/64 dev {device}.7 nodad"))?;
        netns.run(&format!("ip link set {device}.7 up"))?;
    }
    let seen = hosts.compare("vb: ingress native XDP, egress tcx", |hosts| {
        everything(hosts, "198.51.100.2")?;
        everything(hosts, "2001:db8:7::2")
    })?;
    for (direction, key) in [("ingress", "srcvlan"), ("egress", "dstvlan")] {
        let mut flows = seen.flows.iter().filter(|flow| flow["direction"] == direction);
        let tagged = |flow: &Value| {
            flow[key] == 7 && flow["layer2octets"].as_u64() > flow["octets"].as_u64()
        };
        ensure!(
            flows.all(|flow| flow["srcip"].as_str().is_some_and(|ip| ip.starts_with("fe80"))
                || flow["dstip"].as_str().is_some_and(|ip| ip.starts_with("ff02"))
                || tagged(flow)),
            "{direction}: not VLAN 7: {:#?}",
            seen.flows
        );
    }
    Ok(())
}

/// Captures of traffic that no program here makes: VLAN and MPLS stacks, fragments, extension headers, SCTP, tunnels.
const CAPTURES: [&str; 10] = [
    "zeek+zeek/testing/btest/Traces/q-in-q.trace",
    "zeek+zeek/testing/btest/Traces/mpls-in-vlan.trace",
    "zeek+zeek/testing/btest/Traces/mixed-vlan-mpls.trace",
    "zeek+zeek/testing/btest/Traces/ipv6-fragmented-dns.trace",
    "zeek+zeek/testing/btest/Traces/ipv6-mobility-dst-opts.trace",
    "zeek+zeek/testing/btest/Traces/ipv6-hbh-rh0.trace",
    "zeek+zeek/testing/btest/Traces/tunnels/4in6.pcap",
    "zeek+zeek/testing/btest/Traces/ipv4/fragmented-1.pcap",
    "ntop+nDPI/tests/pcap/sctp.cap",
    "ntop+nDPI/tests/cfgs/default/pcap/mpls.pcap",
];

#[test]
fn replayed_captures_are_counted_exactly() -> Result<()> {
    if !(ready("captures against tcpdump") && require("tcpreplay")) {
        return Ok(());
    }
    let Some(corpus) = traffic::corpus() else { return Ok(()) };
    // Some hold frames above 1514 octets.
    let hosts = Hosts::new(9000)?;
    let mut total = 0;
    let seen = hosts.compare("vb: ingress native XDP, egress tcx", |hosts| {
        for name in CAPTURES {
            let path = corpus.join(name);
            let path = path.to_str().context("the path is text")?;
            let said = hosts.far.run(&format!("tcpreplay -q -p 2000 -i {FAR} {path}"))?;
            let sent = said.lines().find_map(|line| line.trim().strip_prefix("Successful packets:"));
            total += sent.context(said.clone())?.trim().parse::<u64>()?;
        }
        Ok(())
    })?;
    ensure!(total > 100, "only {total} frames");
    println!("{total} frames of {} captures", CAPTURES.len());
    ensure!(seen.flows.iter().any(|flow| flow["srcvlan"].as_u64() > Some(0)), "no VLAN");
    Ok(())
}
