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

/// Builds the targets with the workspace's own compiler, and runs each over its seeds and what a few changes make of them. Without
/// instrumentation nothing is learnt, but what a target asserts holds, and none rots.
///
/// # Errors
/// When they do not compile, or one finds something; it is named with the input.
pub fn replay(workspace: &Workspace) -> Result<()> {
    let directory = Path::new(DIRECTORY);
    let built = workspace.target("fuzz");
    let mut cargo = process::cargo();
    cargo.args(["build", "--quiet", "--bins", "--manifest-path"]).arg(directory.join("Cargo.toml"));
    // Seventeen programs with the whole agent in each: their debug information would take gigabytes.
    process::run(cargo.arg("--target-dir").arg(&built).env("CARGO_PROFILE_DEV_DEBUG", "0"))?;
    let mut targets = Vec::new();
    for entry in fs::read_dir(directory.join("targets")).context("list the fuzz targets")? {
        let path = entry.context("list the fuzz targets")?.path();
        if path.extension().is_some_and(|kind| kind == "rs") {
            targets.extend(path.file_stem().and_then(|name| name.to_str()).map(str::to_owned));
        }
    }
    targets.sort();
    for target in targets {
        let folder = workspace.target("fuzz-seeds").join(&target);
        // Those of another day would be run again, whatever they were.
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("empty {}", folder.display()))?;
        }
        let seeds = seeds::write(&target, &folder)?;
        let changed = folder.with_extension("changed");
        let inputs = seeds::write_changed(&folder, &changed)?;
        if inputs == 0 {
            println!("{target}: no seeds, since there are no corpora (SENSOR_CORPORA)");
            continue;
        }
        println!("{target}: {seeds} seeds, {inputs} inputs");
        let mut program = Command::new(built.join("debug").join(&target));
        program.arg("-timeout=10").arg("-rss_limit_mb=2048").args(seeds::paths(&changed)?);
        let output = program.output().with_context(|| format!("start the fuzz target {target}"))?;
        if !output.status.success() {
            let told = String::from_utf8_lossy(&output.stderr);
            let last: Vec<_> = told.lines().rev().take(40).collect();
            let last: Vec<_> = last.into_iter().rev().collect();
            bail!("the fuzz target {target} fails:\n{}", last.join("\n"));
        }
    }
    Ok(())
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
