//! The demonstration, as a newcomer starts it: the hits come in time, the books balance, nothing is left behind.

use std::{
    fs,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use tests::{agent, root};

/// Seconds; far below the half minute that a newcomer has patience for.
const DURATION: &str = "20";

/// What a line of a hit holds: severity, kind, policy, and whom it is about. Of both kinds of policies, with and without
/// thresholds, of the stock library and of the demonstration's own.
const HITS: [&str; 7] = [
    "low    start   scan_vertical_internal  srcip=192.0.2.2",
    "medium ongoing scan_vertical_internal  srcip=192.0.2.2",
    "high   hit     production_development_traffic  srcip=10.0.0.1 dstip=10.0.0.2",
    "medium start   vpn_client_leaving  srcip=192.0.2.1 dstip=192.175.48.112 dstport=51820",
    "low    hit     privileged_to_privileged  srcip=192.0.2.1 dstip=192.0.2.2",
    "high   hit     forbidden_connection  tcp 10.0.0.",
    "low    hit     low_port_to_low_port  udp 192.0.2.",
];

#[test]
fn the_demonstration_shows_its_hits() -> Result<()> {
    if !root("the demonstration") {
        return Ok(());
    }
    // Beside the agent, where `cargo xtask` has been built.
    let agent = agent::binary()?;
    let mut command = Command::new(agent.with_file_name("xtask"));
    command.env("SENSOR_BINARY", &agent).args(["demo", "--duration", DURATION]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().with_context(|| format!("start {command:?}"))?;
    let namespaces = format!("sensor-demo-{}-", child.id());
    let output = child.wait_with_output()?;
    let (shown, said) =
        (String::from_utf8(output.stdout)?, String::from_utf8_lossy(&output.stderr).into_owned());

    let all = format!("{shown}\n{said}");
    ensure!(output.status.success(), "{}: {all}", output.status);
    for hit in HITS {
        ensure!(shown.lines().any(|line| line.contains(hit)), "no `{hit}`: {all}");
    }
    ensure!(!shown.contains("not seen"), "{all}");
    ensure!(said.contains("balanced: every packet and octet is accounted for"), "{all}");
    let sequence = shown.lines().find_map(|line| line.trim().strip_prefix("Sequence failures"));
    ensure!(sequence.map(str::trim) == Some("0"), "nfcapd missed flows: {all}");

    let left =
        fs::read_dir("/run/netns")?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let left: Vec<String> = left.filter(|name| name.starts_with(&namespaces)).collect();
    ensure!(left.is_empty(), "left behind: {left:?}");
    Ok(())
}
