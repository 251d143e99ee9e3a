//! The demonstration: what a newcomer without a busy interface tries first.
//!
//! Two namespaces joined by a veth pair; real TCP, UDP and ICMP between them; the sensor on one end, and beside it
//! nfcapd, whose account is printed at the end next to the sensor's own. Nothing outlives it: everything is held by
//! guards, and Ctrl-C only ends the wait.

mod collector;
mod network;
pub mod traffic;

use std::{
    env,
    process::{Child, Command, ExitCode, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use self::{collector::Collector, network::Network};
use crate::{
    build, process,
    setup::{self, Need},
    workspace::Workspace,
};

/// `cargo xtask demo`.
///
/// # Errors
/// When something is missing, or one of the parts does not start or fails.
pub fn run(workspace: &Workspace, duration: u32) -> Result<ExitCode> {
    if !process::is_root() {
        eprintln!(
            "error: the demonstration makes network namespaces and needs root:\n  \
             sudo --preserve-env=PATH,HOME cargo xtask demo"
        );
        return Ok(ExitCode::from(77));
    }
    setup::programs(&[Need::Demo])?;
    build::ebpf(workspace)?;
    let agent = build::agent(workspace, true)?;
    let interrupted = interrupts()?;

    let network = Network::create()?;
    let collector = Collector::start(&network)?;
    let this = env::current_exe().context("find this program")?;
    let _server = Guard::start(network.far(&this).arg("demo-server"))?;
    let mut client = network.near(&this);
    let _client = Guard::start(client.arg("demo-client").args(network::FAR_ADDRESSES))?;

    println!("demo: TCP, UDP and ICMP between two namespaces for {duration} s; Ctrl-C ends it\n");
    let mut sensor = network.near(&agent);
    sensor
        .args(["run", "--interface", network::NEAR_INTERFACE, "--print", "flows"])
        .args(["--collector", &collector.url(), "--duration", &format!("{duration}s")])
        // Short, so that flows end while one watches.
        .args(["--active-timeout", "10s", "--idle-timeout", "3s"]);
    let mut sensor = Guard::start(&mut sensor)?;
    let status = sensor.wait(&interrupted)?;
    drop(sensor);

    println!("\nThe collector (nfcapd) read back:\n{}", collector.finish()?);
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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
        use std::os::unix::process::CommandExt;
        let program = command.get_args().last().map(|word| word.to_string_lossy().into_owned());
        command
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()
            .map(Self)
            .with_context(|| format!("start a part of the demonstration: {program:?}"))
    }

    /// Waits for the child's own end; an interrupt asks it to come to it.
    fn wait(&mut self, interrupted: &AtomicBool) -> Result<std::process::ExitStatus> {
        let mut asked = false;
        loop {
            if let Some(status) = self.0.try_wait().context("wait for the sensor")? {
                return Ok(status);
            }
            if !asked && interrupted.load(Ordering::Relaxed) {
                asked = true;
                self.terminate();
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Asks the child to stop, and waits until it has.
    fn stop(&mut self) {
        self.terminate();
        // Nothing to do about a child that cannot be waited for.
        let _ = self.0.wait();
    }

    fn terminate(&self) {
        // A child that has been waited for has no process any more, and its number may be another's.
        if let Some(pid) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            self.stop();
        }
    }
}
