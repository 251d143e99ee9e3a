//! Finds the eBPF object that `cargo xtask build` put into the target directory, and lists the stock library of policies.
//!
//! The agent is built with or without the object: host crates, their tests and clippy need no eBPF toolchain.

use std::{
    env,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    stock(&out);
    object(&out);
}

/// Writes the table of `sensor/src/policy/stock.rs`.
fn stock(out: &Path) {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let library = manifest.join("policies");
    let mut files = Vec::new();
    for directory in [library.clone(), library.join("lists")] {
        println!("cargo::rerun-if-changed={}", directory.display());
        let entries = fs::read_dir(&directory).expect("the stock library can be read");
        let paths = entries.map(|entry| entry.expect("the stock library can be read").path());
        files.extend(
            paths.filter(|path| path.extension().is_some_and(|e| e == "toml" || e == "txt")),
        );
    }
    files.sort();
    let mut table = String::from("const FILES: &[StockFile] = &[\n");
    for file in &files {
        let path = file.strip_prefix(&library).expect("found in it").display().to_string();
        let full = file.display().to_string();
        writeln!(table, "    StockFile {{ path: {path:?}, text: include_str!({full:?}) }},")
            .expect("a string takes everything");
    }
    table.push_str("];\n");
    fs::write(out.join("stock.rs"), table).expect("write the table of the stock library");
}

fn object(out: &Path) {
    // OUT_DIR is <target>/[triple/]<profile>/build/<package>/out; only the target directory carries CACHEDIR.TAG.
    let target = out
        .ancestors()
        .find(|dir| dir.join("CACHEDIR.TAG").is_file())
        .or_else(|| out.ancestors().nth(4))
        .expect("OUT_DIR lies inside a target directory");
    let object = target.join("bpf").join("sensor.o");
    if !object.is_file() {
        // An empty file means "not built"; it also gives cargo something to watch.
        fs::create_dir_all(target.join("bpf")).expect("create <target>/bpf");
        fs::write(&object, []).expect("write the empty eBPF object");
    }
    println!("cargo::rerun-if-changed={}", object.display());
    println!("cargo::rustc-env=SENSOR_BPF_OBJECT={}", object.display());
}
