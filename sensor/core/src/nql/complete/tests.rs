//! What is offered at each place of a query; queries of people are tested beside the crate.

use proptest::prelude::*;

use super::*;
use crate::{
    flow::fields::{FIELDS, Kind, TextRule},
    nql::lists::{ListValues, Lists},
};

struct Known;

impl Values for Known {
    fn of(&self, name: &str) -> Vec<Seen> {
        let values: &[&str] = match name {
            "label.src.role" => &["web", "data base"],
            "protocol" => &["sctp"],
            _ => &[],
        };
        values
            .iter()
            .map(|value| Seen { value: (*value).to_owned(), detail: "seen".to_owned() })
            .collect()
    }

    fn contexts(&self) -> Vec<String> {
        vec!["role".to_owned()]
    }
}

fn lists() -> Lists {
    let mut lists = Lists::default();
    lists.set("blocked", ListValues::parse("10.0.0.1\n"));
    lists
}

/// What is offered at `|`, and what it replaces.
fn at(text: &str) -> (String, Vec<String>) {
    let cursor = text
        .find('|')
        .filter(|_| !text.contains("|||"))
        .or_else(|| text.find("|||").map(|at| at + 2));
    let cursor = cursor.expect("a cursor");
    let query = format!("{}{}", &text[..cursor], &text[cursor + 1..]);
    let lists = lists();
    let Completion { span, offers } = complete(&query, cursor, &Options::new(&lists), &Known);
    (query[span].to_owned(), offers.into_iter().map(|offer| offer.text).collect())
}

#[test]
fn what_may_come_is_offered() {
    for (text, replaced, first) in [
        ("dstp|", "dstp", &["dstport"][..]),
        ("DSTP|", "DSTP", &["dstport"]),
        ("srcip == 10.0.0.1 && dstp|", "dstp", &["dstport"]),
        ("(srcip == 10.0.0.1 && dstp|)", "dstp", &["dstport"]),
        ("label.src.|", "label.src.", &["label.src.role"]),
        ("dstport |", "", &["==", "!=", "<", "<=", ">", ">=", "in", "not in"]),
        ("dstport =|", "=", &["=="]),
        ("port <|", "<", &["<="]),
        ("dstport not|", "not", &["not in"]),
        ("srcinternal |", "", &["==", "!="]),
        ("srcinternal == |", "", &["true", "false"]),
        ("srcinternal == t|", "t", &["true"]),
        ("protocol == |", "", &["sctp", "tcp", "udp"]),
        ("protocol == ud|", "ud", &["udp"]),
        ("protocol in (tcp, u|", "u", &["udp"]),
        ("protocol in (|", "", &["sctp", "tcp"]),
        ("protocol in (tcp |", "", &[",", ")"]),
        ("srcip in |", "", &["(", "$blocked"]),
        ("srcip in $b|", "$b", &["$blocked"]),
        ("label.src.role == |", "", &["web", "'data base'"]),
        ("label.src.role == 'da|", "", &[]),
        ("srcport == 22 |", "", &["&&", "||"]),
        ("(srcport == 22 |", "", &["&&", "||", ")"]),
        ("srcport == 22 && dstport == 22 |", "", &["&&"]),
        ("(srcport == 22 || dstport == 22) |", "", &["&&", "||"]),
        ("a == 1 && (srcport == 22 |", "", &["&&", "||", ")"]),
        ("srcport == 22 # and |", "", &[]),
        ("srcport in (22, 23) |", "", &["&&", "||"]),
    ] {
        let (typed, offers) = at(text);
        assert_eq!(typed, replaced, "{text}");
        assert!(
            offers.starts_with(&first.iter().map(ToString::to_string).collect::<Vec<_>>()),
            "{text}: {offers:?}"
        );
        assert!(!first.is_empty() || offers.is_empty(), "{text}: {offers:?}");
    }
    // Never what is ambiguous.
    assert!(!at("srcport == 22 && dstport == 22 |").1.contains(&"||".to_owned()));
    let (_, all) = at("|");
    for name in ["srcip", "port", "label.ip.role", "(", "!("] {
        assert!(all.contains(&name.to_owned()), "{name}: {all:?}");
    }
}

/// The query language takes every operator that is offered, and no other.
#[test]
fn operators_are_those_of_the_language() {
    let lists = Lists::default();
    let mut wrong = Vec::new();
    for field in FIELDS.iter().filter(|field| field.is_filled()) {
        for operator in ["==", "!=", "<", "<=", ">", ">=", "=~", "!~", "in", "not in"] {
            let values = match (field.kind, field.text) {
                (Kind::Ip, _) => &["10.0.0.1"][..],
                (Kind::Bool, _) => &["true"],
                (Kind::Float, _) => &["1.5"],
                (Kind::Unsigned(_) | Kind::Integer, _) => &["1"],
                (_, TextRule::Choice(values)) => values,
                (_, TextRule::Mac) => &["02:00:00:00:00:01"],
                (_, TextRule::Protocol) => &["tcp"],
                (Kind::Text | Kind::TextList, _) => &["1"],
            };
            let takes = values.iter().any(|value| {
                let value = if operator.ends_with("in") {
                    format!("({value})")
                } else {
                    (*value).to_owned()
                };
                let text = format!("{} {operator} {value}", field.name);
                check(&text, &Options::new(&lists)).ok
            });
            if operators(field).iter().any(|own| own.symbol() == operator) != takes {
                wrong.push(format!("{} {operator}: {takes}", field.name));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}

/// An offer that is taken does not make a query wrong that was not.
#[test]
fn every_offer_for_a_sound_query_can_go_on() {
    let lists = lists();
    let options = Options::new(&lists);
    for name in ["srcport", "port", "srcip", "protocol", "srcinternal", "label.src.role", "tags"] {
        let Completion { offers, .. } =
            complete(&format!("{name} "), name.len() + 1, &options, &Known);
        assert!(!offers.is_empty(), "{name}");
        for offer in offers {
            let value = match name {
                "srcport" | "port" => "1",
                "srcip" => "10.0.0.1",
                "protocol" => "tcp",
                "srcinternal" => "true",
                _ => "x",
            };
            let value =
                if offer.text.ends_with("in") { format!("({value})") } else { value.to_owned() };
            let text = format!("{name} {} {value}", offer.text);
            let checked = check(&text, &options);
            assert!(checked.ok, "{text}: {:?}", checked.diagnostics);
            assert_eq!(checked.fields, [name]);
        }
    }
}

#[test]
fn what_is_too_long_has_no_parts() {
    let lists = lists();
    let options = Options::new(&lists);
    let text = "a==1&&".repeat(1 + options.limits.query_bytes / 6);
    let checked = check(&text, &options);
    assert_eq!((checked.ok, checked.parts.len(), checked.fields.len()), (false, 0, 0));
    assert_eq!(complete(&text, text.len(), &options, &Known).offers, []);
}

proptest! {
    /// Whatever is typed, parts are in order, and completion ends.
    #[test]
    fn any_text_is_taken(text in "[a-z0-9 ()!=<>~&|,'\"/$#.\u{e9}\n-]{0,60}") {
        let lists = lists();
        let options = Options::new(&lists);
        let checked = check(&text, &options);
        let mut at = 0;
        for part in &checked.parts {
            prop_assert!(part.span.start >= at && part.span.end > part.span.start);
            prop_assert!(text.get(part.span.clone()).is_some());
            at = part.span.end;
        }
        for (cursor, _) in text.char_indices().chain([(text.len(), ' ')]) {
            let completion = complete(&text, cursor, &options, &Known);
            prop_assert!(completion.span.end == cursor);
            prop_assert!(text.get(completion.span).is_some());
        }
    }
}
