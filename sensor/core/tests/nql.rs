//! Golden files of the query language: what every query of the public documentation, every extension and every code of
//! the table of diagnostics comes to.
//!
//! A file holds cases, with a line of `----` between two. A case is lines that begin with `#> ` (what is expected),
//! perhaps `#! ` and options before them, and the query. `UPDATE_EXPECT=1` writes what is expected anew.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use sensor_core::{
    diagnostic,
    flow::fields::RecordKind,
    nql::{
        Filter, Options, ast, codes,
        faults::Faults,
        json::RecordReader,
        lists::{ListValues, Lists},
        parse,
    },
};

const SEPARATOR: &str = "----\n";

struct Case {
    options: String,
    expected: String,
    query: String,
}

impl Case {
    fn read(text: &str) -> Self {
        let mut case =
            Self { options: String::new(), expected: String::new(), query: String::new() };
        for line in text.split_inclusive('\n') {
            let (target, line) = match (line.strip_prefix("#!"), line.strip_prefix("#>")) {
                (Some(line), _) => (&mut case.options, line),
                (_, Some(line)) => (&mut case.expected, line.strip_prefix(' ').unwrap_or(line)),
                _ => (&mut case.query, line),
            };
            target.push_str(line);
        }
        // The line end of the file is none of the query.
        case.query.truncate(case.query.strip_suffix('\n').unwrap_or(&case.query).len());
        case
    }

    fn write(&self) -> String {
        let mut text = String::new();
        if !self.options.is_empty() {
            write!(text, "#!{}", self.options).unwrap();
        }
        for line in self.expected.lines() {
            writeln!(text, "{}", format!("#> {line}").trim_end()).unwrap();
        }
        writeln!(text, "{}", self.query).unwrap();
        text
    }
}

/// Options of a case, as on the command line.
fn options<'a>(text: &str, lists: &'a Lists) -> Options<'a> {
    let mut options = Options::new(lists);
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        let mut number = || words.next().expect("an argument").parse().expect("a number");
        match word {
            "--strict" => options.strict = true,
            "--depth" => options.limits.depth = number(),
            "--terms" => options.limits.terms = number(),
            "--query-bytes" => options.limits.query_bytes = number(),
            "--patterns" => options.limits.patterns = number(),
            "--faults" => options.limits.faults = number(),
            "--regex-bytes" => options.limits.regex_bytes = number(),
            "--context" => {
                let name = words.next().expect("a context");
                let named = |context: &RecordKind| context.name() == name;
                options.context = RecordKind::ALL.into_iter().find(named).expect("a context");
            }
            other => panic!("unknown option {other}"),
        }
    }
    options
}

/// What the query comes to, as golden files have it, and whether it was accepted.
fn outcome(query: &str, options: &Options<'_>) -> (String, bool) {
    match Filter::compile(query, options) {
        Ok(filter) => {
            let mut ignored = Faults::new(0);
            let tree = parse::parse(query, options, &mut ignored);
            let written = tree.as_ref().map(ast::Expression::to_string).unwrap_or_default();
            let mut text = format!("query: {written}\ntyped: {}\n", filter.typed);
            text.push_str(&diagnostic::render("query", query, &filter.warnings));
            (text, true)
        }
        Err(diagnostics) => (diagnostic::render("query", query, &diagnostics), false),
    }
}

fn golden_files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/nql").join(folder);
    let mut files: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == ending));
    files.sort();
    assert!(!files.is_empty(), "no golden files in {}", folder.display());
    files
}

fn lists() -> Lists {
    let mut lists = Lists::default();
    lists.set("blocked", ListValues::parse("192.0.2.0/24\n2001:db8::/32\n"));
    lists.set("mixed", ListValues::parse("22\n192.0.2.1\ntcp\n"));
    lists
}

fn check_folder(folder: &str, accepted: bool) {
    let lists = lists();
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    for file in golden_files(folder, "nql") {
        let text = fs::read_to_string(&file).unwrap();
        let mut rewritten = Vec::new();
        for case in text.split(SEPARATOR).map(Case::read) {
            let (outcome, was_accepted) = outcome(&case.query, &options(&case.options, &lists));
            assert_eq!(was_accepted, accepted, "{}: {}\n{outcome}", file.display(), case.query);
            if !update {
                let outcome: String =
                    outcome.lines().map(|line| format!("{}\n", line.trim_end())).collect();
                assert_eq!(outcome, case.expected, "{}: {}", file.display(), case.query);
            }
            rewritten.push(Case { expected: outcome, ..case }.write());
        }
        if update && rewritten.join(SEPARATOR) != text {
            fs::write(&file, rewritten.join(SEPARATOR)).unwrap();
        }
    }
}

#[test]
fn accepted_queries() {
    check_folder("accept", true);
}

/// What a message tells to write is a query, where it shows a whole one.
#[test]
fn advice_is_sound() {
    let lists = lists();
    let mut shown = 0;
    for file in golden_files("reject", "nql") {
        let text = fs::read_to_string(&file).unwrap();
        for case in text.split(SEPARATOR).map(Case::read) {
            let options = options(&case.options, &lists);
            let (outcome, _) = outcome(&case.query, &options);
            let helps = outcome
                .lines()
                .filter(|line| line.contains("= help: ") || line.starts_with("      or "));
            for advice in helps.flat_map(|line| line.split('`').skip(1).step_by(2)) {
                let is_query = [" == ", " != ", " in ", " < ", " >= "]
                    .iter()
                    .any(|part| advice.contains(part));
                // Parts that are left out, and operands that are called A, B and C.
                if !is_query || advice.contains("...") || advice.contains('…') {
                    continue;
                }
                shown += 1;
                let read = Filter::compile(
                    advice,
                    &Options { limits: Options::new(&lists).limits, ..options },
                );
                assert!(read.is_ok(), "{}: `{}`: `{advice}`", file.display(), case.query);
            }
        }
    }
    assert!(shown > 20, "{shown}");
}

/// And it means what was meant.
#[test]
fn advice_means_the_same() {
    let lists = lists();
    for (query, advice) in [
        ("srcip not in 10.0.0.0/8", "srcip not in (10.0.0.0/8)"),
        ("srcip in 10.0.0.0/8", "srcip in (10.0.0.0/8)"),
        ("dstport in [22, 23]", "dstport in (22, 23)"),
        ("dstport not in {22 23}", "dstport not in (22, 23)"),
        ("dstport in 22, 23", "dstport in (22, 23)"),
        ("dstport in 22,23", "dstport in (22, 23)"),
        ("dstport in 1-1024", "dstport in (1..1024)"),
        ("srcip != (10.0.0.1, 10.0.0.2)", "srcip not in (10.0.0.1, 10.0.0.2)"),
        ("srcport == (22, 23)", "srcport in (22, 23)"),
        ("proto tcp", "protocol == tcp"),
        ("port 22", "port == 22"),
        ("tcp and port 22", "protocol == tcp"),
        ("port == 53 and udp", "protocol == udp"),
        ("src port 22", "srcport == 22"),
        ("dst net 10.0.0.0/8", "dstip == 10.0.0.0/8"),
        ("bytes>1000", "octets > 1000"),
    ] {
        let (told, accepted) = outcome(query, &Options::new(&lists));
        assert!(!accepted && told.contains(&format!("write `{advice}`")), "{query}:\n{told}");
    }
}

#[test]
fn rejected_queries() {
    check_folder("reject", false);
}

/// A file holds a record, and queries that hold for it (`yes:`) or do not (`no:`).
#[test]
fn queries_hold_or_not() {
    let lists = lists();
    for file in golden_files("match", "match") {
        let text = fs::read_to_string(&file).unwrap();
        let case = Case::read(&text);
        let options = options(&case.options, &lists);
        let (record, queries) = case.query.split_once('\n').expect("a record and queries");
        for line in queries.lines().filter(|line| !line.is_empty()) {
            let (expected, query) =
                line.split_once(": ").unwrap_or((line.trim_end_matches(':'), ""));
            let shown = format!("{}: {query}", file.display());
            let filter = Filter::compile(query, &options).unwrap_or_else(|diagnostics| {
                panic!("{shown}\n{}", diagnostic::render("query", query, &diagnostics))
            });
            let record = RecordReader::new(&filter.typed).read(record.as_bytes()).expect(&shown);
            let holds = if filter.matches(&record) { "yes" } else { "no" };
            assert_eq!(holds, expected, "{shown}");
        }
    }
}

#[test]
fn every_code_has_a_golden_file() {
    let lists = lists();
    let mut seen = BTreeSet::new();
    for file in golden_files("accept", "nql").into_iter().chain(golden_files("reject", "nql")) {
        let text = fs::read_to_string(&file).unwrap();
        for case in text.split(SEPARATOR).map(Case::read) {
            let diagnostics = match Filter::compile(&case.query, &options(&case.options, &lists)) {
                Ok(filter) => filter.warnings,
                Err(diagnostics) => diagnostics,
            };
            seen.extend(diagnostics.iter().filter_map(|diagnostic| diagnostic.code));
        }
    }
    let all: BTreeSet<_> = codes::CODES.iter().map(|code| code.code).collect();
    assert_eq!(seen, all);
}
