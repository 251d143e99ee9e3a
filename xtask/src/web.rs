//! The console's page: type-checked, bundled, and written to `sensor/web/dist`, which is committed.
//!
//! So nobody needs Node to build the sensor, and what is committed is held to be what the sources give, to the byte. The
//! compressed files are made here and not by Node, whose zlib is another one in each version.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write,
    path::Path,
    process::Command,
};

use anyhow::{Context, Result, bail};
use flate2::{Compression, GzBuilder};

use crate::{
    process,
    setup::{self, Need},
    workspace::Workspace,
};

/// File names and contents.
type Files = BTreeMap<String, Vec<u8>>;

/// `cargo xtask web`: builds into the tree.
///
/// # Errors
/// When types do not fit, the bundle cannot be made or written.
pub fn build(workspace: &Workspace) -> Result<()> {
    let files = made(workspace)?;
    let dist = workspace.root().join(setup::WEB).join("dist");
    fs::create_dir_all(&dist)?;
    for name in read(&dist)?.into_keys().filter(|name| !files.contains_key(name)) {
        fs::remove_file(dist.join(name))?;
    }
    for (name, content) in &files {
        fs::write(dist.join(name), content).with_context(|| format!("write {name}"))?;
    }
    let sent: usize = compressed(&files).map(|(_, content)| content.len()).sum();
    println!("web: {} files in {}, {sent} octets sent", files.len(), process::short(&dist));
    Ok(())
}

/// `cargo xtask web --check`: whether what is committed is what the sources give.
///
/// # Errors
/// Names the files that differ.
pub fn check(workspace: &Workspace) -> Result<()> {
    let committed = read(&workspace.root().join(setup::WEB).join("dist"))?;
    let made = made(workspace)?;
    let differ = differences(&made, &committed);
    if !differ.is_empty() {
        bail!(
            "sensor/web/dist is not what the sources give: {}; run `cargo xtask web`",
            differ.join(", ")
        );
    }
    println!("web: {} files are what the sources give", committed.len());
    Ok(())
}

/// All files of the page, built apart from the tree.
fn made(workspace: &Workspace) -> Result<Files> {
    setup::programs(&[Need::Web])?;
    let directory = setup::web(workspace)?;
    process::run(Command::new("node_modules/.bin/tsc").current_dir(&directory))
        .context("check the types of the page")?;
    let built = directory.join("built");
    if built.exists() {
        fs::remove_dir_all(&built)?;
    }
    process::run(setup::node(&directory).args(["build.mjs", "built"]))
        .context("bundle the page")?;
    finished(read(&built)?)
}

/// The files with their compressed forms.
fn finished(mut files: Files) -> Result<Files> {
    let packed: Files = files
        .iter()
        .map(|(name, content)| Ok((format!("{name}.gz"), gzip(content)?)))
        .collect::<Result<_>>()?;
    files.extend(packed);
    Ok(files)
}

/// Without a name and a time, and at a level whose search does not depend on the processor: the same content gives the
/// same octets.
fn gzip(content: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::best());
    encoder.write_all(content)?;
    Ok(encoder.finish()?)
}

fn compressed(files: &Files) -> impl Iterator<Item = (&String, &Vec<u8>)> {
    files.iter().filter(|(name, _)| name.ends_with(".gz"))
}

fn read(directory: &Path) -> Result<Files> {
    let entries =
        fs::read_dir(directory).with_context(|| format!("read {}", process::short(directory)))?;
    let mut files = Files::new();
    for entry in entries {
        let entry = entry?;
        files.insert(entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path())?);
    }
    Ok(files)
}

/// Names of files that only one side has, or that differ.
fn differences<'a>(made: &'a Files, committed: &'a Files) -> Vec<&'a str> {
    let names: BTreeSet<&String> = made.keys().chain(committed.keys()).collect();
    names
        .into_iter()
        .filter(|&name| made.get(name) != committed.get(name))
        .map(String::as_str)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    fn files(pairs: &[(&str, &str)]) -> Files {
        pairs.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect()
    }

    #[test]
    fn each_file_is_compressed_the_same_way_each_time() -> Result<()> {
        let sources = [("app-1.js", "let x"), ("index.html", "<p>")];
        let done = finished(files(&sources))?;
        let names: Vec<&str> = done.keys().map(String::as_str).collect();
        assert_eq!(names, ["app-1.js", "app-1.js.gz", "index.html", "index.html.gz"]);
        let mut text = String::new();
        GzDecoder::new(done["app-1.js.gz"].as_slice()).read_to_string(&mut text)?;
        assert_eq!(text, "let x");
        assert_eq!(done, finished(files(&sources))?);
        Ok(())
    }

    #[test]
    fn what_differs_is_named() {
        let (one, other) = (files(&[("a", "1"), ("b", "2")]), files(&[("b", "3"), ("c", "4")]));
        assert_eq!(differences(&one, &other), ["a", "b", "c"]);
        assert_eq!(differences(&one, &one), [""; 0]);
    }
}
