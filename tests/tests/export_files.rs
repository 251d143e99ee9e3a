//! IPFIX files and flow logs: complete, rotated, the same each time in replay, and honest about a full disk.

use std::{fs, path::Path, process::Command, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, ensure};
use sensor::export::{
    files::{
        Reopen,
        rotated::{RotatedFile, Rotation},
    },
    ipfix::options::{Destination, ExportTime, FileOptions, IpfixOptions},
    log::{FlowLog, lots::LotFile},
    sink::Sink,
};
use sensor_core::flow::interfaces::SharedInterfaces;
use sensor_wire::ipfix::decode::{MessageDecoder, split_message};
use tests::{
    disk::SmallDisk,
    export::{DEADLINE, finish, start, told},
    flows,
    peers::wait_until,
};

/// The flow records, packets and octets in the files of `directory`, each read on its own.
fn stored(directory: &Path) -> Result<(usize, (u64, u64, u64))> {
    let (mut files, mut totals) = (0, (0, 0, 0));
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        ensure!(
            path.extension().is_some_and(|end| end == "ipfix"),
            "left over: {}",
            path.display()
        );
        files += 1;
        let content = fs::read(&path)?;
        let (mut rest, mut decoder) = (&content[..], MessageDecoder::default());
        while let Some((message, behind)) = split_message(rest) {
            for record in decoder.decode(message)?.records.iter().filter(|record| record.scope == 0)
            {
                let number = |element| record.number(element).unwrap_or_default() as u64;
                totals = (totals.0 + 1, totals.1 + number(2), totals.2 + number(1));
            }
            rest = behind;
        }
        ensure!(rest.is_empty(), "half a message at the end of {}", path.display());
    }
    Ok((files, totals))
}

#[test]
fn files_are_rotated_and_hold_everything() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let options =
        FileOptions { rotate_octets: 100_000, ..FileOptions::new(directory.path().join("new")) };
    let sink = start(Destination::Files(options.clone()), Default::default())?;
    for seed in 0..10 {
        ensure!(sink.offer(&flows::ipv4(seed, 1000)));
    }
    let account = finish(sink, DEADLINE)?;
    let (files, totals) = stored(&options.directory)?;
    let sent = account.sent;
    ensure!(
        sent.flows == 10_000 && totals == (sent.flows, sent.packets, sent.octets),
        "{totals:?}"
    );
    ensure!(files == 9, "10,000 flows of 85 octets make {files} files");
    Ok(())
}

#[test]
fn replayed_flows_make_the_same_files_each_time() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let files = |name: &str| -> Result<Vec<(std::ffi::OsString, Vec<u8>)>> {
        let mut options = FileOptions::new(directory.path().join(name));
        options.rotate_interval = Duration::from_secs(1);
        let sink = start(
            Destination::Files(options.clone()),
            IpfixOptions {
                export_time: ExportTime::FlowEnd,
                process: 1,
                queue_records: 1,
                ..Default::default()
            },
        )?;
        for seed in 0..50 {
            ensure!(sink.offer_waiting(&flows::ipv4(seed, 100)));
        }
        finish(sink, DEADLINE)?;
        let mut files = Vec::new();
        for entry in fs::read_dir(&options.directory)? {
            let entry = entry?;
            files.push((entry.file_name(), fs::read(entry.path())?));
        }
        files.sort();
        Ok(files)
    };
    let (first, second) = (files("first")?, files("second")?);
    ensure!(first.len() > 10, "{} files", first.len());
    ensure!(first == second);
    Ok(())
}

#[test]
fn replay_without_flows_makes_no_file() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let options = FileOptions::new(directory.path().join("flows"));
    let sink = start(
        Destination::Files(options.clone()),
        IpfixOptions { export_time: ExportTime::FlowEnd, ..Default::default() },
    )?;
    finish(sink, DEADLINE)?;
    ensure!(!options.directory.exists());
    Ok(())
}

#[test]
fn a_full_disk_loses_nothing_silently_and_is_used_again_when_there_is_room() -> Result<()> {
    if !tests::root("a full disk") {
        return Ok(());
    }
    let disk = SmallDisk::new("256k")?;
    let path = disk.path();
    let sink = start(Destination::Files(FileOptions::new(path.to_owned())), Default::default())?;
    for seed in 0..10 {
        ensure!(sink.offer(&flows::ipv4(seed, 1000)));
    }
    wait_until("the disk is full", || sink.status().outages > 0)?;
    let account = sink.account();
    let (_, before) = stored(path)?;
    ensure!(
        before == (account.sent.flows, account.sent.packets, account.sent.octets),
        "{account:?}"
    );
    ensure!(account.not_sent.totals.flows > 0, "the message that had no room: {account:?}");
    for entry in fs::read_dir(path)? {
        fs::remove_file(entry?.path())?;
    }
    wait_until("there is room", || sink.account().sent.flows > before.0)?;
    let name = sink.name().to_owned();
    let account = finish(sink, DEADLINE)?;
    let (_, after) = stored(path)?;
    ensure!(before.0 + after.0 == account.sent.flows, "{account:?}");
    let (outages, _) = told(&name);
    ensure!(!outages.is_empty() && outages[0].contains("No space left on device"), "{outages:?}");
    Ok(())
}

/// Lines of a flow log, each of which must be a record.
fn records(path: &Path) -> Result<u64> {
    let text = fs::read_to_string(path)?;
    ensure!(text.is_empty() || text.ends_with('\n'), "half a record at the end");
    for line in text.lines() {
        serde_json::from_str::<serde_json::Value>(line).with_context(|| line.to_owned())?;
    }
    Ok(text.lines().count() as u64)
}

#[test]
fn a_flow_log_on_a_full_disk_has_whole_records_and_as_many_as_it_counts() -> Result<()> {
    if !tests::root("a full disk") {
        return Ok(());
    }
    let disk = SmallDisk::new("256k")?;
    let path = disk.path().join("flows.json");
    let file = LotFile::open(&path, || RotatedFile::open(path.clone(), None, Arc::default()))?;
    let log = FlowLog::to_file(file, SharedInterfaces::default(), 1 << 20)?;
    let offer = |seeds: std::ops::Range<u32>| {
        seeds.for_each(|seed| assert!(log.offer(&flows::ipv4(seed, 1000))));
    };
    offer(0..5);
    wait_until("all is settled", || log.account().queued.flows == 0)?;
    let full = log.account();
    ensure!(full.sent.flows > 0 && full.not_sent.totals.flows > 0, "{full:?}");
    ensure!(records(&path)? == full.sent.flows, "{full:?}");
    let remount = format!("mount -o remount,size=64m {}", disk.path().display());
    let status = Command::new("sh").args(["-c", &remount]).status()?;
    ensure!(status.success(), "{remount}");
    offer(5..7);
    let account = log.join();
    ensure!(account.sent.flows == full.sent.flows + 2000 && account.balances(), "{account:?}");
    ensure!(records(&path)? == account.sent.flows, "{account:?}");
    Ok(())
}

#[test]
fn a_flow_log_is_rotated_and_opened_anew_and_counts_what_it_deletes() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("flows.json");
    let rotation =
        Rotation { max_size: 200_000, max_age: None, keep: 50, max_total: Some(1_000_000) };
    let reopen = Arc::<Reopen>::default();
    let file =
        LotFile::open(&path, || RotatedFile::open(path.clone(), Some(rotation), reopen.clone()))?;
    let log = FlowLog::to_file(file, SharedInterfaces::default(), 1 << 20)?;
    for seed in 0..10 {
        log.offer(&flows::ipv4(seed, 1000));
    }
    wait_until("all is written", || log.account().queued.flows == 0)?;
    let moved = directory.path().join("moved");
    fs::rename(&path, &moved)?;
    reopen.request();
    log.offer(&flows::ipv4(10, 1));
    let account = log.join();
    ensure!(account.sent.flows == 10_001 && account.deleted.files > 10, "{account:?}");
    ensure!(records(&path)? == 1);
    let (mut octets, mut kept) = (0, records(&moved)? + 1);
    for number in 1..=50 {
        let name = directory.path().join(format!("flows.json.{number}"));
        if name.exists() {
            octets += fs::metadata(&name)?.len();
            kept += records(&name)?;
        }
    }
    ensure!((600_001..=800_000).contains(&octets), "{octets} octets");
    let all = account.message_octets;
    let there = octets + fs::metadata(&path)?.len() + fs::metadata(&moved)?.len();
    ensure!(there + account.deleted.octets == all, "{there} of {all}, {account:?}");
    ensure!(kept < account.sent.flows);
    Ok(())
}
