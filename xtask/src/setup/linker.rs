//! bpf-linker, built into the target directory against the LLVM major that the compiler uses.
//!
//! The distribution moves its compiler, and LLVM with it: so the major is a question to the compiler, and each major
//! has a directory of its own.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use super::packages;
use crate::{process, toolchain::Compiler, workspace::Workspace};

const VERSION: &str = "0.13.0";

/// Where `cargo install` puts it below its root.
const LINKER: &str = "bin/bpf-linker";

/// The path of a bpf-linker that fits `compiler`; builds it where there is none.
///
/// # Errors
/// Says what is missing and how to install it, or what failed to build.
pub fn ensure(workspace: &Workspace, compiler: &Compiler) -> Result<PathBuf> {
    let major = compiler.llvm()?;
    let root = root(workspace, major);
    let linker = root.join(LINKER);
    if works(&linker) {
        return Ok(linker);
    }
    let prefix = llvm_prefix(major)?;
    println!(
        "setup: builds bpf-linker {VERSION} against LLVM {major} into {} (about half a minute)",
        process::short(&root)
    );
    let mut cargo = process::cargo();
    process::without_steering(&mut cargo)
        .env("LLVM_PREFIX", prefix)
        // The work is LLVM's, which is compiled already: a link takes as long, the build a third of the time.
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "false")
        .args(["install", "bpf-linker", "--version", VERSION, "--locked", "--force", "--quiet"])
        .args(["--no-default-features", "--features", &format!("llvm-{major}"), "--root"])
        .arg(&root);
    process::run(&mut cargo)
        .with_context(|| format!("build bpf-linker {VERSION} against LLVM {major}"))?;
    Ok(linker)
}

/// Whether [`ensure`] finds one.
pub fn is_built(workspace: &Workspace, compiler: &Compiler) -> bool {
    compiler.llvm().is_ok_and(|major| works(&root(workspace, major).join(LINKER)))
}

fn root(workspace: &Workspace, major: u32) -> PathBuf {
    workspace.target(&format!("toolchain/llvm-{major}"))
}

/// It starts (its LLVM library may have been removed since) and is the version that we build.
fn works(linker: &Path) -> bool {
    process::capture(Command::new(linker).arg("--version"))
        .is_ok_and(|said| said.split_whitespace().any(|word| word == VERSION))
}

/// Where LLVM's development files of this major lie.
fn llvm_prefix(major: u32) -> Result<PathBuf> {
    if let Some(prefix) = installed_llvm(major) {
        return Ok(prefix);
    }
    let package = format!("llvm-{major}-dev");
    packages::install(&[&package]).with_context(|| {
        format!(
            "bpf-linker needs the development files of LLVM {major}, the major of the eBPF compiler"
        )
    })?;
    match installed_llvm(major) {
        Some(prefix) => Ok(prefix),
        None => bail!("{package} is installed, but no llvm-config of LLVM {major} was found"),
    }
}

fn installed_llvm(major: u32) -> Option<PathBuf> {
    let debian = format!("/usr/lib/llvm-{major}/bin/llvm-config");
    let versioned = format!("llvm-config-{major}");
    [debian.as_str(), versioned.as_str(), "llvm-config"].into_iter().find_map(|config| {
        let ask = |question| process::capture(Command::new(config).arg(question)).ok();
        let version = ask("--version")?;
        let fits = version.split('.').next()?.trim().parse() == Ok(major);
        fits.then(|| ask("--prefix").map(|prefix| PathBuf::from(prefix.trim()))).flatten()
    })
}
