//! Lists the stock library of policies.

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
}

/// Writes the table of `sensor/core/src/policy/stock.rs`.
fn stock(out: &Path) {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let library = manifest.join("../policies");
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
