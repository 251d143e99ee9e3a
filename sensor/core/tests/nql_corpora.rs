//! Queries from outside the repository: lists of valid and invalid ones, and a library of policies. Where the folder is
//! absent there is nothing to check; `SENSOR_CORPORA` says where it is.

#[path = "../../tests/corpora/mod.rs"]
mod corpora;

use std::{fs, path::Path};

use sensor_core::{
    diagnostic,
    flow::fields::RecordKind,
    nql::{Filter, Options, lists::Lists},
};

/// The text of a file, or `None` with a message when it is not there.
fn read(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok();
    if text.is_none() {
        eprintln!("nothing checked: {} is absent (set SENSOR_CORPORA)", path.display());
    }
    text
}

fn compile(query: &str, context: RecordKind) -> Result<Filter, String> {
    let lists = Lists::default();
    let options = Options { context, ..Options::new(&lists) };
    Filter::compile(query, &options)
        .map_err(|diagnostics| diagnostic::render("query", query, &diagnostics))
}

#[test]
fn lists_of_queries() {
    for (file, context, valid) in [
        ("valid-flow.nql", RecordKind::Flow, true),
        ("valid-dns.nql", RecordKind::Dns, true),
        ("invalid-flow.nql", RecordKind::Flow, false),
    ] {
        let Some(text) = read(&corpora::root().join("nql").join(file)) else { continue };
        for query in text.lines().filter(|line| !line.trim().is_empty()) {
            match compile(query, context) {
                Ok(_) => assert!(valid, "{file}: accepted {query}"),
                Err(shown) => assert!(!valid, "{file}:\n{shown}"),
            }
        }
    }
}

#[test]
fn policies() {
    let Some(text) = read(&corpora::root().join("../policies/policies.toml")) else { return };
    let library: toml::Table = text.parse().expect("TOML");
    let policies = library["policy"].as_array().expect("a list of policies");
    let matches =
        policies.iter().map(|policy| policy["match"].as_str().expect("a text").to_owned());
    // The discards are proposals, commented out: `# "label.src.role == scanner",  # why`.
    let discards = text.lines().filter_map(|line| {
        let comment = line.trim().strip_prefix('#')?.trim_start().strip_prefix('"')?;
        comment.split_once('"').map(|(query, _)| query.to_owned())
    });
    let queries: Vec<String> = matches.chain(discards).collect();
    assert!(queries.len() >= 185, "only {} queries found", queries.len());
    for query in queries {
        let filter = compile(&query, RecordKind::Flow).unwrap_or_else(|shown| panic!("{shown}"));
        assert!(filter.warnings.is_empty(), "{query}: {:?}", filter.warnings);
    }
}
