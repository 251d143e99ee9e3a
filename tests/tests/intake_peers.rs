//! Independent flow probes export to the agent: what they say of a capture is what the sensor itself sees in it, packet for
//! packet and octet for octet.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::{
    agent::{Agent, Outcome, binary, sum},
    frames,
    intake::collect,
    peers::{Peer, free_port, require, wait_until},
};

/// The query of the specification for traffic between low ports, without NTP.
const LOW_PORTS: &str = "((protocol == tcp || protocol == udp) && srcport < 1024 && dstport < 1024 \
                         && !(srcport == 0 || dstport == 0 || srcport == 123 || dstport == 123))";

/// Flows in the capture: each of several packets.
const FLOWS: u32 = 300;

/// Packets of each.
const PACKETS: u32 = 4;

/// Source and destination port of flow `flow`.
fn ports(flow: u32) -> (u16, u16) {
    match flow % 3 {
        0 => (1000 + flow as u16, 53),
        1 => (123, 123),
        _ => (500 + (flow / 3) as u16, 53),
    }
}

/// Octets of packet `packet` of flow `flow`, of IP.
fn octets(flow: u32, packet: u32) -> u64 {
    u64::from(46 + flow + packet)
}

/// Every packet of the capture in its order: source port, destination port and octets.
fn every_packet() -> Vec<[u64; 3]> {
    let order = (0..PACKETS).flat_map(|packet| (0..FLOWS).map(move |flow| (packet, flow)));
    let packet = |(packet, flow)| {
        let (source, destination) = ports(flow);
        [source.into(), destination.into(), octets(flow, packet)]
    };
    order.map(packet).collect()
}

/// The source port of packets that only follow others.
const FOLLOWING: u16 = 9;

/// A capture of UDP over IPv4, and what is in it: packets and octets of IP.
fn capture(directory: &Path) -> Result<(PathBuf, u64, u64)> {
    let path = directory.join("traffic.pcap");
    let all = every_frame();
    frames::write_capture(&path, &all)?;
    stamp(&path)?;
    Ok((path, all.len() as u64, every_packet().iter().map(|[.., octets]| octets).sum()))
}

fn every_frame() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for packet in 0..PACKETS {
        for flow in 0..FLOWS {
            let length = 14 + octets(flow, packet) as usize;
            let mut frame = frames::udp_v4(flow, length);
            let (source, destination) = ports(flow);
            frame[34..36].copy_from_slice(&source.to_be_bytes());
            frame[36..38].copy_from_slice(&destination.to_be_bytes());
            all.push(frame);
        }
    }
    all
}

/// Gives the frames of a capture times: programs take 0 for none.
fn stamp(path: &Path) -> Result<()> {
    const SECONDS: u32 = 1_700_000_000;
    let mut file = fs::read(path)?;
    let (mut at, mut number) = (24, 0);
    while let Some(length) = file.get(at + 8..at + 12) {
        let length = u32::from_le_bytes(length.try_into()?) as usize;
        file[at..at + 4].copy_from_slice(&(SECONDS + number / FLOWS).to_le_bytes());
        (at, number) = (at + 16 + length, number + 1);
    }
    Ok(fs::write(path, file)?)
}

/// Collects what `export` makes some program send to a port until `packets` are there.
fn collected(
    line: &str,
    scheme: &str,
    packets: u64,
    export: impl FnOnce(u16) -> Result<Option<Peer>>,
) -> Result<(Outcome, Vec<Value>)> {
    collected_until(line, scheme, |flows| sum(flows, "packets") >= packets, export)
}

/// Collects what `export` makes some program send to a port until that is `complete`.
fn collected_until(
    line: &str,
    scheme: &str,
    complete: impl Fn(&[Value]) -> bool,
    export: impl FnOnce(u16) -> Result<Option<Peer>>,
) -> Result<(Outcome, Vec<Value>)> {
    let port = free_port()?;
    let agent = collect(&format!("--listen {scheme}://127.0.0.1:{port} {line}"))?;
    let peer = export(port)?;
    let flows = |agent: &Agent| -> Vec<Value> {
        let text = agent.printed().unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    };
    let waited = wait_until("all packets", || complete(&flows(&agent)));
    drop(peer);
    let got = sum(&flows(&agent), "packets");
    let outcome = agent.stop("TERM")?;
    waited.with_context(|| format!("{got} packets: {}", outcome.stderr))?;
    let flows = outcome.flows()?;
    Ok((outcome, flows))
}

/// Has softflowd read the capture and send what is in it.
fn softflowd(capture: &Path, port: u16, arguments: &str) -> Result<Option<Peer>> {
    let directory = tempfile::tempdir()?;
    let control = directory.path().join("control");
    let mut command = Command::new("softflowd");
    command.arg("-r").arg(capture).args(["-n", &format!("127.0.0.1:{port}"), "-d"]);
    command.arg("-c").arg(&control).arg("-p").arg(directory.path().join("pid"));
    command.args(arguments.split_whitespace()).stdout(Stdio::null()).stderr(Stdio::null());
    let peer = Peer::start(&mut command)?;
    let order = |order: &str| {
        let mut command = Command::new("softflowctl");
        let output = command.arg("-c").arg(&control).arg(order).output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    // It goes on reading whenever it has something to do.
    let all = format!("Packets processed: {}", FLOWS * PACKETS);
    wait_until("softflowd has read all", || {
        order("statistics").is_ok_and(|text| text.contains(&all))
    })?;
    order("shutdown")?;
    Ok(Some(peer))
}

#[test]
fn softflowd_is_understood_in_each_version() -> Result<()> {
    if !require("softflowd") {
        return Ok(());
    }
    let directory = tempfile::tempdir()?;
    let (path, packets, octets) = capture(directory.path())?;
    for (scheme, arguments, version) in [
        ("netflow", "-v 5", 5),
        ("netflow", "-v 9", 9),
        ("ipfix", "-v 10", 10),
        ("ipfix", "-v 10 -A milli -T ether", 10),
        ("tcp", "-v 10 -P tcp", 10),
    ] {
        let (outcome, flows) =
            collected("", scheme, packets, |port| softflowd(&path, port, arguments))?;
        let got = (sum(&flows, "packets"), sum(&flows, "octets"));
        ensure!(got == (packets, octets), "{arguments}: {got:?}, not {packets}, {octets}");
        ensure!(flows.len() == FLOWS as usize, "{arguments}: {} flows", flows.len());
        ensure!(flows.iter().all(|flow| flow["flowversion"] == version), "{arguments}");
        ensure!(!outcome.stderr.contains(" lost"), "{arguments}: {}", outcome.stderr);
        ensure!(!outcome.stderr.contains("malformed"), "{arguments}: {}", outcome.stderr);
    }
    Ok(())
}

#[test]
fn a_query_holds_for_what_softflowd_sends() -> Result<()> {
    if !require("softflowd") {
        return Ok(());
    }
    let directory = tempfile::tempdir()?;
    let (path, ..) = capture(directory.path())?;
    let is_low = |port: u16| port < 1024 && port != 123;
    let low = (0..FLOWS).map(ports).filter(|ports| is_low(ports.0) && is_low(ports.1)).count();
    for version in [5, 9, 10] {
        let port = free_port()?;
        let mut command = Command::new(binary()?);
        command.args(["run", "--listen", &format!("netflow://127.0.0.1:{port}")]);
        command.args(["--filter", LOW_PORTS]);
        let mut agent = Agent::spawn(&mut command)?;
        agent.wait_for(": listening")?;
        softflowd(&path, port, &format!("-v {version}"))?;
        let waited = wait_until("the flows that match", || {
            agent.printed().is_ok_and(|text| text.lines().count() >= low)
        });
        waited.with_context(|| agent.said())?;
        let outcome = agent.stop("TERM")?;
        let flows = outcome.flows()?;
        let matches = |flow: &Value| {
            let low = |key: &str| flow[key].as_u64().is_some_and(|port| port < 1024 && port != 123);
            low("srcport") && low("dstport")
        };
        ensure!(flows.len() == low && flows.iter().all(matches), "{} flows", flows.len());
        let held = format!("{} flow records did not match the filter", FLOWS as usize - low);
        ensure!(outcome.stderr.contains(&held), "{}", outcome.stderr);
    }
    Ok(())
}

/// Runs pmacctd over the capture with a configuration; it does not end by itself.
fn pmacctd(capture: &Path, name: &str, text: &str) -> Result<Option<Peer>> {
    let path = capture.with_file_name(format!("{name}.conf"));
    let common = format!(
        "daemonize: false\npcap_savefile: {}\npcap_savefile_wait: true\n",
        capture.display()
    );
    fs::write(&path, common + text)?;
    let mut command = Command::new("pmacctd");
    command.arg("-f").arg(&path).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(Some(Peer::start(&mut command)?))
}

#[test]
fn pmacct_is_understood() -> Result<()> {
    if !require("pmacctd") {
        return Ok(());
    }
    let directory = tempfile::tempdir()?;
    let (path, packets, octets) = capture(directory.path())?;
    // pmacctd takes its time to end, so all run at once.
    thread::scope(|scope| {
        let path = &path;
        let mut running: Vec<_> = [5, 9, 10]
            .map(|version| {
                scope.spawn(move || nfprobe_is_understood(version, path, packets, octets))
            })
            .into();
        running.push(scope.spawn(|| sfprobe_is_understood(directory.path())));
        running.into_iter().try_for_each(|probe| probe.join().expect("a probe's thread panicked"))
    })
}

fn nfprobe_is_understood(version: u16, capture: &Path, packets: u64, octets: u64) -> Result<()> {
    let (_, flows) = collected("", "netflow", packets, |port| {
        let text = format!(
            "plugins: nfprobe\nnfprobe_receiver: 127.0.0.1:{port}\nnfprobe_version: {version}\n\
             aggregate: src_host, dst_host, src_port, dst_port, proto, tos\n\
             nfprobe_timeouts: expint=1:general=1:udp=1:maxlife=2\n"
        );
        pmacctd(capture, &format!("nfprobe-{version}"), &text)
    })?;
    let got = (sum(&flows, "packets"), sum(&flows, "octets"));
    ensure!(got == (packets, octets), "nfprobe {version}: {got:?}");
    ensure!(flows.iter().all(|flow| flow["flowversion"] == version), "nfprobe {version}");
    Ok(())
}

fn sfprobe_is_understood(directory: &Path) -> Result<()> {
    // It keeps a datagram that has room for more until a minute has passed: with packets behind them, all that count are sent.
    let mut frames = every_frame();
    for flow in 0..FLOWS {
        let mut frame = frames::udp_v4(flow, 60);
        frame[34..36].copy_from_slice(&FOLLOWING.to_be_bytes());
        frames.push(frame);
    }
    let capture = directory.join("followed.pcap");
    frames::write_capture(&capture, &frames)?;
    stamp(&capture)?;
    // sfprobe sends each packet by itself, but may count the first one without sending it: that depends on when its process
    // starts to read. No other packet may be missing.
    let mut all = every_packet();
    // sFlow tells the octets of frames: with the header of Ethernet and the check sequence.
    all.iter_mut().for_each(|[.., octets]| *octets += 14 + 4);
    let first = all.remove(0);
    all.sort_unstable();
    let mut with_first = [&[first][..], &all].concat();
    with_first.sort_unstable();
    let told = |flows: &[Value]| {
        let number = |flow: &Value, key: &str| flow[key].as_u64().unwrap_or(u64::MAX);
        let keys = ["srcport", "dstport", "octets"];
        let counts = |flow: &&Value| flow["srcport"] != FOLLOWING;
        let told = flows.iter().filter(counts).map(|flow| keys.map(|key| number(flow, key)));
        let mut told: Vec<_> = told.collect();
        told.sort_unstable();
        told
    };
    let complete = |flows: &[Value]| [&all, &with_first].contains(&&told(flows));
    let (outcome, flows) = collected_until("", "sflow", complete, |port| {
        let text = format!(
            "plugins: sfprobe\nsfprobe_receiver: 127.0.0.1:{port}\nsampling_rate: 1\n\
             sfprobe_agentsubid: 7\n"
        );
        pmacctd(&capture, "sfprobe", &text)
    })?;
    ensure!(complete(&flows), "sfprobe: {} flows: {}", flows.len(), outcome.stderr);
    ensure!(flows.iter().all(|flow| flow["packets"] == 1));
    ensure!(flows.iter().all(|flow| flow["flowtype"] == "sflow" && flow["samplerate"] == 1));
    ensure!(!outcome.stderr.contains(" lost"), "{}", outcome.stderr);
    Ok(())
}
