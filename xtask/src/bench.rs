//! Runs the benchmarks of the agent; their tables go straight to the terminal.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::{
    build, process,
    setup::{self, Need},
    test::AGENT,
    workspace::Workspace,
};

/// Crates with benchmarks: parts of the agent, and the agent as a process.
const PACKAGES: [&str; 6] =
    ["sensor-core", "sensor-wire", "sensor-kernel", "sensor-store", "sensor", "tests"];

/// Makes a Python that has what a benchmark needs.
type MakePython = fn(&Workspace) -> Result<PathBuf>;

/// The benchmarks that have peers in Python.
const PEERS: [(&str, MakePython); 3] =
    [("cloud", setup::peers), ("hunt", setup::peers), ("fleet", setup::fleet)];

/// `cargo xtask bench`.
///
/// # Errors
/// When there is no such benchmark, or one fails.
pub fn run(workspace: &Workspace, name: Option<&str>) -> Result<()> {
    let mut all = Vec::new();
    for package in PACKAGES {
        all.extend(workspace.targets(package, "bench").into_iter().map(|bench| (package, bench)));
    }
    let names: Vec<_> = all.iter().map(|(_, bench)| *bench).collect();
    if let Some(name) = name {
        if !names.contains(&name) {
            bail!("no benchmark {name}; there are: {}", names.join(", "));
        }
        all.retain(|(_, bench)| *bench == name);
    }
    setup::programs(&[Need::Bench])?;
    build::ebpf(workspace)?;
    let agent = build::agent(workspace, true)?;
    for (package, bench) in all {
        println!("\n== {bench} ==");
        let mut cargo = process::cargo();
        cargo.args(["bench", "--package", package, "--bench", bench]).env(AGENT, &agent);
        if let Some((_, make)) = PEERS.iter().find(|(name, _)| *name == bench) {
            match make(workspace) {
                Ok(python) => drop(cargo.env(setup::PYTHON, python)),
                Err(fault) => println!("without peers in Python: {fault:#}"),
            }
        }
        process::run(&mut cargo).with_context(|| format!("benchmark {bench}"))?;
    }
    Ok(())
}
