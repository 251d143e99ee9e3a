//! Two hosts on a wire that carries nothing but what the test sends; the near one counts what it receives by itself, device by
//! device and, where devices come and go, as a host.

use std::{
    fs,
    net::UdpSocket,
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;
use tests::{
    agent::{self, Agent},
    netns::Netns,
    peers::wait_until,
};

/// The interface that is captured.
pub const NEAR: &str = "vb";
pub const FAR: &str = "va";
/// Nobody's address: what is sent there is neither answered nor passed on, and counted by whoever receives it.
pub const NOBODY: &str = "198.51.100.9";
/// Octets of the datagrams.
pub const PAYLOAD: [u8; 100] = [7; 100];

/// `near` is where the agents run, `far` sends.
pub struct Wire {
    pub near: Netns,
    pub far: Netns,
    pub directory: TempDir,
}

impl Wire {
    /// Two hosts without a wire.
    pub fn cut() -> Result<Self> {
        let wire = Self {
            near: quiet("fh-near")?,
            far: quiet("fh-far")?,
            directory: tempfile::tempdir()?,
        };
        Ok(wire)
    }

    pub fn new() -> Result<Self> {
        let wire = Self::cut()?;
        wire.connect()?;
        wire.up()?;
        Ok(wire)
    }

    /// Makes the wire; both ends are down.
    pub fn connect(&self) -> Result<()> {
        let mac = "02:00:00:00:00:02";
        self.near.run(&format!(
            "ip link add {NEAR} address {mac} type veth peer name {FAR} netns {}",
            self.far.name()
        ))?;
        Ok(())
    }

    /// Both ends go up, and what is sent finds its way.
    pub fn up(&self) -> Result<()> {
        self.near.run(&format!("ip link set {NEAR} up"))?;
        self.far.run(&format!("ip address add 192.0.2.2/32 dev {FAR}"))?;
        self.far.run(&format!("ip link set {FAR} up"))?;
        self.route()
    }

    /// The way to nobody, which goes with the device that it leads to, or with the carrier.
    pub fn route(&self) -> Result<()> {
        let mac = "02:00:00:00:00:02";
        self.far.run(&format!("ip neigh replace {NOBODY} lladdr {mac} nud permanent dev {FAR}"))?;
        self.far.run(&format!("ip route replace 198.51.100.0/24 dev {FAR}"))?;
        Ok(())
    }

    /// Packets of IPv4 that `netns` has received on all its devices, by its own count (`InReceives` of RFC 4293).
    pub fn received(netns: &Netns) -> Result<u64> {
        let text = netns.run("cat /proc/net/snmp")?;
        let mut rows = text.lines().filter_map(|line| line.strip_prefix("Ip: "));
        let (names, values) = (rows.next().context("names")?, rows.next().context("values")?);
        let mut columns = names.split(' ').zip(values.split(' '));
        let (_, value) = columns.find(|(name, _)| *name == "InReceives").context("InReceives")?;
        Ok(value.parse()?)
    }

    /// Sends so many packets, one of each flow after another; all of them are received.
    pub fn send(&self, packets: u64) -> Result<()> {
        let before = Self::received(&self.near)?;
        self.far.enter(|| -> Result<()> {
            let socket = UdpSocket::bind("192.0.2.2:0")?;
            for packet in 0..packets {
                socket.send_to(&PAYLOAD, (NOBODY, port(packet, 50)))?;
            }
            Ok(())
        })??;
        let arrived = || Self::received(&self.near).is_ok_and(|now| now == before + packets);
        wait_until("all packets are received", arrived)
    }

    /// Sends all the time, in `flows` flows and 20,000 packets a second, while `work` is done. What does not find its way is not sent.
    pub fn load<T>(&self, flows: u16, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let stop = AtomicBool::new(false);
        let sender = || -> Result<()> {
            let socket = UdpSocket::bind("0.0.0.0:0")?;
            let mut packet = 0;
            while !stop.load(Ordering::Relaxed) {
                for _ in 0..20 {
                    let _ = socket.send_to(&PAYLOAD, (NOBODY, port(packet, flows)));
                    packet += 1;
                }
                thread::sleep(Duration::from_millis(1));
            }
            Ok(())
        };
        thread::scope(|scope| {
            let sending = scope.spawn(|| self.far.enter(sender)?);
            let done = work();
            stop.store(true, Ordering::Relaxed);
            sending.join().expect("the sender does not panic")?;
            done
        })
    }

    /// Waits until something is received that was not before.
    pub fn passes(&self) -> Result<()> {
        let before = Self::received(&self.near)?;
        wait_until("packets pass", || {
            Self::received(&self.near).is_ok_and(|now| now > before + 100)
        })
    }

    pub fn file(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    /// An agent with `text` as its configuration, and a control socket.
    pub fn agent(&self, text: &str, arguments: &str) -> Result<Agent> {
        let line = format!("--config {} {arguments}", self.configure(text)?);
        Agent::start(&self.near, &line)
    }

    pub fn configure(&self, text: &str) -> Result<String> {
        let path = self.file("sensor.toml");
        let socket = self.file("control.sock");
        fs::write(&path, format!("{text}\n[control]\nsocket = '{socket}'\n"))?;
        Ok(path)
    }

    /// What the agent says of itself.
    pub fn status(&self) -> Result<Value> {
        let mut command = Command::new(agent::binary()?);
        let output =
            command.args(["status", "--json", "--socket", &self.file("control.sock")]).output()?;
        serde_json::from_slice(&output.stdout).with_context(|| format!("{output:?}"))
    }

    /// Waits until the agent says of itself what `holds`.
    pub fn wait_for_status(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Result<Value> {
        let mut last = None;
        let waited = wait_until(what, || {
            last = self.status().ok();
            last.as_ref().is_some_and(&holds)
        });
        waited.with_context(|| format!("{last:?}"))?;
        last.context("a status")
    }
}

/// The port of a packet's flow.
fn port(packet: u64, flows: u16) -> u16 {
    1024 + (packet % u64::from(flows)) as u16
}

/// A namespace that has nothing to say by itself.
pub fn quiet(prefix: &str) -> Result<Netns> {
    let netns = Netns::new(prefix)?;
    // No neighbour discovery, no multicast listener reports.
    for which in ["all", "default"] {
        netns.run(&format!("sysctl -qw net.ipv6.conf.{which}.disable_ipv6=1"))?;
    }
    Ok(netns)
}

/// Runs many commands of ip(8) in one go, as fast as the kernel takes them.
pub fn batch(netns: &Netns, directory: &Path, lines: &[String]) -> Result<()> {
    let file = directory.join("batch");
    fs::write(&file, lines.join("\n") + "\n")?;
    netns.run(&format!("ip -batch {}", file.display()))?;
    Ok(())
}

/// The flows' packets that were sent to nobody.
pub fn to_nobody(flows: &[Value]) -> Vec<Value> {
    let sent =
        flows.iter().filter(|flow| flow["dstip"] == NOBODY && flow["direction"] == "ingress");
    sent.cloned().collect()
}

/// Whole lines of JSON that the agent has printed so far.
pub fn printed(agent: &Agent) -> Result<Vec<Value>> {
    let text = agent.printed()?;
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// Waits until the agent has said `part` for the `times`th time.
pub fn says(agent: &Agent, part: &str, times: usize) -> Result<()> {
    wait_until(part, || agent.said().matches(part).count() >= times)
        .with_context(|| agent.said())?;
    let said = agent.said().matches(part).count();
    ensure!(said == times, "{said} times `{part}`: {}", agent.said());
    Ok(())
}
