//! Router intake as a process, on the loopback of a namespace: CPU time a record beside nfcapd with the same datagrams, losses
//! at a high rate, memory under a flood of templates.

use std::{
    net::UdpSocket,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use tests::{
    netns::Netns,
    peers::require,
    program::{Program, release_binary},
};

/// Datagrams for the comparison, and how many of them a second.
const DATAGRAMS: u32 = 300_000;
const RATE: u32 = 60_000;
/// The loss test: datagrams a second of 1,432 octets, for so many seconds.
const HIGH_RATE: u32 = 200_000;
const SECONDS: u32 = 10;
/// The flood: addresses, and templates of each.
const ADDRESSES: u32 = 100_000;
const TEMPLATES: u16 = 10;

fn main() -> Result<()> {
    ensure!(tests::root("this benchmark"), "needs root, for a namespace");
    let netns = Netns::new("bench")?;
    compare(&netns)?;
    if std::env::args().any(|argument| argument == "compare") {
        return Ok(());
    }
    losses(&netns)?;
    flood(&netns)
}

/// CPU time a record, of three programs that receive the same datagrams.
fn compare(netns: &Netns) -> Result<()> {
    println!(
        "whole process, user and system time a record; {DATAGRAMS} datagrams, {RATE} a second"
    );
    println!(
        "{:<22}{:>9}{:>12}{:>15}{:>12}{:>8}{:>12}",
        "datagrams", "records", "sensor, ns", "and files, ns", "nfcapd, ns", "times", "with files"
    );
    for form in [Form::NetFlow5, Form::NetFlow9, Form::Ipfix] {
        let records = f64::from(DATAGRAMS * form.records());
        let directory = tempfile::tempdir()?;
        let file = format!("--ipfix-file {}", directory.path().display());
        let mut costs = Vec::new();
        for arguments in ["", &file] {
            let program = sensor(netns, arguments)?;
            netns.enter(|| send(form, DATAGRAMS, RATE))??;
            let cost = program.settled()?;
            let said = program.finish()?;
            let all = format!("decoded: {DATAGRAMS} datagrams");
            let missing = if said.contains(&all) { String::new() } else { said };
            ensure!(missing.is_empty(), "datagrams were lost: {missing}");
            costs.push(cost.as_secs_f64() * 1e9 / records);
        }
        print!("{:<22}{:>9}{:>12.0}{:>15.0}", form.name(), form.records(), costs[0], costs[1]);
        if !require("nfcapd") {
            println!();
            continue;
        }
        let program = nfcapd(netns, directory.path())?;
        netns.enter(|| send(form, DATAGRAMS, RATE))??;
        let cost = program.settled()?;
        let said = program.finish()?;
        let flows = flows_of_nfcapd(&said).with_context(|| said.clone())?;
        let theirs = cost.as_secs_f64() * 1e9 / flows;
        println!("{theirs:>12.0}{:>8.1}{:>12.1}", theirs / costs[0], theirs / costs[1]);
        if flows < records {
            println!("{:<22} nfcapd lost {:.1} %", "", 100.0 - flows * 100.0 / records);
        }
    }
    Ok(())
}

/// Whether datagrams are lost at a high rate.
fn losses(netns: &Netns) -> Result<()> {
    let program = sensor(netns, "")?;
    let count = HIGH_RATE * SECONDS;
    let took = netns.enter(|| send(Form::NetFlow9, count, HIGH_RATE))??;
    let cost = program.settled()?;
    let said = program.finish()?;
    let rate = f64::from(count) / took.as_secs_f64();
    let received: u32 = said
        .lines()
        .find_map(|line| line.trim().strip_prefix("decoded: ")?.split(' ').next()?.parse().ok())
        .with_context(|| said.clone())?;
    println!(
        "\n{rate:.0} datagrams a second of {} octets for {:.1} s: {} lost; {:.0} % of a core",
        Form::NetFlow9.datagram(0, 0).len(),
        took.as_secs_f64(),
        count - received,
        cost.as_secs_f64() * 100.0 / took.as_secs_f64()
    );
    Ok(())
}

/// Memory while many addresses send nothing but templates, and whether an honest device is heard all the same.
fn flood(netns: &Netns) -> Result<()> {
    let program = sensor(netns, "")?;
    let empty = program.peak_memory()?;
    let honest = netns.enter(|| -> Result<u32> {
        let honest = sender("127.0.0.1")?;
        let mut sent = 0;
        for address in 0..ADDRESSES {
            if address.is_multiple_of(100) {
                honest.send(&Form::NetFlow9.datagram(sent, sent * 24))?;
                sent += 1;
                thread::sleep(Duration::from_millis(1));
            }
            let [_, _, a, b] = (address % 60_000).to_be_bytes();
            let source = format!("127.{}.{a}.{b}", 1 + address / 60_000);
            sender(&source)?.send(&templates(address))?;
        }
        Ok(sent)
    })??;
    program.settled()?;
    let peak = program.peak_memory()?;
    let said = program.finish()?;
    let expected = format!("device 127.0.0.1: {honest} datagrams, {} flows", honest * 24);
    println!(
        "\n{} templates from {ADDRESSES} addresses: peak RSS {peak} MiB (empty {empty} MiB); the honest \
         device's flows {}",
        ADDRESSES * u32::from(TEMPLATES),
        if said.contains(&expected) { "were all decoded" } else { "WERE LOST" }
    );
    ensure!(said.contains("balanced"), "{said}");
    for line in said.lines().filter(|line| line.contains("dropped") || line.contains("forgotten")) {
        println!("{line}");
    }
    Ok(())
}

const PORT: u16 = 2055;

fn sender(from: &str) -> Result<UdpSocket> {
    let socket = UdpSocket::bind((from, 0)).with_context(|| format!("bind {from}"))?;
    socket.connect(("127.0.0.1", PORT))?;
    Ok(socket)
}

/// Sends `count` datagrams at `rate` a second, or as fast as it can; returns the time that took.
fn send(form: Form, count: u32, rate: u32) -> Result<Duration> {
    let socket = sender("127.0.0.1")?;
    let start = Instant::now();
    for number in 0..count {
        let sequence = if form == Form::NetFlow9 { number } else { number * form.records() };
        socket.send(&form.datagram(number, sequence))?;
        if number % 32 == 31 {
            let due = start + Duration::from_secs_f64(f64::from(number) / f64::from(rate));
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    }
    Ok(start.elapsed())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    NetFlow5,
    NetFlow9,
    Ipfix,
}

/// Element and length: a router's usual record.
const FIELDS: [(u16, u16); 20] = [
    (8, 4),
    (12, 4),
    (15, 4),
    (10, 4),
    (14, 4),
    (2, 4),
    (1, 4),
    (22, 4),
    (21, 4),
    (7, 2),
    (11, 2),
    (6, 1),
    (4, 1),
    (5, 1),
    (16, 4),
    (17, 4),
    (9, 1),
    (13, 1),
    (61, 1),
    (60, 1),
];

impl Form {
    fn name(self) -> &'static str {
        match self {
            Self::NetFlow5 => "NetFlow 5, 20 fields",
            Self::NetFlow9 => "NetFlow 9, 20 fields",
            Self::Ipfix => "IPFIX, 20 fields",
        }
    }

    fn records(self) -> u32 {
        match self {
            Self::NetFlow5 => 30,
            Self::NetFlow9 => 24,
            Self::Ipfix => 22,
        }
    }

    /// Fields as its template has them: IPFIX tells absolute times.
    fn fields(self) -> [(u16, u16); 20] {
        FIELDS.map(|field| match field {
            (22, _) if self == Self::Ipfix => (152, 8),
            (21, _) if self == Self::Ipfix => (153, 8),
            field => field,
        })
    }

    fn datagram(self, number: u32, sequence: u32) -> Vec<u8> {
        const SECONDS: u32 = 1_795_500_000;
        let uptime = 1_000_000_u32;
        let mut out = Vec::with_capacity(1500);
        match self {
            Self::NetFlow5 => {
                out.extend([0, 5, 0, 30]);
                [uptime, SECONDS, 0, sequence, 0].iter().for_each(|n| out.extend(n.to_be_bytes()));
                for record in 0..self.records() {
                    let n = number.wrapping_mul(30) + record;
                    [
                        0x0a00_0000 + n % 65_536,
                        0xc0a8_0000 + n % 977,
                        0,
                        0x0001_0002,
                        5,
                        500 + n % 999,
                    ]
                    .iter()
                    .for_each(|n| out.extend(n.to_be_bytes()));
                    [
                        900_000_u32,
                        950_000,
                        (1024 + n % 60_000) << 16 | 443,
                        0x001b_0600,
                        0x0064_00c8,
                    ]
                    .iter()
                    .for_each(|n| out.extend(n.to_be_bytes()));
                    out.extend([24, 24, 0, 0]);
                }
                return out;
            }
            Self::NetFlow9 => {
                out.extend([0, 9, 0, 24]);
                [uptime, SECONDS, sequence, 1].iter().for_each(|n| out.extend(n.to_be_bytes()));
            }
            Self::Ipfix => {
                out.extend([0, 10, 0, 0]);
                [SECONDS, sequence, 1].iter().for_each(|n| out.extend(n.to_be_bytes()));
            }
        }
        if number.is_multiple_of(4096) {
            let id = if self == Self::Ipfix { 2 } else { 0 };
            set(&mut out, id, &template(256, &self.fields()));
        }
        let mut records = Vec::with_capacity(1500);
        for record in 0..self.records() {
            let n = number.wrapping_mul(self.records()) + record;
            for (element, length) in self.fields() {
                let value: u64 = match element {
                    8 => u64::from(0x0a00_0000 + n % 65_536),
                    12 => u64::from(0xc0a8_0000 + n % 977),
                    7 => u64::from(1024 + n % 60_000),
                    11 => 443,
                    4 => 6,
                    60 => 4,
                    1 => u64::from(500 + n % 999),
                    22 | 21 => 900_000,
                    152 | 153 => u64::from(SECONDS) * 1000,
                    61 => 0,
                    _ => 5,
                };
                records.extend(&value.to_be_bytes()[8 - usize::from(length)..]);
            }
        }
        set(&mut out, 256, &records);
        if self == Self::Ipfix {
            let length = out.len() as u16;
            out[2..4].copy_from_slice(&length.to_be_bytes());
        }
        out
    }
}

fn template(id: u16, fields: &[(u16, u16)]) -> Vec<u8> {
    let head = [id, fields.len() as u16];
    let fields = fields.iter().flat_map(|&(element, length)| [element, length]);
    head.into_iter().chain(fields).flat_map(u16::to_be_bytes).collect()
}

fn set(out: &mut Vec<u8>, id: u16, body: &[u8]) {
    out.extend(id.to_be_bytes());
    out.extend((body.len() as u16 + 4).to_be_bytes());
    out.extend(body);
}

/// A datagram that holds nothing but templates, different ones for each address.
fn templates(address: u32) -> Vec<u8> {
    let mut out = vec![0, 9, 0, TEMPLATES as u8];
    [1000, 1_795_500_000, 0, address].iter().for_each(|n: &u32| out.extend(n.to_be_bytes()));
    let all: Vec<u8> = (0..TEMPLATES).flat_map(|id| template(256 + id, &FIELDS)).collect();
    set(&mut out, 0, &all);
    out
}

fn flows_of_nfcapd(said: &str) -> Option<f64> {
    let totals = said.lines().filter_map(|line| line.split_once("Flows: "));
    let numbers = totals.filter_map(|(_, rest)| rest.split(',').next()?.trim().parse::<f64>().ok());
    numbers.reduce(|sum, flows| sum + flows)
}

/// The sensor, listening at [`PORT`].
fn sensor(netns: &Netns, arguments: &str) -> Result<Program> {
    let mut command = netns.command(&release_binary());
    command.args(["run", "--listen", &format!("netflow://0.0.0.0:{PORT}"), "--print", "none"]);
    command.args(arguments.split_whitespace());
    Program::start(command)
}

fn nfcapd(netns: &Netns, flows: &Path) -> Result<Program> {
    let mut command = netns.command("nfcapd");
    command.args(["-b", "127.0.0.1", "-B", "64000000", "-p", &PORT.to_string(), "-w"]);
    command.arg(flows);
    Program::start(command)
}
