//! Peer programs: other people's collectors and dissectors, started and stopped with a test.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;

pub use crate::ports::free_port;

/// How long a peer may take to start or stop; on an emulated machine that is long.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// True if `program` is installed. Else says what is skipped; under `CI=true` its absence is a failure.
#[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
pub fn require(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&path).any(|directory| directory.join(program).is_file()) {
        return true;
    }
    let advice = format!("{program} is not installed; `cargo xtask setup` as root installs it");
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{advice}");
    eprintln!("skipped: {advice}");
    false
}

/// Tries `ready` until it is true.
pub fn wait_until(what: &str, mut ready: impl FnMut() -> bool) -> Result<()> {
    let start = Instant::now();
    while !ready() {
        ensure!(start.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// A running program; killed when dropped.
#[derive(Debug)]
pub struct Peer {
    child: Child,
}

impl Peer {
    /// Starts `command`.
    pub fn start(command: &mut Command) -> Result<Self> {
        let child = command.spawn().with_context(|| format!("start {command:?}"))?;
        Ok(Self { child })
    }

    /// Starts `command` and tries `ready` until it is true.
    ///
    /// # Errors
    /// When the program ends instead, or takes too long.
    pub fn start_until(
        command: &mut Command,
        what: &str,
        mut ready: impl FnMut() -> bool,
    ) -> Result<Self> {
        let mut peer = Self::start(command)?;
        let mut ended = None;
        wait_until(what, || {
            ended = peer.child.try_wait().ok().flatten();
            ended.is_some() || ready()
        })?;
        ended.map_or(Ok(peer), |status| bail!("{what}: {command:?} ended instead: {status}"))
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end and waits until it has.
    pub fn stop(&mut self) -> Result<()> {
        let id = self.child.id().to_string();
        let killed = Command::new("kill").args(["-TERM", &id]).status()?;
        ensure!(killed.success(), "kill -TERM {id}");
        wait_until("a peer ends", || matches!(self.child.try_wait(), Ok(Some(_))))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        // With its children: the plugins of pmacctd outlive it when it alone is killed.
        let id = self.child.id();
        let _ = Command::new("pkill").args(["-KILL", "-P", &id.to_string()]).status();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// nfcapd (nfdump): a NetFlow and IPFIX collector.
#[derive(Debug)]
pub struct Nfcapd {
    peer: Peer,
    directory: TempDir,
    /// The UDP port that it listens on, on 127.0.0.1.
    pub port: u16,
}

impl Nfcapd {
    /// Starts it and waits until it listens.
    pub fn start() -> Result<Self> {
        Self::start_at(free_port()?)
    }

    /// Starts it at a certain port.
    pub fn start_at(port: u16) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let log = fs::File::create(directory.path().join("log"))?;
        let flows = directory.path().join("flows");
        fs::create_dir(&flows)?;
        let mut command = Command::new("nfcapd");
        command.args(["-b", "127.0.0.1", "-B", "8000000", "-p", &port.to_string(), "-w"]);
        command.arg(&flows).stdout(log.try_clone()?).stderr(log);
        let peer = Peer::start_until(&mut command, "nfcapd listens", || is_udp_port_open(port))?;
        Ok(Self { peer, directory, port })
    }

    /// Stops it and returns what it has stored, a JSON object per flow, and what it said meanwhile.
    pub fn finish(mut self) -> Result<(Vec<Value>, String)> {
        self.peer.stop()?;
        let log = fs::read_to_string(self.directory.path().join("log"))?;
        let flows = run(Command::new("nfdump")
            .args(["-q", "-o", "json", "-R"])
            .arg(self.directory.path().join("flows")))?;
        // Without header and footer it is an array without brackets.
        let flows = serde_json::from_str(&format!("[{flows}]")).context("nfdump's JSON")?;
        Ok((flows, log))
    }
}

/// tcpdump on the loopback interface.
#[derive(Debug)]
pub struct Capture {
    peer: Peer,
    directory: TempDir,
}

impl Capture {
    /// Captures what matches `filter` from now on.
    pub fn start(filter: &str) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let mut command = Command::new("tcpdump");
        command.args(["-i", "lo", "-n", "-U", "-s", "0", "-B", "32768", "-Z", "root", "-w"]);
        command.arg(directory.path().join("capture.pcap")).arg(filter).stderr(Stdio::piped());
        let mut peer = Peer::start(&mut command)?;
        let said = BufReader::new(peer.child.stderr.take().context("stderr is a pipe")?);
        for line in said.lines() {
            if line?.contains("listening on") {
                return Ok(Self { peer, directory });
            }
        }
        bail!("tcpdump ended before it listened");
    }

    /// Stops once `octets` of payload or more are in the file, and returns the file and its directory.
    pub fn finish(mut self, octets: u64) -> Result<(PathBuf, TempDir)> {
        let path = self.directory.path().join("capture.pcap");
        wait_until("tcpdump has written all", || {
            fs::metadata(&path).is_ok_and(|file| file.len() >= octets)
        })?;
        self.peer.stop()?;
        Ok((path, self.directory))
    }
}

/// What tshark makes of the packets in `capture` that match `filter`, with what goes to and from the port in
/// `decode_as` (such as `udp.port==4739`) taken as IPFIX: a JSON object per packet.
pub fn dissect(capture: &Path, decode_as: Option<&str>, filter: &str) -> Result<Vec<Value>> {
    let mut command = Command::new("tshark");
    command.args(["-n", "-T", "json", "--no-duplicate-keys", "-Y", filter, "-r"]).arg(capture);
    if let Some(selector) = decode_as {
        command.args(["-d", &format!("{selector},cflow")]);
    }
    let text = run(&mut command)?;
    serde_json::from_str(&text).context("tshark's JSON")
}

fn run(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("run {command:?}"))?;
    let complaints = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {}: {complaints}", output.status);
    String::from_utf8(output.stdout).context("output is not UTF-8")
}

/// Whether somebody listens at this TCP port, in the network namespace of this thread. To connect would not tell: while nobody listens,
/// a connection to a port that outgoing connections get may become one with itself, and keep the port from whom it is for.
pub fn is_tcp_port_open(port: u16) -> bool {
    const LISTEN: &str = "0A";
    ["tcp", "tcp6"].iter().any(|family| {
        let sockets = fs::read_to_string(format!("/proc/thread-self/net/{family}"));
        let port = format!(":{port:04X}");
        sockets.unwrap_or_default().lines().any(|socket| {
            let mut words = socket.split_whitespace().skip(1);
            let is_ours = words.next().is_some_and(|local| local.ends_with(&port));
            is_ours && words.nth(1) == Some(LISTEN)
        })
    })
}

/// Whether somebody receives at this UDP port, in the network namespace of this thread.
pub fn is_udp_port_open(port: u16) -> bool {
    // Of this thread's network namespace.
    let sockets = fs::read_to_string("/proc/thread-self/net/udp").unwrap_or_default();
    sockets.lines().any(|socket| socket.contains(&format!(":{port:04X} ")))
}
