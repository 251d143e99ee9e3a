//! Network namespaces that go when they are dropped.

#![expect(unsafe_code, reason = "setns(2) takes a descriptor as a number")]

use std::{
    fs::File,
    io,
    os::fd::AsRawFd,
    process::{self, Command},
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use anyhow::{Context, Result, bail};

/// A named network namespace with its loopback device up.
#[derive(Debug)]
pub struct Netns {
    name: String,
}

impl Netns {
    /// Makes a namespace whose name begins with `prefix`.
    ///
    /// # Errors
    /// When `ip netns add` fails.
    pub fn new(prefix: &str) -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{prefix}-{}-{number}", process::id());
        run("ip", ["netns", "add", &name])?;
        let netns = Self { name };
        netns.run("ip link set lo up")?;
        Ok(netns)
    }

    /// Its name, for `ip netns`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Makes a veth pair, `here` in this namespace and `there` in `other`, with addresses 192.0.2.1/24 and .2 (and
    /// 2001:db8::1/64 and ::2), both ends up.
    ///
    /// # Errors
    /// When `ip` fails.
    pub fn veth(&self, here: &str, other: &Self, there: &str) -> Result<()> {
        let peer = &other.name;
        self.run(&format!("ip link add {here} type veth peer name {there} netns {peer}"))?;
        for (netns, device, host) in [(self, here, 1), (other, there, 2)] {
            netns.run(&format!("ip address add 192.0.2.{host}/24 dev {device}"))?;
            netns.run(&format!("ip address add 2001:db8::{host}/64 dev {device} nodad"))?;
            netns.run(&format!("ip link set {device} up"))?;
        }
        Ok(())
    }

    /// Runs a command line (split at spaces) in the namespace and returns its standard output.
    ///
    /// # Errors
    /// When it fails, with its standard error.
    pub fn run(&self, command_line: &str) -> Result<String> {
        let own = ["netns", "exec", &self.name];
        run("ip", own.into_iter().chain(command_line.split_whitespace()))
    }

    /// A command that will run in the namespace.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]);
        command
    }

    /// Runs `work` on a thread of its own within the namespace.
    ///
    /// # Errors
    /// When the namespace cannot be entered.
    ///
    /// # Panics
    /// When `work` does.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        let path = format!("/var/run/netns/{}", self.name);
        let file = File::open(&path).with_context(|| format!("open {path}"))?;
        thread::scope(|scope| {
            let entered = scope.spawn(|| {
                // SAFETY: the descriptor is open; only this thread changes its namespace.
                if unsafe { libc::setns(file.as_raw_fd(), libc::CLONE_NEWNET) } != 0 {
                    return Err(io::Error::last_os_error());
                }
                Ok(work())
            });
            match entered.join() {
                Ok(result) => result.with_context(|| format!("enter {path}")),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        if let Err(error) = run("ip", ["netns", "delete", &self.name]) {
            eprintln!("{error:#}");
        }
    }
}

fn run<'a>(program: &str, arguments: impl IntoIterator<Item = &'a str>) -> Result<String> {
    let arguments: Vec<_> = arguments.into_iter().collect();
    let line = || format!("{program} {}", arguments.join(" "));
    let output = Command::new(program)
        .args(&arguments)
        .output()
        .with_context(|| format!("run {}", line()))?;
    if !output.status.success() {
        bail!("{}: {}", line(), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
