//! A program under measurement: started in a namespace, its output in a file.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, ensure};

use crate::usage;

/// How long a program is given to start, and to have done what it was sent.
const SETTLES: Duration = Duration::from_secs(2);

/// The sensor to measure: that of `SENSOR_BINARY`, or the one of a release build.
pub fn release_binary() -> String {
    std::env::var("SENSOR_BINARY").unwrap_or_else(|_| "target/release/sensor".to_owned())
}

/// A running program; killed when dropped.
#[derive(Debug)]
pub struct Program {
    child: Child,
    log: PathBuf,
    _directory: tempfile::TempDir,
    before: Duration,
}

impl Program {
    /// Starts `command` and waits until it has settled.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(mut command: Command) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let log = directory.path().join("log");
        let file = fs::File::create(&log)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().with_context(|| format!("start {command:?}"))?;
        let mut program = Self { child, log, _directory: directory, before: Duration::ZERO };
        thread::sleep(SETTLES);
        program.before = usage::cpu_time(program.id()).with_context(|| {
            format!("{command:?} ended: {}", program.said().unwrap_or_default())
        })?;
        Ok(program)
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// User and system time since the start, once nothing more comes.
    ///
    /// # Errors
    /// When it has ended.
    pub fn settled(&self) -> Result<Duration> {
        thread::sleep(SETTLES);
        Ok(usage::cpu_time(self.id())?.saturating_sub(self.before))
    }

    /// Highest resident memory so far, MiB, of it and its children.
    ///
    /// # Errors
    /// When it has ended.
    pub fn peak_memory(&self) -> Result<u64> {
        usage::peak_memory(self.id())
    }

    /// What it has said so far.
    ///
    /// # Errors
    /// When its output cannot be read.
    pub fn said(&self) -> Result<String> {
        fs::read_to_string(&self.log).context("read the program's output")
    }

    /// Sends it a signal by name.
    ///
    /// # Errors
    /// When it has ended.
    pub fn signal(&self, name: &str) -> Result<()> {
        let (id, name) = (self.id().to_string(), format!("-{name}"));
        ensure!(Command::new("kill").args([&name, &id]).status()?.success(), "kill {name} {id}");
        Ok(())
    }

    /// Ends it by SIGTERM and returns what it has said.
    ///
    /// # Errors
    /// When it has ended already.
    pub fn finish(mut self) -> Result<String> {
        self.signal("TERM")?;
        self.child.wait()?;
        self.said()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has ended already, unless something went wrong.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
