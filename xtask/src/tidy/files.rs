//! What lies at the top of the tree, how a module opens, how long it is.

use std::collections::BTreeSet;

use super::{File, Finding, source};

/// What may lie at the top, beside the licences. Anything else belongs into one of the crates.
const TOP_LEVEL: &[&str] = &[
    ".cargo",
    ".ci",
    ".clippy.toml",
    ".gitattributes",
    ".gitignore",
    ".rustfmt.toml",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "README.md",
    "rust-toolchain.toml",
    "sensor",
    "sensor-common",
    "sensor-ebpf",
    "tests",
    "xtask",
];

/// Lines without tests above which a file must be split.
const SPLIT: usize = 500;

/// Lines without tests above which a file is worth a second look.
const LOOK_TWICE: usize = 350;

/// Entries at the top of the tree that do not belong there, each once.
pub fn layout(files: &[File]) -> Vec<Finding> {
    let entries: BTreeSet<&str> =
        files.iter().filter_map(|file| file.path.split('/').next()).collect();
    entries
        .into_iter()
        .filter(|entry| !TOP_LEVEL.contains(entry) && !entry.starts_with("LICENSE-"))
        .map(|entry| Finding {
            path: entry.to_owned(),
            line: 1,
            what: "does not belong at the top of the tree; what ships with the agent lives in \
                   sensor/, tools in xtask/"
                .to_owned(),
        })
        .collect()
}

/// A module opens by saying why it exists; only inner attributes may come first.
pub fn header(file: &File) -> Option<Finding> {
    let mut depth = 0;
    for (index, line) in file.text.lines().enumerate() {
        let line = line.trim();
        if depth == 0 && line.starts_with("//!") {
            return None;
        }
        if depth == 0 && !line.is_empty() && !line.starts_with("#![") {
            let what = "the module does not open with a `//!` paragraph that says why it exists";
            return Some(Finding {
                path: file.path.clone(),
                line: index + 1,
                what: what.to_owned(),
            });
        }
        depth += line.matches('[').count();
        depth = depth.saturating_sub(line.matches(']').count());
    }
    Some(Finding {
        path: file.path.clone(),
        line: 1,
        what: "an empty module; delete it".to_owned(),
    })
}

/// A file too long to be read in one go.
pub fn length(file: &File) -> Option<Finding> {
    let lines = counted_lines(file)?;
    (lines > SPLIT).then(|| Finding {
        path: file.path.clone(),
        line: SPLIT + 1,
        what: format!("{lines} lines without tests; split it (at most {SPLIT}, aim for 150)"),
    })
}

/// A file that is worth a second look; not a fault.
pub fn long(file: &File) -> Option<String> {
    let lines = counted_lines(file)?;
    (LOOK_TWICE < lines && lines <= SPLIT)
        .then(|| format!("{}: {lines} lines without tests", file.path))
}

/// Lines of a Rust file, its test module taken out; nothing for files that are all tests or benches.
fn counted_lines(file: &File) -> Option<usize> {
    let path = &file.path;
    let tests = path.ends_with("/tests.rs")
        || path.starts_with("tests/")
        || path.contains("/tests/")
        || path.contains("/benches/");
    (path.ends_with(".rs") && !tests)
        .then(|| source::without_tests(&source::code_only(&file.text), &file.text).lines().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn strangers_at_the_top_are_named_once() {
        let files = [file("docs/a.md", ""), file("docs/b.md", ""), file("sensor/src/lib.rs", "")];
        let findings = layout(&files);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].path, "docs");
    }

    #[test]
    fn a_module_opens_with_its_reason() {
        assert_eq!(header(&file("a.rs", "//! Why.\nfn f() {}\n")), None);
        let attribute = "#![expect(\n    unsafe_code,\n    reason = \"maps\"\n)]\n\n//! Why.\n";
        assert_eq!(header(&file("a.rs", attribute)), None);
        assert_eq!(header(&file("a.rs", "use x;\n//! Late.\n")).map(|found| found.line), Some(1));
        assert!(header(&file("a.rs", "")).is_some());
    }

    #[test]
    fn length_does_not_count_tests() {
        let code = "//! Why.\n".to_owned() + &"fn f() {}\n".repeat(SPLIT - 1);
        let tests = "#[cfg(test)]\nmod tests {\n".to_owned() + &"// x\n".repeat(400) + "}\n";
        assert_eq!(length(&file("sensor/src/a.rs", &(code.clone() + &tests))), None);
        assert!(length(&file("sensor/src/a.rs", &(code.clone() + "fn g() {}\n"))).is_some());
        assert_eq!(length(&file("sensor/benches/a.rs", &(code + "fn g() {}\n"))), None);
    }

    #[test]
    fn a_long_file_is_noted_before_it_is_a_fault() {
        assert_eq!(long(&file("sensor/src/a.rs", &"x\n".repeat(LOOK_TWICE))), None);
        assert!(long(&file("sensor/src/a.rs", &"x\n".repeat(LOOK_TWICE + 1))).is_some());
        assert_eq!(long(&file("sensor/src/a.rs", &"x\n".repeat(SPLIT + 1))), None);
    }
}
