//! Hits to files, to a journal, and to all outputs by `sensor hits test`.

use std::{fs, os::unix::net::UnixDatagram, path::Path, process::Command, sync::Arc};

use anyhow::{Context, Result, ensure};
use sensor::export::{
    files::{Reopen, rotated::Rotation},
    hits::{
        Hits, Way,
        options::{Destination, FileOptions},
        selection::Selection,
    },
};
use sensor_core::policy::alert::Severity;
use tests::{
    agent::binary,
    export::DEADLINE,
    hits::{event, finish, numbers, offer, output, start},
    peers::wait_until,
};

#[test]
fn files_are_rotated_and_opened_anew() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("hits.json");
    let rotation = Rotation { max_size: 20_000, max_age: None, keep: 100, max_total: None };
    let options = FileOptions { path: path.clone(), rotation };
    let reopen = Arc::<Reopen>::default();
    let hits = Hits::start(vec![Way::own(output(Destination::File(options)))], &reopen)?;
    offer(&hits, 0..100);
    wait_until("all is written", || hits.reports()[0].account.sent == 100)?;
    fs::rename(&path, directory.path().join("moved"))?;
    reopen.request();
    offer(&hits, 100..101);
    let report = finish(hits, DEADLINE)?;
    ensure!(report.account.sent == 101, "{report:?}");

    let read = |name: &str| fs::read_to_string(directory.path().join(name));
    let mut files: Vec<String> = Vec::new();
    let mut number = 1;
    while let Ok(text) = read(&format!("hits.json.{number}")) {
        ensure!(text.len() <= 20_000, "{} octets", text.len());
        files.insert(0, text);
        number += 1;
    }
    ensure!(files.len() > 2, "{} files", files.len());
    files.push(read("moved")?);
    files.push(read("hits.json")?);
    let all = numbers(files.iter().flat_map(|text| text.lines()))?;
    ensure!(all == (0..101).collect::<Vec<_>>(), "{all:?}");
    Ok(())
}

#[test]
fn a_file_that_cannot_be_opened_is_told_at_the_start() -> Result<()> {
    let rotation = Rotation { max_size: 1 << 20, max_age: None, keep: 1, max_total: None };
    let options = FileOptions { path: "/nonexistent/hits".into(), rotation };
    let error = start(output(Destination::File(options))).err().context("refused")?.to_string();
    ensure!(error.starts_with("hits to /nonexistent/hits: cannot open it: No such"), "{error}");
    Ok(())
}

#[test]
fn the_journal_gets_fields_and_may_come_late() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let socket = directory.path().join("socket");
    let journal = Destination::Journal { socket: socket.clone(), tag: "fw".into() };
    let mut options = output(journal);
    options.selection = Selection { severity: Severity::High, ..Selection::default() };
    let hits = start(options)?;
    offer(&hits, 0..5);
    let mut severe = (*event(5)).clone();
    severe.severity = Severity::High;
    hits.offer(&severe.into());
    wait_until("it is not there", || hits.reports()[0].error.is_some())?;
    let journal = UnixDatagram::bind(&socket)?;
    journal.set_read_timeout(Some(DEADLINE))?;
    let mut datagram = vec![0; 1 << 16];
    let length = journal.recv(&mut datagram)?;
    let text = std::str::from_utf8(&datagram[..length])?;
    for line in
        ["PRIORITY=2", "SYSLOG_IDENTIFIER=fw", "HIT_POLICY=trial", "HIT_ID=0000000000000005-0"]
    {
        ensure!(text.lines().any(|found| found == line), "{line} in {text}");
    }
    let json = text.lines().find_map(|line| line.strip_prefix("HIT_JSON=")).context("JSON")?;
    ensure!(numbers([json])? == [5]);
    let report = finish(hits, DEADLINE)?;
    ensure!((report.account.offered, report.account.sent) == (1, 1), "{report:?}");
    Ok(())
}

/// Runs `sensor hits test` with this configuration: exit code, stdout and stderr.
fn try_outputs(directory: &Path, text: &str) -> Result<(Option<i32>, String, String)> {
    let path = directory.join("sensor.toml");
    fs::write(&path, text)?;
    let outcome = Command::new(binary()?).args(["hits", "test", "--config"]).arg(&path).output()?;
    Ok((
        outcome.status.code(),
        String::from_utf8(outcome.stdout)?,
        String::from_utf8(outcome.stderr)?,
    ))
}

#[test]
fn every_output_can_be_tried() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("hits.cef");
    let good = format!(
        "[[hits]]\nurl = 'file://{}'\nformat = 'cef'\nseverity = 'high'\n[[hits]]\nurl = 'stdout'\n",
        file.display()
    );
    let (code, stdout, stderr) = try_outputs(directory.path(), &good)?;
    ensure!(code == Some(0), "{stdout}{stderr}");
    ensure!(stdout.contains("\"algorithm\":\"trial\""), "{stdout}");
    ensure!(
        stdout.ends_with(&format!("{}: sent\nstandard output: sent\n", file.display())),
        "{stdout}"
    );
    ensure!(fs::read_to_string(&file)?.starts_with("CEF:0|flow-sensor|sensor|"));

    let bad = format!("{good}[[hits]]\nurl = 'https://127.0.0.1:1/secret'\n");
    let (code, stdout, stderr) = try_outputs(directory.path(), &bad)?;
    ensure!(code == Some(1) && stderr.ends_with("sensor: 1 of 3 outputs failed\n"), "{stderr}");
    ensure!(stdout.contains("https://127.0.0.1:1: not sent: "), "{stdout}");
    ensure!(stdout.contains("Connection refused") && !stdout.contains("secret"), "{stdout}");

    let (code, _, stderr) = try_outputs(directory.path(), "")?;
    ensure!(code == Some(1) && stderr.contains("there is no [[hits]] output in"), "{stderr}");
    Ok(())
}
