//! Stages in a process beside this one, of the processor time that nobody else wants: the labs wait more than they compute,
//! and virtual machines do nothing but compute.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;

/// `cargo xtask test STAGES`, at work; what it says is in a file.
pub struct Beside {
    child: Child,
    log: PathBuf,
}

impl Beside {
    /// Starts the stages, whose programs are installed and built already.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn start(workspace: &Workspace, stages: &[&str]) -> Result<Self> {
        let log = workspace.target("beside.log");
        let file = File::create(&log).with_context(|| format!("create {}", log.display()))?;
        // Whatever else is ready to run goes first (sched(7), SCHED_IDLE).
        let mut command = Command::new("chrt");
        command.args(["--idle", "0"]).arg(std::env::current_exe()?).arg("test").args(stages);
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().with_context(|| format!("start {command:?}"))?;
        Ok(Self { child, log })
    }

    /// Waits for its end, and says what it has said.
    ///
    /// # Errors
    /// When a stage has failed.
    pub fn finish(mut self) -> Result<()> {
        let status = self.child.wait()?;
        print!("{}", fs::read_to_string(&self.log).context("read what it said")?);
        if !status.success() {
            bail!("see its own summary above");
        }
        Ok(())
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // It has ended already, unless somebody else went wrong.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
