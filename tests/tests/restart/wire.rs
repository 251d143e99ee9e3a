//! Two hosts on a wire that carries nothing but what the test sends, and a bpffs to pin things in.

use std::{
    net::UdpSocket,
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use sensor_common::ledger::Count;
use tempfile::TempDir;
use tests::netns::Netns;

/// The interface that is watched.
pub const NEAR: &str = "vb";
const FAR: &str = "va";

/// Flows of a burst.
pub const FLOWS: u16 = 50;
/// Octets of a frame: Ethernet, IPv4, UDP and the payload.
const FRAME: u64 = 14 + 20 + 8 + PAYLOAD as u64;
const PAYLOAD: usize = 100;
/// Nobody's address: what is sent there is neither answered nor passed on.
const NOBODY: &str = "198.51.100.9";

/// `near` is where the agents run; `far` sends.
pub struct Wire {
    pub near: Netns,
    pub far: Netns,
}

impl Wire {
    pub fn new() -> Result<Self> {
        let (near, far) = (Netns::new("rs-near")?, Netns::new("rs-far")?);
        for netns in [&near, &far] {
            // No neighbour discovery, no multicast listener reports.
            netns.run("sysctl -qw net.ipv6.conf.all.disable_ipv6=1")?;
            netns.run("sysctl -qw net.ipv6.conf.default.disable_ipv6=1")?;
        }
        let wire = Self { near, far };
        wire.connect(NEAR, FAR, 2)?;
        wire.far.run(&format!("ip route add 198.51.100.0/24 dev {FAR}"))?;
        let mac = "02:00:00:00:00:02";
        wire.far.run(&format!("ip neigh add {NOBODY} lladdr {mac} nud permanent dev {FAR}"))?;
        Ok(wire)
    }

    /// Another pair of devices.
    pub fn connect(&self, near: &str, far: &str, number: u8) -> Result<()> {
        let peer = self.near.name();
        let mac = format!("02:00:00:00:00:0{number}");
        self.far.run(&format!(
            "ip link add {far} type veth peer name {near} netns {peer} address {mac}"
        ))?;
        self.near.run(&format!("ip link set {near} up"))?;
        self.far.run(&format!("ip address add 192.0.2.{number}/32 dev {far}"))?;
        self.far.run(&format!("ip link set {far} up"))?;
        Ok(())
    }

    /// Sends so many packets of [`FLOWS`] flows.
    pub fn send(&self, packets: u64) -> Result<Count> {
        self.far.enter(|| -> Result<Count> {
            let socket = UdpSocket::bind("192.0.2.2:4000")?;
            for packet in 0..packets {
                send(&socket, packet)?;
            }
            Ok(Count { packets, octets: packets * FRAME })
        })?
    }

    /// Sends all the time while `work` is done; returns what it returned, and what was sent.
    pub fn load<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<(T, Count)> {
        let (stop, sent) = (AtomicBool::new(false), AtomicU64::new(0));
        let sender = || -> Result<()> {
            let socket = UdpSocket::bind("192.0.2.2:4001")?;
            while !stop.load(Ordering::Relaxed) {
                for _ in 0..20 {
                    send(&socket, sent.load(Ordering::Relaxed))?;
                    sent.fetch_add(1, Ordering::Relaxed);
                }
                // So that no queue on the way fills: some 20,000 packets a second.
                thread::sleep(Duration::from_millis(1));
            }
            Ok(())
        };
        let done = thread::scope(|scope| {
            let sending = scope.spawn(|| self.far.enter(sender)?);
            let done = work();
            stop.store(true, Ordering::Relaxed);
            sending.join().expect("the sender does not panic")?;
            done
        })?;
        let packets = sent.into_inner();
        Ok((done, Count { packets, octets: packets * FRAME }))
    }

    /// Fails if the wire has lost packets before the programs could see them.
    pub fn is_lossless(&self) -> Result<()> {
        for (netns, device, counter) in
            [(&self.near, NEAR, "rx_dropped"), (&self.far, FAR, "tx_dropped")]
        {
            let dropped =
                netns.run(&format!("cat /sys/class/net/{device}/statistics/{counter}"))?;
            ensure!(dropped.trim() == "0", "{device}: {counter} {dropped}");
        }
        Ok(())
    }
}

fn send(socket: &UdpSocket, packet: u64) -> Result<()> {
    let port = 10_000 + (packet % u64::from(FLOWS)) as u16;
    let octets = socket.send_to(&[7; PAYLOAD], (NOBODY, port))?;
    ensure!(octets == PAYLOAD, "sent in part");
    Ok(())
}

/// A bpffs of the test's own.
pub struct Bpffs(TempDir);

impl Bpffs {
    pub fn mount() -> Result<Self> {
        // bpffs has no names with dots.
        let directory = tempfile::Builder::new().prefix("bpffs").tempdir()?;
        let mut mount = Command::new("mount");
        let mounted = mount.args(["-t", "bpf", "bpf"]).arg(directory.path()).status()?;
        ensure!(mounted.success(), "cannot mount a bpffs");
        Ok(Self(directory))
    }

    /// The mount.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// What is in the directory `pins`, sorted, directories with a slash.
    pub fn list(&self) -> Result<Vec<String>> {
        let pins = self.path().join("pins");
        let output = Command::new("find").arg(&pins).args(["-mindepth", "1"]).output()?;
        let text = String::from_utf8(output.stdout)?;
        let prefix = format!("{}/", pins.display());
        let mut names: Vec<String> = text
            .lines()
            .map(|line| line.strip_prefix(&prefix).context("below the pins").map(Into::into))
            .collect::<Result<_>>()?;
        names.sort();
        Ok(names)
    }
}

impl Drop for Bpffs {
    fn drop(&mut self) {
        // Lazily: an agent that is being killed may still look at it.
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}
