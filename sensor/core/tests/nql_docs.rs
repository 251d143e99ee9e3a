//! The language guide says what is true: its queries are accepted, its messages are those that come, and what can be
//! derived from the tables is. `UPDATE_EXPECT=1` writes the derived parts anew.

use std::{collections::BTreeMap, env, fmt::Write as _, fs, path::PathBuf};

use sensor_core::{
    diagnostic,
    flow::fields::{Context, Field, Origin, TextRule, aliases},
    nql::{Filter, Options, codes::CODES, limits::Limits, lists::Lists},
};

const BEGIN: &str = "<!-- codes: written by the test `docs_are_fresh` -->\n";
const END: &str = "<!-- end of codes -->\n";

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_default()
}

fn check_fresh(name: &str, fresh: &str) {
    if env::var_os("UPDATE_EXPECT").is_some() && read(name) != fresh {
        fs::write(path(name), fresh).unwrap();
    }
    assert!(read(name) == fresh, "sensor/docs/{name} is stale; UPDATE_EXPECT=1 writes it anew");
}

#[test]
fn docs_are_fresh() {
    check_fresh("nql-fields.md", &field_list());
    let guide = read("nql.md");
    let (head, rest) = guide.split_once(BEGIN).expect("the place of the codes");
    let (_, tail) = rest.split_once(END).expect("the end of the codes");
    check_fresh("nql.md", &format!("{head}{BEGIN}{}{END}{tail}", code_list()));
}

fn code_list() -> String {
    let mut text =
        String::from("\n| code | what | why, and what would be right |\n|---|---|---|\n");
    for code in CODES {
        let explanation = code.explanation.replace('|', "\\|");
        writeln!(text, "| {} | {} | {explanation} |", code.code, code.title).unwrap();
    }
    text.push('\n');
    text
}

fn field_list() -> String {
    let mut text = String::from(
        "# Fields of NQL\n\nWritten by the test `docs_are_fresh` from the field table, `sensor/core/src/flow/fields/`.\n\n\
         *filled*: this sensor's own flows have a value. *address*: known where something is known about the address.\n\
         *patterns*: `=~` and `!~` apply. *extension*: not in the public language, refused under `--strict`.\n",
    );
    for context in Context::ALL {
        write!(text, "\n## {}\n\n", context.name()).unwrap();
        text.push_str(
            "| field | type | meaning | IPFIX elements | notes |\n|---|---|---|---|---|\n",
        );
        for field in context.fields() {
            let elements: Vec<_> = field.elements.iter().map(u16::to_string).collect();
            writeln!(
                text,
                "| `{}` | {} | {} | {} | {} |",
                field.name,
                field.kind.name(),
                field.doc,
                elements.join(", "),
                notes(field)
            )
            .unwrap();
        }
        if context == Context::Flow {
            text.push_str(FLOW_LABELS);
        }
        if context == Context::Dns {
            text.push_str(
                "| `label.ip.X` | string[] | Values of the label X of the client | | address |\n",
            );
            text.push_str(
                "| `label.port.X` | string[] | Labels of the port, for the protocol X | | |\n",
            );
        }
        if !aliases(context).is_empty() {
            text.push_str("\n| alias | stands for | notes |\n|---|---|---|\n");
        }
        for alias in aliases(context) {
            let extension = if alias.origin == Origin::Extension { "extension" } else { "" };
            let fields = alias.fields.join("`, `");
            writeln!(text, "| `{}` | `{fields}` | {extension} |", alias.name).unwrap();
        }
        if context == Context::Flow {
            text.push_str("| `label.ip.X` | `label.dst.X`, `label.src.X` | |\n");
        }
    }
    text
}

const FLOW_LABELS: &str = "\
| `label.src.X` | string[] | Values of the label X of the source | | address, extension |
| `label.dst.X` | string[] | Values of the label X of the destination | | address, extension |
| `label.port.X` | string[] | Labels of the port, for the protocol X | | |
";

fn notes(field: &Field) -> String {
    let mut notes = Vec::new();
    if field.is_filled() {
        notes.push("filled".to_owned());
    }
    if field.attribute().is_some() {
        notes.push("address".to_owned());
    }
    match field.text {
        TextRule::Exact => {}
        TextRule::IgnoreCase => notes.push("any case".to_owned()),
        TextRule::Protocol => notes.push("name or number, any case".to_owned()),
        TextRule::Number => notes.push("a number from 0 to 255".to_owned()),
        TextRule::Mac => notes.push("such as 00:1b:21:aa:bb:cc".to_owned()),
        TextRule::Choice(choices) => notes.push(format!("one of `{}`", choices.join("`, `"))),
    }
    if field.patterns {
        notes.push("patterns".to_owned());
    }
    if field.origin == Origin::Extension {
        notes.push("extension".to_owned());
    }
    notes.join(", ")
}

/// The fenced blocks of the guide, by the word after the fence.
fn blocks(guide: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut blocks: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for block in guide.split("```").skip(1).step_by(2) {
        let (kind, text) = block.split_once('\n').expect("a line for the word");
        blocks.entry(kind).or_default().push(text);
    }
    blocks
}

fn compile(query: &str, context: Context) -> Result<Filter, String> {
    let lists = Lists::default();
    let options = Options { context, ..Options::new(&lists) };
    Filter::compile(query, &options)
        .map_err(|diagnostics| diagnostic::render("query", query, &diagnostics))
}

#[test]
fn queries_of_the_guide_are_accepted() {
    let guide = read("nql.md");
    let blocks = blocks(&guide);
    for (kind, context) in [("nql", Context::Flow), ("nql-dns", Context::Dns)] {
        for query in blocks[kind].iter().flat_map(|block| block.split("\n\n")) {
            let filter = compile(query, context).unwrap_or_else(|shown| panic!("{shown}"));
            assert!(filter.warnings.is_empty(), "{query}");
        }
    }
    assert!(blocks["nql"].len() > 8);
}

#[test]
fn messages_of_the_guide_are_those_that_come() {
    let guide = read("nql.md");
    for block in &blocks(&guide)["nql-error"] {
        let (query, expected) =
            block.split_once("\n\n").expect("the query, an empty line, the message");
        assert_eq!(compile(query, Context::Flow).expect_err(query), expected);
    }
}

#[test]
fn a_query_and_what_the_guide_calls_the_same_are_the_same() {
    let typed = |query| compile(query, Context::Flow).unwrap().typed;
    for (one, other) in [
        (
            "label.ip.securitygroup == production && label.ip.securitygroup == development",
            "(label.dst.securitygroup == production || label.src.securitygroup == production) && \
             (label.dst.securitygroup == development || label.src.securitygroup == development)",
        ),
        ("ip == 10.0.0.1", "dstip == 10.0.0.1 || srcip == 10.0.0.1"),
        ("ip != 10.0.0.1", "!(ip == 10.0.0.1)"),
    ] {
        assert_eq!(typed(one), typed(other));
    }
}

#[test]
fn limits_of_the_guide_are_the_defaults() {
    let guide = read("nql.md").replace(',', "");
    let Limits { query_bytes, depth, terms, patterns, regex_bytes, faults, fuzzy_distance } =
        Limits::default();
    for (name, value) in [
        ("query_bytes", query_bytes),
        ("depth", depth),
        ("terms", terms),
        ("patterns", patterns),
        ("regex_bytes", regex_bytes),
        ("faults", faults),
        ("fuzzy_distance", fuzzy_distance.into()),
    ] {
        let line = guide.lines().find(|line| line.starts_with(&format!("| `{name}`"))).unwrap();
        assert!(line.contains(&format!(" {value} ")), "{line}");
    }
}
