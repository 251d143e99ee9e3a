//! The agent as a collector of what routers send: on loopback, without root; and datagrams made for it.

use std::{net::UdpSocket, path::Path, process::Command};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::{agent::Agent, agent::binary, peers::wait_until};

/// Starts `sensor run` with the arguments in `line` (split at spaces); returns once it listens.
///
/// # Errors
/// When it does not get so far.
pub fn collect(line: &str) -> Result<Agent> {
    let mut command = Command::new(binary()?);
    command.arg("run").args(line.split_whitespace());
    let mut agent = Agent::spawn(&mut command)?;
    agent.wait_for(": listening")?;
    Ok(agent)
}

/// As [`collect`], with `text` as its configuration file in `directory`, and flows printed.
///
/// # Errors
/// When it does not get so far.
pub fn collect_configured(directory: &Path, text: &str) -> Result<Agent> {
    let path = directory.join("sensor.toml");
    std::fs::write(&path, text)?;
    collect(&format!("--print flows --config {}", path.display()))
}

/// Waits until the agent has printed `count` flows, and returns them.
///
/// # Errors
/// When it takes too long.
pub fn wait_for_flows(agent: &Agent, count: usize) -> Result<Vec<Value>> {
    let whole = || agent.printed().map_or(0, |text| text.matches('\n').count());
    let waited = wait_until(&format!("{count} flows"), || whole() >= count);
    waited.with_context(|| format!("{} flows are there: {}", whole(), agent.said()))?;
    let text = agent.printed()?;
    text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// A socket at `from` that sends to `port` of 127.0.0.1.
///
/// # Errors
/// When it cannot be made.
pub fn sender(from: &str, port: u16) -> Result<UdpSocket> {
    let socket = UdpSocket::bind(from).with_context(|| format!("bind {from}"))?;
    socket.connect(("127.0.0.1", port))?;
    Ok(socket)
}

/// A NetFlow 5 datagram with `ports.len()` flows from 10.0.0.1 to 10.0.0.2, each from one of `ports` to port 53.
pub fn netflow5(sequence: u32, ports: &[u16]) -> Vec<u8> {
    let mut datagram = vec![0, 5];
    datagram.extend((ports.len() as u16).to_be_bytes());
    datagram.extend([0, 0, 0x27, 0x10]);
    datagram.extend(seconds().to_be_bytes());
    datagram.extend([0; 4]);
    datagram.extend(sequence.to_be_bytes());
    datagram.extend([0; 4]);
    for port in ports {
        datagram.extend([10, 0, 0, 1, 10, 0, 0, 2, 0, 0, 0, 0, 0, 1, 0, 2]);
        datagram.extend([0, 0, 0, 1, 0, 0, 0, 100, 0, 0, 0, 1, 0, 0, 0, 2]);
        datagram.extend(port.to_be_bytes());
        datagram.extend([0, 53, 0, 0, 17, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    }
    datagram
}

/// Addresses, ports and octets.
const TEMPLATE: [u8; 24] =
    [1, 0, 0, 5, 0, 8, 0, 4, 0, 12, 0, 4, 0, 7, 0, 2, 0, 11, 0, 2, 0, 1, 0, 4];

fn set(id: u16, body: &[u8]) -> Vec<u8> {
    let mut set = id.to_be_bytes().to_vec();
    set.extend((body.len() as u16 + 4).to_be_bytes());
    set.extend(body);
    set
}

/// Data of template 256: flows as in [`netflow5`].
fn data(ports: &[u16]) -> Vec<u8> {
    let record = |port: &u16| {
        let mut record = vec![10, 0, 0, 1, 10, 0, 0, 2];
        record.extend(port.to_be_bytes());
        record.extend([0, 53, 0, 0, 0, 100]);
        record
    };
    set(256, &ports.iter().flat_map(record).collect::<Vec<_>>())
}

/// An IPFIX message of observation domain `domain`.
pub fn ipfix(domain: u32, sequence: u32, template: bool, ports: &[u16]) -> Vec<u8> {
    let mut body = if template { set(2, &TEMPLATE) } else { Vec::new() };
    if !ports.is_empty() {
        body.extend(data(ports));
    }
    let mut message = vec![0, 10];
    message.extend((body.len() as u16 + 16).to_be_bytes());
    message.extend(seconds().to_be_bytes());
    message.extend(sequence.to_be_bytes());
    message.extend(domain.to_be_bytes());
    message.extend(body);
    message
}

/// A NetFlow 9 datagram with a template and data.
pub fn netflow9(sequence: u32, ports: &[u16]) -> Vec<u8> {
    let mut datagram = vec![0, 9, 0, ports.len() as u8 + 1, 0, 0, 0x27, 0x10];
    datagram.extend(seconds().to_be_bytes());
    datagram.extend(sequence.to_be_bytes());
    datagram.extend([0, 0, 0, 1]);
    datagram.extend(set(0, &TEMPLATE));
    datagram.extend(data(ports));
    datagram
}

/// An sFlow datagram of one sampled UDP packet from 10.0.0.1, port `port`.
pub fn sflow(sequence: u32, port: u16) -> Vec<u8> {
    let mut frame = vec![2; 12];
    frame.extend([8, 0, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    frame.extend(port.to_be_bytes());
    frame.extend([0, 53, 0, 8, 0, 0]);
    frame.resize(60, 0);
    let mut sample = vec![sequence, 3, 400, 400 * sequence, 0, 3, 4, 1];
    sample.extend([1, 16 + frame.len() as u32, 1, 64, 4, frame.len() as u32]);
    let length = sample.len() * 4 + frame.len();
    let head = [5, 1, 0xc000_0201, 0, sequence, 10_000, 1, 1, length as u32];
    let words = head.into_iter().chain(sample);
    let mut datagram: Vec<u8> = words.flat_map(u32::to_be_bytes).collect();
    datagram.extend(frame);
    datagram
}

fn seconds() -> u32 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |since| since.as_secs() as u32)
}
