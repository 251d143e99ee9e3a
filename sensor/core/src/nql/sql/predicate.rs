//! What is asked of a value.

use std::net::IpAddr;

use super::{
    expression::Expr,
    refusal::Why,
    stored::MAPPED,
    values::{Alternative, Found, Kind},
};
use crate::{
    flow::source::FLOW_TYPES,
    nql::{
        lists::{ListForm, NamedList},
        literal,
        pattern::{Form, Pattern},
        reference::holds,
        sets::{AddressSet, IntegerSet, TextSet},
        typed::{Comparison, Predicate},
    },
};

/// Numbers that are listed one by one rather than by ranges, at most.
const LISTED: u64 = 64;
/// Repetitions that RE2 takes, at most.
const REPETITIONS: u32 = 1000;

/// Whether the value is told and fulfils the predicate: true or false.
pub(super) fn fulfils(found: &Found, predicate: &Predicate) -> Result<Expr, Why> {
    let predicate = &as_of_now(predicate);
    let mut all = Vec::new();
    for Alternative { when, value } in &found.alternatives {
        let asked = match (when, asked(found.kind, value, predicate)?) {
            (_, Expr::Flag(false)) | (Expr::Flag(false), _) => continue,
            (_, asked) => definite(value, when, asked),
        };
        all.push(when.clone().and(asked));
    }
    Ok(Expr::any(all))
}

/// What stays the same, with the values that a named list has now.
fn as_of_now(predicate: &Predicate) -> Predicate {
    let Predicate::Listed(list, form) = predicate else { return predicate.clone() };
    of_list(list, *form)
}

fn of_list(list: &NamedList, form: ListForm) -> Predicate {
    let values = list.values();
    match form {
        ListForm::Integers => Predicate::Integers(values.integers.clone()),
        ListForm::Protocols => Predicate::Integers(values.protocols.clone()),
        ListForm::Addresses => Predicate::Addresses(values.addresses.clone()),
        ListForm::Texts => Predicate::Texts(TextSet::new(values.texts.iter().cloned(), false)),
        ListForm::FoldedTexts => {
            Predicate::Texts(TextSet::new(values.folded_texts.iter().cloned(), true))
        }
    }
}

/// What is asked, false in place of no value where the value may lack.
fn definite(value: &Expr, when: &Expr, asked: Expr) -> Expr {
    match value {
        _ if !may_lack(value, when) => asked,
        // Whatever it is, there has to be one.
        _ if asked == Expr::Flag(true) => Expr::IsTold(Box::new(value.clone())),
        // So engines can still look up and skip by the column.
        Expr::Stored(_) => Expr::IsTold(Box::new(value.clone())).and(asked),
        _ => Expr::Definite(Box::new(asked)),
    }
}

/// Whether there may be no value although the condition holds.
fn may_lack(value: &Expr, when: &Expr) -> bool {
    let lacks = |value: &Expr| may_lack(value, when);
    match value {
        Expr::Stored(own) | Expr::Milliseconds(own) => {
            own.is_optional() && !says_told(when, &Expr::Stored(*own))
        }
        Expr::Integer(_)
        | Expr::Real(_)
        | Expr::Text(_)
        | Expr::Flag(_)
        | Expr::Address(_)
        | Expr::Mac(_) => false,
        Expr::Or(_, other) => lacks(other),
        Expr::Case(cases, other) => lacks(other) || cases.iter().any(|(_, value)| lacks(value)),
        Expr::Product(all) | Expr::Sum(all) => all.iter().any(lacks),
        Expr::Difference(one, other)
        | Expr::Quotient(one, other)
        | Expr::RealProduct(one, other)
        | Expr::RealQuotient(one, other) => lacks(one) || lacks(other),
        Expr::Shifted(one, _) | Expr::Masked(one, _) | Expr::AsReal(one) => lacks(one),
        _ => true,
    }
}

fn says_told(when: &Expr, stored: &Expr) -> bool {
    match when {
        Expr::IsTold(own) => **own == *stored,
        Expr::All(all) => all.iter().any(|own| says_told(own, stored)),
        _ => false,
    }
}

/// What is asked of a value that is there.
fn asked(kind: Kind, value: &Expr, predicate: &Predicate) -> Result<Expr, Why> {
    let own = || Box::new(value.clone());
    Ok(match (kind, predicate) {
        (Kind::Number, Predicate::Integers(set)) => integers(value, set),
        // A number that the language treats as text.
        (Kind::Number, Predicate::Texts(set)) => integers(value, &numbers_of(set)),
        (Kind::Coded(decode), _) => {
            let wanted = (0..=u8::MAX).filter(|code| holds(predicate, decode(*code)));
            integers(value, &IntegerSet::of(wanted.map(u64::from)))
        }
        (Kind::Real, Predicate::Float(comparison, limit)) => {
            Expr::Compare(own(), *comparison, Box::new(Expr::Real(limit.get())))
        }
        (Kind::Flag, Predicate::Bool(wanted)) => match value {
            Expr::Flag(flag) => Expr::Flag(flag == wanted),
            _ => value.clone().equals(Expr::Flag(*wanted)),
        },
        (Kind::Address, Predicate::Addresses(set)) => addresses(value, set),
        (Kind::Mac, Predicate::Texts(set)) => {
            let wanted = set.texts().iter().filter_map(|text| literal::mac(text));
            one_of(value, wanted.map(Expr::Mac).collect())
        }
        (Kind::FlowType, _) => {
            let wanted = FLOW_TYPES
                .iter()
                .filter(|name| holds(predicate, crate::flow::fields::Value::Text(name)));
            one_of(value, wanted.map(|name| Expr::Text((*name).to_owned())).collect())
        }
        (Kind::Text, _) => text(value, predicate)?,
        (Kind::Texts, _) => match text(&Expr::Element, predicate)? {
            Expr::Flag(false) => Expr::Flag(false),
            asked => Expr::SomeOf(own(), Box::new(asked)),
        },
        _ => return Err(Why::Mismatch),
    })
}

/// Whether a number is in a set.
pub(super) fn integers(value: &Expr, set: &IntegerSet) -> Expr {
    let ranges = set.ranges();
    if let Expr::Integer(number) = value {
        return Expr::Flag(set.contains(*number));
    }
    let own = || Box::new(value.clone());
    let mut singles = Vec::new();
    let mut all = Vec::new();
    for &(low, high) in ranges {
        let number = |number| Box::new(Expr::Integer(number));
        let is_short =
            high - low < 2 || (ranges.len() > 1 && high - low < LISTED && !is_plain(value));
        match (low, high) {
            (0, u64::MAX) => return Expr::Flag(true),
            _ if is_short => singles.extend((low..=high).map(Expr::Integer)),
            (0, _) => all.push(Expr::Compare(own(), Comparison::LessOrEqual, number(high))),
            (_, u64::MAX) => {
                all.push(Expr::Compare(own(), Comparison::GreaterOrEqual, number(low)));
            }
            _ => all.push(Expr::Between(own(), number(low), number(high))),
        }
    }
    if !singles.is_empty() {
        all.insert(0, one_of(value, singles));
    }
    Expr::any(all)
}

/// Whether it costs nothing to say it more than once.
fn is_plain(value: &Expr) -> bool {
    matches!(value, Expr::Stored(_) | Expr::Milliseconds(_))
}

fn numbers_of(set: &TextSet) -> IntegerSet {
    let canonical = |text: &String| text.parse().ok().filter(|own: &u64| own.to_string() == *text);
    IntegerSet::of(set.texts().iter().filter_map(canonical))
}

fn one_of(value: &Expr, mut wanted: Vec<Expr>) -> Expr {
    match wanted.len() {
        0 => Expr::Flag(false),
        1 => value.clone().equals(wanted.remove(0)),
        _ => Expr::In(Box::new(value.clone()), wanted),
    }
}

/// The ranges of a set, IPv4 mapped; none of the mapped ones among those of IPv6.
fn ranges(set: &AddressSet) -> Vec<(u128, u128)> {
    let mapped = |number: &u32| MAPPED | u128::from(*number);
    let mut all: Vec<_> = set.v4().iter().map(|(low, high)| (mapped(low), mapped(high))).collect();
    let (first, last) = (MAPPED, MAPPED | u128::from(u32::MAX));
    for &(low, high) in set.v6() {
        if low < first {
            all.push((low, high.min(first - 1)));
        }
        if high > last {
            all.push((low.max(last + 1), high));
        }
    }
    all
}

/// The addresses of a set that has no more than a few, one by one.
pub(super) fn few_addresses(set: &AddressSet) -> Option<Vec<u128>> {
    let all = ranges(set);
    let is_few = !all.is_empty() && all.len() <= 8 && all.iter().all(|(low, high)| low == high);
    is_few.then(|| all.into_iter().map(|(low, _)| low).collect())
}

fn addresses(value: &Expr, set: &AddressSet) -> Expr {
    let ranges = ranges(set);
    let is_one = |(low, high): &&(u128, u128)| low == high;
    if let (Expr::Parsed(text), true) = (value, ranges.iter().all(|range| is_one(&range))) {
        // No need to read the text: it has one spelling.
        let v4 = set.v4().iter().map(|(low, _)| IpAddr::V4((*low).into()));
        let v6 = set.v6().iter().map(|(low, _)| IpAddr::V6((*low).into()));
        return one_of(text, v4.chain(v6).map(|own| Expr::Text(own.to_string())).collect());
    }
    let singles = ranges.iter().filter(is_one).map(|(low, _)| Expr::Address(*low)).collect();
    let mut all = match one_of(value, singles) {
        Expr::Flag(_) => Vec::new(),
        singles => vec![singles],
    };
    for (low, high) in ranges.iter().filter(|range| !is_one(range)) {
        let address = |own: &u128| Box::new(Expr::Address(*own));
        all.push(Expr::Between(Box::new(value.clone()), address(low), address(high)));
    }
    Expr::any(all)
}

fn text(value: &Expr, predicate: &Predicate) -> Result<Expr, Why> {
    let folded = |ignores_case| match ignores_case {
        true => Expr::Folded(Box::new(value.clone())),
        false => value.clone(),
    };
    Ok(match predicate {
        Predicate::Texts(set) => {
            let wanted = set.texts().iter().cloned().map(Expr::Text).collect();
            one_of(&folded(set.ignores_case()), wanted)
        }
        Predicate::Matches(pattern) => match pattern.form() {
            Form::Text(text) => folded(pattern.ignores_case()).equals(Expr::Text(text.to_owned())),
            Form::Regex(_) => Expr::Matches(Box::new(value.clone()), regex(pattern)?),
            Form::Fuzzy(word, distance) => Expr::Near(
                Box::new(folded(pattern.ignores_case())),
                word.iter().collect(),
                distance,
            ),
        },
        _ => return Err(Why::Mismatch),
    })
}

/// A regular expression for RE2, whose syntax is that of ours but for bounds, and for what engines take for granted: whether a dot
/// stands for the end of a line.
fn regex(pattern: &Pattern) -> Result<String, Why> {
    let Form::Regex(own) = pattern.form() else { return Err(Why::Mismatch) };
    let digits = |rest: &str| {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest[..end].parse().unwrap_or(0)
    };
    let counts = own.split(['{', ',']).skip(1).map(digits);
    if counts.max().unwrap_or(0) > REPETITIONS {
        return Err(Why::Lacking("RE2 repeats nothing more than 1,000 times"));
    }
    let flags = match (own.strip_prefix("(?s)"), pattern.ignores_case()) {
        (Some(_), true) => "(?si)",
        (Some(_), false) => "(?s)",
        (None, true) => "(?i-s)",
        (None, false) => "(?-s)",
    };
    Ok(format!("{flags}{}", own.strip_prefix("(?s)").unwrap_or(own)))
}
