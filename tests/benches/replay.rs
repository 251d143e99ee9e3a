//! Replay of a capture as a process: CPU time beside nfpcapd and softflowd on the same file, all three writing their flows.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use tests::{peers::require, program::release_binary, usage};

/// Packets in the capture, and between how many flows they alternate at a time.
const PACKETS: u32 = 3_000_000;
const ACTIVE: u32 = 4_096;
/// Packets of a flow, on average, and packets a second.
const PER_FLOW: u32 = 40;
const RATE: u32 = 50_000;
/// Runs of each program; the median counts.
const RUNS: usize = 3;

fn main() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let capture = directory.path().join("traffic.pcap");
    write_capture(&capture)?;
    complete(&capture)?;
    let size = fs::metadata(&capture)?.len() >> 20;
    println!(
        "{PACKETS} packets, {size} MiB; user and system time of the whole process, median of {RUNS}"
    );
    println!("{:<34}{:>9}{:>14}{:>18}", "", "CPU, s", "ns a packet", "sensor / other");
    let ours = [
        ("sensor, no output", "replay --print none FILE"),
        ("sensor, IPFIX files", "replay --print none --ipfix-file DIR FILE"),
    ];
    let mut costs = Vec::new();
    for (name, arguments) in ours {
        let cost = median(&sensor(), arguments, &capture)?;
        row(name, cost, "");
        costs.push(cost);
    }
    let theirs = [
        ("nfpcapd, its files", "nfpcapd", "-r FILE -w DIR"),
        ("softflowd, NetFlow 9 to nobody", "softflowd", "-d -v 9 -n 127.0.0.1:9 -r FILE"),
    ];
    for (name, program, arguments) in theirs {
        if require(program) {
            let cost = median(Path::new(program), arguments, &capture)?;
            row(name, cost, &format!("{:.2}", costs[1].as_secs_f64() / cost.as_secs_f64()));
        }
    }
    Ok(())
}

/// Fails where the sensor does not read every packet: a figure would mean nothing.
fn complete(capture: &Path) -> Result<()> {
    let output =
        Command::new(sensor()).args(["replay", "--print", "none"]).arg(capture).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let mut counts = said.lines().filter_map(|line| line.trim().strip_prefix("= in flow records"));
    let packets = counts.next().and_then(|counts| counts.split_whitespace().next());
    ensure!(packets == Some(PACKETS.to_string().as_str()), "{said}");
    Ok(())
}

fn row(name: &str, cost: Duration, ratio: &str) {
    let each = cost.as_secs_f64() * 1e9 / f64::from(PACKETS);
    println!("{name:<34}{:>9.2}{each:>14.0}{ratio:>18}", cost.as_secs_f64());
}

fn sensor() -> PathBuf {
    PathBuf::from(release_binary())
}

/// CPU time of `program` with `arguments`, in which `FILE` and `DIR` stand for the capture and an empty directory.
fn median(program: &Path, arguments: &str, capture: &Path) -> Result<Duration> {
    let mut costs = Vec::new();
    for _ in 0..RUNS {
        let directory = tempfile::tempdir()?;
        let mut command = Command::new(program);
        for argument in arguments.split_whitespace() {
            match argument {
                "FILE" => command.arg(capture),
                "DIR" => command.arg(directory.path()),
                argument => command.arg(argument),
            };
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().with_context(|| format!("start {command:?}"))?;
        let cost = usage::of_ended(&child).with_context(|| format!("{command:?}"))?;
        costs.push(cost.time);
    }
    costs.sort();
    Ok(costs[RUNS / 2])
}

/// Ordinary traffic: TCP mostly, some UDP, one packet of eight IPv6; flows begin and end all the time.
fn write_capture(path: &Path) -> Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    out.write_all(&0xa1b2_c3d4_u32.to_le_bytes())?;
    out.write_all(&[2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 1, 0, 0, 0])?;
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut frame = Vec::with_capacity(1514);
    for packet in 0..PACKETS {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        // A window of flows moves on, so that each lives for a while and then falls silent.
        let flow = packet / PER_FLOW + (random % u64::from(ACTIVE)) as u32;
        let payload = [0, 0, 52, 180, 536, 1400][(random >> 32) as usize % 6];
        write_frame(&mut frame, flow, payload);
        let micros = u64::from(packet) * 1_000_000 / u64::from(RATE);
        let seconds = 1_700_000_000 + (micros / 1_000_000) as u32;
        for word in [seconds, (micros % 1_000_000) as u32, frame.len() as u32, frame.len() as u32] {
            out.write_all(&word.to_le_bytes())?;
        }
        out.write_all(&frame)?;
    }
    out.flush()?;
    Ok(())
}

fn write_frame(frame: &mut Vec<u8>, flow: u32, payload: usize) {
    let (v6, udp) = (flow.is_multiple_of(8), flow.is_multiple_of(5));
    let transport = if udp { 8 } else { 20 };
    frame.clear();
    frame.extend([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2]);
    let protocol = if udp { 17 } else { 6 };
    let [a, b, c, d] = flow.to_be_bytes();
    if v6 {
        frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
        frame.extend(((transport + payload) as u16).to_be_bytes());
        frame.extend([protocol, 64]);
        frame.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d]);
        frame.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    } else {
        frame.extend([8, 0, 0x45, 0]);
        frame.extend(((20 + transport + payload) as u16).to_be_bytes());
        frame.extend([0, 0, 0x40, 0, 64, protocol, 0, 0, 10, b, c, d, 192, 168, 0, 1]);
    }
    frame.extend(((1024 + flow % 60_000) as u16).to_be_bytes());
    frame.extend(443_u16.to_be_bytes());
    if udp {
        frame.extend(((8 + payload) as u16).to_be_bytes());
        frame.extend([0, 0]);
    } else {
        frame.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0]);
    }
    frame.resize(frame.len() + payload, 0);
}
