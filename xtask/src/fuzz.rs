//! The fuzz targets: a workspace of their own, because they are linked with libFuzzer's runtime.

use std::{path::Path, process::Command};

use anyhow::{Result, bail};

use crate::{process, workspace::Workspace};

const DIRECTORY: &str = "tests/fuzz";

/// `cargo xtask fuzz`: runs one target for a while, or lists them.
///
/// # Errors
/// Says what is missing, or that the target found something.
pub fn run(target: Option<&str>, seconds: u32) -> Result<()> {
    if !process::succeeds(&mut nightly(&["--version"])) {
        bail!(
            "fuzzing needs a nightly compiler: rustup toolchain install nightly --profile minimal"
        );
    }
    if process::find_program("cargo-fuzz").is_none() {
        bail!("fuzzing needs cargo-fuzz: cargo install cargo-fuzz --locked");
    }
    match target {
        None => process::run(&mut nightly(&["fuzz", "list", "--fuzz-dir", DIRECTORY])),
        Some(target) => process::run(
            nightly(&["fuzz", "run", "--fuzz-dir", DIRECTORY, target])
                .args(["--", &format!("-max_total_time={seconds}")]),
        ),
    }
}

/// Type-checks the targets with the workspace's own compiler, so that they never rot.
///
/// # Errors
/// When they do not compile.
pub fn check(workspace: &Workspace) -> Result<()> {
    let manifest = Path::new(DIRECTORY).join("Cargo.toml");
    process::run(
        process::cargo()
            .args(["check", "--all-targets", "--manifest-path"])
            .arg(manifest)
            .arg("--target-dir")
            .arg(workspace.target("fuzz")),
    )
}

fn nightly(arguments: &[&str]) -> Command {
    let mut cargo = Command::new("rustup");
    process::without_steering(&mut cargo)
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("CARGO")
        .args(["run", "nightly", "cargo"])
        .args(arguments);
    cargo
}
