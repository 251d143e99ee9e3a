//! Router intake as a process, on the loopback of a namespace: CPU time a record beside nfcapd with the same datagrams, losses
//! at a high rate and while what is stored is hunted through, memory under a flood of templates.

mod datagrams;
mod hunting;

use std::{path::Path, thread, time::Duration};

use anyhow::{Context, Result, ensure};
use tests::{
    netns::Netns,
    peers::require,
    program::{Program, release_binary},
};

use self::datagrams::{FIELDS, Form, PORT, send, sender, set, template};

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
    hunting::beside(&netns)?;
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
pub fn sensor(netns: &Netns, arguments: &str) -> Result<Program> {
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
