//! Makes a table of the built page (`web/dist`), so that the program has all of its files.

use std::{env, fmt::Write as _, fs, path::Path};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=web/dist");
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo says where the crate is");
    let out = env::var("OUT_DIR").expect("cargo says where to write");
    let folder = Path::new(&root).join("web/dist");
    let mut names: Vec<String> = match fs::read_dir(&folder) {
        Ok(entries) => entries
            .map(|entry| entry.expect("the folder of the page can be read").file_name())
            .map(|name| name.into_string().expect("names of the page are text"))
            .collect(),
        // There is no page: the API answers all the same.
        Err(_) => Vec::new(),
    };
    names.sort_unstable();
    let mut table = String::from("[\n");
    let wanted = |name: &&String| !name.ends_with(".gz") && *name != "files.json";
    for name in names.iter().filter(wanted) {
        let bytes = |name: &str| format!("include_bytes!({:?})", folder.join(name));
        let packed = format!("{name}.gz");
        let gzip = match names.binary_search(&packed) {
            Ok(_) => format!("Some({})", bytes(&packed)),
            Err(_) => "None".to_owned(),
        };
        let plain = bytes(name);
        writeln!(table, "    File {{ name: {name:?}, plain: {plain}, gzip: {gzip} }},")
            .expect("text grows");
    }
    table.push(']');
    fs::write(Path::new(&out).join("page.rs"), table).expect("the table is written");
}
