//! Golden files of the query language: what every query of the public documentation, every extension and every code of
//! the table of diagnostics comes to.
//!
//! A file holds cases, with a line of `----` between two. A case is lines that begin with `#> ` (what is expected),
//! perhaps `#! ` and options before them, and the query. `UPDATE_EXPECT=1` writes what is expected anew.

#[path = "nql/cases.rs"]
mod cases;

use std::{collections::BTreeSet, fmt::Write as _, fs};

use cases::{Case, SEPARATOR, each_case, golden_files, lists, options};
use sensor_core::{
    diagnostic,
    nql::{Filter, Options, ast, codes, faults::Faults, json::RecordReader, parse},
};

/// A case as its file has it.
fn write(case: &Case) -> String {
    let mut text = String::new();
    if !case.options.is_empty() {
        write!(text, "#!{}", case.options).unwrap();
    }
    for line in case.expected.lines() {
        writeln!(text, "{}", format!("#> {line}").trim_end()).unwrap();
    }
    writeln!(text, "{}", case.query).unwrap();
    text
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
            rewritten.push(write(&Case { expected: outcome, ..case }));
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
    each_case("reject", |file, query, options| {
        let (outcome, _) = outcome(query, options);
        let helps = outcome
            .lines()
            .filter(|line| line.contains("= help: ") || line.starts_with("      or "));
        for advice in helps.flat_map(|line| line.split('`').skip(1).step_by(2)) {
            let is_query =
                [" == ", " != ", " in ", " < ", " >= "].iter().any(|part| advice.contains(part));
            // Parts that are left out, and operands that are called A, B and C.
            if !is_query || advice.contains("...") || advice.contains('…') {
                continue;
            }
            shown += 1;
            let read = Filter::compile(
                advice,
                &Options { limits: Options::new(&lists).limits, ..*options },
            );
            assert!(read.is_ok(), "{}: `{query}`: `{advice}`", file.display());
        }
    });
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
