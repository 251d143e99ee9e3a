//! Builds the eBPF objects, then the agent with the product's object embedded.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::{process, setup, tidy, toolchain::TARGET, workspace::Workspace};

/// The product's binary of the eBPF crate.
const PRODUCT: &str = "sensor";

/// Binaries of the eBPF crate: the product, and the reference programs of benches and tests.
const OBJECTS: [&str; 2] = [PRODUCT, "bench"];

/// Tells the build script of `sensor-object` to fail without the object, instead of embedding none.
const REQUIRE_OBJECT: &str = "SENSOR_REQUIRE_BPF_OBJECT";

/// `cargo xtask build`; returns the path of the agent's binary.
///
/// # Errors
/// When something is missing or does not compile.
pub fn all(workspace: &Workspace, release: bool) -> Result<PathBuf> {
    let ahead = if setup::has_ebpf(workspace) { None } else { Some(Ahead::start(release)?) };
    ebpf(workspace)?;
    drop(ahead);
    agent(workspace, release)
}

/// The build of everything the agent links against, while the eBPF toolchain is being installed: that is downloads and one
/// crate after the other for the most part. The object itself is still missing, so that cargo is told to refuse the
/// crate which embeds it, and to go on with the others.
struct Ahead(Child);

impl Ahead {
    fn start(release: bool) -> Result<Self> {
        println!("setup: meanwhile compiles the agent's dependencies");
        let mut cargo = agent_build(release);
        cargo.args(["--quiet", "--keep-going"]).env(REQUIRE_OBJECT, "1");
        // It is expected to fail, for lack of the object; any other error shows again in the build that follows.
        cargo.stdin(Stdio::null()).stderr(Stdio::null());
        cargo.spawn().map(Self).with_context(|| format!("start {}", process::shown(&cargo)))
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        // The agent needs all of it: whatever is still being compiled would only start anew.
        let _ = self.0.wait();
    }
}

/// The eBPF objects, into `<target>/bpf`.
///
/// # Errors
/// When something is missing or does not compile, or a program of the product calls what programs may not.
pub fn ebpf(workspace: &Workspace) -> Result<()> {
    let toolchain = setup::ebpf(workspace)?;
    process::run(&mut toolchain.cargo(workspace, "build")).context("build the eBPF programs")?;
    let built = workspace.target("ebpf").join(TARGET).join("release");
    let kept = workspace.target("bpf");
    audit(&built.join(PRODUCT))?;
    fs::create_dir_all(&kept).with_context(|| format!("create {}", kept.display()))?;
    for name in OBJECTS {
        update(&built.join(name), &kept.join(name).with_extension("o"))?;
    }
    Ok(())
}

/// Holds a built object to the table of helpers: in the source those do not show that a library calls.
fn audit(object: &Path) -> Result<()> {
    let bytes = fs::read(object).with_context(|| format!("read {}", object.display()))?;
    match tidy::audit(&bytes)[..] {
        [] => Ok(()),
        ref faults => bail!("{}: {}", object.display(), faults.join("\n")),
    }
}

/// The agent; returns the path of its binary.
///
/// # Errors
/// When it does not compile.
pub fn agent(workspace: &Workspace, release: bool) -> Result<PathBuf> {
    process::run(&mut agent_build(release)).context("build the agent")?;
    Ok(workspace.target(if release { "release/sensor" } else { "debug/sensor" }))
}

fn agent_build(release: bool) -> Command {
    let mut cargo = process::cargo();
    cargo.args(["build", "--package", "sensor"]);
    if release {
        cargo.arg("--release");
    }
    cargo
}

/// Copies only what changed: the agent is rebuilt whenever the object's file is newer.
fn update(from: &Path, to: &Path) -> Result<()> {
    let new = fs::read(from).with_context(|| format!("read {}", from.display()))?;
    if fs::read(to).is_ok_and(|old| old == new) {
        return Ok(());
    }
    fs::write(to, new).with_context(|| format!("write {}", to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_with_the_same_bytes_is_not_written_again() {
        let directory = tempfile::tempdir().unwrap();
        let (from, to) = (directory.path().join("from"), directory.path().join("to"));
        fs::write(&from, "object").unwrap();
        update(&from, &to).unwrap();
        let past = std::time::UNIX_EPOCH;
        fs::File::options().write(true).open(&to).unwrap().set_modified(past).unwrap();
        update(&from, &to).unwrap();
        assert_eq!(fs::metadata(&to).unwrap().modified().unwrap(), past);
        fs::write(&from, "other").unwrap();
        update(&from, &to).unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"other");
    }
}
