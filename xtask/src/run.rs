//! Builds the agent and becomes it.

use std::{
    ffi::OsString,
    os::unix::process::CommandExt,
    process::{Command, ExitCode},
};

use anyhow::{Context, Result};

use crate::{build, process, workspace::Workspace};

/// `cargo xtask run`. Returns only when the agent could not be started.
///
/// # Errors
/// When something is missing, does not compile or does not start.
pub fn run(workspace: &Workspace, arguments: &[OsString]) -> Result<ExitCode> {
    if !process::is_root() {
        eprintln!(
            "error: watching interfaces needs root; build as yourself, then run as root:\n  \
             cargo xtask build --release && sudo {} run",
            process::short(&workspace.target("release/sensor"))
        );
        return Ok(ExitCode::from(77));
    }
    build::ebpf(workspace)?;
    let agent = build::agent(workspace, true)?;
    let error = Command::new(&agent).arg("run").args(arguments).exec();
    Err(error).with_context(|| format!("start {}", agent.display()))
}
