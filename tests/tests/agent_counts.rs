//! The agent's flows against the same wire as tcpdump and tshark saw it: packets and IP octets of each flow exact, in
//! both directions.
//!
//! One end of a veth pair is watched. The other end runs an XDP program that passes everything, for which the kernel
//! gives up segmentation offload towards it: super-packets still reach the agent's egress hook, but travel as single
//! frames, which the capture at the sending end shows (see `lab/wire.rs`).

use std::{os::fd::OwnedFd, path::Path};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::{
    agent::{Agent, Outcome},
    bpf::{self, Hook, Tag},
    frames,
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

/// Octets of each frame that are captured.
const HEADERS: u32 = 256;

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
        // So that the packets of a connection differ in their ECN codepoint, which makes no flow of its own.
        for netns in [&near, &far] {
            netns.run("sysctl -qw net.ipv4.tcp_ecn=1")?;
        }
        let pass = Pass::attach(&far, FAR)?;
        Ok(Self { near, far, _pass: pass })
    }

    /// Runs the agent and the captures around `traffic`, and compares.
    fn compare(&self, mode: &str, traffic: impl FnOnce(&Self) -> Result<()>) -> Result<Seen> {
        self.compare_by("xdp", mode, traffic)
    }

    /// As [`Self::compare`], with received packets counted as `--ingress` says.
    fn compare_by(
        &self,
        ingress: &str,
        mode: &str,
        traffic: impl FnOnce(&Self) -> Result<()>,
    ) -> Result<Seen> {
        let taps = [Tap::start(&self.far, FAR, HEADERS)?, Tap::start(&self.near, NEAR, HEADERS)?];
        let agent =
            Agent::watching(&self.near, NEAR, &format!("--print flows --ingress {ingress}"))?;
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
                *total = wire::compare(direction, &wire, &agent).with_context(|| self.drops())?;
            }
        }
        let [ingress, egress] = totals;
        println!("packets and IP octets: ingress {ingress:?}, egress {egress:?}");
        Ok(Seen { outcome, flows, ingress, egress })
    }

    /// What may explain that fewer frames arrived than were sent.
    fn drops(&self) -> String {
        let show = |netns: &Netns| netns.run("ip -s link show").unwrap_or_default();
        format!("near:\n{}far:\n{}", show(&self.near), show(&self.far))
    }

    /// Answered echo requests to `address` from afar, with `payload` octets each.
    fn ping(&self, address: &str, payload: u32) -> Result<()> {
        self.far.run(&format!("ping -q -i 0.01 -c 20 -s {payload} {address}")).map(drop)
    }

    /// iperf3 from afar against a server of one session at `address`.
    ///
    /// Its window is small enough that what is under way fits into the queue of a veth's receiver (256 frames), which
    /// drops the rest: behind the capture, and before XDP.
    fn iperf(&self, address: &str, arguments: &str) -> Result<()> {
        let mut server = self.near.command("iperf3");
        server.args(["-s", "-1", "-B", address]).stdout(std::process::Stdio::null());
        let _server = Peer::start(&mut server)?;
        // A connection would be the session that it waits for.
        wait_until("iperf3 listens", || {
            self.near.run("ss -Hltn sport = :5201").is_ok_and(|sockets| !sockets.is_empty())
        })?;
        self.far.run(&format!("iperf3 -c {address} -w 64K {arguments}")).map(drop)
    }
}

fn ready(test: &str) -> bool {
    root(test) && ["tcpdump", "tshark", "iperf3", "ping"].into_iter().all(require)
}

/// Octets that [`everything`] over both protocols brings each way at the least: iperf3 stops a little before what it is
/// asked for.
const BULK: u64 = 10_000_000;

/// Several payloads, so that octets cannot agree by chance; UDP and TCP each way; TCP in bulk each way.
fn everything(hosts: &Hosts, address: &str) -> Result<()> {
    for payload in [8, 56, 1300] {
        hosts.ping(address, payload)?;
    }
    hosts.iperf(address, "-u -b 8M -n 400K -l 700")?;
    hosts.iperf(address, "-u -b 8M -n 400K -l 900 -R")?;
    hosts.iperf(address, "-n 6M")?;
    hosts.iperf(address, "-n 6M -R")
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
        // Bulk went each way over both protocols, in frames of the MTU at most.
        ensure!(octets > BULK && packets * 1500 > octets, "{packets}, {octets}");
    }
    // Else no super-packet reached the egress hook, and this would not test their counting.
    let (added, _) = seen.outcome.ledger("added by segmentation");
    ensure!(added > 1000, "hardly a super-packet: {}", seen.outcome.stderr);
    tcp_flows_are_whole(&hosts, &seen.flows)
}

/// A record for each direction of each connection, from the SYN on, with all that belongs to it.
fn tcp_flows_are_whole(hosts: &Hosts, flows: &[Value]) -> Result<()> {
    let mac = |netns: &Netns, device: &str| -> Result<Value> {
        Ok(netns.run(&format!("cat /sys/class/net/{device}/address"))?.trim().into())
    };
    let (near, far) = (mac(&hosts.near, NEAR)?, mac(&hosts.far, FAR)?);
    let tcp: Vec<_> = flows.iter().filter(|flow| flow["protocolint"] == 6).collect();
    for flow in &tcp {
        ensure!(flow["tcpflags.syn"] == true && flow["interface"] == NEAR, "{flow}");
        ensure!(flow["tcpflags.ece"] == true, "no ECN was negotiated: {flow}");
        let (source, destination) =
            if flow["direction"] == "ingress" { (&far, &near) } else { (&near, &far) };
        ensure!(flow["srcmac"] == *source && flow["dstmac"] == *destination, "MACs: {flow}");
        ensure!(flow["ttlmin"] == 64 && flow["ttlmax"] == 64, "{flow}");
    }
    // The last ones are still lingering when the agent is stopped.
    ensure!(tcp.iter().any(|flow| flow["flowendreason"] == 3), "no TCP flow has ended: {tcp:#?}");
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
    let seen =
        hosts.compare("vb: ingress tcx (native XDP: slot taken by pass (program ", |hosts| {
            everything(hosts, NEAR_V4)?;
            everything(hosts, NEAR_V6)
        })?;
    ensure!(seen.ingress.1 > BULK && seen.egress.1 > BULK);
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
            hosts.iperf(address, "-n 6M")?;
            hosts.iperf(address, "-n 6M -R")?;
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

/// Frames with one tag, two tags, and a priority tag (VLAN 0), in both directions.
#[test]
fn tagged_frames_are_counted_under_their_outermost_vlan() -> Result<()> {
    if !(ready("VLANs against tcpdump") && require("tcpreplay")) {
        return Ok(());
    }
    const TAGS: [&[(u16, u16)]; 3] =
        [&[(0x8100, 7)], &[(0x88a8, 100), (0x8100, 8)], &[(0x8100, 0)]];
    let mut tagged = Vec::new();
    for (flow, tags) in (0..).zip(TAGS) {
        for length in [70, 300, 1400] {
            tagged.push(frames::tag(&frames::udp_v4(flow, length), tags));
            tagged.push(frames::tag(&frames::udp_v6(flow, length), tags));
        }
    }
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("tagged.pcap");
    frames::write_capture(&path, &tagged)?;
    let hosts = Hosts::new(1500)?;
    let replays = |hosts: &Hosts| {
        replay(&hosts.far, FAR, &path)?;
        replay(&hosts.near, NEAR, &path).map(drop)
    };
    tagged_flows(&hosts.compare("vb: ingress native XDP, egress tcx", replays)?)?;
    // At this hook the kernel has taken the outermost tag out of the frame.
    let _taken = Pass::attach(&hosts.near, NEAR)?;
    tagged_flows(&hosts.compare("vb: ingress tcx", replays)?)
}

/// Flows are told apart by their outermost VLAN, and frame octets count every tag.
fn tagged_flows(seen: &Seen) -> Result<()> {
    for (direction, key) in [("ingress", "srcvlan"), ("egress", "dstvlan")] {
        for (vlan, link_header) in [(7, 14 + 4), (100, 14 + 4 + 4)] {
            let wanted = |flow: &&Value| {
                flow["direction"] == direction && flow["protocolint"] == 17 && flow[key] == vlan
            };
            let flows: Vec<_> = seen.flows.iter().filter(wanted).collect();
            ensure!(flows.len() == 2, "{direction}, VLAN {vlan}: {:#?}", seen.flows);
            for flow in flows {
                let octets = |key: &str| flow[key].as_u64().unwrap_or_default();
                ensure!(octets("layer2octets") == octets("octets") + 3 * link_header, "{flow}");
            }
        }
    }
    Ok(())
}

/// The VLAN of [`tags`].
const VLAN: u16 = 42;

/// Has tags put on what `device` sends or taken off what it receives, as VLAN devices do: they lie beside the frames.
fn tags(netns: &Netns, device: &str, hook: Hook, tag: Tag) -> Result<OwnedFd> {
    let index = netns.run(&format!("cat /sys/class/net/{device}/ifindex"))?.trim().parse()?;
    netns.enter(|| bpf::tag(index, hook, tag))?
}

#[test]
fn tags_beside_frames_are_counted_by_auto_and_warned_of_by_xdp() -> Result<()> {
    if !(ready("tags beside frames") && require("tcpreplay") && require("ethtool")) {
        return Ok(());
    }
    const LENGTHS: [usize; 3] = [70, 300, 1400];
    const TAG: u64 = 4;
    let untagged = LENGTHS
        .into_iter()
        .flat_map(|length| [frames::udp_v4(1, length), frames::udp_v6(1, length)]);
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("untagged.pcap");
    frames::write_capture(&path, &untagged.collect::<Vec<_>>())?;
    let hosts = Hosts::new(1500)?;
    let _tags = tags(&hosts.far, FAR, Hook::TcxEgress, Tag::Push(VLAN))?;
    let replayed = |hosts: &Hosts| replay(&hosts.far, FAR, &path).map(drop);
    // Of both protocols: VLAN, packets, and octets that frames have more than they have without a tag.
    let received = |seen: &Seen| -> Vec<(Value, u64, u64)> {
        let of_ours = |flow: &&Value| flow["direction"] == "ingress" && flow["dstport"] == 53;
        let number = |flow: &Value, key: &str| flow[key].as_u64().unwrap_or_default();
        let frames = LENGTHS.iter().sum::<usize>() as u64;
        let flows = seen.flows.iter().filter(of_ours);
        flows
            .map(|flow| {
                let more = number(flow, "layer2octets").wrapping_sub(frames);
                (flow["srcvlan"].clone(), number(flow, "packets"), more)
            })
            .collect()
    };
    let all_seen = vec![(Value::from(VLAN), 3, 3 * TAG); 2];

    let mode = "vb: ingress tcx (native XDP: it would miss VLAN tags";
    let seen = hosts.compare_by("auto", mode, replayed)?;
    ensure!(received(&seen) == all_seen, "{:#?}", seen.flows);
    ensure!(!seen.outcome.stderr.contains("WARN"), "{}", seen.outcome.stderr);

    let mode = "vb: ingress native XDP, egress tcx";
    let seen = hosts.compare_by("xdp", mode, replayed)?;
    ensure!(received(&seen) == vec![(Value::Null, 3, 0); 2], "{:#?}", seen.flows);
    let warning = seen.outcome.stderr.lines().find(|line| line.contains("does not see VLAN tags"));
    let warning = warning.with_context(|| seen.outcome.stderr.clone())?;
    for part in ["WARN", "interface=\"vb\"", "lost=", "remedy=", "ethtool -K PEER txvlan off"] {
        ensure!(warning.contains(part), "no `{part}`: {warning}");
    }

    // That remedy is one.
    hosts.far.run(&format!("ethtool -K {FAR} txvlan off"))?;
    let seen = hosts.compare_by("xdp", mode, replayed)?;
    ensure!(received(&seen) == all_seen, "{:#?}", seen.flows);
    Ok(())
}

/// Every segment of a super-packet has the tag that lies beside it.
#[test]
fn tags_beside_super_packets_count_once_a_segment() -> Result<()> {
    if !ready("tags beside super-packets") {
        return Ok(());
    }
    let hosts = Hosts::new(1500)?;
    let _on = tags(&hosts.far, FAR, Hook::TcxEgress, Tag::Push(VLAN))?;
    // Behind the agent's program, so that there is somebody to talk to.
    let _off = tags(&hosts.near, NEAR, Hook::TcxIngress, Tag::Pop)?;
    let agent = Agent::watching(&hosts.near, NEAR, "--print flows")?;
    hosts.iperf(NEAR_V4, "-n 10M")?;
    hosts.iperf(NEAR_V6, "-n 10M")?;
    let outcome = agent.stop("INT")?;
    let flows = outcome.flows()?;
    let received = flows.iter().filter(|flow| flow["direction"] == "ingress");
    let tcp: Vec<_> = received.filter(|flow| flow["protocolint"] == 6).collect();
    ensure!(tcp.len() >= 4, "two sessions each: {flows:#?}");
    let number = |flow: &Value, key: &str| flow[key].as_u64().unwrap_or_default();
    for flow in &tcp {
        let headers = number(flow, "layer2octets") - number(flow, "octets");
        ensure!(flow["srcvlan"] == VLAN, "{flow}");
        ensure!(headers == number(flow, "packets") * (14 + 4), "{flow}");
    }
    let octets: u64 = tcp.iter().map(|flow| number(flow, "octets")).sum();
    ensure!(octets > 2 * BULK, "{octets} octets");
    let (added, _) = outcome.ledger("added by segmentation");
    ensure!(added > 1000, "hardly a super-packet: {}", outcome.stderr);
    Ok(())
}

/// Sends the frames of a capture; returns how many there were.
fn replay(netns: &Netns, device: &str, capture: &Path) -> Result<u64> {
    let path = capture.to_str().context("the path is text")?;
    let said = netns.run(&format!("tcpreplay -q -p 2000 -i {device} {path}"))?;
    let sent = said.lines().find_map(|line| line.trim().strip_prefix("Successful packets:"));
    Ok(sent.with_context(|| said.clone())?.trim().parse()?)
}

/// Captures of traffic that no program here makes: VLAN and MPLS stacks, fragments, extension headers, SCTP, tunnels.
const CAPTURES: [&str; 20] = [
    "zeek+zeek/testing/btest/Traces/q-in-q.pcap",
    "zeek+zeek/testing/btest/Traces/vlan-collisions.pcap",
    "zeek+zeek/testing/btest/Traces/http-vlan-0.pcap",
    "zeek+zeek/testing/btest/Traces/ipv6-fragmented-dns.pcap",
    "zeek+zeek/testing/btest/Traces/ipv6-http-atomic-frag.pcap",
    "zeek+zeek/testing/btest/Traces/mobile-ipv6/mip6_back.pcap",
    "zeek+zeek/testing/btest/Traces/ipv6-hbh-routing0.pcap",
    "zeek+zeek/testing/btest/Traces/tunnels/4in6.pcap",
    "zeek+zeek/testing/btest/Traces/tunnels/gre-sample.pcap",
    "zeek+zeek/testing/btest/Traces/ipv4/fragmented-2.pcap",
    "zeek+zeek/testing/btest/Traces/ipv4/fragmented-3.pcap",
    "zeek+zeek/testing/btest/Traces/ipv4/fragmented-4.pcap",
    "ntop+nDPI/tests/cfgs/default/pcap/4in6tunnel.pcap",
    "ntop+nDPI/tests/cfgs/default/pcap/6in4tunnel.pcap",
    "ntop+nDPI/tests/cfgs/default/pcap/sctp.cap",
    "ntop+nDPI/tests/cfgs/default/pcap/dns_fragmented.pcap",
    "akvorado+akvorado/outlet/flow/decoder/testdata/mpls-ipv4.pcap",
    "akvorado+akvorado/outlet/flow/decoder/testdata/mpls-ipv6.pcap",
    "arkime+arkime/tests/pcap/twovlan.pcap",
    "OISF+suricata-verify/tests/ipv6-evasion/ipv6-malformed-fragments-16/frag-16.pcap",
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
            total += replay(&hosts.far, FAR, &corpus.join(name))?;
        }
        Ok(())
    })?;
    ensure!(total > 100, "only {total} frames");
    println!("{total} frames of {} captures", CAPTURES.len());
    ensure!(seen.flows.iter().any(|flow| flow["srcvlan"].as_u64() > Some(0)), "no VLAN");
    Ok(())
}
