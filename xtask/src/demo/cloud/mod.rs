//! The demonstration with clouds: made flow logs of AWS and Azure that arrive while the sensor runs, a router between them, and
//! labels out of inventories. One flow from development in one cloud to production in the other, and one between low ports,
//! must be found in what each of the three sources tells.
//!
//! It needs neither root nor a network: objects arrive in folders, and the router speaks to a port of the loopback interface.
//! `story.rs` is the table of what happens; `site` holds the sensor's configuration.

mod aws;
mod azure;
mod delivery;
mod hits;
mod ledger;
mod moment;
mod netflow;
mod sensor;
mod site;
mod story;

use std::{
    env, fs,
    net::{Ipv4Addr, UdpSocket},
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use self::{
    delivery::Delivery,
    hits::Seen,
    ledger::Ledger,
    sensor::{START, Sensor},
    site::Site,
    story::{Flow, POLICIES, Source},
};
use super::interrupts;
use crate::{build, test::AGENT, workspace::Workspace};

/// `cargo xtask demo cloud`; waits so long for what must come.
///
/// # Errors
/// When one of the parts does not start or fails.
pub fn run(workspace: &Workspace, patience: Duration) -> Result<ExitCode> {
    let agent = match env::var_os(AGENT) {
        Some(agent) => PathBuf::from(agent),
        // Nothing is captured, so that the eBPF programs and their toolchain are not needed.
        None => build::agent(workspace, true)?,
    };
    let interrupted = interrupts()?;
    let port = free_port()?;
    let site = Site::create(port)?;
    let mut sensor = Sensor::start(&agent, &site, &interrupted)?;
    println!("{}", introduction(port));

    let delivery = Delivery::new(&site, port)?;
    delivery.ordinary()?;
    let is_read = |ledger: Ledger| ledger.accounts == ledger::ORDINARY;
    if !sensor.wait(START, |sensor| Ok(is_read(sensor.ledger()?)))? {
        bail!("the ordinary traffic was not read within {} s{}", START.as_secs(), site.said());
    }
    println!(
        "The ordinary traffic is read. Now each cloud delivers another minute, and the router another \
         datagram.\n\nHits, and when they came after that"
    );
    delivery.wanted()?;
    let delivered = Instant::now();
    let mut seen = Seen::default();
    let mut ledger = Ledger::default();
    sensor.wait(patience, |sensor| {
        let lines = fs::read_to_string(site.hits()).unwrap_or_default();
        print!("{}", seen.read(&lines, delivered.elapsed()));
        ledger = sensor.ledger()?;
        Ok(seen.missing().is_empty() && ledger.faults().is_empty())
    })?;
    println!(
        "\nLedger      records =  flows + windows + duplicates + errors\n{}\nWindows: nothing but that an interface was silent or \
         a connection began. The error of aws: a line was cut off on purpose.",
        ledger.text()
    );

    let missing = seen.missing();
    let missing = missing.iter().map(|(policy, source)| {
        let seconds = patience.as_secs();
        format!("no hit of {policy} on flows of {} within {seconds} s", source.name())
    });
    let mut faults: Vec<String> = missing.chain(ledger.faults()).collect();
    faults.extend(sensor.stop()?);
    if !faults.is_empty() {
        eprintln!("error: {}{}", faults.join("\nerror: "), site.said());
        return Ok(ExitCode::FAILURE);
    }
    println!("{OWN_BUCKETS}");
    Ok(ExitCode::SUCCESS)
}

/// A port that was free a moment ago.
fn free_port() -> Result<u16> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).context("find a free port")?;
    Ok(socket.local_addr()?.port())
}

/// What is set up.
fn introduction(port: u16) -> String {
    let sources = Source::ALL.map(|source| {
        let what = match source {
            Source::Aws => "VPC flow logs, gzip objects that arrive in a folder".to_owned(),
            Source::Azure => "flow log of a virtual network, a PT1H.json that grows".to_owned(),
            Source::Router => format!("NetFlow 9 to 127.0.0.1:{port}"),
        };
        format!("  {:<6}  {what}\n          {}\n", source.name(), source.id())
    });
    let policies = POLICIES.iter().zip(queries()).map(|((name, flow), query)| {
        let Flow { from, to, .. } = flow;
        format!("  {name}: {}:{} > {}:{}\n      {query}\n", from.0, from.1, to.0, to.1)
    });
    format!(
        "demo: two clouds and a router, all of it made up; no root, no network.\n\n\
         Sources\n{}\n\
         Labels, from what these print\n  \
         aws ec2 describe-instances, aws ec2 describe-network-interfaces, az vm list, az network nic list\n\n\
         Policies, and the flow from cloud to cloud that each must find in all three sources\n{}",
        sources.concat(),
        policies.collect::<String>()
    )
}

/// The queries of the policies, as they stand in their file.
fn queries() -> impl Iterator<Item = &'static str> {
    let lines = include_str!("site/policies.toml").lines();
    lines.filter_map(|line| line.strip_prefix("match = \"")?.strip_suffix('"'))
}

/// What to do next.
const OWN_BUCKETS: &str = "
All expected hits came, and every record is accounted for. The same with your own buckets:

  aws ec2 describe-instances > instances.json
  aws ec2 describe-network-interfaces > interfaces.json

  # sensor.toml
  [[cloud]]
  name = \"production\"
  url = \"s3://BUCKET/AWSLogs\"       # gs://BUCKET/PREFIX, az://ACCOUNT/CONTAINER, or folder = \"DIRECTORY\"
  begin = \"1h\"
  state = \"production.state\"
  [[labels.cloud]]
  provider = \"aws\"                  # gcp, oci, azure
  files = [\"instances.json\", \"interfaces.json\"]
  [policies]
  paths = [\"stock\"]
  [[hits]]
  url = \"stdout\"

  sensor doctor --config sensor.toml && sensor run --config sensor.toml

The configuration of this demonstration is in xtask/src/demo/cloud/site; sensor/docs/cloud.md explains all of it.";
