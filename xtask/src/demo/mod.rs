//! The demonstration: what a newcomer without a busy interface tries first.
//!
//! Two namespaces joined by a veth pair; real TCP, UDP and ICMP between them, and a few things that must not happen; the
//! sensor on one end with the stock library and two policies of its own (`demo/site`), and beside it nfcapd, whose account
//! is printed at the end next to the sensor's own. Nothing outlives it: everything is held by guards, and Ctrl-C only ends
//! the wait.

pub mod cloud;
mod collector;
pub mod door;
mod hits;
pub mod hunt;
mod incidents;
mod network;
pub mod traffic;
mod wireguard;

use std::{
    env, fs, io,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, ExitStatus, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use self::{collector::Collector, hits::Seen, network::Network};
use crate::{
    build, process,
    setup::{self, Need},
    test::AGENT,
    workspace::Workspace,
};

/// How often a child is asked whether it has ended.
const POLL: Duration = Duration::from_millis(50);

/// How long a child may take to stop when asked; longer than the sensor's own deadline.
const PATIENCE: Duration = Duration::from_secs(15);

/// The sensor's configuration and what it names, below the root.
const SITE: &str = "xtask/src/demo/site";

/// `cargo xtask demo`; with `flows`, flows are printed among the hits. Without a duration it goes on until somebody ends it, and has a console.
///
/// # Errors
/// When something is missing, or one of the parts does not start or fails.
pub fn run(workspace: &Workspace, duration: Option<u32>, flows: bool) -> Result<ExitCode> {
    if !process::is_root() {
        eprintln!(
            "error: the demonstration makes network namespaces and needs root:\n  \
             sudo --preserve-env=PATH,HOME cargo xtask demo"
        );
        return Ok(ExitCode::from(77));
    }
    setup::programs(&[Need::Demo])?;
    let agent = agent(workspace)?;
    let interrupted = interrupts()?;

    let directory = tempfile::Builder::new().prefix("sensor-demo-").tempdir();
    let directory = directory.context("make a directory for the demonstration")?;
    let (config, found) = configure(directory.path())?;
    let network = Network::create()?;
    let collector = Collector::start(&network)?;
    let this = env::current_exe().context("find this program")?;
    let _server = Guard::start(network.far(&this).arg("demo-server"))?;
    let _client = Guard::start(network.near(&this).arg("demo-client"))?;

    let time = duration.map(|duration| format!(" for {duration} s")).unwrap_or_default();
    println!(
        "demo: the sensor on one of two namespaces, traffic between them{time}; Ctrl-C ends it.\n\
         A line for each hit, coloured by severity; the first within ten seconds. Look for:\n\n{}",
        hits::announcement()
    );
    let mut sensor = network.near(&agent);
    sensor.arg("run").arg("--config").arg(&config);
    match duration {
        Some(duration) => drop(sensor.args(["--duration", &format!("{duration}s")])),
        None => drop(sensor.arg("--console")),
    }
    if flows {
        sensor.args(["--print", "flows"]);
    }
    let mut sensor = Guard::start(&mut sensor)?;
    let _door = match duration {
        Some(_) => None,
        None => {
            let door = Guard::with(network.near(&this).arg("demo-door"), door::open()?.into())?;
            println!(
                "\nOpen this page (it lets in one browser):\n  {}\n",
                door::invitation(&agent, &config)?
            );
            Some(door)
        }
    };
    let status = sensor.wait(&interrupted).context("wait for the sensor")?;
    drop(sensor);

    println!("\nThe collector (nfcapd) read back:\n{}", collector.finish()?);
    let hits = fs::read_to_string(&found).with_context(|| format!("read {}", found.display()))?;
    let seen = Seen::parse(&hits)?;
    println!("Expected hits, from the sensor's own log:\n{}", seen.account());
    // Who ends it early has not waited for them.
    let missed = if interrupted.load(Ordering::Relaxed) { 0 } else { seen.missed() };
    if missed > 0 {
        eprintln!("error: {missed} expected policies did not hit{time}");
    }
    Ok(if status.success() && missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The agent that tests are told to use, else one built for speed.
fn agent(workspace: &Workspace) -> Result<PathBuf> {
    if let Some(agent) = env::var_os(AGENT) {
        return Ok(agent.into());
    }
    build::ebpf(workspace)?;
    build::agent(workspace, true)
}

/// Copies the configuration, with one more output, and what it names into `directory`. Returns its path and that of the hits.
fn configure(directory: &Path) -> Result<(PathBuf, PathBuf)> {
    let (config, hits) = (directory.join("sensor.toml"), directory.join("hits.json"));
    for name in ["sensor.toml", "labels.csv", "policies.toml"] {
        let (from, to) = (Path::new(SITE).join(name), directory.join(name));
        fs::copy(&from, &to)
            .with_context(|| format!("copy {} to {}", from.display(), to.display()))?;
    }
    let socket = directory.join("control.sock");
    let output = format!(
        "\n[[hits]]\nurl = \"file://{}\"\n\n[control]\nsocket = \"{}\"\n",
        hits.display(),
        socket.display()
    );
    let text = fs::read_to_string(&config).with_context(|| format!("read {}", config.display()))?;
    fs::write(&config, text + &output).with_context(|| format!("write {}", config.display()))?;
    Ok((config, hits))
}

/// A flag that SIGINT, SIGTERM and SIGHUP raise, instead of ending this process before its guards ran.
fn interrupts() -> Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&flag)).context("catch signals")?;
    }
    Ok(flag)
}

/// A child that is stopped when its guard goes.
struct Guard(Child);

impl Guard {
    /// Starts `command` in a process group of its own: Ctrl-C at the terminal is for this process to hand on.
    fn start(command: &mut Command) -> Result<Self> {
        Self::with(command, Stdio::null())
    }

    /// The same with what it is to read from.
    fn with(command: &mut Command, from: Stdio) -> Result<Self> {
        command.stdin(from).process_group(0);
        let child = command.spawn().with_context(|| format!("start {command:?}"))?;
        Ok(Self(child))
    }

    /// Waits for the child's own end, or brings it about when there is an interrupt.
    fn wait(&mut self, interrupted: &AtomicBool) -> io::Result<ExitStatus> {
        while !interrupted.load(Ordering::Relaxed) {
            if let Some(status) = self.0.try_wait()? {
                return Ok(status);
            }
            thread::sleep(POLL);
        }
        self.stop()
    }

    /// Asks the child to stop, waits, and kills it when it does not.
    fn stop(&mut self) -> io::Result<ExitStatus> {
        // The number of a child that has been waited for may be another process's by now.
        if let Some(status) = self.0.try_wait()? {
            return Ok(status);
        }
        if let Some(pid) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
            kill_process(pid, Signal::TERM)?;
        }
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.0.try_wait()? {
                return Ok(status);
            }
            thread::sleep(POLL);
        }
        self.0.kill()?;
        self.0.wait()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("warning: a part of the demonstration does not stop: {error}");
        }
    }
}
