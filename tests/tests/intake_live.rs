//! Independent flow probes beside each other on one link, and the agent behind both: of the packets that go over the link
//! while they look, the agent gets to know each once, by flow, packet and octet; and its policies see the flows.

use std::{
    collections::BTreeMap,
    fs,
    net::UdpSocket,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::{
    agent::{Agent, Outcome, sum},
    netns::Netns,
    peers::{Peer, free_port, require, wait_until},
    root,
};

/// The two queries that the query language came from.
const POLICIES: &str = r#"[[policy]]
name = "low_ports"
description = "Traffic between low ports, without NTP"
match = "((protocol == tcp || protocol == udp) && srcport < 1024 && dstport < 1024 && !(srcport == 0 || dstport == 0 || srcport == 123 || dstport == 123))"
track_by = [["srcip", "srcport"]]

[[policy]]
name = "groups"
description = "Groups that should not talk do"
match = "label.ip.securitygroup == production && label.ip.securitygroup == development"
track_by = [["srcip", "srcport"]]
"#;

/// Whose flows: two senders of which one has a label, and the host that they send to.
const LABELS: &str = "192.0.2.1,securitygroup,production\n192.0.2.2,securitygroup,development\n";

const SENDERS: [&str; 2] = ["192.0.2.1", "192.0.2.3"];
const RECEIVER: &str = "192.0.2.2";

/// Destination ports, of which NTP's and the high one are not in the first query.
const PORTS: [u16; 4] = [53, 123, 443, 4500];

/// Where more packets go, which nobody is asked about. softflowd looks at no packet before the kernel has filled a block with
/// others behind it.
const FILLER: u16 = 9;

/// Source address and port, destination port.
type Key = (String, u16, u16);

/// Packets and octets of IP.
type Counts = (u64, u64);

/// Flows of each sender.
const FLOWS: u16 = 40;

/// The source port of flow `flow`: some of them low, each used once.
fn source_port(flow: u16) -> u16 {
    if flow.is_multiple_of(3) { 20_000 + flow } else { 700 + flow }
}

/// Sends packets from a namespace, and says what there was.
fn traffic(from: &Netns) -> Result<BTreeMap<Key, Counts>> {
    const HEADERS: usize = 20 + 8;
    from.enter(|| -> Result<_> {
        let mut sent = BTreeMap::new();
        for (address, flow) in SENDERS.iter().flat_map(|s| (0..FLOWS).map(move |flow| (s, flow))) {
            let (source, destination) = (source_port(flow), PORTS[usize::from(flow) % 4]);
            let socket = UdpSocket::bind((*address, source))?;
            let counts: &mut Counts =
                sent.entry(((*address).to_owned(), source, destination)).or_default();
            for packet in 0..=usize::from(flow % 7) {
                let payload = vec![0; usize::from(flow) * 30 + packet];
                socket.send_to(&payload, (RECEIVER, destination))?;
                *counts = (counts.0 + 1, counts.1 + (payload.len() + HEADERS) as u64);
            }
        }
        Ok(sent)
    })?
}

/// Sends some more packets, all of one flow.
fn fill(from: &Netns) -> Result<()> {
    from.enter(|| -> Result<()> {
        let socket = UdpSocket::bind((SENDERS[1], 30_000))?;
        for _ in 0..200 {
            socket.send_to(&[0; 100], (RECEIVER, FILLER))?;
        }
        Ok(())
    })?
}

/// What the agent has printed about flows.
fn flows(text: &str) -> Vec<Value> {
    let values = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let asked = |flow: &Value| flow.get("packets").is_some() && flow["dstport"] != FILLER;
    values.filter(asked).collect()
}

/// Packets and octets by flow, over all records.
fn accounts(flows: &[Value]) -> Result<BTreeMap<Key, Counts>> {
    let mut all = BTreeMap::new();
    for flow in flows {
        let number = |key: &str| flow[key].as_u64().with_context(|| format!("{key} in {flow}"));
        let address = flow["srcip"].as_str().context("srcip")?.to_owned();
        let key = (address, number("srcport")? as u16, number("dstport")? as u16);
        ensure!(flow["dstip"] == RECEIVER, "{flow}");
        let counts: &mut Counts = all.entry(key).or_default();
        *counts = (counts.0 + number("packets")?, counts.1 + number("octets")?);
    }
    Ok(all)
}

fn softflowd(netns: &Netns, directory: &Path, port: u16) -> Result<Peer> {
    let mut command = netns.command("softflowd");
    command.args(["-i", "router", "-n", &format!("127.0.0.1:{port}"), "-v", "10", "-d"]);
    command.arg("-c").arg(directory.join("control")).arg("-p").arg(directory.join("softflowd.pid"));
    command.arg("udp and ip").stdout(Stdio::null()).stderr(Stdio::null());
    Peer::start(&mut command)
}

fn pmacctd(netns: &Netns, directory: &Path, port: u16) -> Result<Peer> {
    let path = directory.join("pmacctd.conf");
    let text = format!(
        "daemonize: false\npcap_interface: router\npcap_filter: udp and ip\nplugins: nfprobe\n\
         nfprobe_receiver: 127.0.0.1:{port}\nnfprobe_version: 9\n\
         aggregate: src_host, dst_host, src_port, dst_port, proto, tos\n\
         nfprobe_timeouts: expint=1:general=1:udp=1:maxlife=2\n"
    );
    fs::write(&path, text)?;
    let mut command = netns.command("pmacctd");
    command.arg("-f").arg(&path).stdout(Stdio::null()).stderr(Stdio::null());
    Peer::start(&mut command)
}

/// Waits until `count` programs capture on the link.
fn wait_for_captures(netns: &Netns, count: usize) -> Result<()> {
    wait_until("probes watch the link", || {
        let sockets = netns.run("cat /proc/net/packet").unwrap_or_default();
        // Columns: address, references, type, protocol, interface, running.
        let running = |line: &&str| line.split_whitespace().nth(5) == Some("1");
        sockets.lines().filter(running).count() >= count
    })
}

/// Waits until `agent` knows of `packets`, and ends it.
fn wait_for_packets(agent: Agent, packets: u64) -> Result<Outcome> {
    let known = || agent.printed().map_or(0, |text| sum(&flows(&text), "packets"));
    let waited = wait_until("all packets", || known() >= packets);
    waited.with_context(|| format!("{} of {packets}: {}", known(), agent.said()))?;
    agent.stop("TERM")
}

#[test]
fn two_probes_on_a_link_tell_of_the_same_packets() -> Result<()> {
    if !root("a link in namespaces") || !require("softflowd") || !require("pmacctd") {
        return Ok(());
    }
    let directory = tempfile::tempdir()?;
    let path = |name: &str| directory.path().join(name);
    fs::write(path("labels.csv"), LABELS)?;
    fs::write(path("policies.toml"), POLICIES)?;
    fs::write(path("sensor.toml"), format!("[labels]\nfiles = [{:?}]\n", path("labels.csv")))?;
    let (hosts, router) = (Netns::new("live")?, Netns::new("live")?);
    hosts.veth("hosts", &router, "router")?;
    hosts.run(&format!("ip address add {}/24 dev hosts", SENDERS[1]))?;

    let ports =
        router.enter(|| Ok([free_port()?, free_port()?])).and_then(|ports: Result<_>| ports)?;
    let start = |port: u16, more: &str| -> Result<Agent> {
        let line = format!("--listen netflow://127.0.0.1:{port} --print flows,hits {more}");
        let mut agent = Agent::start(&router, &line)?;
        agent.wait_for(": listening")?;
        Ok(agent)
    };
    let policies = format!(
        "--config {} --policies {}",
        path("sensor.toml").display(),
        path("policies.toml").display()
    );
    let (of_softflowd, of_pmacctd) = (start(ports[0], &policies)?, start(ports[1], "")?);
    let _softflowd = softflowd(&router, directory.path(), ports[0])?;
    let _pmacctd = pmacctd(&router, directory.path(), ports[1])?;
    wait_for_captures(&router, 2)?;

    // Somebody must take the packets, or the receiver's kernel would answer.
    let sinks = router.enter(|| {
        let ports = PORTS.into_iter().chain([FILLER]);
        ports.map(|port| UdpSocket::bind((RECEIVER, port))).collect::<Result<Vec<_>, _>>()
    })??;
    let sent = traffic(&hosts)?;
    let packets = sent.values().map(|counts| counts.0).sum();
    let order = |order: &str| {
        let mut command = Command::new("softflowctl");
        let output = command.arg("-c").arg(path("control")).arg(order).output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    wait_until("softflowd has seen all", || {
        let processed = order("statistics").ok().and_then(|text| {
            let rest = text.split_once("Packets processed: ")?.1;
            rest.split_whitespace().next()?.parse::<u64>().ok()
        });
        // What came first is looked at first.
        fill(&hosts).is_ok() && processed.is_some_and(|processed| processed > packets)
    })?;
    drop(sinks);
    order("expire-all")?;

    let softflowd = wait_for_packets(of_softflowd, packets)?;
    let pmacctd = wait_for_packets(of_pmacctd, packets)?;
    for (program, version, outcome) in [("softflowd", 10, &softflowd), ("pmacctd", 9, &pmacctd)] {
        let flows = flows(&outcome.stdout);
        let got = accounts(&flows)?;
        for (key, counts) in &sent {
            let got = got.get(key);
            ensure!(got == Some(counts), "{program}, {key:?}: {got:?}, not {counts:?}");
        }
        ensure!(got.len() == sent.len(), "{program}: {} flows", got.len());
        ensure!(flows.iter().all(|flow| flow["flowversion"] == version), "{program}");
        ensure!(!outcome.stderr.contains(" lost"), "{program}: {}", outcome.stderr);
    }

    // A hit for each flow that a query holds for, and no other.
    let is_low = |port: u16| port < 1024 && port != 123;
    let low = sent.keys().filter(|key| is_low(key.1) && is_low(key.2));
    let labelled = sent.keys().filter(|key| key.0 == SENDERS[0]);
    for (policy, expected) in [("low_ports", low.count()), ("groups", labelled.count())] {
        let name = format!(r#""algorithm":"{policy}""#);
        let hits: Vec<_> = softflowd.stdout.lines().filter(|line| line.contains(&name)).collect();
        ensure!(hits.len() == expected, "{policy}: {} hits, not {expected}", hits.len());
        let stranger = |line: &&&str| policy == "groups" && line.contains(SENDERS[1]);
        ensure!(!hits.iter().any(|line| stranger(&line)), "{policy}: {hits:?}");
    }
    Ok(())
}
