//! The agent as its users have it: the binary, started in a namespace, told to stop by a signal, judged by what it
//! prints.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, ChildStderr, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::{netns::Netns, peers::wait_until};

/// The agent's binary: `SENSOR_BINARY`, else `debug/sensor` in cargo's target directory.
///
/// # Errors
/// When there is none.
pub fn binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("SENSOR_BINARY") {
        return Ok(path.into());
    }
    in_target("debug/sensor")
}

/// An eBPF object: in `SENSOR_BPF_DIR`, else in `bpf` of cargo's target directory.
///
/// # Errors
/// When it has not been built.
pub fn object(name: &str) -> Result<Vec<u8>> {
    let path = match std::env::var_os("SENSOR_BPF_DIR") {
        Some(directory) => PathBuf::from(directory).join(name),
        None => in_target(&format!("bpf/{name}"))?,
    };
    fs::read(&path).with_context(|| format!("read {}", path.display()))
}

/// The test executable itself lies in the target directory.
fn in_target(path: &str) -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    test.ancestors()
        .map(|directory| directory.join(path))
        .find(|path| path.is_file())
        .with_context(|| format!("no {path} above {}; run `cargo xtask build`", test.display()))
}

/// A running agent; killed when dropped.
#[derive(Debug)]
pub struct Agent {
    child: Child,
    messages: Messages,
    directory: TempDir,
}

/// How an agent ended, and what it had to say.
#[derive(Debug)]
pub struct Outcome {
    /// Exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Agent {
    /// Starts `sensor run` with the arguments in `line` (split at spaces) in `netns`. Its standard output is a file, so
    /// it prints JSON lines.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(netns: &Netns, line: &str) -> Result<Self> {
        let program = binary()?;
        let mut command = netns.command(program.to_str().context("the path is text")?);
        command.arg("run").args(line.split_whitespace());
        Self::spawn(&mut command)
    }

    /// As [`Self::start`]; returns once it watches `interface`.
    ///
    /// # Errors
    /// When it does not get so far.
    pub fn watching(netns: &Netns, interface: &str, line: &str) -> Result<Self> {
        let mut agent = Self::start(netns, &format!("-i {interface} {line}"))?;
        agent.wait_for(&format!("{interface}: ingress"))?;
        Ok(agent)
    }

    /// Starts `command`, whose output becomes that of an agent.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(command: &mut Command) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let stdout = File::create(directory.path().join("stdout"))?;
        Self::spawn_to(command, stdout.into(), directory)
    }

    /// As [`Self::spawn`], with a standard output that somebody else reads.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn_read(command: &mut Command, stdout: impl Into<Stdio>) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        File::create(directory.path().join("stdout"))?;
        Self::spawn_to(command, stdout.into(), directory)
    }

    fn spawn_to(command: &mut Command, stdout: Stdio, directory: TempDir) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(stdout).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("start {command:?}"))?;
        let messages = Messages::read(child.stderr.take().context("stderr is a pipe")?);
        Ok(Self { child, messages, directory })
    }

    /// Its process number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has said on standard error so far.
    pub fn said(&self) -> String {
        self.messages.text.lock().unwrap().clone()
    }

    /// What it has printed on standard output so far.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn printed(&self) -> Result<String> {
        Ok(fs::read_to_string(self.directory.path().join("stdout"))?)
    }

    /// Waits until `part` has appeared on its standard error.
    ///
    /// # Errors
    /// When it ends before, or takes too long.
    pub fn wait_for(&mut self, part: &str) -> Result<()> {
        let mut ended = false;
        let waited = wait_until(part, || {
            // First whether it lives: what it says before it ends counts.
            ended = matches!(self.child.try_wait(), Ok(Some(_)));
            if ended {
                self.messages.end();
            }
            self.said().contains(part) || ended
        });
        let said = self.said();
        waited.with_context(|| said.clone())?;
        ensure!(said.contains(part), "it ended without `{part}`: {said}");
        Ok(())
    }

    /// Sends it a signal, by name.
    ///
    /// # Errors
    /// When `kill` fails.
    pub fn signal(&self, name: &str) -> Result<()> {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &id]).status()?;
        ensure!(sent.success(), "kill -{name} {id}");
        Ok(())
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// When it takes too long.
    pub fn wait(mut self) -> Result<Outcome> {
        let mut ended: Option<ExitStatus> = None;
        let waited = wait_until("the agent ends", || {
            ended = self.child.try_wait().ok().flatten();
            ended.is_some()
        });
        let said = self.said();
        waited.context(said)?;
        self.messages.end();
        Ok(Outcome {
            code: ended.and_then(|status| status.code()),
            stdout: self.printed()?,
            stderr: self.said(),
        })
    }

    /// Has it stop by a signal, and fails unless it ends well: exit code 0, books balanced.
    ///
    /// # Errors
    /// When it does not.
    pub fn stop(self, signal: &str) -> Result<Outcome> {
        self.signal(signal)?;
        let outcome = self.wait()?;
        ensure!(outcome.code == Some(0), "exit code {:?}: {}", outcome.code, outcome.stderr);
        ensure!(outcome.stderr.contains("balanced: every"), "{}", outcome.stderr);
        Ok(outcome)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Outcome {
    /// The flows that it printed as JSON lines.
    ///
    /// # Errors
    /// When a line is no JSON object.
    pub fn flows(&self) -> Result<Vec<Value>> {
        self.stdout
            .lines()
            .map(|line| serde_json::from_str(line).with_context(|| format!("not JSON: {line}")))
            .collect()
    }

    /// Packets and octets of a row of the summary's ledger; rows that stand for nothing are left out of it.
    pub fn ledger(&self, row: &str) -> (u64, u64) {
        let find = |line: &str| {
            let numbers = line.trim_start().strip_prefix(row)?.strip_prefix(' ')?;
            let (packets, rest) = numbers.split_once("packets")?;
            let (octets, _) = rest.split_once("octets")?;
            Some((packets.trim().parse().ok()?, octets.trim().parse().ok()?))
        };
        self.stderr.lines().find_map(find).unwrap_or_default()
    }

    /// Records sent and not sent of the output whose name begins with `name`.
    pub fn account(&self, name: &str) -> Option<(u64, u64)> {
        self.stderr.lines().find_map(|line| {
            let (_, numbers) = line.strip_prefix(name)?.split_once(": ")?;
            let (sent, rest) = numbers.split_once(" flow records sent, ")?;
            let (not_sent, _) = rest.split_once(" not sent")?;
            Some((sent.parse().ok()?, not_sent.parse().ok()?))
        })
    }
}

/// Sum of a number over flows.
pub fn sum(flows: &[Value], key: &str) -> u64 {
    flows.iter().filter_map(|flow| flow[key].as_u64()).sum()
}

/// Standard error, read as it comes.
#[derive(Debug)]
struct Messages {
    text: Arc<Mutex<String>>,
    thread: Option<JoinHandle<()>>,
}

impl Messages {
    fn read(stderr: ChildStderr) -> Self {
        let text: Arc<Mutex<String>> = Arc::default();
        let thread = std::thread::spawn({
            let text = text.clone();
            move || {
                for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
                    let mut text = text.lock().unwrap();
                    text.push_str(&String::from_utf8_lossy(&line));
                    text.push('\n');
                }
            }
        });
        Self { text, thread: Some(thread) }
    }

    /// Waits until nothing more will come: for when the process has ended.
    fn end(&mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
