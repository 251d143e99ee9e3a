//! The fuzz targets: a workspace of their own, because they are linked with libFuzzer's runtime.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, bail};

use crate::{process, workspace::Workspace};

mod seeds;

const DIRECTORY: &str = "tests/fuzz";

/// `cargo xtask fuzz`: runs one target for a while from the corpora, or lists them. What it learns stays in
/// `tests/fuzz/corpus`, what it finds in `tests/fuzz/artifacts`.
///
/// # Errors
/// Says what is missing, or that the target found something.
pub fn run(workspace: &Workspace, target: Option<&str>, seconds: u32) -> Result<()> {
    if !process::succeeds(&mut nightly(&["--version"])) {
        bail!(
            "fuzzing needs a nightly compiler: rustup toolchain install nightly --profile minimal"
        );
    }
    if process::find_program("cargo-fuzz").is_none() {
        process::run(process::cargo().args(["install", "cargo-fuzz", "--locked", "--quiet"]))?;
    }
    let Some(target) = target else {
        return process::run(&mut nightly(&["fuzz", "list", "--fuzz-dir", DIRECTORY]));
    };
    let folder = workspace.target("fuzz-seeds").join(target);
    let count = seeds::write(target, &folder)?;
    println!("{count} seeds from the corpora for {target}");
    let learnt = Path::new(DIRECTORY).join("corpus").join(target);
    fs::create_dir_all(&learnt).with_context(|| format!("make {}", learnt.display()))?;
    process::run(
        nightly(&["fuzz", "run", "--fuzz-dir", DIRECTORY, target]).args([&learnt, &folder]).args([
            "--",
            &format!("-max_total_time={seconds}"),
            &format!("-max_len={}", seeds::LONGEST),
            "-timeout=10",
        ]),
    )
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
            .arg(workspace.target("")),
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
