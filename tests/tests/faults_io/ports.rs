//! Ports, sockets and directories that somebody else has.

use std::{
    fs,
    net::{TcpListener, UdpSocket},
};

use anyhow::{Result, ensure};
use tests::{agent::Agent, peers::free_port};

use crate::site::{Plan, Site, socket};

/// Does not start with this configuration: one message of these parts.
fn refuses_to_start(text: &str, code: i32, parts: &[&str]) -> Result<()> {
    let plan = Plan::new()?;
    let outcome = Agent::spawn(&mut plan.command(None, text, "--print none")?)?.wait()?;
    ensure!(outcome.code == Some(code), "exit code {:?}: {}", outcome.code, outcome.stderr);
    ensure!(outcome.stderr.matches("sensor: ").count() == 1, "one message: {}", outcome.stderr);
    for part in parts {
        ensure!(outcome.stderr.contains(part), "no `{part}`: {}", outcome.stderr);
    }
    let left: Vec<_> =
        fs::read_dir(plan.directory.path())?.flatten().map(|e| e.file_name()).collect();
    ensure!(left == ["sensor.toml"], "left behind: {left:?}");
    Ok(())
}

#[test]
fn what_somebody_has_keeps_another_agent_from_starting() -> Result<()> {
    let (udp, tcp) = (UdpSocket::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
    const TAKEN: &str = "Address already in use";
    let url = format!("ipfix://127.0.0.1:{}", udp.local_addr()?.port());
    refuses_to_start(&format!("[[listen]]\nurl = '{url}'\n"), 1, &[&url, TAKEN])?;
    let address = tcp.local_addr()?;
    let url = format!("tcp://{address}");
    refuses_to_start(&format!("[[listen]]\nurl = '{url}'\n"), 1, &[&url, TAKEN])?;
    let parts = [&address.to_string(), "metrics.listen", TAKEN];
    refuses_to_start(&format!("metrics.listen = '{address}'\n"), 1, &parts)?;
    Ok(())
}

#[test]
fn a_running_agent_keeps_its_control_socket_and_its_spool() -> Result<()> {
    let spool = tempfile::tempdir()?;
    let hits = format!(
        "[[hits]]\nurl = 'syslog+tcp://127.0.0.1:9'\nspool = '{}'\n",
        spool.path().display()
    );
    let mut first = Site::start(None, &hits, "--print none")?;
    let taken = socket(first.directory.path()).display().to_string();
    // Its own configuration would name the socket a second time.
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("sensor.toml");
    fs::write(
        &path,
        format!(
            "control.socket = '{taken}'\n[[listen]]\nurl = 'netflow://127.0.0.1:{}'\n",
            free_port()?
        ),
    )?;
    let mut command = std::process::Command::new(tests::agent::binary()?);
    command.args(["run", "--print", "none", "--config"]).arg(&path);
    let outcome = Agent::spawn(&mut command)?.wait()?;
    ensure!(outcome.code == Some(1), "exit code {:?}: {}", outcome.code, outcome.stderr);
    ensure!(outcome.stderr.matches("sensor: ").count() == 1, "{}", outcome.stderr);
    for part in [&taken, "another sensor answers there", "set `control.socket` to another path"] {
        ensure!(outcome.stderr.contains(part), "no `{part}`: {}", outcome.stderr);
    }
    let spooling = spool.path().display().to_string();
    refuses_to_start(&hits, 1, &[&spooling, "another output or process uses it"])?;

    // The first one does not notice any of it.
    first.feed(100)?;
    ensure!(first.status()?["health"]["healthy"] == true, "{:#}", first.status()?);
    let (outcome, _directory) = first.stop()?;
    ensure!(!outcome.stderr.contains("WARN"), "{}", outcome.stderr);
    Ok(())
}

#[test]
fn what_somebody_has_refuses_a_reload() -> Result<()> {
    let tcp = TcpListener::bind("127.0.0.1:0")?;
    let spool = tempfile::tempdir()?;
    let hits = format!(
        "[[hits]]\nurl = 'syslog+tcp://127.0.0.1:9'\nspool = '{}'\n",
        spool.path().display()
    );
    let other = Site::start(None, &hits, "--print none")?;
    // The spool is none of its files: a sandbox would refuse it first.
    let mut site = Site::start(None, "[security]\nsandbox = 'off'\n", "--print flows")?;
    let url = format!("tcp://{}", tcp.local_addr()?);
    for (text, parts) in [
        (format!("[[listen]]\nurl = '{url}'\n"), [url.as_str(), "Address already in use"]),
        (hits, [spool.path().to_str().unwrap_or_default(), "another output or process uses it"]),
    ] {
        site.feed(30)?;
        site.refuses_with(&text, &parts)?;
        site.feed(30)?;
        site.wait_for_all("sinks", "standard output")?;
    }
    let (outcome, _directory) = site.stop()?;
    ensure!(outcome.account("standard output") == Some((120, 0)), "{}", outcome.stderr);
    ensure!(outcome.stderr.contains("2 reloads (2 refused)"), "{}", outcome.stderr);
    other.stop()?;
    Ok(())
}
