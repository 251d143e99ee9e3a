//! Stand-ins for clouds, of other hands: moto for S3, SQS and the XML interface of Google Cloud Storage, Azurite for Azure.
//!
//! `cargo xtask setup` installs them below the target directory.

use std::{
    cell::RefCell,
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use sensor_wire::cloud::json::base64;
use serde_json::{Value, json};

use crate::peers::{Peer, free_port, is_tcp_port_open};

/// The account that Azurite knows from the start, and its key.
pub const ACCOUNT: &str = "devstoreaccount1";
/// Its key; everybody knows it.
pub const KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// True if the stand-ins are installed. Else says what is skipped; under `CI=true` their absence is a failure.
#[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
pub fn require() -> bool {
    if directory().is_some() {
        return true;
    }
    let advice = "moto and azurite are not installed; `cargo xtask setup` installs them";
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{advice}");
    eprintln!("skipped: {advice}");
    false
}

/// Where they are: the test executable lies in the target directory.
fn directory() -> Option<PathBuf> {
    let test = std::env::current_exe().ok()?;
    let all = test.ancestors().map(|directory| directory.join("clouds"));
    let is_there = |part: &PathBuf| {
        ["python/installed", "node/installed"].iter().all(|mark| part.join(mark).is_file())
    };
    all.into_iter().find(is_there)
}

fn python() -> Result<Command> {
    let directory = directory().context("clouds are not installed")?;
    let mut command = Command::new("python3");
    command.env("PYTHONPATH", directory.join("python")).env("PYTHONDONTWRITEBYTECODE", "1");
    Ok(command)
}

/// A stand-in, and whoever writes to it; it is stopped when dropped.
#[derive(Debug)]
pub struct Cloud {
    _peer: Peer,
    hands: RefCell<Hands>,
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
}

/// The script that writes.
#[derive(Debug)]
struct Hands {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Drop for Hands {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Cloud {
    /// Starts moto, with its messages in `directory`.
    ///
    /// # Errors
    /// When it does not start.
    pub fn moto(directory: &Path) -> Result<Self> {
        let port = free_port()?;
        let mut command = python()?;
        command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()]);
        Self::start(&mut command, directory, port)
    }

    /// Starts Azurite, with its blobs and messages in `directory`.
    ///
    /// # Errors
    /// When it does not start.
    pub fn azurite(directory: &Path) -> Result<Self> {
        let port = free_port()?;
        let clouds = self::directory().context("clouds are not installed")?;
        let mut command = Command::new("node");
        command.arg(clouds.join("node/node_modules/azurite/dist/src/blob/main.js"));
        command.args(["--silent", "--blobHost", "127.0.0.1", "--blobPort", &port.to_string()]);
        command.args(["--skipApiVersionCheck", "--disableTelemetry", "--location"]).arg(directory);
        Self::start(&mut command, directory, port)
    }

    fn start(command: &mut Command, directory: &Path, port: u16) -> Result<Self> {
        let log = fs::File::create(directory.join("cloud.log"))?;
        command.stdout(log.try_clone()?).stderr(log);
        let peer = Peer::start_until(command, "a cloud listens", || is_tcp_port_open(port));
        let told = || fs::read_to_string(directory.join("cloud.log")).unwrap_or_default();
        let peer = peer.with_context(told)?;
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/lab/clouds.py");
        let mut command = python()?;
        command.arg(script).arg(format!("http://127.0.0.1:{port}"));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let to = child.stdin.take().context("a pipe")?;
        let from = BufReader::new(child.stdout.take().context("a pipe")?);
        Ok(Self { _peer: peer, hands: RefCell::new(Hands { child, to, from }), port })
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Lets the script do something; `lab/clouds.py` says what there is.
    ///
    /// # Errors
    /// When it cannot.
    pub fn ask(&self, what: &Value) -> Result<Value> {
        let mut hands = self.hands.borrow_mut();
        writeln!(hands.to, "{what}")?;
        let mut line = String::new();
        hands.from.read_line(&mut line)?;
        let mut answer: Value =
            serde_json::from_str(&line).with_context(|| format!("{what}: {line:?}"))?;
        ensure!(answer["error"].is_null(), "{what}: {answer}");
        Ok(answer["ok"].take())
    }

    /// Writes an object of S3.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put(&self, bucket: &str, key: &str, octets: &[u8]) -> Result<()> {
        let body = base64::encode(octets);
        self.ask(&json!({ "do": "put", "bucket": bucket, "key": key, "body": body })).map(drop)
    }

    /// Writes a blob of Azure that consists of these blocks.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn blocks(&self, container: &str, blob: &str, blocks: &[&[u8]]) -> Result<()> {
        let all: Vec<String> = blocks.iter().map(|block| base64::encode(block)).collect();
        let what = json!({
            "do": "blocks", "account": ACCOUNT, "key": KEY, "container": container, "blob": blob, "all": all,
        });
        self.ask(&what).map(drop)
    }

    /// Messages of a queue that are not deleted.
    ///
    /// # Errors
    /// When the queue does not say.
    pub fn left(&self, queue: &str) -> Result<u64> {
        let left = self.ask(&json!({ "do": "left", "url": queue }))?;
        Ok(left[0].as_u64().context("a number")? + left[1].as_u64().context("a number")?)
    }
}
