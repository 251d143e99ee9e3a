//! Stages in a process beside this one, of the processor time that is left over: the labs wait more than they compute,
//! and virtual machines and browsers do nothing but compute.

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
        // Whatever else is ready to run goes first, but for a tenth: a machine that gets nothing for seconds would see its connections time out.
        let mut command = Command::new("nice");
        command.args(["-n", "10"]).arg(std::env::current_exe()?).arg("test").args(stages);
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
        let said = fs::read_to_string(&self.log).context("read what it said")?;
        print!("{said}");
        if !status.success() {
            // Of a long log, people and CI look at the end.
            println!("\nwhat failed there:\n{}", failures(&said));
            bail!("see what failed there, above");
        }
        Ok(())
    }
}

/// What tests and machines say of their failures: from where the test harness lists them up to its result, panics, and the
/// summary of the stages.
fn failures(said: &str) -> String {
    let mut is_meant = false;
    let mut lines = Vec::new();
    for line in said.lines() {
        is_meant |= ["failures:", "panicked at", "Kernel panic", "== summary =="]
            .iter()
            .any(|begin| line.contains(begin));
        if is_meant || line.contains("FAILED") {
            lines.push(line);
        }
        is_meant &= !line.contains("test result:") && !line.contains("ABORT");
    }
    lines.join("\n")
}

impl Drop for Beside {
    fn drop(&mut self) {
        // It has ended already, unless somebody else went wrong.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_is_said_without_what_passed() {
        let said = "  | test a ... ok\n  | test b ... FAILED\n  | failures:\n  | b: 1 != 2\n  | test result: FAILED. 1 passed\n  | down\n\n== summary ==\nkernel-6.1 FAILED";
        let told = failures(said);
        let expected = "  | test b ... FAILED\n  | failures:\n  | b: 1 != 2\n  | test result: FAILED. 1 passed\n== summary ==\nkernel-6.1 FAILED";
        assert_eq!(told, expected);
    }
}
