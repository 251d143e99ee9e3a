//! Finds what a verb needs, and installs what is missing where it may.
//!
//! Each verb asks for its own needs only, and when nothing is missing this costs a few look-ups in the file system and
//! two questions to the compiler. What will be done is said before it is done.

mod clouds;
mod linker;
mod packages;
mod python;
mod web;

use std::{path::Path, process::Command};

use anyhow::Result;

pub use self::{
    packages::{Need, update as update_package_lists},
    python::{PYTHON, engines, fleet, peers},
    web::{SOURCES as WEB, ensure as web, node},
};
use crate::{
    process,
    stages::Skip,
    toolchain::{Compiler, Toolchain},
    workspace::Workspace,
};

/// `cargo xtask setup`: the needs of all verbs.
///
/// # Errors
/// Says what is missing and how to install it.
pub fn everything(workspace: &Workspace) -> Result<()> {
    programs(&[
        Need::Bench,
        Need::Demo,
        Need::Host,
        Need::Labs,
        Need::Fuzz,
        Need::Machine,
        Need::Web,
        Need::Browser,
    ])?;
    clouds(workspace)?;
    web(workspace)?;
    let toolchain = ebpf_clippy(workspace)?;
    println!("eBPF compiler: {}", toolchain.compiler.describe());
    println!("eBPF linker:   {}", process::short(&toolchain.linker));
    println!("everything is installed");
    Ok(())
}

/// The programs that `needs` start, from the distribution's packages.
///
/// # Errors
/// Says what is missing and how to install it.
pub fn programs(needs: &[Need]) -> Result<()> {
    packages::install(&packages::missing(needs))
}

/// The servers that stand for clouds.
///
/// # Errors
/// Says what failed to install.
pub fn clouds(workspace: &Workspace) -> Result<()> {
    clouds::ensure(workspace)
}

/// Whether the eBPF toolchain is there, so that [`ebpf`] has nothing to do.
pub fn has_ebpf(workspace: &Workspace) -> bool {
    Compiler::find().is_some_and(|compiler| linker::is_built(workspace, &compiler))
}

/// The eBPF toolchain.
///
/// # Errors
/// Says what is missing and how to install it.
pub fn ebpf(workspace: &Workspace) -> Result<Toolchain> {
    let compiler = match Compiler::find() {
        Some(compiler) => compiler,
        None => install_compiler()?,
    };
    let linker = linker::ensure(workspace, &compiler)?;
    Ok(Toolchain { compiler, linker })
}

/// The eBPF toolchain with the clippy that belongs to its compiler.
///
/// # Errors
/// Says what is missing and how to install it.
pub fn ebpf_clippy(workspace: &Workspace) -> Result<Toolchain> {
    let toolchain = ebpf(workspace)?;
    match &toolchain.compiler {
        Compiler::Prebuilt(rustc) if !rustc.with_file_name("cargo-clippy").is_file() => {
            if rustc != Path::new("/usr/bin/rustc") {
                let text = format!("no cargo-clippy beside the eBPF compiler {}", rustc.display());
                return Err(Skip(text).into());
            }
            packages::install(&["rust-web-clippy"])?;
        }
        Compiler::Nightly if !nightly(&["cargo-clippy", "--version"]) => {
            println!("setup: adds clippy to rustup's nightly");
            rustup(&["component", "add", "clippy", "--toolchain", "nightly"])?;
        }
        _ => {}
    }
    Ok(toolchain)
}

/// Debian's compiler where its packages exist, else rustup's nightly.
fn install_compiler() -> Result<Compiler> {
    const DEBIAN: [&str; 2] = ["rustc-web", "libstd-rust-web-dev-bpf"];
    if packages::can_install() && packages::available(&DEBIAN)? {
        packages::install(&DEBIAN)?;
    } else if process::find_program("rustup").is_some() {
        println!("setup: installs rustup's nightly with the source of core, for the eBPF programs");
        rustup(&[
            "toolchain",
            "install",
            "nightly",
            "--profile",
            "minimal",
            "--component",
            "rust-src",
        ])?;
    }
    match Compiler::find() {
        Some(compiler) => Ok(compiler),
        None => Err(Skip(format!(
            "no Rust compiler here can build for eBPF; on Debian, as root: apt-get install \
             --no-install-recommends {}; elsewhere: rustup toolchain install nightly --component \
             rust-src; or name one with a prebuilt core for it in SENSOR_BPF_RUSTC",
            DEBIAN.join(" ")
        ))
        .into()),
    }
}

fn rustup(arguments: &[&str]) -> Result<()> {
    process::run(Command::new("rustup").env_remove("RUSTUP_TOOLCHAIN").args(arguments))
}

fn nightly(command: &[&str]) -> bool {
    let mut rustup = Command::new("rustup");
    process::succeeds(rustup.env_remove("RUSTUP_TOOLCHAIN").args(["run", "nightly"]).args(command))
}
