//! The compiler and the linker of the eBPF programs.
//!
//! Two kinds of compiler will do, and which one is at hand is found by asking it: a rustc that comes with a prebuilt
//! `core` for the BPF target (Debian's `rustc-web` with `libstd-rust-web-dev-bpf`), or a nightly with the source of
//! `core`, built anew by `-Z build-std`. bpf-linker must have been built against the LLVM that the compiler uses.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{process, workspace::Workspace};

/// The BPF target of little-endian hosts.
pub const TARGET: &str = "bpfel-unknown-none";

/// A compiler that can build for [`TARGET`].
pub enum Compiler {
    /// This rustc has a prebuilt `core`.
    Prebuilt(PathBuf),
    /// rustup's nightly with `rust-src`.
    Nightly,
}

/// Everything that a build of the eBPF crate needs.
pub struct Toolchain {
    /// Compiles to LLVM bitcode.
    pub compiler: Compiler,
    /// Path of bpf-linker.
    pub linker: PathBuf,
}

impl Compiler {
    /// The first compiler on this machine that will do.
    pub fn find() -> Option<Self> {
        let named = env::var_os("SENSOR_BPF_RUSTC").map(PathBuf::from);
        let usual = ["/usr/bin/rustc", "rustc"].map(PathBuf::from);
        named
            .into_iter()
            .chain(usual)
            .find(|rustc| has_prebuilt_core(rustc))
            .map(Self::Prebuilt)
            .or_else(|| nightly_has_source().then_some(Self::Nightly))
    }

    /// The LLVM major that this compiler reports.
    ///
    /// # Errors
    /// When the compiler cannot be asked or does not say.
    pub fn llvm(&self) -> Result<u32> {
        let version = match self {
            Self::Prebuilt(rustc) => ask(rustc, &["-vV"])?,
            Self::Nightly => ask_nightly(&["-vV"])?,
        };
        llvm_major(&version).with_context(|| format!("no LLVM version in `rustc -vV`: {version}"))
    }

    /// For messages.
    pub fn describe(&self) -> String {
        match self {
            Self::Prebuilt(rustc) => format!("{} (prebuilt core)", rustc.display()),
            Self::Nightly => "rustup's nightly (-Z build-std=core)".to_owned(),
        }
    }
}

impl Toolchain {
    /// `cargo VERB` over the eBPF crate, optimised, with its own target directory.
    pub fn cargo(&self, workspace: &Workspace, verb: &str) -> Command {
        let mut cargo = match &self.compiler {
            Compiler::Prebuilt(rustc) => self.prebuilt(rustc, verb),
            Compiler::Nightly => self.nightly(verb),
        };
        let flags = [
            "-Clinker=".to_owned() + &self.linker.to_string_lossy(),
            "-Clink-arg=--btf".to_owned(),
            "-Cdebuginfo=2".to_owned(),
            // 32 bit arithmetic and jumps, without which 32 bit values are widened and narrowed all the time. Linux
            // 5.1 and later take them.
            "-Ctarget-cpu=v3".to_owned(),
        ];
        cargo
            .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
            .args(["--release", "--target", TARGET, "--manifest-path", "sensor-ebpf/Cargo.toml"])
            .arg("--target-dir")
            .arg(workspace.target("ebpf"));
        cargo
    }

    fn prebuilt(&self, rustc: &Path, verb: &str) -> Command {
        // Clippy is a compiler of its own and must be that of the rustc whose `core` it reads.
        let mut cargo = match (verb, rustc.parent()) {
            ("clippy", Some(bin)) if bin.join("cargo-clippy").is_file() => {
                Command::new(bin.join("cargo-clippy"))
            }
            _ => process::cargo(),
        };
        // aya-ebpf opens one unstable feature; the variable lets a stable compiler take it.
        process::without_steering(&mut cargo)
            .env("RUSTC", rustc)
            .env("RUSTC_BOOTSTRAP", "1")
            .arg(verb);
        cargo
    }

    fn nightly(&self, verb: &str) -> Command {
        let mut cargo = Command::new("rustup");
        process::without_steering(&mut cargo)
            .env_remove("RUSTUP_TOOLCHAIN")
            .env_remove("CARGO")
            .args(["run", "nightly", "cargo", verb, "-Zbuild-std=core"]);
        cargo
    }
}

fn has_prebuilt_core(rustc: &Path) -> bool {
    let Ok(directory) = ask(rustc, &["--print", "target-libdir", "--target", TARGET]) else {
        return false;
    };
    let Ok(files) = fs::read_dir(directory.trim()) else { return false };
    files.flatten().any(|file| {
        let name = file.file_name();
        let name = name.to_string_lossy();
        name.starts_with("libcore") && name.ends_with(".rlib")
    })
}

fn nightly_has_source() -> bool {
    ask_nightly(&["--print", "sysroot"]).is_ok_and(|sysroot| {
        Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/core").is_dir()
    })
}

fn ask(rustc: &Path, question: &[&str]) -> Result<String> {
    process::capture(process::without_steering(&mut Command::new(rustc)).args(question))
}

fn ask_nightly(question: &[&str]) -> Result<String> {
    let mut rustup = Command::new("rustup");
    rustup.env_remove("RUSTUP_TOOLCHAIN").args(["run", "nightly", "rustc"]).args(question);
    process::capture(process::without_steering(&mut rustup))
}

/// `LLVM version: 22.1.8` gives 22.
fn llvm_major(version: &str) -> Option<u32> {
    let line = version.lines().find_map(|line| line.strip_prefix("LLVM version:"))?;
    line.trim().split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn llvm_major_is_read_from_the_verbose_version() {
        let version =
            "rustc 1.96.0 (ac68faa20 2026-05-25)\nrelease: 1.96.0\nLLVM version: 22.1.8\n";
        assert_eq!(llvm_major(version), Some(22));
        assert_eq!(llvm_major("rustc 1.96.0\n"), None);
        assert_eq!(llvm_major("LLVM version: unknown\n"), None);
    }
}
