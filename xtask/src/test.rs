//! The tests, in stages from the quickest to the slowest.
//!
//! `host` needs neither root nor an eBPF toolchain; where it may, it installs the programs that give second opinions. The labs
//! run one at a time: they share the machine's kernel and compare counts. The last stages boot kernels of Debian's in a virtual
//! machine, once each, and open the console's page in a browser; where all stages run, they do so beside the labs.

use std::{
    cell::RefCell,
    path::PathBuf,
    process::{Command, ExitCode},
};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use serde_json::Value;

use crate::{
    beside::Beside,
    build, fuzz, package, process, qemu,
    setup::{self, Need},
    stages::{self, Skip, Stage},
    workspace::Workspace,
};

/// The crate of the labs.
const LABS: &str = "tests";

/// The integration tests of [`LABS`] that run on other kernels. The second runs nowhere else: what it is to find may stop
/// the kernel.
const MACHINE_TESTS: [&str; 2] = ["kernel", "machine"];

/// The stages that run beside the labs, where all run: those that boot a virtual machine, and the browser.
const BESIDE: [&str; 3] = ["kernel-6.1", "kernel-6.12", "page"];

/// Variables that tell the labs where the agent is, and the directory of the eBPF objects.
pub const AGENT: &str = "SENSOR_BINARY";
const OBJECTS: &str = "SENSOR_BPF_DIR";

/// The variable that tells the labs where the packages are.
const PACKAGES: &str = "SENSOR_PACKAGES";

/// The variable that tells a test that the kernel is nobody's.
const MACHINE: &str = "SENSOR_MACHINE";

/// The variable that asks the test of the ordinary day for that of a company.
const COMPANY: &str = "SENSOR_DAY_OF_A_COMPANY";

/// The variable that says how many random queries engines are asked.
const QUERIES: &str = "SENSOR_SQL_QUERIES";

/// What `cargo xtask test` can be asked for.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Name {
    /// Unit, golden and property tests
    Host,
    /// The fuzz targets, each over its seeds and changes of these
    Fuzz,
    /// Labs in network namespaces (root)
    Labs,
    /// Debian 12's kernel 6.1 under qemu: programs by test run, and no harm to any kind of traffic
    #[value(name = "kernel-6.1")]
    Kernel61,
    /// The same on Debian's kernel 6.12, of backports
    #[value(name = "kernel-6.12")]
    Kernel612,
    /// The console's page in Chromium, before a stand-in with made flows and before the sensor itself
    Page,
    /// 10,000 queries select the same records here, in DuckDB and in ClickHouse (minutes, 900 MB of PyPI; only if named)
    Agreement,
    /// The stock library on an ordinary day of a company, with millions of records (minutes; only if named)
    Day,
    /// The agent under load for 20 minutes, or `SENSOR_SOAK_SECONDS`: nothing grows, nothing is lost (root; only if named)
    Soak,
}

impl Name {
    /// Whether it takes so long that it runs every night, and otherwise only where somebody asks for it.
    fn is_nightly(self) -> bool {
        matches!(self, Self::Agreement | Self::Day | Self::Soak)
    }
}

/// `cargo xtask test`. All stages but those of the night where `chosen` is empty.
///
/// # Errors
/// None of its own: what fails is in the summary and in the exit code.
pub fn run(workspace: &Workspace, chosen: &[Name], filter: Option<&str>) -> Result<ExitCode> {
    let beside = RefCell::new(None);
    let mut stages = Vec::new();
    for name in Name::value_variants() {
        let is_meant = if chosen.is_empty() { !name.is_nightly() } else { chosen.contains(name) };
        if !is_meant {
            continue;
        }
        stages.push(match name {
            Name::Host => Stage::new("host", || host(workspace, filter)),
            Name::Fuzz => Stage::new("fuzz", || fuzz_targets(workspace)),
            Name::Labs if chosen.is_empty() => Stage::new("labs", || {
                labs(workspace, filter, || {
                    build_for_others(workspace)?;
                    beside.replace(Some(Beside::start(workspace, &BESIDE)?));
                    Ok(())
                })
            }),
            Name::Labs => Stage::new("labs", || labs(workspace, filter, || Ok(()))),
            Name::Kernel61 if chosen.is_empty() => Stage::new("beside", || match beside.take() {
                Some(beside) => beside.finish(),
                // Nobody has started them, since the labs did not come that far.
                None => Beside::start(workspace, &BESIDE)?.finish(),
            }),
            Name::Kernel612 | Name::Page if chosen.is_empty() => continue,
            Name::Kernel61 => {
                Stage::new("kernel-6.1", || kernel(workspace, qemu::Series::V6_1, filter))
            }
            Name::Kernel612 => {
                Stage::new("kernel-6.12", || kernel(workspace, qemu::Series::V6_12, filter))
            }
            Name::Page => Stage::new("page", || page(workspace)),
            Name::Agreement => Stage::new("agreement", || agreement(workspace)),
            Name::Day => Stage::new("day", day),
            Name::Soak => Stage::new("soak", || soak(workspace)),
        });
    }
    Ok(stages::run(&mut stages))
}

fn host(workspace: &Workspace, filter: Option<&str>) -> Result<()> {
    match setup::programs(&[Need::Host]) {
        Err(error) if error.is::<Skip>() => {
            println!("host: some comparisons are left out: {error}");
        }
        result => result?,
    }
    let mut cargo = process::cargo();
    cargo.args(["test", "--workspace", "--exclude", LABS]).args(filter);
    match setup::peers(workspace) {
        Ok(python) => drop(cargo.env(setup::PYTHON, python)),
        Err(error) => println!("host: DuckDB is not asked: {error:#}"),
    }
    process::run(&mut cargo)
}

fn agreement(workspace: &Workspace) -> Result<()> {
    let python = setup::engines(workspace)?;
    let mut cargo = process::cargo();
    cargo.args(["test", "--package", "sensor-store", "--test", "agreement"]);
    cargo.env(setup::PYTHON, python).env(QUERIES, "10000").args(["--", "--nocapture"]);
    process::run(&mut cargo)
}

/// With optimisations: without, it takes the better part of an hour.
fn day() -> Result<()> {
    let mut cargo = process::cargo();
    cargo.args(["test", "--release", "--package", "sensor", "--test", "library"]);
    cargo.env(COMPANY, "1").args(["--", "--nocapture", "the_day_is_ordinary"]);
    process::run(&mut cargo)
}

/// The agent as it is shipped, but for its size: what is slow without optimisations would be load of another kind.
fn soak(workspace: &Workspace) -> Result<()> {
    require_root("soak")?;
    build::ebpf(workspace)?;
    let agent = build::agent(workspace, true)?;
    let mut cargo = process::cargo();
    cargo.env(AGENT, agent).env(OBJECTS, workspace.target("bpf"));
    cargo.args(["test", "--package", LABS, "--test", "soak", "--", "--nocapture"]);
    process::run(&mut cargo)
}

fn require_root(stage: &str) -> Result<()> {
    if process::is_root() {
        return Ok(());
    }
    let why = format!("needs root: sudo --preserve-env=PATH,HOME cargo xtask test {stage}");
    Err(Skip(why).into())
}

fn fuzz_targets(workspace: &Workspace) -> Result<()> {
    setup::programs(&[Need::Fuzz])?;
    fuzz::replay(workspace)
}

/// `beside` is done when all is built.
fn labs(
    workspace: &Workspace,
    filter: Option<&str>,
    beside: impl FnOnce() -> Result<()>,
) -> Result<()> {
    require_root("labs")?;
    setup::programs(&[Need::Labs])?;
    setup::clouds(workspace)?;
    let python = setup::fleet(workspace)?;
    build::ebpf(workspace)?;
    let agent = build::agent(workspace, false)?;
    let packages = package::run(workspace, Some(&agent))?;
    let mut cargo = process::cargo();
    cargo
        .env(AGENT, agent)
        .env(OBJECTS, workspace.target("bpf"))
        .env(PACKAGES, packages)
        .env(setup::PYTHON, python)
        .args(["test", "--package", LABS])
        .args(filter)
        .args(["--", "--test-threads=1"]);
    let mut built = process::cargo();
    process::run(built.args(["test", "--package", LABS, "--no-run", "--quiet"]))?;
    beside()?;
    process::run(&mut cargo)
}

/// Its tests are Node's; what they open is Debian's Chromium.
fn page(workspace: &Workspace) -> Result<()> {
    setup::programs(&[Need::Web, Need::Browser])?;
    let directory = setup::web(workspace)?;
    let agent = build::agent(workspace, false)?;
    let mut node = setup::node(&directory);
    node.env(AGENT, agent).args([
        "--test",
        "--test-concurrency=2",
        "--test-reporter=spec",
        "tests/",
    ]);
    process::run(&mut node)
}

/// All that stages of [`BESIDE`] need, so that they have nothing to install and to build.
fn build_for_others(workspace: &Workspace) -> Result<()> {
    setup::programs(&[Need::Machine, Need::Web, Need::Browser])?;
    setup::web(workspace)?;
    build::ebpf(workspace)?;
    build::agent(workspace, false)?;
    executables(MACHINE_TESTS).map(drop)
}

/// One boot for all that is tested on a kernel: starting the machine costs more than most tests do.
fn kernel(workspace: &Workspace, series: qemu::Series, filter: Option<&str>) -> Result<()> {
    setup::programs(&[Need::Machine])?;
    build::ebpf(workspace)?;
    let agent = build::agent(workspace, false)?;
    let [kernel_tests, machine_tests] = executables(MACHINE_TESTS)?;
    let kernel = qemu::Kernel::debian(workspace, series)?;
    let reference = workspace.target("bpf/bench.o");
    let files = [
        (agent.as_path(), "/bin/sensor"),
        (kernel_tests.as_path(), "/bin/kernel-tests"),
        (machine_tests.as_path(), "/bin/machine-tests"),
        (reference.as_path(), "/bpf/bench.o"),
    ];
    let filter = filter.unwrap_or_default();
    // Both run, whatever became of the first.
    let script = format!(
        "export CI=true RUST_LIB_BACKTRACE=0 {AGENT}=/bin/sensor {OBJECTS}=/bpf {MACHINE}=1
         code=0
         for tests in kernel machine; do
             /bin/$tests-tests --test-threads=1 --nocapture {filter} || code=1
         done
         exit $code"
    );
    let output = qemu::boot(&kernel, &files, &script)?;
    match output.code {
        0 => Ok(()),
        code => bail!("the tests failed on {} with exit code {code}", kernel.release()),
    }
}

/// Builds tests of the labs and returns their executables.
fn executables<const N: usize>(names: [&str; N]) -> Result<[PathBuf; N]> {
    let mut cargo: Command = process::cargo();
    cargo.args(["test", "--package", LABS, "--no-run"]);
    cargo.args(names.iter().flat_map(|name| ["--test", name]));
    // The first run shows warnings and errors, the second says where the executables are.
    process::run(&mut cargo)?;
    let messages = process::capture(cargo.args(["--quiet", "--message-format=json"]))?;
    let mut paths = [const { PathBuf::new() }; N];
    for (path, name) in paths.iter_mut().zip(names) {
        *path = executable(&messages, name)
            .with_context(|| format!("cargo did not say where the test {name} is"))?
            .into();
    }
    Ok(paths)
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
