//! Flow logs in object storage, read from stand-ins of the clouds: every record once, whatever happens meanwhile.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, ensure};
use sensor::agent::cloud::follow::store::layout::{Day, Style};
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{
    agent::{Agent, binary},
    clouds::{self, ACCOUNT, Cloud, KEY},
    peers::wait_until,
};

/// Records of an object.
const RECORDS: u64 = 10;

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// The folders of today, in a style.
fn today(style: Style) -> String {
    style.day(Day::of(now()))
}

/// A log of AWS as text: its records differ by their source ports, from `number * RECORDS` on.
fn log(number: u64) -> Vec<u8> {
    let mut text = String::from(
        "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status\n",
    );
    text.push_str(&records(number));
    text.into_bytes()
}

fn records(number: u64) -> String {
    let end = now() / 1000;
    let record = |at: u64| {
        let (port, start) = (number * RECORDS + at + 1, end - 60);
        format!(
            "2 123456789012 eni-1 10.0.0.1 10.0.0.2 {port} 443 6 3 180 {start} {end} ACCEPT OK\n"
        )
    };
    (0..RECORDS).map(record).collect()
}

/// An agent's surroundings.
struct Lab {
    directory: TempDir,
    config: PathBuf,
}

impl Lab {
    /// For an agent with these keys of `[[cloud]]`.
    fn new(keys: &str) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let lab = Self { config: directory.path().join("sensor.toml"), directory };
        lab.configure(keys)?;
        Ok(lab)
    }

    fn configure(&self, keys: &str) -> Result<()> {
        let at = |name: &str| self.at(name).display().to_string();
        let text = format!(
            "[[cloud]]\nname = 'lab'\nstate = '{}'\nbegin = 'all'\npoll = '1s'\n{keys}\n\
             [log]\nflows = '{}'\n[control]\nsocket = '{}'\n",
            at("state"),
            at("flows.json"),
            at("control.sock"),
        );
        Ok(fs::write(&self.config, text)?)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn start(&self) -> Result<Agent> {
        let mut command = Command::new(binary()?);
        command.arg("run").arg("--config").arg(&self.config).env("HOME", self.directory.path());
        for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            command.env(name, "lab");
        }
        Agent::spawn(&mut command)
    }

    /// The source ports of all records in the flow log, in its order.
    fn ports(&self) -> Result<Vec<u64>> {
        let text = match fs::read_to_string(self.at("flows.json")) {
            Ok(text) => text,
            Err(_) => return Ok(Vec::new()),
        };
        // The last line may be half written.
        let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let port = |line: &str| {
            let flow: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
            flow["srcport"].as_u64().with_context(|| line.to_owned())
        };
        lines.map(port).collect()
    }

    /// Waits until the records of all objects up to `objects` are there.
    fn wait_for(&self, objects: u64, agent: &Agent) -> Result<()> {
        let waited = wait_until("all records are there", || {
            self.ports().is_ok_and(|ports| ports.len() as u64 >= objects * RECORDS)
        });
        waited.with_context(|| {
            format!("{} records; {}", self.ports().unwrap_or_default().len(), agent.said())
        })
    }

    /// Sees that these records are there, each once.
    fn exactly(&self, objects: u64) -> Result<()> {
        let ports = self.ports()?;
        let all: BTreeSet<u64> = ports.iter().copied().collect();
        let expected: BTreeSet<u64> = (1..=objects * RECORDS).collect();
        ensure!(all == expected, "missing: {:?}", expected.difference(&all).collect::<Vec<_>>());
        ensure!(ports.len() == all.len(), "{} records, {} different ones", ports.len(), all.len());
        Ok(())
    }

    /// What the status says of the source.
    fn status(&self) -> Result<Value> {
        let mut command = Command::new(binary()?);
        command.args(["status", "--json", "--socket"]).arg(self.at("control.sock"));
        let said = command.output()?;
        serde_json::from_slice(&said.stdout)
            .with_context(|| String::from_utf8_lossy(&said.stderr).into_owned())
    }
}

fn kill(agent: Agent) -> Result<()> {
    agent.signal("KILL")?;
    let outcome = agent.wait()?;
    ensure!(outcome.code.is_none(), "{outcome:?}");
    Ok(())
}

fn ended(agent: Agent) -> Result<()> {
    agent.signal("TERM")?;
    let outcome = agent.wait()?;
    ensure!(outcome.code == Some(0), "{outcome:?}");
    Ok(())
}

fn s3(cloud: &Cloud, more: &str) -> String {
    format!("url = 's3://logs/site'\nendpoint = '{}'\n{more}", cloud.url())
}

#[test]
fn a_bucket_is_read_once_over_kills_whatever_its_layout() -> Result<()> {
    if !clouds::require() {
        return Ok(());
    }
    let directory = tempfile::tempdir()?;
    let cloud = Cloud::moto(directory.path())?;
    cloud.ask(&json!({ "do": "bucket", "bucket": "logs" }))?;
    let plain = |number: u64| {
        format!("site/AWSLogs/1/vpcflowlogs/us-east-1/{}{number:03}.log", today(Style::Plain))
    };
    let hive = |number: u64| {
        let day = today(Style::Hive);
        format!(
            "site/AWSLogs/aws-account-id=2/aws-region=us-east-1/{day}hour=07/{number:03} a+b=c.log"
        )
    };
    let old =
        |number: u64| format!("site/AWSLogs/1/vpcflowlogs/us-east-1/2019/02/03/{number:03}.log");
    let flat = |number: u64| format!("site/{number:03}.log");
    let mut number = 0;
    let mut put = |key: &dyn Fn(u64) -> String| {
        cloud.put("logs", &key(number), &log(number))?;
        number += 1;
        Ok::<_, anyhow::Error>(number)
    };
    for key in [&plain as &dyn Fn(u64) -> String, &hive, &old, &flat] {
        put(key)?;
        put(key)?;
    }
    // What is not below the prefix is nobody's.
    cloud.put("logs", "elsewhere/2026/01/01/x.log", &log(900))?;
    cloud.put("logs", "sites/x.log", &log(901))?;
    // Names that cannot be read keep nothing else from being read.
    for key in ["site/../x.log", "site/./x.log", "site/a//x.log", "site/x\u{1}.log"] {
        cloud.put("logs", key, &log(902))?;
    }
    let lab = Lab::new(&s3(&cloud, ""))?;
    let agent = lab.start()?;
    lab.wait_for(8, &agent)?;
    lab.exactly(8)?;
    // More comes, and the agent is killed while it reads.
    let mut agent = agent;
    for _ in 0..4 {
        for key in [&plain as &dyn Fn(u64) -> String, &hive] {
            for _ in 0..10 {
                put(key)?;
            }
        }
        let before = lab.ports()?.len();
        wait_until("some are read", || lab.ports().is_ok_and(|ports| ports.len() > before))?;
        kill(agent)?;
        put(&plain)?;
        agent = lab.start()?;
    }
    let mut all = put(&hive)?;
    lab.wait_for(all, &agent)?;
    // Another look finds nothing that is new.
    let status = lab.status()?;
    all = put(&flat)?;
    lab.wait_for(all, &agent)?;
    lab.exactly(all)?;
    ensure!(status["clouds"][0]["error"].is_null(), "{status}");
    ended(agent)
}

#[test]
fn a_message_is_deleted_when_its_object_is_read_and_not_before() -> Result<()> {
    if !clouds::require() {
        return Ok(());
    }
    let directory = tempfile::tempdir()?;
    let cloud = Cloud::moto(directory.path())?;
    cloud.ask(&json!({ "do": "bucket", "bucket": "logs" }))?;
    let queue = cloud.ask(&json!({ "do": "queue", "name": "news", "bucket": "logs" }))?;
    let queue = queue.as_str().context("a URL")?;
    // What a queue is told when notifications are switched on.
    let before = cloud.left(queue)?;
    let put = |number: u64| cloud.put("logs", &format!("site/a b+c/{number:03}.log"), &log(number));
    (0..20).try_for_each(put)?;
    cloud.put("logs", "elsewhere/x.log", &log(900))?;
    ensure!(cloud.left(queue)? == before + 21);
    let lab = Lab::new(&s3(&cloud, &format!("queue = '{queue}'")))?;
    let mut agent = lab.start()?;
    let check = |written: u64| -> Result<u64> {
        let left = cloud.left(queue)?;
        let read = lab.ports()?.len() as u64 / RECORDS;
        // One message was of an object elsewhere, and `before` of none.
        ensure!(
            written.saturating_sub(left) <= read,
            "{left} messages are left of {written}, but only {read} objects are read"
        );
        Ok(read)
    };
    let mut written = 20;
    for _ in 0..3 {
        let mut broken = None;
        wait_until("some are read", || match check(written) {
            Ok(read) => read + 10 >= written,
            Err(error) => {
                broken = Some(error);
                true
            }
        })?;
        broken.map_or(Ok(()), Err)?;
        kill(agent)?;
        (written..written + 20).try_for_each(put)?;
        written += 20;
        agent = lab.start()?;
    }
    // Those that the killed agents had received are hidden for a while; others are read at once.
    lab.wait_for(written, &agent)?;
    lab.exactly(written)?;
    wait_until("all messages are deleted", || cloud.left(queue).is_ok_and(|left| left == 0))?;

    // Through SNS; of an object that is known; and of nothing that is known.
    cloud.put("logs", "site/other.log", &log(written))?;
    written += 1;
    lab.wait_for(written, &agent)?;
    let record = json!({ "Records": [{
        "eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "eventTime": "2026-11-30T00:00:00.000Z",
        "s3": { "bucket": { "name": "logs" }, "object": { "key": "site/other.log" } },
    }] });
    let wrapped = json!({ "Type": "Notification", "Message": record.to_string() });
    cloud.ask(&json!({ "do": "send", "url": queue, "text": wrapped.to_string() }))?;
    wait_until("its message is deleted", || cloud.left(queue).is_ok_and(|left| left == 0))?;
    cloud.ask(&json!({ "do": "send", "url": queue, "text": "{\"hello\": 1}" }))?;
    agent.wait_for("no notification of S3")?;
    ensure!(cloud.left(queue)? == 1, "a message that is not understood is deleted");
    lab.exactly(written)?;
    ended(agent)
}

#[test]
fn a_bucket_of_google_is_read() -> Result<()> {
    if !clouds::require() {
        return Ok(());
    }
    let directory = tempfile::tempdir()?;
    // The XML interface of Google Cloud Storage is that of S3, but for who signs.
    let cloud = Cloud::moto(directory.path())?;
    cloud.ask(&json!({ "do": "bucket", "bucket": "logs" }))?;
    let key = |number: u64| {
        let day = today(Style::Plain);
        format!("compute.googleapis.com/vpc_flows/{day}0{number}:00:00_0{number}:59:59_S0.log")
    };
    let put = |number: u64| cloud.put("logs", &key(number), &log(number));
    (0..3).try_for_each(put)?;
    let file = directory.path().join("key.json");
    let account = json!({
        "gcs_base_url": cloud.url(), "disable_oauth": true, "client_email": "", "private_key": "",
        "private_key_id": "",
    });
    fs::write(&file, account.to_string())?;
    let lab = Lab::new(&format!("url = 'gs://logs'\ncredentials_file = '{}'", file.display()))?;
    let agent = lab.start()?;
    lab.wait_for(3, &agent)?;
    (3..6).try_for_each(put)?;
    lab.wait_for(6, &agent)?;
    lab.exactly(6)?;
    ended(agent)
}

fn azure(cloud: &Cloud, key: &Path) -> String {
    format!(
        "url = 'az://{ACCOUNT}/insights-logs-flowlogflowevent'\nendpoint = '{}/{ACCOUNT}'\ncredentials_file = '{}'",
        cloud.url(),
        key.display()
    )
}

#[test]
fn a_blob_of_azure_that_grows_is_read_once() -> Result<()> {
    if !clouds::require() {
        return Ok(());
    }
    let directory = tempfile::tempdir()?;
    let cloud = Cloud::azurite(directory.path())?;
    let container = "insights-logs-flowlogflowevent";
    cloud.ask(&json!({ "do": "container", "account": ACCOUNT, "key": KEY, "name": container }))?;
    let secret = directory.path().join("key");
    fs::write(&secret, "d3Jvbmd3cm9uZ3dyb25nd3Jvbmd3cm9uZ3dyb25nd3I=")?;
    let lab = Lab::new(&azure(&cloud, &secret))?;
    let mut agent = lab.start()?;
    agent.wait_for("access is denied (AuthorizationFailure): check the key")?;
    // Mended while it runs.
    fs::write(&secret, KEY)?;
    let blob =
        format!("flowLogResourceID=/A/B/{}h=07/m=00/macAddress=1/PT1H.json", today(Style::Azure));
    let mut blocks = vec![log(0)];
    let write = |blocks: &[Vec<u8>]| {
        let all: Vec<&[u8]> = blocks.iter().map(Vec::as_slice).collect();
        cloud.blocks(container, &blob, &all)
    };
    write(&blocks)?;
    lab.wait_for(1, &agent)?;
    for number in 1..6 {
        blocks.push(records(number).into_bytes());
        write(&blocks)?;
        if number == 3 {
            kill(agent)?;
            agent = lab.start()?;
        } else {
            lab.wait_for(number + 1, &agent)?;
        }
    }
    lab.wait_for(6, &agent)?;
    lab.exactly(6)?;
    let status = lab.status()?;
    ensure!(status["clouds"][0]["error"].is_null(), "{status}");
    ended(agent)
}

#[test]
fn what_a_cloud_refuses_is_told_with_what_to_do() -> Result<()> {
    if !clouds::require() {
        return Ok(());
    }
    let directory = tempfile::tempdir()?;
    let cloud = Cloud::moto(directory.path())?;
    let lab = Lab::new(&s3(&cloud, ""))?;
    let mut agent = lab.start()?;
    agent.wait_for(
        "cannot list s3://logs/site/: there is no such bucket (NoSuchBucket): check `url`",
    )?;
    cloud.ask(&json!({ "do": "bucket", "bucket": "logs" }))?;
    cloud.put("logs", "site/a.log", &log(0))?;
    lab.wait_for(1, &agent)?;
    agent.wait_for("cloud lab: followed again")?;
    cloud.ask(&json!({ "do": "strict" }))?;
    agent.wait_for(
        "cannot list s3://logs/site/: the access key is not known there (InvalidAccessKeyId)",
    )?;
    let status = lab.status()?;
    let error = status["clouds"][0]["error"].as_str().unwrap_or_default();
    ensure!(error.contains("check `credentials_file`"), "{status}");
    lab.exactly(1)?;
    ended(agent)
}
