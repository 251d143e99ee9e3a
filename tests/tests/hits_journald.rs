//! Hits to systemd-journald itself, in a mount namespace where it finds no journal of the system, read back by
//! journalctl.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use sensor::export::hits::{options::Destination, render::journal::MESSAGE_ID};
use serde_json::Value;
use tests::{
    export::DEADLINE,
    hits::{finish, numbers, offer, output, start},
    peers::{Peer, require, wait_until},
};

/// No program for people, so that no `PATH` leads to it.
const JOURNALD: &str = "/lib/systemd/systemd-journald";

/// journald keeps to the run-time directory until it is told that the disk is there.
const PRIVATE: &str =
    "mount -t tmpfs run /run && mkdir -p /run/systemd/journal /run/log/journal && exec \"$0\"";

/// A journal of its own. Its files are seen through the root directory of the process.
struct Journald {
    _peer: Peer,
    run: PathBuf,
}

impl Journald {
    fn start() -> Result<Self> {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", PRIVATE, JOURNALD]);
        let peer = Peer::start(command.stdin(Stdio::null()).stdout(Stdio::null()))?;
        let run = Path::new("/proc").join(peer.id().to_string()).join("root/run");
        let journald = Self { _peer: peer, run };
        wait_until("journald listens", || journald.socket().exists())?;
        Ok(journald)
    }

    fn socket(&self) -> PathBuf {
        self.run.join("systemd/journal/socket")
    }

    /// The entries of hits, as journalctl shows them.
    fn hits(&self) -> Vec<Value> {
        let mut command = Command::new("journalctl");
        command.args(["--output=json", "--all", "--no-pager", "--quiet", "--directory"]);
        command.arg(self.run.join("log/journal")).arg(format!("MESSAGE_ID={MESSAGE_ID}"));
        let text = command.output().map(|output| output.stdout).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}

#[test]
fn journald_takes_every_field() -> Result<()> {
    if !require(JOURNALD) || !require("journalctl") {
        return Ok(());
    }
    let journald = Journald::start()?;
    let socket = journald.socket();
    let hits = start(output(Destination::Journal { socket, tag: "fw".into() }))?;
    offer(&hits, 0..200);
    wait_until("all has arrived", || journald.hits().len() >= 200)?;
    let report = finish(hits, DEADLINE)?;
    ensure!(report.account.sent == 200 && report.error.is_none(), "{report:?}");

    let entries = journald.hits();
    let text = |entry: &Value, name: &str| entry[name].as_str().map(str::to_owned).context("text");
    let json: Vec<String> =
        entries.iter().map(|entry| text(entry, "HIT_JSON")).collect::<Result<_>>()?;
    ensure!(numbers(json.iter().map(String::as_str))? == (0..200).collect::<Vec<_>>());
    for (name, value) in [
        ("_TRANSPORT", "journal"),
        ("PRIORITY", "5"),
        ("SYSLOG_IDENTIFIER", "fw"),
        ("HIT_ID", "0000000000000007-0"),
        ("HIT_POLICY", "trial"),
        ("HIT_SEVERITY", "low"),
        ("HIT_TRACK", "srcip=192.0.2.1"),
        ("_PID", &std::process::id().to_string()),
    ] {
        ensure!(entries[7][name] == value, "{name}: {}", entries[7]);
    }
    ensure!(text(&entries[7], "MESSAGE")?.contains("trial"), "{}", entries[7]);
    Ok(())
}
