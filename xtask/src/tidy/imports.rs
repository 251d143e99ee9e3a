//! Which file of a crate takes a name from which other, read from the text.
//!
//! Every path counts that begins at the crate's root (`crate::`), at a parent (`super::`) or at a child module, in `use`
//! declarations and elsewhere. It leads to the file of the deepest module that it passes through; a name that this module
//! only passes on (`pub use`) leads to the file that has it. Passing on is no import.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use super::{File, source};

/// For each file, by its index in the list, the files it imports from, and the names.
pub type Graph = BTreeMap<usize, BTreeMap<usize, BTreeSet<String>>>;

/// A file as a module.
struct Module {
    /// Segments from the crate's root.
    path: Vec<String>,
    code: String,
    /// Names that it passes on, and the paths they stand for.
    passed_on: BTreeMap<String, Vec<String>>,
}

/// The graph of the files below `root`, a folder `.../src/`. Binaries beside the library are left out.
pub fn graph(files: &[File], root: &str) -> Graph {
    let mut modules = BTreeMap::new();
    let mut indices = BTreeMap::new();
    for (index, file) in files.iter().enumerate() {
        let Some(path) = file.path.strip_prefix(root).and_then(module_path) else { continue };
        let code = source::blank_tests(&source::code_only(&file.text));
        indices.insert(path.clone(), index);
        modules.insert(index, Module { path, code, passed_on: BTreeMap::new() });
    }
    for module in modules.values_mut() {
        module.passed_on = paths(&module.code, &module.path, &indices)
            .into_iter()
            .filter(|path| path.public)
            .filter_map(|path| Some((path.segments.last()?.clone(), path.segments)))
            .collect();
    }
    let mut graph = Graph::new();
    for (from, module) in &modules {
        for path in paths(&module.code, &module.path, &indices).iter().filter(|path| !path.public) {
            if let Some((to, name)) = resolve(&path.segments, &indices, &modules, 0)
                && to != *from
            {
                graph.entry(*from).or_default().entry(to).or_default().insert(name);
            }
        }
    }
    graph
}

/// `a/b/mod.rs` and `a/b.rs` are `a::b`, `lib.rs` is the root. Nothing for what is no Rust, and for tests in files of
/// their own.
fn module_path(file: &str) -> Option<Vec<String>> {
    let mut path: Vec<String> = file.strip_suffix(".rs")?.split('/').map(str::to_owned).collect();
    if path.iter().any(|segment| segment == "bin" || segment == "tests" || segment == "testing") {
        return None;
    }
    if path.len() == 1 && (path[0] == "lib" || path[0] == "main") || path.last()? == "mod" {
        path.pop();
    }
    Some(path)
}

/// A path in the code, from the root of the crate.
struct Named {
    segments: Vec<String>,
    /// Declared by `pub use`.
    public: bool,
}

/// All paths of `code` that begin within the crate.
fn paths(code: &str, file: &[String], indices: &BTreeMap<Vec<String>, usize>) -> Vec<Named> {
    let inline = inline_modules(code);
    let mut found = Vec::new();
    let mut rest = 0;
    for (at, _) in code.match_indices("::") {
        if at < rest {
            continue;
        }
        let start = code[..at].rfind(|c: char| !is_identifier(c)).map_or(0, |i| i + 1);
        let first = &code[start..at];
        if first.is_empty() || code[..start].ends_with("::") {
            continue;
        }
        let mut here = file.to_vec();
        let around = inline.iter().filter(|(body, _)| body.contains(&start));
        here.extend(around.map(|(_, name)| (*name).to_owned()));
        let mut child = here.clone();
        child.push(first.to_owned());
        let base = match first {
            "crate" | "$crate" => Vec::new(),
            "self" => here,
            "super" => here[..here.len().saturating_sub(1)].to_vec(),
            _ if indices.contains_key(&child) => child,
            _ => continue,
        };
        let public = is_passed_on(&code[..start]);
        let mut tree = Tree { code, at: at + 2, public, found: Vec::new() };
        tree.read(base);
        rest = tree.at;
        found.append(&mut tree.found);
    }
    found
}

/// The bodies of modules within the file, and their names; outer ones come first.
fn inline_modules(code: &str) -> Vec<(Range<usize>, &str)> {
    let mut found = Vec::new();
    for (at, keyword) in code.match_indices("mod ") {
        if code[..at].ends_with(is_identifier) {
            continue;
        }
        let rest = &code[at + keyword.len()..];
        let (name, behind) = rest.split_at(rest.find(|c| !is_identifier(c)).unwrap_or(rest.len()));
        if name.is_empty() || !behind.trim_start().starts_with('{') {
            continue;
        }
        let mut depth = 0;
        let length = behind.find(|c| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            c == '}' && depth == 0
        });
        let start = code.len() - behind.len();
        found.push((start..start + length.unwrap_or(behind.len()), name));
    }
    found
}

/// Whether a path that follows `before` is declared by a `use` that others may use.
fn is_passed_on(before: &str) -> bool {
    let statement = before.rfind([';', '}', ']']).map_or(before, |end| &before[end + 1..]).trim();
    statement.starts_with("pub") && statement.ends_with("use")
}

/// Reads one path, with its groups.
struct Tree<'c> {
    code: &'c str,
    at: usize,
    public: bool,
    found: Vec<Named>,
}

impl Tree<'_> {
    fn read(&mut self, base: Vec<String>) {
        self.skip_space();
        let rest = &self.code[self.at..];
        if rest.starts_with('{') {
            self.at += 1;
            loop {
                self.skip_space();
                match self.code.as_bytes().get(self.at) {
                    Some(b'}') | None => break self.at += 1,
                    Some(b',') => self.at += 1,
                    Some(_) => {
                        let before = self.at;
                        self.read(base.clone());
                        // A renaming, or what is no path at all.
                        self.skip_to_next();
                        if self.at == before {
                            self.at += 1;
                        }
                    }
                }
            }
            return;
        }
        let end = rest.find(|c: char| !is_identifier(c)).unwrap_or(rest.len());
        let segment = &rest[..end];
        self.at += end;
        let mut path = base;
        match segment {
            "super" => drop(path.pop()),
            "self" | "" => {}
            _ => path.push(segment.to_owned()),
        }
        let after = &self.code[self.at..];
        if after.starts_with("::") && !after.starts_with("::<") {
            self.at += 2;
            self.read(path);
        } else {
            self.found.push(Named { segments: path, public: self.public });
        }
    }

    fn skip_space(&mut self) {
        let rest = &self.code[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    /// To the comma or brace behind an item of a group.
    fn skip_to_next(&mut self) {
        let rest = &self.code[self.at..];
        self.at += rest.find([',', '}']).unwrap_or(rest.len());
    }
}

fn is_identifier(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

/// The file that a path leads to, and the name that is taken from it; nothing for a module as such.
fn resolve(
    path: &[String],
    indices: &BTreeMap<Vec<String>, usize>,
    modules: &BTreeMap<usize, Module>,
    depth: usize,
) -> Option<(usize, String)> {
    let length = (0..path.len()).rev().find(|length| indices.contains_key(&path[..*length]))?;
    // The module itself: whatever is taken from it is another path.
    if indices.contains_key(path) {
        return None;
    }
    let name = &path[length];
    let file = indices[&path[..length]];
    // Passing on in a circle does not compile; the bound is for text that does not.
    match modules[&file].passed_on.get(name).filter(|_| depth < 8) {
        Some(target) if target.as_slice() != path => {
            let mut target = target.clone();
            target.extend_from_slice(&path[length + 1..]);
            resolve(&target, indices, modules, depth + 1)
        }
        _ => Some((file, name.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_graph(files: &[(&str, &str)], expected: &[(&str, &str, &str)]) {
        let files: Vec<File> = files
            .iter()
            .map(|(path, text)| File { path: format!("x/src/{path}"), text: (*text).to_owned() })
            .collect();
        let mut found = Vec::new();
        for (from, targets) in graph(&files, "x/src/") {
            for (to, names) in targets {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                let short = |index: usize| files[index].path.trim_start_matches("x/src/");
                found.push((short(from).to_owned(), short(to).to_owned(), names.join(" ")));
            }
        }
        let expected: Vec<_> =
            expected.iter().map(|(a, b, c)| ((*a).into(), (*b).into(), (*c).into())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn imports_lead_to_the_deepest_file() {
        check_graph(
            &[
                ("lib.rs", "pub mod a;\npub mod b;\n"),
                ("a.rs", "use crate::b::{self, c::{D, E as F}, G};\nfn f() { super::b::h() }\n"),
                ("b/mod.rs", "pub struct G;\n"),
                ("b/c.rs", "pub struct D;\n"),
            ],
            &[("a.rs", "b/mod.rs", "G h"), ("a.rs", "b/c.rs", "D E")],
        );
    }

    #[test]
    fn a_name_that_is_passed_on_belongs_to_the_file_that_has_it() {
        check_graph(
            &[
                ("lib.rs", "use a::X;\n"),
                ("a/mod.rs", "mod b;\npub use b::X;\nfn f(y: b::Y) {}\n"),
                ("a/b.rs", "use super::Z;\n"),
            ],
            &[("lib.rs", "a/b.rs", "X"), ("a/mod.rs", "a/b.rs", "Y"), ("a/b.rs", "a/mod.rs", "Z")],
        );
    }

    #[test]
    fn a_module_within_a_file_belongs_to_the_file() {
        check_graph(
            &[
                ("a/mod.rs", "pub struct X;\n"),
                (
                    "a/b.rs",
                    "mod c {\n    use super::{super::X, Y};\n    fn f() { d::g() }\n}\nuse super::Z;\n",
                ),
                ("a/b/d.rs", "pub fn g() {}\n"),
            ],
            &[("a/b.rs", "a/mod.rs", "X Z")],
        );
    }

    #[test]
    fn text_tests_and_other_crates_are_not_imports() {
        check_graph(
            &[
                ("lib.rs", "use std::a::B;\n"),
                ("a.rs", "// crate::b::C\nfn f() -> Vec::<u8> { other::b::C }\n"),
                ("b.rs", "#[cfg(test)]\nmod tests {\n    use crate::a::f;\n}\n"),
            ],
            &[],
        );
    }
}
