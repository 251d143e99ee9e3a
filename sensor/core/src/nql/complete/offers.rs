//! What could be typed next.

use super::{
    operators::{OF_LABELS, operators},
    scan::Expects,
};
use crate::{
    flow::{
        fields::{Field, Kind, RecordKind, TextRule, aliases, find_alias},
        protocol,
    },
    nql::{Options, ast::Operator, parse::lex::Connective},
};

/// Offers for one place, at most.
const MOST: usize = 200;
/// What labels begin with.
const LABELS: [(&str, &str); 3] = [
    ("label.ip.", "Labels of either end"),
    ("label.src.", "Labels of the source"),
    ("label.dst.", "Labels of the destination"),
];
/// Protocols that come first: most traffic is of these.
const USUAL: [&str; 5] = ["tcp", "udp", "icmp", "ipv6-icmp", "gre"];

/// A text that could come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// What is to be written.
    pub text: String,
    /// What it is.
    pub kind: OfferKind,
    /// What it means, for people; empty where that is plain.
    pub detail: String,
}

/// What an offer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfferKind {
    /// A field, an alias or a label.
    Field,
    /// An operator.
    Operator,
    /// A value.
    Value,
    /// `&&` and `||`.
    Connective,
    /// A parenthesis.
    Parenthesis,
}

impl OfferKind {
    /// Its name for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Field => "field",
            Self::Operator => "operator",
            Self::Value => "value",
            Self::Connective => "logic",
            Self::Parenthesis => "paren",
        }
    }
}

/// A value that flows have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// As text.
    pub value: String,
    /// What is known of it, for people.
    pub detail: String,
}

/// Knows what flows have.
pub trait Values {
    /// Values of a field or label, the most frequent first. `name` is in lower case.
    fn of(&self, name: &str) -> Vec<Seen>;

    /// Contexts of labels: the `role` of `label.src.role`.
    fn contexts(&self) -> Vec<String>;
}

/// Nothing is known of flows.
impl Values for () {
    fn of(&self, _: &str) -> Vec<Seen> {
        Vec::new()
    }

    fn contexts(&self) -> Vec<String> {
        Vec::new()
    }
}

/// What may come where `expects` is expected and `typed` was typed of it.
pub(super) fn offers(
    expects: &Expects,
    typed: &str,
    options: &Options<'_>,
    values: &dyn Values,
) -> Vec<Offer> {
    let all = match expects {
        Expects::Condition => conditions(options.context, values),
        Expects::Operator(field) => symbols(field, options.context),
        Expects::Value(field, _) | Expects::Listed(field) => {
            of_field(field, options.context, values)
        }
        Expects::List(_) => lists(options),
        Expects::ListEnd => [",", ")"].map(parenthesis).into(),
        Expects::Connective { is, in_group } => connectives(*is, *in_group),
        Expects::Nothing => Vec::new(),
    };
    fitting(all, typed)
}

/// Those that begin with what was typed, and then those that hold it; all of them if nothing was. What is there already is no offer.
fn fitting(all: Vec<Offer>, typed: &str) -> Vec<Offer> {
    let typed = typed.trim_start_matches(['\'', '"']).to_ascii_lowercase();
    let place = |offer: &Offer| {
        let text = offer.text.trim_start_matches('\'').to_ascii_lowercase();
        match text.find(&typed) {
            _ if text == typed => None,
            Some(0) => Some(0),
            // A value is known by its beginning.
            Some(_) if offer.kind == OfferKind::Field => Some(1),
            _ => None,
        }
    };
    let mut kept: Vec<(usize, Offer)> =
        all.into_iter().filter_map(|offer| Some((place(&offer)?, offer))).collect();
    kept.sort_by_key(|(place, _)| *place);
    kept.into_iter().map(|(_, offer)| offer).take(MOST).collect()
}

fn parenthesis(text: &str) -> Offer {
    Offer { text: text.to_owned(), kind: OfferKind::Parenthesis, detail: String::new() }
}

fn conditions(context: RecordKind, values: &dyn Values) -> Vec<Offer> {
    let field = |name: &str, detail: String| Offer {
        text: name.to_owned(),
        kind: OfferKind::Field,
        detail,
    };
    let filled =
        context.fields().iter().filter(|field| context != RecordKind::Flow || field.is_filled());
    let mut all: Vec<Offer> = aliases(context)
        .iter()
        .map(|alias| field(alias.name, format!("any of {}", alias.fields.join(", "))))
        .collect();
    all.extend(
        filled.map(|own| field(own.name, format!("{} \u{b7} {}", own.kind.name(), own.doc))),
    );
    if context == RecordKind::Flow {
        let contexts = values.contexts();
        for (prefix, doc) in LABELS {
            all.extend(
                contexts
                    .iter()
                    .map(|name| field(&format!("{prefix}{name}"), format!("text \u{b7} {doc}"))),
            );
        }
    }
    all.extend(["(", "!("].map(parenthesis));
    all
}

/// The field of a name, or the first one that an alias stands for.
fn field(name: &str, context: RecordKind) -> Option<&'static Field> {
    let first = || context.find(find_alias(context, name)?.fields.first()?);
    context.find(name).or_else(first)
}

fn symbols(name: &str, context: RecordKind) -> Vec<Offer> {
    let all = match field(name, context) {
        Some(field) => operators(field),
        None if name.starts_with("label.") => OF_LABELS.to_vec(),
        None => Vec::new(),
    };
    let offer = |operator: Operator| Offer {
        text: operator.symbol().to_owned(),
        kind: OfferKind::Operator,
        detail: meaning(operator).to_owned(),
    };
    all.into_iter().map(offer).collect()
}

fn meaning(operator: Operator) -> &'static str {
    match operator {
        Operator::Equal => "is",
        Operator::NotEqual => "is not",
        Operator::Less => "less than",
        Operator::LessOrEqual => "at most",
        Operator::Greater => "more than",
        Operator::GreaterOrEqual => "at least",
        Operator::Match => "matches a pattern",
        Operator::NotMatch => "matches no pattern",
        Operator::In => "one of a list",
        Operator::NotIn => "none of a list",
    }
}

fn of_field(name: &str, context: RecordKind, values: &dyn Values) -> Vec<Offer> {
    let value =
        |text: &str, detail: String| Offer { text: quoted(text), kind: OfferKind::Value, detail };
    let seen: Vec<Offer> =
        values.of(name).into_iter().map(|seen| value(&seen.value, seen.detail)).collect();
    let plain = |text: &str| value(text, String::new());
    let own: Vec<Offer> = match field(name, context) {
        None => Vec::new(),
        Some(own) => match (own.kind, own.text) {
            (Kind::Bool, _) => ["true", "false"].map(plain).into(),
            (_, TextRule::Choice(choices)) => choices.iter().map(|choice| plain(choice)).collect(),
            (_, TextRule::Protocol) => {
                USUAL.into_iter().chain(protocol::names()).map(plain).collect()
            }
            _ => Vec::new(),
        },
    };
    let mut all = seen;
    for offer in own {
        if all.iter().all(|other| other.text != offer.text) {
            all.push(offer);
        }
    }
    all
}

/// A value as a query has it.
fn quoted(text: &str) -> String {
    let plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '-' | '_' | '/' | '@' | '+');
    match !text.is_empty()
        && text.chars().all(plain)
        && Connective::read(text).is_none()
        && !text.starts_with('/')
    {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")),
    }
}

fn lists(options: &Options<'_>) -> Vec<Offer> {
    let list = |name: &str| Offer {
        text: format!("${name}"),
        kind: OfferKind::Value,
        detail: "a list".to_owned(),
    };
    std::iter::once(parenthesis("(")).chain(options.lists.names().map(list)).collect()
}

/// Conditions of one level are joined by one connective.
fn connectives(is: Option<Connective>, in_group: bool) -> Vec<Offer> {
    let offer = |connective: Connective| Offer {
        text: connective.symbol().to_owned(),
        kind: OfferKind::Connective,
        detail: match connective {
            Connective::And => "both",
            Connective::Or => "either",
        }
        .to_owned(),
    };
    let mut all: Vec<Offer> = match is {
        Some(only) => vec![offer(only)],
        None => [Connective::And, Connective::Or].map(offer).into(),
    };
    if in_group {
        all.push(parenthesis(")"));
    }
    all
}
