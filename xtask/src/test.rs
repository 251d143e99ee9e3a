//! The tests, in stages from the quickest to the slowest.
//!
//! `host` needs neither root nor an eBPF toolchain. The labs run one at a time: they share the machine's kernel and
//! compare counts. The last stage runs one of the labs' binaries on Debian 12's own kernel in a virtual machine.

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use serde_json::Value;

use crate::{
    build, fuzz, process, qemu,
    setup::{self, Need},
    stages::{self, Skip, Stage},
    workspace::Workspace,
};

/// The crate of the labs.
const LABS: &str = "tests";

/// The integration test of [`LABS`] that runs on other kernels.
const KERNEL_TEST: &str = "kernel";

/// Variables that tell the labs where the agent is, and the directory of the eBPF objects.
pub const AGENT: &str = "SENSOR_BINARY";
const OBJECTS: &str = "SENSOR_BPF_DIR";

/// What `cargo xtask test` can be asked for.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Name {
    /// Unit, golden and property tests
    Host,
    /// The fuzz targets compile
    Fuzz,
    /// Labs in network namespaces (root)
    Labs,
    /// The kernel test on Debian 12's kernel 6.1 under qemu
    Kernel61,
}

/// `cargo xtask test`. All stages where `chosen` is empty.
///
/// # Errors
/// None of its own: what fails is in the summary and in the exit code.
pub fn run(workspace: &Workspace, chosen: &[Name], filter: Option<&str>) -> Result<ExitCode> {
    let mut stages = Vec::new();
    for name in Name::value_variants() {
        if !chosen.is_empty() && !chosen.contains(name) {
            continue;
        }
        stages.push(match name {
            Name::Host => Stage::new("host", || host(filter)),
            Name::Fuzz => Stage::new("fuzz", || fuzz_targets(workspace)),
            Name::Labs => Stage::new("labs", || labs(workspace, filter)),
            Name::Kernel61 => Stage::new("kernel-6.1", || kernel_6_1(workspace, filter)),
        });
    }
    Ok(stages::run(&mut stages))
}

fn host(filter: Option<&str>) -> Result<()> {
    let mut cargo = process::cargo();
    cargo.args(["test", "--workspace", "--exclude", LABS]).args(filter);
    process::run(&mut cargo)
}

fn fuzz_targets(workspace: &Workspace) -> Result<()> {
    setup::programs(&[Need::Fuzz])?;
    fuzz::check(workspace)
}

fn labs(workspace: &Workspace, filter: Option<&str>) -> Result<()> {
    if !process::is_root() {
        let why = "needs root: sudo --preserve-env=PATH,HOME cargo xtask test labs";
        return Err(Skip(why.to_owned()).into());
    }
    setup::programs(&[Need::Labs])?;
    build::ebpf(workspace)?;
    let agent = build::agent(workspace, false)?;
    let mut cargo = process::cargo();
    cargo
        .env(AGENT, agent)
        .env(OBJECTS, workspace.target("bpf"))
        .args(["test", "--package", LABS])
        .args(filter)
        .args(["--", "--test-threads=1"]);
    process::run(&mut cargo)
}

fn kernel_6_1(workspace: &Workspace, filter: Option<&str>) -> Result<()> {
    setup::programs(&[Need::Machine])?;
    build::ebpf(workspace)?;
    let agent = build::agent(workspace, false)?;
    let test = kernel_test()?;
    let kernel = qemu::Kernel::debian_6_1(workspace)?;
    let reference = workspace.target("bpf/bench.o");
    let files = [
        (agent.as_path(), "/bin/sensor"),
        (test.as_path(), "/bin/kernel-tests"),
        (reference.as_path(), "/bpf/bench.o"),
    ];
    let script = format!(
        "CI=true {AGENT}=/bin/sensor {OBJECTS}=/bpf /bin/kernel-tests --test-threads=1 {}",
        filter.unwrap_or_default()
    );
    let output = qemu::boot(&kernel, &files, &script)?;
    match output.code {
        0 => Ok(()),
        code => bail!("the tests failed on {} with exit code {code}", kernel.release()),
    }
}

/// Builds the kernel test and returns its executable.
fn kernel_test() -> Result<PathBuf> {
    let mut cargo: Command = process::cargo();
    cargo.args(["test", "--package", LABS, "--test", KERNEL_TEST, "--no-run"]);
    // The first run shows warnings and errors, the second says where the executable is.
    process::run(&mut cargo)?;
    let messages = process::capture(cargo.args(["--quiet", "--message-format=json"]))?;
    executable(&messages, KERNEL_TEST)
        .map(|path| Path::new(&path).to_owned())
        .with_context(|| format!("cargo did not say where the test {KERNEL_TEST} is"))
}

/// The executable of the target `name` in cargo's JSON messages.
fn executable(messages: &str, name: &str) -> Option<String> {
    messages.lines().find_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        let fits = message["target"]["name"] == name;
        fits.then(|| message["executable"].as_str().map(str::to_owned)).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_executable_is_found_among_other_messages() {
        let messages = concat!(
            "{\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"lab\"},\"executable\":\"/a\"}\n",
            "not json\n",
            "{\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"kernel\"},\"executable\":null}\n",
            "{\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"kernel\"},\"executable\":\"/b\"}\n",
        );
        assert_eq!(executable(messages, "kernel").as_deref(), Some("/b"));
        assert_eq!(executable(messages, "other"), None);
    }
}
