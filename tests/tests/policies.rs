//! Policies on flows that a router sends, and what SIGHUP changes of them while flows come in.

use std::fs;

use anyhow::{Result, ensure};
use tests::{
    intake::{collect, netflow5, sender, wait_for_flows},
    peers::{free_port, wait_until},
};

const SEED: &str = r#"[[policy]]
name = "seed"
description = "Groups that should not talk do"
match = "label.ip.securitygroup == production && label.ip.securitygroup == development"
track_by = [["srcport"]]
"#;

#[test]
fn labels_and_policies_are_read_anew_and_no_flow_is_lost() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = |name: &str| directory.path().join(name);
    fs::write(path("labels.csv"), "10.0.0.1,securitygroup,production\n")?;
    fs::write(path("policy.toml"), SEED)?;
    let config = format!("[labels]\nfiles = [{:?}]\n", path("labels.csv"));
    fs::write(path("sensor.toml"), config)?;
    let port = free_port()?;
    let agent = collect(&format!(
        "--listen netflow://127.0.0.1:{port} --print flows,hits --config {} --policies {}",
        path("sensor.toml").display(),
        path("policy.toml").display()
    ))?;
    let socket = sender("127.0.0.1:0", port)?;
    // Only one end has a label yet.
    socket.send(&netflow5(0, &[1001]))?;
    wait_for_flows(&agent, 1)?;

    fs::write(
        path("labels.csv"),
        "10.0.0.1,securitygroup,production\n10.0.0.2,securitygroup,development\n",
    )?;
    fs::write(path("policy.toml"), SEED.to_owned() + &SEED.replace("seed", "second"))?;
    let mut sequence = 1;
    agent.signal("HUP")?;
    wait_until("the second policy", || {
        // Flows go on while files are read.
        let sent = socket.send(&netflow5(sequence, &[2000 + sequence as u16]));
        sequence += 1;
        sent.is_ok() && agent.printed().is_ok_and(|text| text.contains(r#""algorithm":"second""#))
    })?;

    // Faults leave all in force that there is.
    fs::write(path("policy.toml"), SEED.replace("== production", "= production"))?;
    agent.signal("HUP")?;
    wait_until("the fault", || agent.said().contains("reload refused"))?;
    socket.send(&netflow5(sequence, &[3001]))?;
    let hits = |text: &str, port: u16| text.matches(&format!("(medium): srcport={port}")).count();
    wait_until("hits of both policies", || {
        agent.printed().is_ok_and(|text| hits(&text, 3001) == 2)
    })?;
    let outcome = agent.stop("TERM")?;
    ensure!(outcome.code == Some(0), "{}", outcome.stderr);
    ensure!(hits(&outcome.stdout, 1001) == 0, "{}", outcome.stdout);
    let decoded = format!("{0} datagrams, {0} records, {0} flows", sequence + 1);
    for part in [&decoded, "2 reloads (1 refused): flows waited"] {
        ensure!(outcome.stderr.contains(part), "no `{part}`: {}", outcome.stderr);
    }
    Ok(())
}
