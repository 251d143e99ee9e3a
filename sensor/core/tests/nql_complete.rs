//! Queries of people and of the stock library, part by part: the parser sees the same parts, and each could have been typed by what is
//! offered there.

#[path = "nql/cases.rs"]
mod cases;

use std::ops::Range;

use sensor_core::{
    diagnostic::Severity,
    nql::{
        Options,
        ast::{Expression, Operand},
        complete::{Completion, PartKind, check, complete},
        faults::Faults,
        parse::parse,
    },
    policy::{load::load, stock},
};

/// Fields, operators and values of the tree, as the parser has seen them.
fn spans(expression: &Expression, all: &mut Vec<(PartKind, Range<usize>)>) {
    match expression {
        Expression::And(operands) | Expression::Or(operands) => {
            operands.iter().for_each(|operand| spans(operand, all));
        }
        Expression::Not(inside, _) => spans(inside, all),
        Expression::Condition(condition) => {
            let kind = match condition.value.node {
                Operand::Regex(_) => PartKind::Quoted,
                _ => PartKind::Value,
            };
            all.push((PartKind::Field, condition.field.span.clone()));
            all.push((PartKind::Operator, condition.operator.span.clone()));
            all.push((kind, condition.value.span.clone()));
        }
        Expression::Invalid => {}
    }
}

/// Calls `each` with every query that is accepted.
fn each_query(mut each: impl FnMut(&str, &Options<'_>)) {
    cases::each_case("accept", |_, query, options| {
        if check(query, options).ok {
            each(query, options);
        }
    });
    let lists = stock::lists();
    for policy in load(&stock::policies(), &lists).policies {
        each(&policy.summary.search, &Options::new(&lists));
    }
}

#[test]
fn the_parser_sees_the_same_parts() {
    let mut seen = 0;
    each_query(|text, options| {
        let mut faults = Faults::new(10);
        let Some(query) = parse(text, options, &mut faults) else { return };
        let parts = check(text, options).parts;
        let mut expected = Vec::new();
        spans(&query, &mut expected);
        for (kind, span) in expected {
            seen += 1;
            let is_in = |own: &Range<usize>| own.start >= span.start && own.end <= span.end;
            let own: Vec<_> = parts.iter().filter(|part| is_in(&part.span)).collect();
            match kind {
                PartKind::Field | PartKind::Operator => {
                    let is_it = own.len() == 1 && own[0].kind == kind && own[0].span == span;
                    assert!(is_it, "{text}: {span:?} in {parts:?}");
                }
                // A list has several.
                _ => assert!(
                    own.first().is_some_and(|part| part.span.start == span.start)
                        && own.last().is_some_and(|part| part.span.end == span.end),
                    "{text}: {span:?} in {parts:?}"
                ),
            }
        }
        // Nothing but white space is between the parts.
        let mut at = 0;
        for part in &parts {
            assert_eq!(text[at..part.span.start].trim(), "", "{text}");
            at = part.span.end;
        }
        assert_eq!(text[at..].trim(), "", "{text}");
    });
    assert!(seen > 1000, "{seen}");
}

/// Whoever types a query finds each field, operator and connective of it among the offers, where they stand.
#[test]
fn a_query_can_be_typed_by_its_offers() {
    let (mut offered, mut lacking) = (0, Vec::new());
    each_query(|text, options| {
        let checked = check(text, options);
        if checked.diagnostics.iter().any(|one| one.severity == Severity::Error) {
            return;
        }
        for part in checked.parts {
            let written = text[part.span.clone()].to_ascii_lowercase();
            let said = match (part.kind, written.as_str()) {
                (PartKind::Connective, "and") => "&&",
                (PartKind::Connective, "or") => "||",
                (PartKind::Connective, "!") => "!(",
                // Before a condition without parentheses.
                (PartKind::Connective, "not") => continue,
                // Labels that nobody has said there are.
                (PartKind::Field, label) if label.starts_with("label.") => continue,
                (
                    PartKind::Field
                    | PartKind::Operator
                    | PartKind::Connective
                    | PartKind::Parenthesis,
                    said,
                ) => said,
                _ => continue,
            };
            let Completion { span, offers } = complete(text, part.span.start, options, &());
            assert!(
                span.is_empty() || text[..part.span.start].ends_with(|c: char| !c.is_whitespace()),
                "{text}: {span:?}"
            );
            if !span.is_empty() {
                continue;
            }
            let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
            offered += 1;
            if offers.iter().all(|offer| offer.text != words) {
                lacking.push(format!("`{said}` at {} of {text}", part.span.start));
            }
        }
    });
    assert!(offered > 1000, "{offered}");
    assert!(lacking.is_empty(), "{} of {offered} are not offered: {lacking:#?}", lacking.len());
}
