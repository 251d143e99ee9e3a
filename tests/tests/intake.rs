//! Routers' datagrams into the agent: who is listened to, what is kept, what is sent on, and that all of it is counted.

use std::{
    collections::BTreeSet, fs, net::UdpSocket, path::Path, process::Command, sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use sensor::export::{
    files::rotated::RotatedFile,
    ipfix::options::Transport,
    log::{FlowLog, lots::LotFile},
    sink::Sink,
};
use sensor_core::flow::{fields, interfaces::SharedInterfaces};
use serde_json::Value;
use tests::{
    agent::{Agent, binary},
    export::{DEADLINE, finish, start, to},
    flows,
    intake::{
        collect, collect_configured, ipfix, netflow5, netflow9, sender, sflow, wait_for_flows,
    },
    netns::Netns,
    peers::{free_port, require, wait_until},
    root,
};

/// What only one of the two can know: what observed the flow, when it was received, by whom it was sent.
/// That a remote end is folded away is told by a template of its own (flowKeyIndicator), and is no field.
/// No information element tells whether a record goes on where another was cut: who receives keeps its own account.
const OF_THE_SOURCE: [&str; 6] =
    ["flowtype", "flowversion", "flowsrcip", "flowrtime", "folded", "continued"];
/// A host samples nothing; our own sink says nothing of sampling.
const OF_SAMPLING: [&str; 3] = ["samplerate", "bitsxrate", "packetsxrate"];

fn ports(flows: &[Value]) -> BTreeSet<u64> {
    flows.iter().filter_map(|flow| flow["srcport"].as_u64()).collect()
}

fn comparable(flow: &Value) -> String {
    let mut flow = flow.clone();
    if let Some(fields) = flow.as_object_mut() {
        fields.retain(|name, value| {
            // Our template has both interfaces, of which a host knows one.
            let untold = ["input", "output", "ttlmin", "srcvlan"].contains(&name.as_str());
            let only_here = [&OF_THE_SOURCE[..], &OF_SAMPLING].concat().contains(&name.as_str());
            // No element says whether packets were fragments.
            let without_element = name == "fragment";
            // Who receives adds its own context.
            let context = fields::find(name).is_some_and(|field| field.attribute().is_some());
            !(only_here || without_element || context || untold && *value == 0)
        });
    }
    flow.to_string()
}

#[test]
fn what_we_export_is_what_we_read() -> Result<()> {
    let port = free_port()?;
    let agent = collect(&format!("--listen ipfix://127.0.0.1:{port}"))?;
    let sink = start(to(Transport::udp(), "127.0.0.1", port), Default::default())?;
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("flows");
    let file = LotFile::open(&path, || RotatedFile::open(path.clone(), None, Arc::default()))?;
    let mut log = FlowLog::to_file(file, SharedInterfaces::default(), 10_000)?;
    for batch in [flows::ipv4(1, 600), flows::ipv6(2, 600), flows::ipv4_half_folded(3, 600)] {
        ensure!(sink.offer(&batch) && log.offer(&batch));
    }
    finish(sink, DEADLINE)?;
    log.stop(DEADLINE);
    log.end();
    let received = wait_for_flows(&agent, 1800)?;
    let outcome = agent.stop("TERM")?;
    let text = fs::read_to_string(&path)?;
    let measured: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let sorted = |flows: &[Value]| {
        let mut lines: Vec<_> = flows.iter().map(comparable).collect();
        lines.sort();
        lines
    };
    let (measured, received) = (sorted(&measured), sorted(&received));
    ensure!(measured.len() == received.len(), "{} flows: {}", received.len(), outcome.stderr);
    for (measured, received) in measured.iter().zip(&received) {
        ensure!(measured == received, "measured {measured}\nreceived {received}");
    }
    ensure!(outcome.stderr.contains("device 127.0.0.1: "), "{}", outcome.stderr);
    Ok(())
}

#[test]
fn all_protocols_on_one_port_and_their_losses() -> Result<()> {
    let port = free_port()?;
    let agent = collect(&format!("--listen sflow://127.0.0.1:{port}"))?;
    let socket = sender("127.0.0.1:0", port)?;
    socket.send(&netflow5(0, &[1001, 1002]))?;
    socket.send(&netflow9(1, &[2001]))?;
    socket.send(&ipfix(7, 0, true, &[3001]))?;
    socket.send(&sflow(1, 4001))?;
    // Five records of IPFIX, two datagrams of NetFlow 9 are missing.
    socket.send(&ipfix(7, 6, false, &[3002]))?;
    socket.send(&netflow9(4, &[2002]))?;
    socket.send(b"GET / HTTP/1.1\r\n\r\n")?;
    socket.send(&[])?;
    socket.send(&netflow9(5, &[2003])[..30])?;
    let flows = wait_for_flows(&agent, 7)?;
    ensure!(ports(&flows) == [1001, 1002, 2001, 3001, 4001, 3002, 2002].into(), "{flows:?}");
    let versions: BTreeSet<_> = flows
        .iter()
        .map(|flow| (flow["flowtype"].to_string(), flow["flowversion"].as_u64().unwrap_or(0)))
        .collect();
    ensure!(versions.len() == 4, "{versions:?}");
    let outcome = agent.stop("INT")?;
    for part in [
        "9 datagrams or messages",
        "decoded: 9 datagrams, 7 records, 7 flows",
        "5 flows lost, 2 datagrams lost",
        "+ skipped: version ",
        "octets malformed",
    ] {
        ensure!(outcome.stderr.contains(part), "no `{part}`: {}", outcome.stderr);
    }
    Ok(())
}

#[test]
fn who_is_not_allowed_is_refused_and_named_once() -> Result<()> {
    let port = free_port()?;
    let agent = collect(&format!("--listen netflow://0.0.0.0:{port} --allow 127.0.0.2"))?;
    let (known, unknown) = (sender("127.0.0.2:0", port)?, sender("127.0.0.3:0", port)?);
    for sequence in 0..5 {
        unknown.send(&netflow5(sequence, &[1]))?;
    }
    known.send(&netflow5(0, &[2]))?;
    let flows = wait_for_flows(&agent, 1)?;
    let outcome = agent.stop("TERM")?;
    ensure!(ports(&flows) == [2].into() && flows.len() == 1, "{flows:?}");
    ensure!(outcome.stderr.matches("refused datagrams from 127.0.0.3").count() == 1);
    ensure!(outcome.stderr.contains("refused: 5 datagrams, 360 octets"), "{}", outcome.stderr);
    Ok(())
}

#[test]
fn a_configured_device_has_its_name_its_rate_and_its_limit() -> Result<()> {
    let (port, directory) = (free_port()?, tempfile::tempdir()?);
    let text = format!(
        "
        [[listen]]
        url = 'netflow://127.0.0.1:{port}'
        [intake]
        allow = []
        [[device]]
        address = '127.0.0.0/8'
        name = 'any'
        [[device]]
        address = '127.0.0.2'
        name = 'edge'
        site = 'here'
        tags = ['core']
        sample_rate = 50
        rate_limit = 10
        "
    );
    let agent = collect_configured(directory.path(), &text)?;
    let (edge, any) = (sender("127.0.0.2:0", port)?, sender("127.0.0.3:0", port)?);
    for sequence in 0..200 {
        edge.send(&netflow5(sequence, &[1]))?;
        any.send(&netflow5(sequence, &[2]))?;
    }
    wait_until("all of one are there", || {
        agent.printed().is_ok_and(|text| text.matches("\"any\"").count() == 200)
    })?;
    let outcome = agent.stop("TERM")?;
    let flows = outcome.flows()?;
    let of = |name: &str| flows.iter().filter(|flow| flow["flowsrcname"] == name).count();
    let limited = 200 - of("edge");
    ensure!((100..=190).contains(&limited), "{limited} beyond the limit: {}", outcome.stderr);
    let edge = flows.iter().find(|flow| flow["flowsrcname"] == "edge").context("some")?;
    ensure!(edge["packetsxrate"] == 50 && edge["samplerate"] == 50, "{edge}");
    let told = format!("{limited} datagrams beyond its rate limit");
    ensure!(outcome.stderr.contains(&told), "{}", outcome.stderr);
    Ok(())
}

fn state_config(port: u16, workers: usize, state: &Path) -> String {
    format!(
        "
        listen = [{{ url = 'ipfix://127.0.0.1:{port}' }}]
        intake.workers = {workers}
        intake.state_file = '{}'
        ",
        state.display()
    )
}

/// Templates from one port, data from another, of several domains, after a restart with another number of workers.
#[test]
fn templates_outlive_a_restart_and_moving_ports() -> Result<()> {
    let (port, directory) = (free_port()?, tempfile::tempdir()?);
    let state = directory.path().join("state");
    let agent = collect_configured(directory.path(), &state_config(port, 3, &state))?;
    let addresses: Vec<_> = (1..=20).map(|n| format!("127.0.1.{n}:0")).collect();
    for address in &addresses {
        for domain in 1..=2 {
            // Sequence numbers go on: it is one process whose port moves.
            sender(address, port)?.send(&ipfix(domain, 100, true, &[]))?;
            sender(address, port)?.send(&ipfix(domain, 100, false, &[domain as u16]))?;
        }
    }
    wait_for_flows(&agent, 40)?;
    let outcome = agent.stop("TERM")?;
    ensure!(!outcome.stderr.contains("without a template"), "{}", outcome.stderr);
    let agent = collect_configured(directory.path(), &state_config(port, 2, &state))?;
    for address in &addresses {
        for domain in 1..=2 {
            sender(address, port)?.send(&ipfix(domain, 101, false, &[domain as u16]))?;
        }
    }
    wait_for_flows(&agent, 40)?;
    let outcome = agent.stop("TERM")?;
    ensure!(outcome.stderr.contains("20 devices known from"), "{}", outcome.stderr);
    ensure!(!outcome.stderr.contains("without a template"), "{}", outcome.stderr);

    // What is no state any more harms nobody.
    let mut octets = fs::read(&state)?;
    octets[100] ^= 1;
    fs::write(&state, &octets)?;
    let agent = collect_configured(directory.path(), &state_config(port, 1, &state))?;
    sender("127.0.0.1:0", port)?.send(&ipfix(1, 0, true, &[5]))?;
    wait_for_flows(&agent, 1)?;
    let outcome = agent.stop("TERM")?;
    ensure!(outcome.stderr.contains("is not a state file of this version"), "{}", outcome.stderr);
    ensure!(fs::read(&state)? != octets, "it is written anew");
    Ok(())
}

/// Sends datagrams through the agent, which must come out as they are; returns from which addresses they were sent, and
/// from which they came.
fn relayed(line: &str) -> Result<(BTreeSet<String>, BTreeSet<String>)> {
    let (port, receiver) = (free_port()?, UdpSocket::bind("127.0.0.1:0")?);
    receiver.set_read_timeout(Some(Duration::from_secs(10)))?;
    let target = receiver.local_addr()?;
    let agent = collect(&format!(
        "--listen netflow://127.0.0.1:{port} --forward udp://{target} --print none {line}"
    ))?;
    let datagrams =
        [netflow5(0, &[1]), ipfix(1, 0, true, &[2]), b"anything".to_vec(), vec![7; 9000], vec![]];
    let (mut sent, mut came) = (BTreeSet::new(), BTreeSet::new());
    for address in ["127.0.0.1:0", "127.0.0.2:0"] {
        let socket = sender(address, port)?;
        sent.insert(socket.local_addr()?.to_string());
        for datagram in &datagrams {
            socket.send(datagram)?;
            let mut buffer = vec![0; 65_536];
            let (length, from) = receiver.recv_from(&mut buffer)?;
            ensure!(buffer[..length] == datagram[..], "it is another one");
            came.insert(from.to_string());
        }
    }
    let outcome = agent.stop("TERM")?;
    let told = format!("forwarded to udp://{target}: 10 datagrams, 0 not");
    ensure!(outcome.stderr.contains(&told), "{}", outcome.stderr);
    Ok((sent, came))
}

#[test]
fn datagrams_are_sent_on_as_they_came() -> Result<()> {
    let (sent, came) = relayed("")?;
    ensure!(came.len() == 1 && sent.is_disjoint(&came), "{came:?}");
    Ok(())
}

#[test]
fn datagrams_are_sent_on_from_their_own_addresses() -> Result<()> {
    if !root("raw sockets") {
        return Ok(());
    }
    let (sent, came) = relayed("--keep-source")?;
    ensure!(came == sent, "{came:?} are not {sent:?}");
    Ok(())
}

#[test]
fn a_receiver_that_is_not_there_holds_nobody_up() -> Result<()> {
    let (port, nobody) = (free_port()?, free_port()?);
    let agent = collect(&format!(
        "--listen netflow://127.0.0.1:{port} --forward udp://127.0.0.1:{nobody}"
    ))?;
    let socket = sender("127.0.0.1:0", port)?;
    for sequence in 0..100 {
        socket.send(&netflow5(sequence, &[1]))?;
    }
    wait_for_flows(&agent, 100)?;
    let outcome = agent.stop("TERM")?;
    let line = outcome.stderr.lines().find(|line| line.contains("forwarded to"));
    let line = line.context("a line about it")?;
    let numbers: Vec<u64> = line
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|number| number.parse().ok())
        .rev()
        .take(2)
        .collect();
    ensure!(numbers[0] > 0 && numbers[0] + numbers[1] == 100, "{line}");
    Ok(())
}

#[test]
fn receivers_get_what_they_ask_for() -> Result<()> {
    let (port, directory) = (free_port()?, tempfile::tempdir()?);
    let receiver = || -> Result<UdpSocket> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_read_timeout(Some(Duration::from_secs(10)))?;
        Ok(socket)
    };
    let (netflow, sampled, near) = (receiver()?, receiver()?, receiver()?);
    let text = format!(
        "
        listen = [{{ url = 'netflow://127.0.0.1:{port}' }}]
        [[forward]]
        url = 'udp://{}'
        versions = ['netflow5', 'netflow9']
        [[forward]]
        url = 'udp://{}'
        versions = ['sflow']
        [[forward]]
        url = 'udp://{}'
        devices = ['::ffff:127.0.0.2/128']
        ",
        netflow.local_addr()?,
        sampled.local_addr()?,
        near.local_addr()?
    );
    let agent = collect_configured(directory.path(), &text)?;
    let datagrams =
        [netflow5(0, &[1]), sflow(1, 2), ipfix(1, 0, true, &[3]), netflow9(0, &[4]), vec![1, 2, 3]];
    for address in ["127.0.0.1:0", "127.0.0.2:0"] {
        let socket = sender(address, port)?;
        for datagram in &datagrams {
            socket.send(datagram)?;
        }
    }
    let [v5, sampled_one, ipfix_one, v9, other] = &datagrams;
    let expected: [(&UdpSocket, Vec<&Vec<u8>>); 3] = [
        (&netflow, vec![v5, v9, v5, v9]),
        (&sampled, vec![sampled_one, sampled_one]),
        (&near, vec![v5, sampled_one, ipfix_one, v9, other]),
    ];
    for (socket, datagrams) in &expected {
        for datagram in datagrams {
            let mut buffer = vec![0; 65_536];
            let length = socket.recv(&mut buffer)?;
            ensure!(buffer[..length] == datagram[..], "it is another one");
        }
    }
    let outcome = agent.stop("TERM")?;
    for (socket, datagrams) in expected {
        let (address, count) = (socket.local_addr()?, datagrams.len());
        let told = format!("forwarded to udp://{address}: {count} datagrams, 0 not");
        ensure!(outcome.stderr.contains(&told), "{}", outcome.stderr);
    }
    Ok(())
}

#[test]
fn devices_are_told_of_once_and_named_as_configured() -> Result<()> {
    let (port, directory) = (free_port()?, tempfile::tempdir()?);
    let text = format!(
        "
        listen = [{{ url = 'netflow://127.0.0.1:{port}' }}]
        [[device]]
        address = '127.0.0.1'
        interfaces = {{ 1 = 'uplink' }}
        "
    );
    let agent = collect_configured(directory.path(), &text)?;
    let socket = sender("127.0.0.1:0", port)?;
    for sequence in 0..5 {
        socket.send(&netflow5(sequence, &[1]))?;
        socket.send(&ipfix(7, sequence, true, &[2]))?;
    }
    let flows = wait_for_flows(&agent, 10)?;
    let names: BTreeSet<_> = flows.iter().map(|flow| flow["inputname"].to_string()).collect();
    ensure!(names.contains("\"uplink\""), "{flows:?}");
    let outcome = agent.stop("TERM")?;
    for told in ["(netflow5, domain 0)", "(ipfix, domain 7)"] {
        let line = format!("device 127.0.0.1: first contact {told}");
        ensure!(outcome.stderr.matches(&line).count() == 1, "{}", outcome.stderr);
    }
    Ok(())
}

/// A FIFO would wait for somebody who reads it, a device has no end.
#[test]
fn a_state_file_that_is_none_is_told_at_once() -> Result<()> {
    let (port, directory) = (free_port()?, tempfile::tempdir()?);
    let fifo = directory.path().join("fifo");
    ensure!(Command::new("mkfifo").arg(&fifo).status()?.success());
    for (state, code, told) in [
        (fifo.as_path(), 64, "it is a FIFO, not a regular file"),
        (Path::new("/dev/zero"), 64, "it is a device, not a regular file"),
        (directory.path(), 64, "is a directory"),
    ] {
        let path = directory.path().join("sensor.toml");
        fs::write(&path, state_config(port, 1, state))?;
        let run = Command::new(binary()?).arg("run").arg("--config").arg(&path).output()?;
        let said = String::from_utf8_lossy(&run.stderr).into_owned();
        ensure!(run.status.code() == Some(code), "{:?}: {said}", run.status);
        ensure!(said.contains(told), "{said}");
    }
    Ok(())
}

#[test]
fn a_port_that_is_taken_is_an_error_however_many_workers() -> Result<()> {
    let taken = UdpSocket::bind("127.0.0.1:0")?;
    let (port, directory) = (taken.local_addr()?.port(), tempfile::tempdir()?);
    for workers in [1, 4] {
        let path = directory.path().join("sensor.toml");
        let listen = format!("listen = [{{ url = 'netflow://127.0.0.1:{port}' }}]");
        fs::write(&path, format!("{listen}\nintake.workers = {workers}"))?;
        let run = Command::new(binary()?).arg("run").arg("--config").arg(&path).output()?;
        let said = String::from_utf8_lossy(&run.stderr).into_owned();
        ensure!(run.status.code() == Some(1), "{said}");
        ensure!(said.contains("cannot listen at netflow://127.0.0.1:"), "{said}");
    }
    Ok(())
}

#[test]
fn addresses_of_both_families_at_one_socket_are_one_device() -> Result<()> {
    let port = free_port()?;
    let agent = collect(&format!("--listen ipfix://[::]:{port}"))?;
    sender("127.0.0.1:0", port)?.send(&ipfix(1, 100, true, &[]))?;
    sender("127.0.0.1:0", port)?.send(&ipfix(1, 100, false, &[9]))?;
    let v6 = UdpSocket::bind("[::1]:0")?;
    v6.send_to(&ipfix(1, 0, true, &[10]), ("::1", port))?;
    let flows = wait_for_flows(&agent, 2)?;
    let from: BTreeSet<_> = flows.iter().map(|flow| flow["flowsrcip"].to_string()).collect();
    ensure!(from == ["\"127.0.0.1\"".to_owned(), "\"::1\"".to_owned()].into(), "{from:?}");
    agent.stop("TERM").map(drop)
}

#[test]
fn packets_of_the_host_and_flows_of_routers_at_once() -> Result<()> {
    if !(root("capturing") && require("ping")) {
        return Ok(());
    }
    let (near, far) = (Netns::new("ik-near")?, Netns::new("ik-far")?);
    far.veth("va", &near, "vb")?;
    let mut agent = Agent::watching(&near, "vb", "--listen netflow://0.0.0.0:2055")?;
    far.run("ping -q -c 3 192.0.2.2")?;
    far.enter(|| UdpSocket::bind("192.0.2.1:0")?.send_to(&netflow5(0, &[7]), "192.0.2.2:2055"))??;
    agent.wait_for("refused datagrams from 192.0.2.1")?;
    let outcome = agent.stop("TERM")?;
    // The capture has seen the datagram, but 192.0.2.0/24 is no private network.
    let flows = outcome.flows()?;
    ensure!(flows.iter().all(|flow| flow["flowtype"] == "host"), "{flows:?}");

    let line = "--listen netflow://0.0.0.0:2055 --allow 192.0.2.1";
    let agent = Agent::watching(&near, "vb", line)?;
    far.run("ping -q -c 3 192.0.2.2")?;
    far.enter(|| UdpSocket::bind("192.0.2.1:0")?.send_to(&netflow5(0, &[7]), "192.0.2.2:2055"))??;
    wait_for_flows(&agent, 1)?;
    let outcome = agent.stop("TERM")?;
    let flows = outcome.flows()?;
    let of = |source: &str| flows.iter().filter(|flow| flow["flowtype"] == source).count();
    ensure!(of("netflow") == 1 && of("host") >= 2, "{flows:?}");
    for part in ["balanced: every packet", "balanced: every datagram"] {
        ensure!(outcome.stderr.contains(part), "{}", outcome.stderr);
    }
    Ok(())
}
