//! What a reload changes of a sensor that is at work, and that nothing is lost over it: listeners, devices, receivers of
//! forwarded datagrams, interfaces.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpStream, UdpSocket},
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tests::{
    agent::{Agent, Outcome, sum},
    intake::{collect_configured, ipfix, netflow5, sender, wait_for_flows},
    netns::Netns,
    peers::{free_port, require, wait_until},
    root,
};

/// An agent with a configuration that changes.
struct Site {
    directory: TempDir,
    agent: Agent,
}

/// Nobody else may have the socket that people ask.
const APART: &str = "control.enabled = false\n";

impl Site {
    fn start(text: &str) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let agent = collect_configured(directory.path(), &format!("{APART}{text}"))?;
        Ok(Self { directory, agent })
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("sensor.toml")
    }

    /// Has the agent read `text`; returns what it says of it.
    fn reload(&mut self, text: &str) -> Result<String> {
        fs::write(self.path(), format!("{APART}{text}"))?;
        let before = self.agent.said().len();
        self.agent.signal("HUP")?;
        let said = || self.agent.said()[before..].to_owned();
        wait_until("the reload", || {
            ["configuration reloaded", "reload refused"].iter().any(|part| said().contains(part))
        })?;
        Ok(said())
    }

    /// As [`Self::reload`], of what is not refused.
    fn change(&mut self, text: &str) -> Result<String> {
        let said = self.reload(text)?;
        ensure!(said.contains("configuration reloaded"), "{said}");
        Ok(said)
    }

    fn stop(self) -> Result<Outcome> {
        self.agent.stop("TERM")
    }
}

fn listen(urls: &[String]) -> String {
    urls.iter().map(|url| format!("[[listen]]\nurl = '{url}'\n")).collect()
}

/// Datagrams or messages that `listener` has received, as the summary says.
fn received(outcome: &Outcome, listener: &str) -> Result<u64> {
    let found = outcome.stderr.lines().find_map(|line| {
        let count = line.trim().strip_prefix(listener)?.strip_prefix(": ")?;
        count.split_once(" datagrams or messages")?.0.parse().ok()
    });
    found.with_context(|| format!("{listener}: {}", outcome.stderr))
}

#[test]
fn a_device_has_another_name_and_rate_and_keeps_its_templates() -> Result<()> {
    let port = free_port()?;
    let listener = listen(&[format!("ipfix://127.0.0.1:{port}")]);
    let device = |keys: &str| format!("{listener}[[device]]\naddress = '127.0.0.1'\n{keys}\n");
    let mut site = Site::start(&device("name = 'old'"))?;
    let socket = sender("127.0.0.1:0", port)?;
    socket.send(&ipfix(7, 0, true, &[1001]))?;
    wait_for_flows(&site.agent, 1)?;
    let said = site.change(&device("name = 'new'\nsample_rate = 10\nsite = 'here'"))?;
    ensure!(said.contains("applied=\"device\" restart=\"none\""), "{said}");
    // Data alone.
    socket.send(&ipfix(7, 1, false, &[1002]))?;
    let flows = wait_for_flows(&site.agent, 2)?;
    let told = |flow: &serde_json::Value| {
        let text = |key: &str| flow[key].as_str().unwrap_or_default().to_owned();
        (text("flowsrcname"), flow["samplerate"].as_u64().unwrap_or(0))
    };
    ensure!(told(&flows[0]) == ("old".to_owned(), 0), "{}", flows[0]);
    ensure!(told(&flows[1]) == ("new".to_owned(), 10), "{}", flows[1]);
    // And who is not listened to any more is refused.
    let said = site.change(&format!("intake.allow = ['192.0.2.0/24']\n{listener}"))?;
    ensure!(said.contains("applied=\"intake.allow, device\""), "{said}");
    socket.send(&ipfix(7, 2, false, &[1003]))?;
    wait_until("the refusal", || site.agent.said().contains("refused datagrams from 127.0.0.1"))?;
    let outcome = site.stop()?;
    ensure!(outcome.flows()?.len() == 2, "{}", outcome.stdout);
    ensure!(outcome.stderr.contains("refused: 1 datagrams"), "{}", outcome.stderr);
    ensure!(!outcome.stderr.contains("flows lost"), "{}", outcome.stderr);
    Ok(())
}

/// Without a reload, and only when what has been written is whole.
#[test]
fn inventories_of_clouds_that_change_are_read_again() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("interfaces.json");
    let write = |group: &str| {
        let text = format!(
            r#"{{"NetworkInterfaces": [{{"PrivateIpAddress": "10.0.0.1", "VpcId": "vpc-1",
            "Groups": [{{"GroupName": "{group}", "GroupId": "sg-1"}}]}}]}}"#
        );
        fs::write(&file, text)
    };
    write("development")?;
    let port = free_port()?;
    let text = format!(
        "[labels]\nrefresh = '1s'\n[[labels.cloud]]\nprovider = 'aws'\nfiles = ['{}']\n{}",
        file.display(),
        listen(&[format!("netflow://127.0.0.1:{port}")])
    );
    let site = Site::start(&text)?;
    let socket = sender("127.0.0.1:0", port)?;
    let group = |flows: &[serde_json::Value]| {
        let labels = ["label.src.securitygroup", "label.dst.securitygroup"];
        let of = |flow: &serde_json::Value| {
            labels.iter().find_map(|label| Some(flow.get(label)?[0].as_str()?.to_owned()))
        };
        flows.last().and_then(of).unwrap_or_default()
    };
    socket.send(&netflow5(0, &[1]))?;
    let found = group(&wait_for_flows(&site.agent, 1)?);
    ensure!(found == "development", "{found}");
    // The first half of a file is no file.
    fs::write(&file, r#"{"NetworkInterfaces": ["#)?;
    wait_until("the refusal", || site.agent.said().contains("their old labels stay in force"))?;
    ensure!(site.agent.said().contains("interfaces.json:1:"), "{}", site.agent.said());
    socket.send(&netflow5(1, &[1]))?;
    let found = group(&wait_for_flows(&site.agent, 2)?);
    ensure!(found == "development", "{found}");
    write("production")?;
    wait_until("the refresh", || site.agent.said().contains("labels refreshed"))?;
    socket.send(&netflow5(2, &[1]))?;
    let found = group(&wait_for_flows(&site.agent, 3)?);
    ensure!(found == "production", "{found}");
    site.stop()?;
    Ok(())
}

/// Sends datagrams of one flow to `port` until it is to stop; returns how many were sent.
fn load(port: u16, from: &str, stop: &AtomicBool) -> Result<u64> {
    let socket = UdpSocket::bind(from)?;
    let mut sent = 0;
    while !stop.load(Ordering::Relaxed) {
        // Where nobody listens, the kernel says so of the one before.
        let done = socket.send_to(&netflow5(sent as u32, &[1]), ("127.0.0.1", port));
        sent += u64::from(done.is_ok());
        if sent % 16 == 0 {
            thread::sleep(Duration::from_millis(1));
        }
    }
    Ok(sent)
}

#[test]
fn listeners_come_and_go_under_load_and_the_ledger_balances() -> Result<()> {
    for workers in [1, 3] {
        let (stays, comes) = (free_port()?, free_port()?);
        let urls = [stays, comes].map(|port| format!("netflow://127.0.0.1:{port}"));
        let with = |urls: &[String]| format!("intake.workers = {workers}\n{}", listen(urls));
        let mut site = Site::start(&with(&urls[..1]))?;
        let stop = AtomicBool::new(false);
        let (all, later) = thread::scope(|scope| -> Result<_> {
            let all = scope.spawn(|| load(stays, "127.0.0.2:0", &stop));
            let result = (|| {
                let said = site.change(&with(&urls))?;
                ensure!(said.contains(&format!("{}: listening", urls[1])), "{said}");
                // What it has received by then waits, or is decoded: none of it is lost when it goes.
                let socket = sender("127.0.0.3:0", comes)?;
                for sequence in 0..500 {
                    socket.send(&netflow5(sequence, &[2]))?;
                }
                let said = site.change(&with(&urls[..1]))?;
                ensure!(said.contains(&format!("{}: closed by a reload", urls[1])), "{said}");
                // Its port is free at once.
                let other = UdpSocket::bind(("127.0.0.1", comes)).context("the port is free")?;
                drop(other);
                let said = site.change(&with(&urls))?;
                ensure!(said.contains("applied=\"listen\""), "{said}");
                socket.send(&netflow5(500, &[2]))?;
                site.change(&with(&urls[..1]))?;
                Ok(501)
            })();
            stop.store(true, Ordering::Relaxed);
            let all = all.join().map_err(|_| anyhow::anyhow!("the load has panicked"))??;
            Ok((all, result?))
        })?;
        let outcome = site.stop()?;
        ensure!(received(&outcome, &urls[0])? == all, "{all}: {}", outcome.stderr);
        let gone = format!("{} (until a reload)", urls[1]);
        ensure!(received(&outcome, &gone)? == later, "{later}: {}", outcome.stderr);
        ensure!(outcome.flows()?.len() as u64 == all + later, "{}", outcome.stderr);
    }
    Ok(())
}

/// The same port at another address, or under another name: the new socket is there before the old one goes.
#[test]
fn a_listener_moves_to_a_part_of_its_address_and_nothing_is_lost() -> Result<()> {
    for workers in [1, 2] {
        let port = free_port()?;
        let with = |url: &str| {
            format!("intake.workers = {workers}\n{}", listen(&[format!("{url}:{port}")]))
        };
        let mut site = Site::start(&with("netflow://0.0.0.0"))?;
        let stop = AtomicBool::new(false);
        let sent = thread::scope(|scope| -> Result<_> {
            let load = scope.spawn(|| load(port, "127.0.0.2:0", &stop));
            let urls =
                ["netflow://127.0.0.1", "ipfix://127.0.0.1", "netflow://[::]", "netflow://0.0.0.0"];
            let result = urls.iter().try_for_each(|url| {
                thread::sleep(Duration::from_millis(20));
                site.change(&with(url)).map(drop)
            });
            stop.store(true, Ordering::Relaxed);
            let sent = load.join().map_err(|_| anyhow::anyhow!("the load has panicked"))??;
            result?;
            Ok(sent)
        })?;
        let outcome = site.stop()?;
        ensure!(
            outcome.flows()?.len() as u64 == sent,
            "{workers} workers, {sent} sent: {}",
            outcome.stderr
        );
        ensure!(!outcome.stderr.contains("flows lost"), "{workers} workers: {}", outcome.stderr);
    }
    Ok(())
}

#[test]
fn a_port_that_is_taken_refuses_all_of_it() -> Result<()> {
    let port = free_port()?;
    let mut site = Site::start(&format!(
        "{}[[device]]\naddress = '127.0.0.1'\nname = 'old'\n",
        listen(&[format!("netflow://127.0.0.1:{port}")])
    ))?;
    let taken = UdpSocket::bind("127.0.0.1:0")?;
    let url = format!("netflow://127.0.0.1:{}", taken.local_addr()?.port());
    // The old one is asked for no more, so that it would go, and the device would have another name.
    let said = site.reload(&format!(
        "{}[[device]]\naddress = '127.0.0.1'\nname = 'new'\n",
        listen(std::slice::from_ref(&url))
    ))?;
    for part in [
        "ERROR reload refused, the old configuration stays in force",
        &format!("cannot listen at {url}"),
        "sensor.toml:3:7",
        "Address already in use",
    ] {
        ensure!(said.contains(part), "no `{part}`: {said}");
    }
    let socket = sender("127.0.0.1:0", port)?;
    socket.send(&netflow5(0, &[1]))?;
    let flows = wait_for_flows(&site.agent, 1)?;
    ensure!(flows[0]["flowsrcname"] == "old", "{}", flows[0]);
    let outcome = site.stop()?;
    ensure!(outcome.stderr.contains("1 reloads (1 refused)"), "{}", outcome.stderr);
    Ok(())
}

#[test]
fn connections_outlive_a_reload_that_does_not_concern_them() -> Result<()> {
    let (first, second) = (free_port()?, free_port()?);
    let udp = listen(&[format!("ipfix://127.0.0.1:{first}")]);
    let both = listen(&[format!("ipfix://127.0.0.1:{first}"), format!("tcp://127.0.0.1:{second}")]);
    let mut site = Site::start(&udp)?;
    // The first listener for connections.
    site.change(&both)?;
    let mut stream = TcpStream::connect(("127.0.0.1", second))?;
    stream.write_all(&ipfix(1, 0, true, &[1]))?;
    wait_for_flows(&site.agent, 1)?;
    let named = format!("{both}[[device]]\naddress = '127.0.0.1'\nname = 'new'\n");
    site.change(&named)?;
    stream.write_all(&ipfix(1, 1, false, &[2]))?;
    let flows = wait_for_flows(&site.agent, 2)?;
    ensure!(flows[1]["flowsrcname"] == "new", "{}", flows[1]);
    // What has been sent when its listener goes is decoded.
    stream.write_all(&ipfix(1, 2, false, &[3]))?;
    site.change(&udp)?;
    ensure!(stream.read(&mut [0; 1])? == 0, "the connection has ended");
    ensure!(TcpStream::connect(("127.0.0.1", second)).is_err(), "nobody listens");
    // At once again.
    site.change(&both)?;
    let mut stream = TcpStream::connect(("127.0.0.1", second))?;
    stream.write_all(&ipfix(1, 0, true, &[4]))?;
    wait_for_flows(&site.agent, 4)?;
    let outcome = site.stop()?;
    ensure!(received(&outcome, &format!("tcp://127.0.0.1:{second}"))? == 4, "{}", outcome.stderr);
    Ok(())
}

#[test]
fn receivers_of_forwarded_datagrams_come_and_go() -> Result<()> {
    let port = free_port()?;
    let listener = listen(&[format!("netflow://127.0.0.1:{port}")]);
    let receivers = [UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?];
    let mut urls = Vec::new();
    for receiver in &receivers {
        receiver.set_read_timeout(Some(Duration::from_secs(60)))?;
        urls.push(format!("udp://127.0.0.1:{}", receiver.local_addr()?.port()));
    }
    let forward = |url: &str, keys: &str| format!("[[forward]]\nurl = '{url}'\n{keys}\n");
    let got = |receiver: &UdpSocket| receiver.recv_from(&mut [0; 2048]).map(|(_, from)| from);
    let mut site = Site::start(&format!("{listener}{}", forward(&urls[0], "")))?;
    let socket = sender("127.0.0.1:0", port)?;
    socket.send(&netflow5(0, &[1]))?;
    let from = got(&receivers[0])?;
    let both = format!("{listener}{}{}", forward(&urls[0], ""), forward(&urls[1], ""));
    site.change(&both)?;
    socket.send(&netflow5(1, &[1]))?;
    ensure!(got(&receivers[0])? == from, "it is sent from the same socket as before");
    got(&receivers[1])?;
    // One gets less, the other nothing any more.
    site.change(&format!("{listener}{}", forward(&urls[0], "versions = ['ipfix']")))?;
    socket.send(&netflow5(2, &[1]))?;
    socket.send(&ipfix(1, 0, true, &[1]))?;
    ensure!(got(&receivers[0])? == from, "it is sent from the same socket as before");
    // One that would send in a circle refuses the reload.
    let said =
        site.reload(&format!("{listener}{}", forward(&format!("udp://127.0.0.1:{port}"), "")))?;
    ensure!(
        said.contains("reload refused") && said.contains("would send datagrams back"),
        "{said}"
    );
    wait_for_flows(&site.agent, 4)?;
    let outcome = site.stop()?;
    for part in [
        format!("forwarded to {}: 3 datagrams, 0 not", urls[0]),
        format!("forwarded to {} (until a reload): 1 datagrams, 0 not", urls[1]),
    ] {
        ensure!(outcome.stderr.contains(&part), "no `{part}`: {}", outcome.stderr);
    }
    Ok(())
}

/// Interfaces are added and taken away while packets pass: what the programs have seen is in flow records, to the packet.
#[test]
fn interfaces_come_and_go_under_traffic_and_the_ledger_balances() -> Result<()> {
    if !root("interfaces come and go") || !require("ping") {
        return Ok(());
    }
    let (near, far) = (Netns::new("rl-near")?, Netns::new("rl-far")?);
    far.veth("va", &near, "vb")?;
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("sensor.toml");
    let write = |interfaces: &str, more: &str| {
        fs::write(&path, format!("{APART}capture.interfaces = [{interfaces}]\n{more}"))
    };
    write("'lo'", "")?;
    let line = format!("--config {} --print flows", path.display());
    let mut agent = Agent::start(&near, &line)?;
    agent.wait_for("lo: ingress")?;
    // Said once more than before.
    let change = |agent: &Agent, part: &str| -> Result<()> {
        let before = agent.said().matches(part).count();
        agent.signal("HUP")?;
        wait_until(part, || agent.said().matches(part).count() > before)
    };
    let ping = |count: u32| -> Result<()> {
        let told = far.run(&format!("ping -q -i 0.01 -c {count} 192.0.2.2"))?;
        ensure!(told.contains(&format!("{count} received")), "{told}");
        Ok(())
    };
    let stop = AtomicBool::new(false);
    thread::scope(|scope| -> Result<()> {
        // Something always passes.
        let load = scope.spawn(|| -> Result<()> {
            while !stop.load(Ordering::Relaxed) {
                far.run("ping -q -i 0.002 -c 50 192.0.2.2")?;
            }
            Ok(())
        });
        let result = (|| -> Result<()> {
            for _ in 0..3 {
                write("'lo', 'v*'", "")?;
                change(&agent, "vb: ingress")?;
                ping(20)?;
                write("'lo'", "")?;
                change(&agent, "vb: detached: no longer selected")?;
            }
            Ok(())
        })();
        stop.store(true, Ordering::Relaxed);
        load.join().map_err(|_| anyhow::anyhow!("the load has panicked"))??;
        result
    })?;
    // Alone, so that what is captured is known to the packet; at another pace.
    write(
        "'vb'",
        "capture.interval = '200ms'\nflow.idle_timeout = '2s'\nflow.active_timeout = '2s'",
    )?;
    agent.signal("HUP")?;
    agent.wait_for("lo: detached: no longer selected")?;
    let said = agent.said();
    ensure!(said.contains("applied=\"capture.interfaces, capture.interval, flow.active_timeout, flow.idle_timeout\""), "{said}");
    ensure!(!said.contains("restart=\"capture"), "{said}");
    far.run("ip address add 192.0.2.9/24 dev va")?;
    let told = far.run("ping -q -i 0.01 -c 100 -I 192.0.2.9 192.0.2.2")?;
    ensure!(told.contains("100 received"), "{told}");
    wait_until("the echoes, while the agent runs", || echoes(&agent).is_ok_and(|all| all == 100))?;
    let outcome = agent.stop("TERM")?;
    let flows = outcome.flows()?;
    let seen = outcome.ledger("seen").0;
    ensure!(seen > 300, "{}", outcome.stderr);
    ensure!(sum(&flows, "packets") <= seen, "{}", outcome.stderr);
    Ok(())
}

/// Echo requests of 192.0.2.9 in the flows that have been printed so far.
fn echoes(agent: &Agent) -> Result<u64> {
    let text = agent.printed()?;
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let flows = whole.lines().map(serde_json::from_str).collect::<Result<Vec<_>, _>>()?;
    let echoes: Vec<_> = flows
        .into_iter()
        .filter(|flow: &serde_json::Value| {
            flow["protocolint"] == 1
                && flow["direction"] == "ingress"
                && flow["srcip"] == "192.0.2.9"
        })
        .collect();
    Ok(sum(&echoes, "packets"))
}
