//! Checks that no compiler makes: who imports whom, how long files are, how they open, what lies in the tree, what the
//! eBPF programs ask of the kernel.
//!
//! Plain text checks over the files that git knows. Each finding says where, what, and what would be right.

mod arrows;
mod circles;
mod files;
mod helpers;
mod imports;
mod source;
mod words;

use std::{fmt, fs, path::PathBuf, process::Command};

use anyhow::{Context, Result, bail};

pub use self::helpers::audit;
use crate::{process, workspace::Workspace};

/// One fault.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    path: String,
    /// From 1.
    line: usize,
    /// What is wrong, and what would be right.
    what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// A text file of the tree.
struct File {
    /// Relative to the root.
    path: String,
    text: String,
}

/// `cargo xtask tidy`.
///
/// # Errors
/// When there is a finding, or the tree cannot be read.
pub fn run(workspace: &Workspace) -> Result<()> {
    let files = read_tree(workspace)?;
    let mut findings = files::layout(&files);
    findings.extend(circles::check(&files));
    for file in &files {
        findings.extend(words::check(file));
        if file.path.ends_with(".rs") {
            findings.extend(files::header(file));
            findings.extend(files::length(file));
            findings.extend(arrows::check(file));
            findings.extend(helpers::check(file));
        }
    }
    for note in files.iter().filter_map(files::long) {
        println!("note: {note}");
    }
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => println!("tidy: {} files, no findings", files.len()),
        count => bail!("findings: {count}"),
    }
    Ok(())
}

/// Files that are tracked, or will be: new ones count too.
fn read_tree(workspace: &Workspace) -> Result<Vec<File>> {
    let list = process::capture(Command::new("git").args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]))
    .context("list the files of the tree")?;
    let mut files = Vec::new();
    for path in list.split_terminator('\0') {
        let full: PathBuf = workspace.root().join(path);
        // Deleted and not yet committed, or a link to a folder.
        if !full.is_file() {
            continue;
        }
        let bytes = fs::read(&full).with_context(|| format!("read {path}"))?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        files.push(File { path: path.to_owned(), text });
    }
    Ok(files)
}
