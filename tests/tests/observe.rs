//! The agent under observation: a real Prometheus scrapes it while it captures, promtool reads what it exports and the rules that
//! ship with it.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::{
    agent::{Agent, binary},
    netns::Netns,
    peers::{Peer, require, wait_until},
    root,
};

const NEAR: &str = "vb";
const SENSOR: u16 = 9477;
const PROMETHEUS: u16 = 9090;

/// The body of an answer to a request of the namespace's loopback address.
fn get(netns: &Netns, port: u16, path: &str) -> Result<String> {
    let octets = netns.enter(|| -> Result<Vec<u8>> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut octets = Vec::new();
        stream.read_to_end(&mut octets)?;
        Ok(octets)
    })??;
    let text = String::from_utf8(octets)?;
    let (_, body) = text.split_once("\r\n\r\n").context("an answer has a body")?;
    Ok(body.to_owned())
}

/// The value that Prometheus has of a query without blanks; `None` where it has none.
fn value(netns: &Netns, query: &str) -> Result<Option<f64>> {
    let body = get(netns, PROMETHEUS, &format!("/api/v1/query?query={query}"))?;
    // A longer answer comes in chunks, whose sizes stand around it.
    let (start, end) = (body.find('{').context("JSON")?, body.rfind('}').context("JSON")?);
    let answer: Value = serde_json::from_str(&body[start..=end])?;
    let value = &answer["data"]["result"][0]["value"][1];
    value.as_str().map(|value| Ok(value.parse()?)).transpose()
}

fn prometheus(netns: &Netns, directory: &Path) -> Result<Peer> {
    let config = directory.join("prometheus.yml");
    let text = format!(
        "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\n\
         rule_files: ['{}']\n\
         scrape_configs: [{{ job_name: sensor, static_configs: [{{ targets: ['127.0.0.1:{SENSOR}'] }}] }}]\n",
        deploy("prometheus-alerts.yml")
    );
    fs::write(&config, text)?;
    let mut command = netns.command("prometheus");
    command.arg(format!("--config.file={}", config.display()));
    command.arg(format!("--storage.tsdb.path={}", directory.join("data").display()));
    command.arg(format!("--web.listen-address=127.0.0.1:{PROMETHEUS}"));
    Peer::start(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()))
}

fn deploy(file: &str) -> String {
    format!("{}/../sensor/deploy/{file}", env!("CARGO_MANIFEST_DIR"))
}

/// Runs promtool, with `input` where it reads it.
fn promtool(arguments: &[&str], input: &str) -> Result<()> {
    let mut command = Command::new("promtool");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    child.stdin.take().context("a pipe")?.write_all(input.as_bytes())?;
    let output = child.wait_with_output()?;
    let text = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "promtool {arguments:?}: {text}");
    Ok(())
}

/// An exposition in the older format, which is the one that promtool lints: a family there is called what its samples are, and
/// has at least one.
fn in_the_older_format(exposition: &str) -> String {
    let mut text = String::new();
    for family in exposition.split("# HELP ").skip(1) {
        let mut lines = family.lines();
        let (name, help) = lines.next().and_then(|line| line.split_once(' ')).unwrap_or_default();
        let kind = lines.next().and_then(|line| line.rsplit(' ').next()).unwrap_or_default();
        let samples: Vec<_> = lines.filter(|line| !line.starts_with('#')).collect();
        if samples.is_empty() {
            continue;
        }
        let (name, kind) = match kind {
            "counter" => (format!("{name}_total"), kind),
            "info" => (format!("{name}_info"), "gauge"),
            kind => (name.to_owned(), kind),
        };
        text.push_str(&format!(
            "# HELP {name} {help}\n# TYPE {name} {kind}\n{}\n",
            samples.join("\n")
        ));
    }
    text
}

#[test]
fn prometheus_scrapes_what_the_agent_captures() -> Result<()> {
    if !(root("a scrape") && ["ping", "prometheus", "promtool"].iter().all(|name| require(name))) {
        return Ok(());
    }
    let (near, far) = (Netns::new("lb-near")?, Netns::new("lb-far")?);
    far.veth("va", &near, NEAR)?;
    let directory = tempfile::tempdir()?;
    let socket = directory.path().join("control.sock");
    let config = directory.path().join("sensor.toml");
    let text = format!(
        "[control]\nsocket = '{}'\n[metrics]\nlisten = '127.0.0.1:{SENSOR}'\n[policies]\npaths = ['stock']\n",
        socket.display()
    );
    fs::write(&config, text)?;
    let line = format!("--config {} --print none", config.display());
    let agent = Agent::watching(&near, NEAR, &line)?;
    let mut prometheus = prometheus(&near, directory.path())?;
    let told = far.run("ping -q -i 0.01 -c 200 192.0.2.2")?;
    ensure!(told.contains("200 received"), "{told}");
    let seen = "sensor_ledger_packets_total{entry=\"seen\"}";
    wait_until("Prometheus has the packets", || {
        value(&near, seen).is_ok_and(|value| value.is_some_and(|packets| packets >= 400.0))
    })?;
    for (query, holds) in [
        ("up", (|value| value == 1.0) as fn(f64) -> bool),
        ("sensor_healthy", |value| value == 1.0),
        ("sensor_interface_packets_total{interface=\"vb\",direction=\"ingress\"}", |value| {
            value >= 200.0
        }),
        (
            "sensor_interface_unseen_packets_total{interface=\"vb\",direction=\"ingress\"}",
            |value| value == 0.0,
        ),
        ("sensor_interface_lost_packets_total{interface=\"vb\",counter=\"rx_missed\"}", |value| {
            value == 0.0
        }),
        ("sensor_drain_duration_seconds_count", |value| value >= 1.0),
        ("sensor_grace_period_duration_seconds_sum", |value| value > 0.0),
        ("sensor_kernel_table_slots{family=\"ipv4\"}", |value| value >= 2048.0),
        ("sensor_policies", |value| value > 50.0),
        ("count(sensor_policy_matched_records_total)", |value| value > 50.0),
        ("process_resident_memory_bytes", |value| value > 1e6),
        ("count(ALERTS)", |_| false),
    ] {
        let found = value(&near, query)?;
        let silent = query.contains("ALERTS") && found.is_none();
        ensure!(silent || found.is_some_and(holds), "{query}: {found:?}");
    }
    let exposition = get(&near, SENSOR, "/metrics")?;
    promtool(&["check", "metrics"], &in_the_older_format(&exposition))?;
    prometheus.stop()?;
    // The same by the socket, which every namespace shares.
    let status =
        Command::new(binary()?).args(["status", "--json", "--socket"]).arg(&socket).output()?;
    let document: Value = serde_json::from_slice(&status.stdout)?;
    ensure!(status.status.success() && document["health"]["healthy"] == true, "{document}");
    ensure!(document["interfaces"][0]["name"] == NEAR, "{document}");
    ensure!(document["kernel"]["drains_out_of_balance"] == 0, "{document}");
    agent.stop("TERM")?;
    Ok(())
}

#[test]
fn an_interface_that_is_not_there_makes_the_agent_unhealthy() -> Result<()> {
    if !root("health") {
        return Ok(());
    }
    let (near, far) = (Netns::new("lb-near")?, Netns::new("lb-far")?);
    far.veth("va", &near, NEAR)?;
    let directory = tempfile::tempdir()?;
    let socket = directory.path().join("control.sock");
    let config = directory.path().join("sensor.toml");
    let text = format!(
        "[capture]\ninterfaces = ['{NEAR}', 'never0']\n[control]\nsocket = '{}'\n[metrics]\nlisten = '127.0.0.1:{SENSOR}'\n",
        socket.display()
    );
    fs::write(&config, text)?;
    let mut agent = Agent::start(&near, &format!("--config {} --print none", config.display()))?;
    agent.wait_for(&format!("{NEAR}: ingress"))?;
    let expected = "absent_interface: no interface named never0 has appeared\n";
    wait_until("/healthz tells", || {
        get(&near, SENSOR, "/healthz").is_ok_and(|body| body == expected)
    })?;
    let status = Command::new(binary()?).args(["status", "--socket"]).arg(&socket).output()?;
    let text = String::from_utf8(status.stdout)?;
    ensure!(
        status.status.code() == Some(1) && text.starts_with("health      NOT HEALTHY\n"),
        "{text}"
    );
    near.run("ip link add never0 type veth peer name never1")?;
    near.run("ip link set never0 up")?;
    wait_until("it is healthy", || {
        get(&near, SENSOR, "/healthz").is_ok_and(|body| body == "ok\n")
    })?;
    agent.stop("TERM")?;
    Ok(())
}

#[test]
fn the_rules_that_ship_are_sound_and_their_tests_pass() -> Result<()> {
    if !require("promtool") {
        return Ok(());
    }
    promtool(&["check", "rules", &deploy("prometheus-alerts.yml")], "")?;
    promtool(&["test", "rules", &deploy("prometheus-alerts.test.yml")], "")
}
