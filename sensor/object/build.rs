//! Finds the eBPF object that `cargo xtask build` put into the target directory.
//!
//! The agent is built with or without the object: host crates, their tests and clippy need no eBPF toolchain.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// When set, a missing object is an error: a build that wants everything else asks for that.
const REQUIRED: &str = "SENSOR_REQUIRE_BPF_OBJECT";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed={REQUIRED}");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    object(&out);
}

fn object(out: &Path) {
    // OUT_DIR is <target>/[triple/]<profile>/build/<package>/out; only the target directory carries CACHEDIR.TAG.
    let target = out
        .ancestors()
        .find(|dir| dir.join("CACHEDIR.TAG").is_file())
        .or_else(|| out.ancestors().nth(4))
        .expect("OUT_DIR lies inside a target directory");
    let object = target.join("bpf").join("sensor.o");
    if env::var_os(REQUIRED).is_some() && !object.is_file() {
        println!("cargo::error={} is missing; `cargo xtask build` compiles it", object.display());
        return;
    }
    if !object.is_file() {
        // An empty file means "not built"; it also gives cargo something to watch.
        fs::create_dir_all(target.join("bpf")).expect("create <target>/bpf");
        fs::write(&object, []).expect("write the empty eBPF object");
    }
    println!("cargo::rerun-if-changed={}", object.display());
    println!("cargo::rustc-env=SENSOR_BPF_OBJECT={}", object.display());
}
