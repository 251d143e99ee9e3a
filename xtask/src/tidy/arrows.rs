//! Who may import whom in the agent: the dependency direction of ARCHITECTURE.md, held by a table.
//!
//! A room is a top-level module of `sensor` or of `sensor-core`, or the whole of another crate. Cargo holds the arrows
//! between crates; the table also holds those inside a crate, and says which rooms of the core an edge may use. Imports
//! are read from the text: `crate::room`, `sensor_core::room`, groups included, `super::` chains that reach the root, and
//! in the binary `sensor::room`.

use super::{File, Finding, source};

/// Each room, and the rooms that it may import. Edges never import edges; the core imports neither edges nor the agent.
const ARROWS: &[(&str, &[&str])] = &[
    ("main", &["cli", "object"]),
    (
        "cli",
        &[
            "agent",
            "clock",
            "console",
            "diagnostic",
            "dns",
            "engine",
            "enrich",
            "export",
            "files",
            "flow",
            "hunt",
            "kernel",
            "nql",
            "policy",
            "replay",
            "roles",
            "settings",
            "stdio",
            "store",
            "sync",
        ],
    ),
    (
        "agent",
        &[
            "clock",
            "console",
            "diagnostic",
            "dns",
            "engine",
            "enrich",
            "export",
            "files",
            "flow",
            "hunt",
            "intake",
            "journal",
            "kernel",
            "nql",
            "pem",
            "policy",
            "replay",
            "roles",
            "sensor_common",
            "settings",
            "stdio",
            "store",
            "sync",
            "wire",
        ],
    ),
    // What is held and stored, as questions and answers; it looks at what outputs hold.
    ("console", &["diagnostic", "export", "flow", "hunt", "nql", "policy", "store"]),
    // Core.
    ("diagnostic", &[]),
    ("dns", &["flow"]),
    ("engine", &["enrich", "flow", "policy", "sync"]),
    ("enrich", &["diagnostic", "flow", "sync"]),
    ("flow", &["sensor_common", "sync"]),
    ("hunt", &["enrich", "flow", "nql", "sync"]),
    ("nql", &["diagnostic", "dns", "flow", "sensor_common", "sync"]),
    ("policy", &["diagnostic", "flow", "nql", "sensor_common", "settings"]),
    ("roles", &["flow", "sensor_common"]),
    ("settings", &["diagnostic"]),
    ("sync", &[]),
    ("wire", &["dns", "flow", "sensor_common"]),
    // Edges.
    ("clock", &[]),
    ("files", &[]),
    (
        "export",
        &[
            "clock",
            "dns",
            "files",
            "flow",
            "hunt",
            "journal",
            "nql",
            "pem",
            "policy",
            "sensor_common",
            "stdio",
            "store",
            "sync",
            "wire",
        ],
    ),
    ("intake", &["clock", "files", "flow", "pem", "sync", "wire"]),
    ("journal", &[]),
    ("kernel", &["flow", "sensor_common"]),
    ("object", &[]),
    ("pem", &["files"]),
    ("replay", &["dns", "flow", "sensor_common", "wire"]),
    ("stdio", &["sync"]),
    ("store", &["flow", "hunt", "nql", "sync", "wire"]),
];

/// Where the table is, for messages.
const TABLE: &str = "xtask/src/tidy/arrows.rs";

/// Where the rooms lie, and the room that the folder is, where it is one as a whole.
const FOLDERS: [(&str, Option<&str>); 6] = [
    ("sensor/src/", None),
    ("sensor/core/src/", None),
    ("sensor/kernel/src/", Some("kernel")),
    ("sensor/object/src/", Some("object")),
    ("sensor/store/src/", Some("store")),
    ("sensor/wire/src/", Some("wire")),
];

/// Crates that are rooms, and the names of these.
const CRATES: [(&str, &str); 5] = [
    ("sensor_common", "sensor_common"),
    ("sensor_kernel", "kernel"),
    ("sensor_object", "object"),
    ("sensor_store", "store"),
    ("sensor_wire", "wire"),
];

/// Imports of a file of the agent that go against the table; nothing for other files.
pub fn check(file: &File) -> Vec<Finding> {
    let Some((module, whole)) =
        FOLDERS.iter().find_map(|(folder, whole)| Some((file.path.strip_prefix(folder)?, *whole)))
    else {
        return Vec::new();
    };
    let path: Vec<&str> = module.trim_end_matches(".rs").split('/').collect();
    let room = whole.unwrap_or(path[0]);
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
    let mut roots = vec!["sensor_core::".to_owned()];
    match (whole, room) {
        // What lies beside it in its crate is the room itself.
        (Some(_), _) => {}
        (None, "main") => roots.push("sensor::".to_owned()),
        (None, _) => roots.extend(["crate::".to_owned(), "super::".repeat(depth(&path))]),
    }
    imports(&code, &roots)
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

/// Rooms that the code names behind one of `roots` or as a crate, with their lines.
fn imports(code: &str, roots: &[String]) -> Vec<(usize, String)> {
    let line = |at: usize| code[..at].matches('\n').count() + 1;
    let places = |text| code.match_indices(text).filter(|(at, _)| starts_path(code, *at));
    let mut found = Vec::new();
    for root in roots {
        for (at, _) in places(root.as_str()) {
            let names = first_segments(&code[at + root.len()..]);
            found.extend(names.into_iter().map(|name| (line(at), name)));
        }
    }
    for (name, room) in CRATES {
        let whole = |at: usize| identifier(&code[at..]) == name;
        found.extend(
            places(name).filter(|(at, _)| whole(*at)).map(|(at, _)| (line(at), room.to_owned())),
        );
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
        let file = File { path: format!("sensor/{path}"), text: text.to_owned() };
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
            "kernel/src/drain.rs",
            "use sensor_core::flow::Batch;\nuse sensor_common::Slot;\n",
            &[],
        );
        check_imports("kernel/src/drain.rs", "use crate::agent::maps;\nuse super::maps;\n", &[]);
        check_imports("src/main.rs", "fn main() { sensor::cli::main() }\n", &[]);
        check_imports("core/src/lib.rs", "pub mod flow;\n", &[]);
    }

    #[test]
    fn an_edge_may_not_import_an_edge() {
        check_imports("kernel/src/a.rs", "use x;\nuse sensor_wire::b;\n", &[(2, "wire")]);
        check_imports("src/export/tcp.rs", "fn f() { sensor_kernel::f() }\n", &[(1, "kernel")]);
        check_imports("src/export/tcp.rs", "use crate::intake::x;\n", &[(1, "intake")]);
        check_imports("src/export/tcp.rs", "use sensor_kernels::x;\n", &[]);
    }

    #[test]
    fn a_room_of_the_core_is_known_from_outside() {
        let group = "use sensor_core::{\n    flow::batch,\n    policy,\n};\n";
        check_imports("wire/src/lib.rs", group, &[(1, "policy")]);
        check_imports("wire/src/sflow/mod.rs", group, &[(1, "policy")]);
        check_imports("src/replay/mod.rs", group, &[(1, "policy")]);
    }

    #[test]
    fn the_core_may_not_import_the_agent() {
        let group = "use crate::{\n    agent::{Config, kernel},\n    flow,\n};\n";
        check_imports("core/src/flow.rs", group, &[(1, "agent")]);
        check_imports("core/src/flow/cache.rs", "use super::super::cli::Flags;\n", &[(1, "cli")]);
        check_imports("core/src/flow/mod.rs", "use super::export;\n", &[(1, "export")]);
        check_imports("core/src/flow/mod.rs", "use self::cache::Cache;\n", &[]);
        check_imports("core/src/flow/cache.rs", "use super::export;\n", &[]);
    }

    #[test]
    fn the_binary_goes_through_the_command_line() {
        check_imports("src/main.rs", "use sensor::{agent, cli};\n", &[(1, "agent")]);
    }

    #[test]
    fn text_and_tests_are_not_imports() {
        let text = "// crate::agent::x\nconst A: &str = \"crate::cli::x\";\n";
        check_imports("core/src/flow.rs", text, &[]);
        let tests = "#[cfg(test)]\nmod tests {\n    use crate::replay::pcap;\n}\n";
        check_imports("core/src/flow.rs", tests, &[]);
        check_imports(
            "core/src/flow.rs",
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
