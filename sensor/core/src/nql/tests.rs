//! Properties of the language that hold for every query.

use proptest::prelude::*;

use super::{
    Filter, Options, ast::Expression, faults::Faults, lists::Lists, parse::parse,
    reference::matches, testing::expressions, typed::Typed,
};
use crate::flow::{
    batch::FlowBatch,
    fields::{Kind, RecordKind, Row, TextRule, aliases},
    interfaces::{Interface, Interfaces},
    testing::batches,
};

fn typed(query: &str) -> Typed {
    let lists = Lists::default();
    match Filter::compile(query, &Options::new(&lists)) {
        Ok(filter) => filter.typed,
        Err(diagnostics) => panic!("{query}: {diagnostics:#?}"),
    }
}

/// Which rows fulfil the query.
fn selected(query: &Typed, batch: &FlowBatch) -> Vec<bool> {
    let name = |name: &str| Interface { name: name.to_owned(), alias: String::new() };
    let interfaces = Interfaces([(1, name("eth0")), (2, name("eth1"))].into());
    (0..batch.len())
        .map(|row| matches(query, &Row { batch, row, interfaces: &interfaces }))
        .collect()
}

proptest! {
    #[test]
    fn printing_and_parsing_are_inverse(expression in expressions()) {
        let lists = Lists::default();
        let mut faults = Faults::new(9);
        let read = parse(&expression.to_string(), &Options::new(&lists), &mut faults);
        prop_assert_eq!(&faults.into_sorted(), &[], "{}", expression);
        prop_assert_eq!(read, Some(expression));
    }

    #[test]
    fn generated_queries_are_accepted(expression in expressions()) {
        typed(&expression.to_string());
    }

    #[test]
    fn de_morgan(a in expressions(), b in expressions(), batch in batches(40)) {
        let both = selected(&typed(&format!("!(({a}) && ({b}))")), &batch);
        let either = selected(&typed(&format!("!({a}) || !({b})")), &batch);
        prop_assert_eq!(both, either);
        let either = selected(&typed(&format!("!(({a}) || ({b}))")), &batch);
        let both = selected(&typed(&format!("!({a}) && !({b})")), &batch);
        prop_assert_eq!(both, either);
    }

    #[test]
    fn not_is_the_complement(a in expressions(), batch in batches(40)) {
        let yes = selected(&typed(&a.to_string()), &batch);
        let no = selected(&typed(&format!("not ({a})")), &batch);
        prop_assert!(yes.iter().zip(&no).all(|(yes, no)| yes != no));
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "(?s).{0,60}") {
        let lists = Lists::default();
        let _ = Filter::compile(&text, &Options::new(&lists));
    }

    #[test]
    fn no_likely_text_makes_the_parser_panic(
        words in prop::collection::vec(
            prop::sample::select(vec![
                "srcport", "tags", "ip", "label.ip.x", "==", "!=", "<", "=~", "!~", "=", "in", "not", "(", ")", "!",
                "&&", "||", "and", "or", "53", "'a b'", "\"", "'", "/a.b/", "/", "a*", "cat~2", "<1-10>", "$l", ",",
                "# x\n", "é", "\t", "10.0.0.0/8", "dstgeo.", "\\", "&", "[", "{", "~",
            ]),
            0..14,
        ),
        glue in prop::sample::select(vec!["", " "]),
    ) {
        let lists = Lists::default();
        let text = words.join(glue);
        if let Err(diagnostics) = Filter::compile(&text, &Options::new(&lists)) {
            for diagnostic in diagnostics {
                prop_assert!(diagnostic.span.start <= text.len(), "{}: {:?}", text, diagnostic);
                prop_assert!(text.is_char_boundary(diagnostic.span.start), "{}: {:?}", text, diagnostic);
            }
        }
    }
}

/// A value that fields of this kind take.
fn example(kind: Kind, text: TextRule) -> &'static str {
    match (kind, text) {
        (Kind::Unsigned(_) | Kind::Integer | Kind::Float, _) => "7",
        (Kind::Bool, _) => "true",
        (Kind::Ip, _) => "10.0.0.0/8",
        (_, TextRule::Mac) => "00:00:00:00:00:01",
        (Kind::Text | Kind::TextList, _) => "x",
    }
}

#[test]
fn an_alias_is_its_fields_spelled_out() {
    for alias in aliases(RecordKind::Flow) {
        let field = RecordKind::Flow.find(alias.fields[0]).unwrap();
        let value = example(field.kind, field.text);
        let spelled_out = |operator: &str| {
            let conditions = alias.fields.iter().map(|field| format!("{field} {operator} {value}"));
            conditions.collect::<Vec<_>>().join(" || ")
        };
        let name = alias.name;
        assert_eq!(typed(&format!("{name} == {value}")), typed(&spelled_out("==")));
        assert_eq!(
            typed(&format!("{name} != {value}")),
            typed(&format!("!({})", spelled_out("=="))),
        );
        if matches!(field.kind, Kind::Unsigned(_)) {
            assert_eq!(typed(&format!("{name} < {value}")), typed(&spelled_out("<")));
        }
        if field.patterns {
            let negated = format!("!({})", spelled_out("=~"));
            assert_eq!(typed(&format!("{name} !~ {value}")), typed(&negated));
        }
    }
    assert_eq!(typed("label.ip.role != x"), typed("!(label.dst.role == x || label.src.role == x)"));
}

#[test]
fn spellings_of_one_operator_are_one() {
    for (one, other) in [
        ("srcport == 1 && dstport == 2", "srcport == 1 AND dstport == 2"),
        ("srcport == 1 && dstport == 2", "srcport == 1 and dstport == 2"),
        ("srcport == 1 || dstport == 2", "srcport == 1 OR dstport == 2"),
        ("srcport == 1 || dstport == 2", "srcport == 1 Or dstport == 2"),
        ("!(srcport == 1)", "not srcport == 1"),
        ("!(srcport == 1)", "srcport != 1"),
        ("srcport < 2", "srcport in (0, 1)"),
        ("protocol == tcp", "protocolint == 6"),
        ("srcip == 10.0.0.0/8", "srcip in (10.0.0.0/9, 10.128.0.0/9)"),
        ("", " # nothing"),
    ] {
        assert_eq!(typed(one), typed(other), "{one}, {other}");
    }
}

#[test]
fn a_long_chain_is_no_deep_one() {
    let conditions: Vec<String> = (0..3_000).map(|port| format!("srcport == {port}")).collect();
    let Typed::Or(operands) = typed(&conditions.join(" || ")) else { panic!("no chain") };
    assert_eq!(operands.len(), 3_000);
}

#[test]
fn the_tree_keeps_no_parentheses() {
    let lists = Lists::default();
    let read = |text: &str| parse(text, &Options::new(&lists), &mut Faults::new(0));
    assert_eq!(read("((srcport == 1))"), read("srcport == 1"));
    assert!(matches!(read("(srcport == 1 && srcport == 2) && srcport == 3"),
        Some(Expression::And(operands)) if operands.len() == 2));
}
