//! What CI holds the text to: formatting, clippy on both sides of the kernel border, `tidy`, documentation, the built page.

use std::{path::Path, process::ExitCode};

use anyhow::Result;

use crate::{
    process, setup,
    stages::{self, Stage},
    tidy, web,
    workspace::Workspace,
};

/// Workspaces beside the main one; each has a Cargo.toml of its own.
const OTHERS: [&str; 2] = ["sensor-ebpf/Cargo.toml", "tests/fuzz/Cargo.toml"];

/// `cargo xtask lint`.
///
/// # Errors
/// None of its own: what fails is in the summary and in the exit code.
pub fn run(workspace: &Workspace) -> Result<ExitCode> {
    Ok(stages::run(&mut [
        Stage::new("fmt", format),
        Stage::new("clippy", clippy),
        Stage::new("clippy-ebpf", || clippy_ebpf(workspace)),
        Stage::new("tidy", || tidy::run(workspace)),
        Stage::new("doc", document),
        Stage::new("web", || web::check(workspace)),
    ]))
}

fn format() -> Result<()> {
    process::run(process::cargo().args(["fmt", "--all", "--check"]))?;
    for manifest in OTHERS.into_iter().filter(|manifest| Path::new(manifest).exists()) {
        process::run(process::cargo().args(["fmt", "--check", "--manifest-path", manifest]))?;
    }
    Ok(())
}

fn clippy() -> Result<()> {
    process::run(
        process::cargo()
            .args(["clippy", "--quiet", "--workspace", "--all-targets"])
            .args(["--", "-D", "warnings"]),
    )
}

/// Apart from the host's: in one build, feature unification would hand the kernel crate a second panic handler.
fn clippy_ebpf(workspace: &Workspace) -> Result<()> {
    let toolchain = setup::ebpf_clippy(workspace)?;
    process::run(toolchain.cargo(workspace, "clippy").args(["--quiet", "--", "-D", "warnings"]))
}

fn document() -> Result<()> {
    process::run(process::cargo().env("RUSTDOCFLAGS", "-D warnings").args([
        "doc",
        "--quiet",
        "--workspace",
        "--no-deps",
    ]))
}
