//! A disk that is full under every output that writes to one.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use sensor_wire::ipfix::decode::{MessageDecoder, split_message};
use serde_json::Value;
use tests::{
    disk::SmallDisk,
    hits::{Input, Rsyslog, surroundings},
    root,
};

use crate::site::{Site, figure, offered};

/// Every flow is a hit.
const POLICY: &str = "[[policy]]\nname = 'each'\nmatch = 'protocol == udp'\n\
                      track_by = [['srcport']]\nsuppress = '1s'\n";

/// Whole lines of JSON in a file.
fn records(path: &Path) -> Result<u64> {
    let text = fs::read_to_string(path)?;
    ensure!(text.ends_with('\n'), "half a record at the end of {}", path.display());
    for line in text.lines() {
        serde_json::from_str::<Value>(line).with_context(|| line.to_owned())?;
    }
    Ok(text.lines().count() as u64)
}

/// Flow records in the IPFIX files of a directory, all of which have their names, and each of which stands for itself.
fn filed(directory: &Path) -> Result<u64> {
    let mut flows = 0;
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        ensure!(path.extension().is_some_and(|end| end == "ipfix"), "left over: {path:?}");
        let content = fs::read(&path)?;
        let (mut rest, mut decoder, before) = (&content[..], MessageDecoder::default(), flows);
        while let Some((message, behind)) = split_message(rest) {
            let message = decoder.decode(message)?;
            flows += message.records.iter().filter(|record| record.scope == 0).count() as u64;
            rest = behind;
        }
        ensure!(rest.is_empty(), "half a message at the end of {path:?}");
        ensure!(flows > before, "{path:?} has templates and no flows");
    }
    Ok(flows)
}

#[test]
fn a_full_disk_under_every_output() -> Result<()> {
    if !root("a full disk") || !Path::new("/usr/sbin/rsyslogd").is_file() {
        return Ok(());
    }
    let disk = SmallDisk::new("8m")?;
    let on_disk = |name: &str| -> PathBuf { disk.path().join(name) };
    let (port, pki, elsewhere) = surroundings()?;
    let policy = elsewhere.path().join("each.toml");
    fs::write(&policy, POLICY)?;
    let [log, files, hits, spool, state] =
        ["flows.json", "files", "hits.json", "spool", "state"].map(on_disk);
    let text = format!(
        "log.flows = '{}'\nipfix_file.directory = '{}'\npolicies.paths = ['{}']\n\
         intake.state_file = '{}'\nintake.state_interval = '1s'\n\
         [[hits]]\nurl = 'file://{}'\n\
         [[hits]]\nurl = 'syslog+tcp://127.0.0.1:{port}'\nspool = '{}'\n",
        log.display(),
        files.display(),
        policy.display(),
        state.display(),
        hits.display(),
        spool.display()
    );
    let mut site = Site::start(None, &text, "")?;
    let outputs = [
        ("sinks", log.display().to_string()),
        ("sinks", files.display().to_string()),
        ("hits", hits.display().to_string()),
        ("hits", "syslog".to_owned()),
    ];
    let settled = |site: &Site| -> Result<()> {
        outputs.iter().try_for_each(|(part, name)| site.wait_for_all(part, name).map(drop))
    };
    site.feed(300)?;
    settled(&site)?;
    ensure!(site.output("hits", "syslog")?["spooled"] == 300, "{:#}", site.status()?);
    site.wait_for("sinks", &outputs[0].1, |_| state.is_file())?;

    disk.fill()?;
    // In small pieces: the last page of a file may have room for some.
    for _ in 0..20 {
        site.feed(30)?;
    }
    for (part, name) in &outputs {
        site.wait_for(part, name, |output| offered(output) == site.fed)?;
    }
    let log_of = site.wait_for_all("sinks", &outputs[0].1)?;
    ensure!(figure(&log_of, "not_sent") > 0, "{log_of:#}");
    let spooled = site.wait_for_all("hits", "syslog")?;
    ensure!(figure(&spooled, "not_sent") > 0, "{spooled:#}");
    let kept = site.wait_for("hits", &outputs[2].1, |output| output["error"].is_string())?;
    ensure!(figure(&kept, "queued") > 0 && figure(&kept, "not_sent") == 0, "they wait: {kept:#}");
    // Time for more than one attempt of each.
    thread::sleep(Duration::from_secs(3));
    site.feed(30)?;
    let troubles = [
        ("ERROR", format!("flow log {}: No space left on device", log.display())),
        ("WARN", format!("cannot write {}", files.display())),
        ("WARN", format!("cannot write {}", hits.display())),
        ("ERROR", "cannot spool hits: No space left on device".to_owned()),
        ("WARN", format!("cannot write the state file {}", state.display())),
    ];
    for (level, trouble) in &troubles {
        let told = site.said(&[level, trouble, "free some space there"]);
        ensure!(told.len() == 1, "`{trouble}` {} times: {}", told.len(), site.agent.said());
    }
    ensure!(site.said(&["cannot spool", &spool.display().to_string()]).len() == 1, "which spool?");

    disk.relieve()?;
    site.feed(100)?;
    settled(&site)?;
    for end in [
        "writing records again",
        "exporting again",
        "hits are delivered again",
        "can spool hits again",
        "is written again",
    ] {
        site.wait_for("sinks", &outputs[0].1, |_| site.said(&[end]).len() == 1)
            .with_context(|| end.to_owned())?;
    }
    // What was spooled is delivered: whole, and once.
    let rsyslog = Rsyslog::start(Input::Tcp, port, elsewhere.path(), &pki)?;
    let sent = site.wait_for("hits", "syslog", |output| output["spooled"] == 0)?;
    let sent = figure(&sent, "sent");
    tests::peers::wait_until("all is received", || rsyslog.received().len() as u64 >= sent)?;
    ensure!(rsyslog.numbers()?.len() as u64 == sent, "{sent} sent");

    let fed = site.fed;
    let hits_of = site.output("hits", &outputs[2].1)?;
    ensure!(figure(&hits_of, "sent") == fed, "they waited for room: {hits_of:#}");
    let (outcome, _directory) = site.stop()?;
    for (name, stored) in [(&log, records(&log)?), (&files, filed(&files)?)] {
        let name = name.display().to_string();
        let (sent, not_sent) = outcome.account(&name).context(name.clone())?;
        ensure!(sent + not_sent == fed && not_sent > 0, "{name}: {sent} + {not_sent} of {fed}");
        ensure!(stored == sent, "{name}: {stored} are there, {sent} were sent");
    }
    ensure!(records(&hits)? == fed, "{}", records(&hits)?);
    Ok(())
}
