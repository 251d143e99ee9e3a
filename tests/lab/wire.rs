//! What was on the wire, told by tcpdump and tshark, beside what the agent made of it: packets and IP octets of each
//! flow in each direction.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    io::{BufRead, BufReader, Read as _},
    net::IpAddr,
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::{netns::Netns, peers::wait_until};

/// A flow, without what tells two flows of the same hosts and ports apart (VLAN, ToS, fragments).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tuple {
    /// Source and destination.
    pub addresses: [IpAddr; 2],
    /// IP protocol.
    pub protocol: u8,
    /// Source and destination port, or ICMP type and code.
    pub ports: [u16; 2],
}

/// Packets and IP octets of each flow.
pub type Counts = BTreeMap<Tuple, (u64, u64)>;

const ICMP: u8 = 1;
const ICMPV6: u8 = 58;

impl Tuple {
    /// What hosts tell each other by themselves at any time (multicast listeners, routers, neighbours: RFC 3810, 4861),
    /// also between the start of a capture and that of the agent.
    fn is_housekeeping(&self) -> bool {
        self.protocol == ICMPV6 && (130..=143).contains(&self.ports[0])
    }
}

/// tcpdump on one direction of an interface.
///
/// A capture of what an interface *sends* is what is on the wire: the kernel has cut super-packets by then, provided
/// that the other end runs XDP, for which veth gives up its segmentation offload. A capture of what an interface
/// *receives* is not: the kernel has merged segments before. So each end of a pair is asked for what it sends.
#[derive(Debug)]
pub struct Tap {
    child: Child,
    stderr: BufReader<ChildStderr>,
    directory: TempDir,
}

impl Tap {
    /// Captures from now on what `device` in `netns` sends, the first `octets` of each frame.
    ///
    /// # Errors
    /// When tcpdump does not start.
    pub fn start(netns: &Netns, device: &str, octets: u32) -> Result<Self> {
        // Of what goes over the loopback device, captures show the arrival alone.
        let direction = if device == "lo" { "in" } else { "out" };
        let directory = tempfile::tempdir()?;
        let mut command = netns.command("tcpdump");
        command.args(["-i", device, "-Q", direction, "-n", "-U", "--immediate-mode"]);
        command.args(["-s", &octets.to_string(), "-B", "65536", "-Z", "root", "-w"]);
        command.arg(directory.path().join("capture.pcap")).stderr(Stdio::piped());
        let mut child = command.spawn().context("start tcpdump")?;
        let stderr = child.stderr.take().context("stderr is a pipe")?;
        let mut tap = Self { child, stderr: BufReader::new(stderr), directory };
        let mut line = String::new();
        while tap.stderr.read_line(&mut line)? > 0 {
            if line.contains("listening on") {
                return Ok(tap);
            }
        }
        bail!("tcpdump ended before it listened: {line}");
    }

    /// Stops once nothing more comes, and fails if something was lost. The file lives as long as the directory.
    ///
    /// # Errors
    /// When tcpdump could not keep up.
    pub fn finish(mut self) -> Result<(PathBuf, TempDir)> {
        let path = self.directory.path().join("capture.pcap");
        let mut size = None;
        wait_until("tcpdump has written all", || {
            thread::sleep(Duration::from_millis(200));
            let before = size;
            size = fs::metadata(&path).ok().map(|file| file.len());
            size == before
        })?;
        let id = self.child.id().to_string();
        ensure!(Command::new("kill").args(["-INT", &id]).status()?.success(), "kill -INT {id}");
        self.child.wait()?;
        let mut said = String::new();
        self.stderr.read_to_string(&mut said)?;
        ensure!(said.contains("\n0 packets dropped by kernel"), "tcpdump lost packets: {said}");
        // Ours now; what is left of the tap is a process that has ended.
        let directory = std::mem::replace(&mut self.directory, tempfile::tempdir()?);
        Ok((path, directory))
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The first value of each of `fields` in each packet of `capture`, as tshark sees them: packets as they are, without
/// reassembly of fragments.
///
/// # Errors
/// When tshark fails.
pub fn fields(capture: &Path, fields: &[&str], more: &[&str]) -> Result<Vec<Vec<String>>> {
    let mut command = Command::new("tshark");
    command.args(["-n", "-T", "fields", "-E", "separator=|"]);
    command.args(["-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE"]);
    // Ports by dissectors that look into the payload cost time and tell nothing here.
    command.args(["-o", "tcp.try_heuristic_first:FALSE", "-o", "udp.try_heuristic_first:FALSE"]);
    for field in fields {
        command.args(["-e", field]);
    }
    let output = command.args(more).arg("-r").arg(capture).output().context("start tshark")?;
    let complaints = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "tshark: {}: {complaints}", output.status);
    let text = String::from_utf8(output.stdout).context("tshark's output")?;
    Ok(text.lines().map(|line| line.split('|').map(str::to_owned).collect()).collect())
}

const FIELDS: [&str; 25] = [
    "frame.protocols",
    "ip.src",
    "ip.dst",
    "ip.proto",
    "ip.len",
    "ipv6.src",
    "ipv6.dst",
    "ipv6.plen",
    "ipv6.nxt",
    "ipv6.hopopts.nxt",
    "ipv6.routing.nxt",
    "ipv6.fraghdr.nxt",
    "ah.next_header",
    "ipv6.dstopts.nxt",
    "mip6.proto",
    "tcp.srcport",
    "tcp.dstport",
    "udp.srcport",
    "udp.dstport",
    "sctp.srcport",
    "sctp.dstport",
    "icmp.type",
    "icmp.code",
    "icmpv6.type",
    "icmpv6.code",
];

/// Link headers that the agent reads, by tshark's names.
const LINK_HEADERS: [&str; 10] =
    ["eth", "ethertype", "vlan", "ieee8021ad", "mpls", "nsh", "raw", "null", "sll", "ppp"];

/// Packets and IP octets of each flow in `capture`, by the outermost IP header.
///
/// # Errors
/// When tshark fails, or prints what this does not understand.
pub fn captured(capture: &Path) -> Result<Counts> {
    let mut counts = Counts::new();
    for row in fields(capture, &FIELDS, &[])? {
        let packet: BTreeMap<_, _> = FIELDS.into_iter().zip(row).collect();
        let Some((tuple, octets)) = tuple(&packet).with_context(|| format!("{packet:?}"))? else {
            continue;
        };
        add(&mut counts, tuple, 1, octets);
    }
    Ok(counts)
}

fn add(counts: &mut Counts, tuple: Tuple, packets: u64, octets: u64) {
    if !tuple.is_housekeeping() {
        let count = counts.entry(tuple).or_default();
        *count = (count.0 + packets, count.1 + octets);
    }
}

/// The flow and the IP octets of a packet; `None` without an IP header.
fn tuple(packet: &BTreeMap<&str, String>) -> Result<Option<(Tuple, u64)>> {
    let first = |field: &str| packet[field].split(',').next().unwrap_or_default();
    let number = |field: &str| match first(field) {
        "" => Ok(0),
        text => match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16),
            None => text.parse::<u64>(),
        },
    };
    let mut stack = packet["frame.protocols"].split(':');
    // IP behind any other header is no IP to the agent.
    let outermost = stack.find(|name| !LINK_HEADERS.contains(name));
    let (addresses, protocol, octets) = match outermost {
        Some("ip") => (["ip.src", "ip.dst"], number("ip.proto")?, number("ip.len")?),
        Some("ipv6") => {
            (["ipv6.src", "ipv6.dst"], upper_protocol(packet)?, 40 + number("ipv6.plen")?)
        }
        _ => return Ok(None),
    };
    let protocol = protocol as u8;
    let ports = match protocol {
        6 => ["tcp.srcport", "tcp.dstport"],
        17 => ["udp.srcport", "udp.dstport"],
        132 => ["sctp.srcport", "sctp.dstport"],
        ICMP => ["icmp.type", "icmp.code"],
        ICMPV6 => ["icmpv6.type", "icmpv6.code"],
        _ => ["", ""],
    };
    let port = |field: &str| match field {
        "" => Ok(0),
        field => number(field).map(|number| number as u16),
    };
    let tuple = Tuple {
        addresses: [first(addresses[0]).parse()?, first(addresses[1]).parse()?],
        protocol,
        ports: [port(ports[0])?, port(ports[1])?],
    };
    Ok(Some((tuple, octets)))
}

/// Follows the chain of IPv6 extension headers.
fn upper_protocol(packet: &BTreeMap<&str, String>) -> Result<u64> {
    let mut next = packet["ipv6.nxt"].split(',').next().unwrap_or_default();
    let mut used: BTreeMap<&str, usize> = BTreeMap::new();
    loop {
        let field = match next {
            "0" => "ipv6.hopopts.nxt",
            "43" => "ipv6.routing.nxt",
            "44" => "ipv6.fraghdr.nxt",
            "51" => "ah.next_header",
            "60" => "ipv6.dstopts.nxt",
            "135" => "mip6.proto",
            number => return Ok(number.parse()?),
        };
        let n = used.entry(field).or_default();
        // A header that is cut off does not say what follows.
        let Some(found) = packet[field].split(',').nth(*n).filter(|found| !found.is_empty()) else {
            return Ok(next.parse()?);
        };
        *n += 1;
        next = found;
    }
}

/// Packets and IP octets of each flow among the agent's `flows` that went in `direction`.
///
/// # Errors
/// When a flow lacks what every flow has.
pub fn reported(flows: &[Value], direction: &str) -> Result<Counts> {
    let mut counts = Counts::new();
    for flow in flows.iter().filter(|flow| flow["direction"] == direction) {
        let number = |key: &str| flow[key].as_u64().with_context(|| format!("no {key}: {flow}"));
        let text = |key: &str| flow[key].as_str().with_context(|| format!("no {key}: {flow}"));
        let protocol = number("protocolint")? as u8;
        let ports = match protocol {
            ICMP | ICMPV6 => [text("icmptype")?.parse()?, text("icmpcode")?.parse()?],
            _ => [number("srcport")? as u16, number("dstport")? as u16],
        };
        let addresses = [text("srcip")?.parse()?, text("dstip")?.parse()?];
        let tuple = Tuple { addresses, protocol, ports };
        add(&mut counts, tuple, number("packets")?, number("octets")?);
    }
    Ok(counts)
}

/// Fails with every flow of which the wire and the agent say different things. Returns the packets and octets that both
/// agree on, of which there must be some.
///
/// # Errors
/// When they differ.
pub fn compare(what: &str, wire: &Counts, agent: &Counts) -> Result<(u64, u64)> {
    let mut text = String::new();
    for tuple in wire.keys().chain(agent.keys().filter(|tuple| !wire.contains_key(tuple))) {
        let (wire, agent) = (wire.get(tuple), agent.get(tuple));
        if wire != agent {
            writeln!(text, "{tuple:?}: wire {wire:?}, agent {agent:?}")?;
        }
    }
    ensure!(text.is_empty(), "{what}: packets and octets differ\n{text}");
    ensure!(!wire.is_empty(), "{what}: there was no traffic");
    Ok(wire.values().fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1)))
}
