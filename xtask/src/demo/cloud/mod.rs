//! The demonstration with clouds: made flow logs of AWS and Azure that arrive while the sensor runs, a router between them, and
//! labels out of inventories. One flow from development in one cloud to production in the other, and one between low ports,
//! must be found in what each of the three sources tells.
//!
//! It needs neither root nor a network: objects arrive in folders, and the router speaks to a port of the loopback interface.
//! `story.rs` is the table of what happens; `site` holds the sensor's configuration.

mod aws;
mod azure;
mod hits;
mod ledger;
mod moment;
mod netflow;
mod site;
mod story;

use std::{
    fs::{self, File},
    net::{Ipv4Addr, UdpSocket},
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use self::{
    hits::Seen,
    ledger::Ledger,
    moment::Moment,
    site::Site,
    story::{Flow, POLICIES, Source},
};
use super::{Guard, POLL, interrupts};
use crate::{build, test::AGENT, workspace::Workspace};

/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// `cargo xtask demo cloud`.
///
/// # Errors
/// When one of the parts does not start or fails.
pub fn run(workspace: &Workspace) -> Result<ExitCode> {
    let agent = match std::env::var_os(AGENT) {
        Some(agent) => PathBuf::from(agent),
        // Nothing is captured, so that the eBPF programs and their toolchain are not needed.
        None => build::agent(workspace, true)?,
    };
    let interrupted = interrupts()?;
    let port = free_port()?;
    let site = Site::create(port)?;
    let mut sensor = Sensor::start(&agent, &site, &interrupted)?;
    println!("{}", introduction(port));

    let now = Moment::now();
    let router = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).context("a socket for the router")?;
    let send = |sequence, flows: &[Flow]| {
        let datagram = netflow::datagram(now, sequence, flows);
        router.send_to(&datagram, (Ipv4Addr::LOCALHOST, port)).context("send as the router")
    };
    let aws = |text: String, end, number| {
        let (key, octets) = aws::object(&text, end, number)?;
        site.deliver(site::AWS, &key, &octets)
    };
    let azure = |minutes| {
        site.deliver(site::AZURE, &azure::name(now), azure::blob(now, minutes).as_bytes())
    };

    aws(aws::ordinary(now), now.before(60), 1)?;
    azure(1)?;
    send(0, &netflow::ORDINARY)?;
    sensor.wait_until("the ordinary traffic is read", |sensor| {
        Ok(sensor.ledger()?.accounts == ledger::ORDINARY)
    })?;
    println!("Ordinary traffic is read. Now both clouds deliver another minute, and the router a datagram.\n\nHits:");

    aws(aws::forbidden(now), now, 2)?;
    azure(2)?;
    send(1, &netflow::WANTED)?;
    let delivered = Instant::now();
    let mut seen = Seen::default();
    let mut faults = Vec::new();
    let came = sensor.wait_until("all hits are there", |sensor| {
        let lines = fs::read_to_string(sensor.site.hits()).unwrap_or_default();
        print!("{}", seen.read(&lines, delivered.elapsed()));
        Ok(seen.missing().is_empty())
    });
    let came = came.and_then(|()| {
        sensor.wait_until("the ledger is complete", |sensor| {
            Ok(sensor.ledger()?.faults().is_empty())
        })
    });
    // What did not come is told below, in place of what was waited for in vain.
    if sensor.ended()? || interrupted.load(Ordering::Relaxed) {
        came?;
    }
    let ledger = sensor.ledger()?;
    println!("\nLedger: records = flows + windows + duplicates + errors\n{}", ledger.text());
    for (policy, source) in seen.missing() {
        faults.push(format!("no hit of {policy} on flows of {}", source.name()));
    }
    faults.extend(ledger.faults());
    faults.extend(sensor.stop()?);
    if !faults.is_empty() {
        let said = fs::read_to_string(site.log()).unwrap_or_default();
        eprintln!("error: {}\nThe sensor said:\n{said}", faults.join("\nerror: "));
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
    let policies = POLICIES.map(|(name, flow)| {
        let Flow { from, to, .. } = flow;
        format!("  {name:<28}  {}:{} > {}:{}\n", from.0, from.1, to.0, to.1)
    });
    format!(
        "demo: two clouds and a router, all of it made up; no root, no network.\n\n\
         Sources\n{}\n\
         Labels   from aws ec2 describe-instances and describe-network-interfaces, az vm list and az network nic list\n\n\
         Policies, and the flow from cloud to cloud that each must find in all three sources\n{}",
        sources.concat(),
        policies.concat()
    )
}

/// What to do next.
const OWN_BUCKETS: &str = "\
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

/// The running sensor.
struct Sensor<'a> {
    process: Guard,
    agent: &'a Path,
    site: &'a Site,
    interrupted: &'a AtomicBool,
}

impl<'a> Sensor<'a> {
    /// Starts it and waits until it listens and answers.
    fn start(agent: &'a Path, site: &'a Site, interrupted: &'a AtomicBool) -> Result<Self> {
        let log = File::create(site.log()).context("make the sensor's log")?;
        let mut command = Command::new(agent);
        command.args(["run", "--config"]).arg(site.config()).env_remove("SENSOR_LOG");
        command.stdout(Stdio::null()).stderr(log);
        let process = Guard::start(&mut command)?;
        let mut sensor = Self { process, agent, site, interrupted };
        sensor.wait_until("the sensor answers", |sensor| {
            let status = sensor.status()?;
            Ok(["listeners", "clouds"]
                .iter()
                .all(|key| status[key].as_array().is_some_and(|rows| !rows.is_empty())))
        })?;
        Ok(sensor)
    }

    /// `sensor status`; null where it does not answer yet.
    fn status(&self) -> Result<Value> {
        let mut command = Command::new(self.agent);
        command.args(["status", "--json", "--socket"]).arg(self.site.socket()).stdin(Stdio::null());
        let output = command.output().with_context(|| format!("start {command:?}"))?;
        Ok(serde_json::from_slice(&output.stdout).unwrap_or_default())
    }

    fn ledger(&self) -> Result<Ledger> {
        Ok(Ledger::of(&self.status()?))
    }

    fn ended(&mut self) -> Result<bool> {
        Ok(self.process.0.try_wait()?.is_some())
    }

    /// Looks until something is so. An error when the sensor ends, when the user interrupts, or when it takes too long.
    fn wait_until(
        &mut self,
        what: &str,
        mut is_so: impl FnMut(&Self) -> Result<bool>,
    ) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(self)? {
            ensure!(!self.interrupted.load(Ordering::Relaxed), "interrupted");
            let vain = match self.process.0.try_wait()? {
                Some(status) => format!("the sensor has ended: {status}"),
                None if Instant::now() > deadline => {
                    format!("waited for {} s", PATIENCE.as_secs())
                }
                None => {
                    thread::sleep(POLL);
                    continue;
                }
            };
            let said = fs::read_to_string(self.site.log()).unwrap_or_default();
            bail!("{vain} before {what}. The sensor said:\n{said}");
        }
        Ok(())
    }

    /// Ends it. What is wrong with its end.
    fn stop(mut self) -> Result<Option<String>> {
        let status = self.process.stop().context("stop the sensor")?;
        Ok((!status.success()).then(|| format!("the sensor ended with {status}")))
    }
}
