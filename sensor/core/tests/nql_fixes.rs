//! What a diagnostic offers as its fix mends it: the text after it has the fault no more, and says what was meant.

#[path = "nql/cases.rs"]
mod cases;

use std::collections::BTreeSet;

use sensor_core::{
    diagnostic::Diagnostic,
    flow::fields::RecordKind,
    nql::{Filter, Options, codes, limits::Limits},
};

fn diagnostics(query: &str, options: &Options<'_>) -> Vec<Diagnostic> {
    Filter::compile(query, options).map_or_else(|faults| faults, |filter| filter.warnings)
}

fn of_code(diagnostics: &[Diagnostic], code: Option<&str>) -> usize {
    diagnostics.iter().filter(|diagnostic| diagnostic.code == code).count()
}

/// The query after its first fix, and what that is called.
fn mended(query: &str, options: &Options<'_>) -> Option<(String, String)> {
    let diagnostics = diagnostics(query, options);
    let fix = diagnostics.iter().find_map(|diagnostic| diagnostic.fix.as_ref())?;
    Some((fix.label.clone(), fix.applied(query)))
}

#[test]
fn each_kind_of_fix() {
    let lists = cases::lists();
    let options = Options::new(&lists);
    let mut codes = BTreeSet::new();
    for (code, query, label, expected) in [
        (codes::MISSING_SPACE, "srcip==10.0.0.1", "add spaces", "srcip == 10.0.0.1"),
        (codes::MISSING_SPACE, "srcip ==10.0.0.1", "add spaces", "srcip == 10.0.0.1"),
        (codes::MISSING_SPACE, "srcip== 10.0.0.1", "add spaces", "srcip == 10.0.0.1"),
        (
            codes::MISSING_SPACE,
            "srcport == 1&& dstport == 2",
            "add spaces",
            "srcport == 1 && dstport == 2",
        ),
        (
            codes::MISSING_SPACE,
            "srcport == 1 ||dstport == 2",
            "add spaces",
            "srcport == 1 || dstport == 2",
        ),
        (
            codes::MIXED_CONNECTIVES,
            "srcport == 1 && dstport == 2 || dstport == 3",
            "add parentheses",
            "(srcport == 1 && dstport == 2) || dstport == 3",
        ),
        (
            codes::MIXED_CONNECTIVES,
            "srcport == 1 OR dstport == 2 AND dstport == 3 AND srcport == 4 # é",
            "add parentheses",
            "srcport == 1 OR (dstport == 2 AND dstport == 3 AND srcport == 4) # é",
        ),
        (codes::EXPECTED_OPERATOR, "(src port 22)", "write srcport == 22", "(srcport == 22)"),
        (
            codes::EXPECTED_OPERATOR,
            "tcp && port == 22",
            "write protocol == tcp",
            "protocol == tcp && port == 22",
        ),
        (codes::UNKNOWN_OPERATOR, "srcport=22", "write ==", "srcport == 22"),
        (codes::UNKNOWN_OPERATOR, "srcport eq 22", "write ==", "srcport == 22"),
        (
            codes::UNKNOWN_OPERATOR,
            "srcport == 1 & dstport == 2",
            "write &&",
            "srcport == 1 && dstport == 2",
        ),
        (codes::EXPECTED_VALUE, "srcport != (22, 23)", "write not in", "srcport not in (22, 23)"),
        (
            codes::UNCLOSED_PARENTHESIS,
            "(srcport == 1 || dstport == 2 # or",
            "close it",
            "(srcport == 1 || dstport == 2) # or",
        ),
        (codes::UNCLOSED_PARENTHESIS, "srcport in (22, 23", "close it", "srcport in (22, 23)"),
        (codes::UNCLOSED_PARENTHESIS, "srcport in (22, ", "close it", "srcport in (22) "),
        (
            codes::UNOPENED_PARENTHESIS,
            "srcport == 1) && dstport == 2",
            "remove the parenthesis",
            "srcport == 1 && dstport == 2",
        ),
        (codes::UNCLOSED_QUOTE, "srcipname == 'a b", "close it", "srcipname == 'a b'"),
        (codes::UNCLOSED_REGEX, "tags =~ /a.b", "close it", "tags =~ /a.b/"),
        (codes::NOT_NEEDS_GROUP, "!srcport == 22 ", "add parentheses", "!(srcport == 22) "),
        (
            codes::BAD_FIELD_NAME,
            "dstgeo. countrycode == IR",
            "write dstgeo.countrycode",
            "dstgeo.countrycode == IR",
        ),
        (codes::BAD_LIST, "dstport in [22, 23]", "write (22, 23)", "dstport in (22, 23)"),
        (codes::BAD_LIST, "dstport in 1-1024", "write (1..1024)", "dstport in (1..1024)"),
        (codes::UNKNOWN_FIELD, "dstprt == 22", "write dstport", "dstport == 22"),
        (codes::UNKNOWN_FIELD, "sport == 22", "write srcport", "srcport == 22"),
        (codes::UNKNOWN_LIST, "srcip in $bloked", "write $blocked", "srcip in $blocked"),
        (codes::UNKNOWN_PROTOCOL, "protocol == tpc", "write tcp", "protocol == tcp"),
        (codes::UNKNOWN_CHOICE, "direction == ingres", "write ingress", "direction == ingress"),
        (codes::OUT_OF_RANGE, "srcport in (9..1)", "write 1..9", "srcport in (1..9)"),
        (codes::HOST_BITS, "srcip == 10.0.0.1/8", "write 10.0.0.0/8", "srcip == 10.0.0.0/8"),
    ] {
        let found = diagnostics(query, &options);
        assert_eq!(of_code(&found, Some(code.code)), 1, "{query}: {found:?}");
        let told = Some((label.to_owned(), expected.to_owned()));
        assert_eq!(mended(query, &options), told, "{query}");
        assert_eq!(diagnostics(expected, &options), [], "{expected}");
        codes.insert(code.code);
    }
    // Every code whose diagnostics have fixes anywhere has a row above.
    let mut fixed = BTreeSet::new();
    cases::each_case("reject", |_, query, options| {
        let found = diagnostics(query, options);
        fixed.extend(found.into_iter().filter(|one| one.fix.is_some()).filter_map(|one| one.code));
    });
    assert!(fixed.is_subset(&codes), "{:?}", &fixed - &codes);
}

/// Of every query that is refused, and of those with warnings.
#[test]
fn what_is_fixed_is_gone() {
    let mut fixed = 0;
    for folder in ["reject", "accept"] {
        cases::each_case(folder, |file, query, options| {
            let limits = Limits { faults: 1000, ..options.limits };
            let options = &Options { limits, ..*options };
            let before = diagnostics(query, options);
            for diagnostic in &before {
                let Some(fix) = &diagnostic.fix else { continue };
                fixed += 1;
                let after = fix.applied(query);
                let left = diagnostics(&after, options);
                assert!(
                    of_code(&left, diagnostic.code) < of_code(&before, diagnostic.code),
                    "{}: {query}\n{diagnostic:?}\n{after}\n{left:?}",
                    file.display()
                );
                assert!(left.len() < before.len(), "{query}\n{after}\n{left:?}");
            }
        });
    }
    assert!(fixed > 60, "{fixed}");
}

/// A fix is of the text it was read in: where that is a part of another, it is not passed on.
#[test]
fn fixes_do_not_leave_their_text() {
    let lists = cases::lists();
    let options = Options { context: RecordKind::Flow, ..Options::new(&lists) };
    let [diagnostic] = diagnostics("dstprt == 22", &options).try_into().expect("one fault");
    assert!(diagnostic.fix.is_some());
    assert_eq!(diagnostic.clone().moved(7..9).fix, None);
    let shifted = diagnostic.shift(2).fix.expect("it is shifted along");
    assert_eq!(shifted.applied("  dstprt == 22"), "  dstport == 22");
}
