//! Who may import whom in the agent: the dependency direction of ARCHITECTURE.md, held by a table.
//!
//! A room is a top-level module of `sensor/src`. Its imports are read from the text: `crate::room`, groups included,
//! `super::` chains that reach the root, and in the binary `sensor::room`.

use super::{File, Finding, source};

/// Each room, and the rooms that it may import. Edges never import edges; the core imports neither edges nor the agent.
const ARROWS: &[(&str, &[&str])] = &[
    ("main", &["cli"]),
    (
        "cli",
        &[
            "agent",
            "diagnostic",
            "engine",
            "enrich",
            "export",
            "files",
            "flow",
            "kernel",
            "nql",
            "policy",
            "replay",
            "settings",
            "stdio",
        ],
    ),
    (
        "agent",
        &[
            "diagnostic",
            "engine",
            "enrich",
            "export",
            "files",
            "flow",
            "intake",
            "kernel",
            "nql",
            "policy",
            "replay",
            "sensor_common",
            "settings",
            "stdio",
            "wire",
        ],
    ),
    // Core.
    ("diagnostic", &[]),
    ("engine", &["enrich", "flow", "policy", "sensor_common"]),
    ("enrich", &["diagnostic", "flow"]),
    ("flow", &["sensor_common"]),
    ("nql", &["diagnostic", "flow", "sensor_common"]),
    ("policy", &["diagnostic", "flow", "nql", "sensor_common", "settings"]),
    ("settings", &["diagnostic"]),
    ("wire", &["flow", "sensor_common"]),
    // Edges.
    ("files", &[]),
    ("export", &["files", "flow", "policy", "sensor_common", "stdio", "wire"]),
    ("intake", &["files", "flow", "wire"]),
    ("kernel", &["flow", "sensor_common"]),
    ("replay", &["flow", "sensor_common", "wire"]),
    ("stdio", &[]),
];

/// Where the table is, for messages.
const TABLE: &str = "xtask/src/tidy/arrows.rs";

const SOURCES: &str = "sensor/src/";

/// Imports of a file of the agent that go against the table; nothing for other files.
pub fn check(file: &File) -> Vec<Finding> {
    let Some(module) = file.path.strip_prefix(SOURCES) else { return Vec::new() };
    let path: Vec<&str> = module.trim_end_matches(".rs").split('/').collect();
    let room = path[0];
    // The root declares the rooms and imports none.
    if room == "lib" {
        return Vec::new();
    }
    let finding = |line, what| Finding { path: file.path.clone(), line, what };
    let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == room) else {
        let what = format!("room `{room}` is unknown; add it and what it may import to {TABLE}");
        return vec![finding(1, what)];
    };
    let code = source::blank_tests(&source::code_only(&file.text));
    imports(&code, depth(&path), room == "main")
        .into_iter()
        .filter(|(_, import)| import != room && !allowed.contains(&import.as_str()))
        .map(|(line, import)| {
            finding(line, format!("`{room}` may not import `{import}`; {}", right(allowed)))
        })
        .collect()
}

fn right(allowed: &[&str]) -> String {
    match allowed {
        [] => "it may import no other room".to_owned(),
        rooms => format!("it may import {}", rooms.join(", ")),
    }
}

/// How many `super::` lead from this module to the root.
fn depth(path: &[&str]) -> usize {
    path.len() - usize::from(path.last() == Some(&"mod"))
}

/// Rooms that the code names, with their lines.
fn imports(code: &str, depth: usize, binary: bool) -> Vec<(usize, String)> {
    let root = if binary { "sensor::" } else { "crate::" };
    let up = "super::".repeat(depth);
    let mut found = Vec::new();
    for prefix in [root, up.as_str()] {
        for (at, _) in code.match_indices(prefix).filter(|(at, _)| starts_path(code, *at)) {
            let line = code[..at].matches('\n').count() + 1;
            let names = first_segments(&code[at + prefix.len()..]);
            found.extend(names.into_iter().map(|name| (line, name)));
        }
    }
    for (at, name) in code.match_indices("sensor_common").filter(|(at, _)| starts_path(code, *at)) {
        found.push((code[..at].matches('\n').count() + 1, name.to_owned()));
    }
    // Types and constants of the root itself are no rooms.
    found.retain(|(_, name)| name.starts_with(|c: char| c.is_ascii_lowercase()) && name != "super");
    found.sort();
    found.dedup();
    found
}

/// Whether a path begins here: no identifier and no `::` before it.
fn starts_path(code: &str, at: usize) -> bool {
    !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
}

/// The first segment of the path at the start of `code`, or of each path of the group there.
fn first_segments(code: &str) -> Vec<String> {
    let Some(group) = code.strip_prefix('{') else { return vec![identifier(code)] };
    let (mut depth, mut names, mut expect) = (1, Vec::new(), true);
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => expect = true,
            c if expect && !c.is_whitespace() => {
                names.push(identifier(&group[at..]));
                expect = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names
}

/// The identifier at the start of `code`; empty for a macro, which is no room.
fn identifier(code: &str) -> String {
    let end = code.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(code.len());
    let name = if code[end..].starts_with('!') { "" } else { &code[..end] };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_imports(path: &str, text: &str, expected: &[(usize, &str)]) {
        let file = File { path: SOURCES.to_owned() + path, text: text.to_owned() };
        let found: Vec<(usize, String)> =
            check(&file).into_iter().map(|finding| (finding.line, finding.what)).collect();
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for ((line, what), (expected_line, import)) in found.iter().zip(expected) {
            assert_eq!(line, expected_line);
            assert!(what.contains(&format!("import `{import}`;")), "{what}");
        }
    }

    #[test]
    fn allowed_imports_pass() {
        check_imports(
            "kernel/drain.rs",
            "use crate::flow::Batch;\nuse sensor_common::Slot;\n",
            &[],
        );
        check_imports("kernel/drain.rs", "use crate::kernel::maps;\nuse super::maps;\n", &[]);
        check_imports("main.rs", "fn main() { sensor::cli::main() }\n", &[]);
        check_imports("lib.rs", "pub mod flow;\n", &[]);
    }

    #[test]
    fn an_edge_may_not_import_an_edge() {
        check_imports("kernel/mod.rs", "use x;\nuse crate::export::Queue;\n", &[(2, "export")]);
        check_imports("export/tcp.rs", "fn f() { crate::kernel::attach() }\n", &[(1, "kernel")]);
    }

    #[test]
    fn the_core_may_not_import_the_agent() {
        let group = "use crate::{\n    agent::{Config, kernel},\n    flow,\n};\n";
        check_imports("flow.rs", group, &[(1, "agent")]);
        check_imports("flow/cache.rs", "use super::super::cli::Flags;\n", &[(1, "cli")]);
        check_imports("flow/mod.rs", "use super::export;\n", &[(1, "export")]);
        check_imports("flow/mod.rs", "use self::cache::Cache;\n", &[]);
        check_imports("flow/cache.rs", "use super::export;\n", &[]);
    }

    #[test]
    fn the_binary_goes_through_the_command_line() {
        check_imports("main.rs", "use sensor::{agent, cli};\n", &[(1, "agent")]);
    }

    #[test]
    fn text_and_tests_are_not_imports() {
        check_imports("flow.rs", "// crate::kernel::x\nconst A: &str = \"crate::cli::x\";\n", &[]);
        let tests = "#[cfg(test)]\nmod tests {\n    use crate::replay::pcap;\n}\n";
        check_imports("flow.rs", tests, &[]);
        check_imports(
            "flow.rs",
            "crate::field!(a);\nuse crate::Error;\nuse some_crate::kernel::x;\n",
            &[],
        );
    }

    #[test]
    fn an_unknown_room_is_named() {
        let file = File { path: "sensor/src/attic/mod.rs".to_owned(), text: "//! x\n".to_owned() };
        assert!(check(&file)[0].what.contains("`attic` is unknown"));
        assert!(check(&file)[0].what.contains(TABLE));
    }

    #[test]
    fn every_target_of_an_arrow_is_a_room() {
        for (room, allowed) in ARROWS {
            for target in *allowed {
                let known = *target == "sensor_common" || ARROWS.iter().any(|(r, _)| r == target);
                assert!(known, "{room} -> {target}");
            }
        }
    }
}
