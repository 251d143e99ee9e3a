//! From a typed query to SQL.

use super::{
    Dialect,
    expression::Expr,
    predicate,
    print::{print, words},
    refusal::{Refusal, Why},
    stored::{MAPPED, Stored},
    values::{self, Found, Kind},
};
use crate::{
    flow::{
        columns::Column,
        fields::{Field, TextRule, Value},
        profile::Side,
    },
    nql::{
        sets::IntegerSet,
        typed::{Comparison, Predicate, Subject, Typed},
    },
};

/// The condition that holds for just the records which the query selects.
///
/// # Errors
/// What the dialect has no words for.
pub fn condition(query: &Typed, dialect: Dialect) -> Result<String, Refusal> {
    let expression = whole(query, dialect)?;
    // What has a form may still have no words.
    print(&expression, dialect).map_err(|_| first_refused(query, dialect))
}

/// What groups of records have in common, as SQL: the value of a subject, addresses cut to so many bits of IPv4 and of IPv6.
///
/// # Errors
/// What the dialect has no words for.
pub fn grouped(
    subject: &Subject,
    prefix: Option<(u8, u8)>,
    dialect: Dialect,
) -> Result<String, Refusal> {
    let refused = |reason| Refusal { dialect, condition: subject.to_string(), reason };
    let found = values::found(subject).map_err(refused)?;
    let (mut value, kind) = value(&found);
    match kind {
        Kind::Texts => value = Expr::Spelled(Box::new(value)),
        Kind::Mac => value = Expr::SpelledMac(Box::new(value)),
        _ => {}
    }
    if let Some((v4, v6)) = prefix {
        value = Expr::Prefix(Box::new(value), v4, v6);
    }
    print(&value, dialect).map_err(refused)
}

/// Whether [`grouped`] gives a list of texts, spelled as JSON.
pub fn is_list(subject: &Subject) -> bool {
    values::found(subject).is_ok_and(|found| matches!(found.kind, Kind::Texts))
}

/// The condition that a record was received from `from` on and before `to`, milliseconds since the epoch; none for all times.
pub fn received(from: u64, to: u64, dialect: Dialect) -> Option<String> {
    // What is written as a time is behind no year that engines know.
    const LAST: u64 = 4_102_444_800_000;
    let (words, name) = (words(dialect), Stored::Received.name());
    let begin = (from > 0).then(|| format!("{name} >= {}", words.time(from.min(LAST))));
    let end = (to < LAST).then(|| format!("{name} < {}", words.time(to)));
    let both: Vec<String> = begin.into_iter().chain(end).collect();
    (!both.is_empty()).then(|| both.join(" AND "))
}

/// The beginning of the bucket of time in which a record was received, milliseconds since the epoch.
pub fn bucket(period: u64, dialect: Dialect) -> String {
    let words = words(dialect);
    let time = words.milliseconds(Stored::Received.name());
    format!("({} * {period})", words.quotient(&time, &period.to_string()))
}

/// The sum of octets or packets, times the sample rate where that is wanted, in decimal: it may have more digits than a number of 64
/// bits. NULL where no record tells them.
///
/// # Errors
/// What the dialect has no words for.
pub fn sum(
    column: Column,
    is_scaled: bool,
    times: u64,
    dialect: Dialect,
) -> Result<String, Refusal> {
    let refused = |reason| Refusal { dialect, condition: column.name().to_owned(), reason };
    let mut factors = vec![Expr::column(column)];
    if is_scaled {
        factors.push(values::sample_rate(1));
    }
    if times != 1 {
        factors.push(Expr::Integer(times));
    }
    Ok(format!("sum({})", print(&Expr::WideProduct(factors), dialect).map_err(refused)?))
}

/// In decimal, for numbers that clients would round.
pub fn in_decimal(number: &str, dialect: Dialect) -> String {
    words(dialect).decimal(number)
}

/// Whether an address, IPv4 mapped, is one of IPv4.
pub fn is_v4(address: &str, dialect: Dialect) -> String {
    let words = words(dialect);
    let (low, high) = (words.address(MAPPED), words.address(MAPPED | u128::from(u32::MAX)));
    format!("({address} BETWEEN {low} AND {high})")
}

fn whole(query: &Typed, dialect: Dialect) -> Result<Expr, Refusal> {
    let refused = |reason| Refusal { dialect, condition: query.to_string(), reason };
    let all = |operands: &[Typed]| -> Result<Vec<Expr>, Refusal> {
        operands.iter().map(|operand| whole(operand, dialect)).collect()
    };
    Ok(match query {
        Typed::Constant(value) => Expr::Flag(*value),
        Typed::And(operands) => Expr::All(all(operands)?),
        Typed::Or(operands) => match ends(operands) {
            Some(ends) => ends,
            None => Expr::Any(all(operands)?),
        },
        Typed::Not(operand) => whole(operand, dialect)?.negated(),
        Typed::Test(subject, asked) => {
            let found = values::found(subject).map_err(refused)?;
            predicate::fulfils(&found, asked).map_err(refused)?
        }
        Typed::Compare(left, comparison, right) => {
            compared(left, *comparison, right).map_err(refused)?
        }
    })
}

/// The condition that has no words: the first, in the order of the query.
fn first_refused(query: &Typed, dialect: Dialect) -> Refusal {
    let refused = |reason| Refusal { dialect, condition: query.to_string(), reason };
    match query {
        Typed::And(operands) | Typed::Or(operands) => {
            let has_none = |operand: &&Typed| condition(operand, dialect).is_err();
            let first = operands.iter().find(has_none);
            first.map_or_else(|| refused(Why::Untranslated), |own| first_refused(own, dialect))
        }
        Typed::Not(operand) => first_refused(operand, dialect),
        _ => match whole(query, dialect) {
            Err(refusal) => refusal,
            Ok(own) => refused(print(&own, dialect).err().unwrap_or(Why::Untranslated)),
        },
    }
}

/// `ip == X`: one index over both sides finds it.
fn ends(operands: &[Typed]) -> Option<Expr> {
    let [Typed::Test(Subject::Field(one), asked), Typed::Test(Subject::Field(other), same)] =
        operands
    else {
        return None;
    };
    let is_side = |field: &Field, wanted: Side| matches!(field.reading, crate::flow::fields::Reading::Address(side) if side == wanted);
    let is_both = |one: &Field, other: &Field| {
        is_side(one, Side::Source) && is_side(other, Side::Destination)
    };
    let Predicate::Addresses(set) = asked else { return None };
    if asked != same || !(is_both(one, other) || is_both(other, one)) {
        return None;
    }
    let addresses = predicate::few_addresses(set)?;
    Some(Expr::any(addresses.into_iter().map(Expr::Ends).collect()))
}

/// A value as one expression, and what it is then.
fn value(found: &Found) -> (Expr, Kind) {
    let mut cases = Vec::new();
    let mut kind = found.kind;
    for own in &found.alternatives {
        let Kind::Coded(decode) = found.kind else {
            cases.push((own.when.clone(), own.value.clone()));
            continue;
        };
        let mut values: Vec<(Expr, Vec<u64>)> = Vec::new();
        for code in 0..=u8::MAX {
            let value = match decode(code) {
                Value::Text(text) => Expr::Text(text.to_owned()),
                Value::NumberText(number) => Expr::Text(number.to_string()),
                Value::Bool(flag) => Expr::Flag(flag),
                _ => continue,
            };
            kind = if matches!(value, Expr::Flag(_)) { Kind::Flag } else { Kind::Text };
            match values.iter_mut().find(|(known, _)| *known == value) {
                Some((_, codes)) => codes.push(code.into()),
                None => values.push((value, vec![code.into()])),
            }
        }
        cases.extend(values.into_iter().map(|(value, codes)| {
            let is_one = predicate::integers(&own.value, &IntegerSet::of(codes));
            (own.when.clone().and(is_one), value)
        }));
    }
    match &cases[..] {
        // A case of nothing is no SQL.
        [] => (Expr::Nothing, kind),
        [(Expr::Flag(true), value)] => (value.clone(), kind),
        _ => (Expr::Case(cases, Box::new(Expr::Nothing)), kind),
    }
}

/// Whether both have a value, and these compare so.
fn compared(left: &Subject, comparison: Comparison, right: &Subject) -> Result<Expr, Why> {
    let (one, other) = (values::found(left)?, values::found(right)?);
    if one.alternatives.is_empty() || other.alternatives.is_empty() {
        return Ok(Expr::Flag(false));
    }
    if spells_numbers(&one) || spells_numbers(&other) {
        return Err(Why::Incomparable);
    }
    let ((one, kind), (other, others)) = (value(&one), value(&other));
    let is_equal = comparison == Comparison::Equal;
    let ignores_case = matches!(left, Subject::Field(field) if field.text != TextRule::Exact);
    let folded = |own: Expr| match (ignores_case, own) {
        (true, own) => Expr::Folded(Box::new(own)),
        (false, own) => own,
    };
    let is_text = |kind| matches!(kind, Kind::Text | Kind::FlowType);
    let holds = match (kind, others) {
        (Kind::Number, Kind::Number) | (Kind::Real, Kind::Real) => {
            Expr::Compare(Box::new(one), comparison, Box::new(other))
        }
        (Kind::Flag, Kind::Flag) | (Kind::Address, Kind::Address) | (Kind::Mac, Kind::Mac)
            if is_equal =>
        {
            one.equals(other)
        }
        (kind, others) if is_equal && is_text(kind) && is_text(others) => {
            folded(one).equals(folded(other))
        }
        (Kind::Texts, Kind::Texts) if is_equal && !ignores_case => {
            Expr::Shared(Box::new(one), Box::new(other))
        }
        (Kind::Texts, others) if is_equal && is_text(others) => {
            Expr::SomeOf(Box::new(one), Box::new(folded(Expr::Element).equals(folded(other))))
        }
        (kind, Kind::Texts) if is_equal && is_text(kind) => {
            Expr::SomeOf(Box::new(other), Box::new(folded(Expr::Element).equals(folded(one))))
        }
        _ => return Err(Why::Incomparable),
    };
    Ok(Expr::Definite(Box::new(holds)))
}

/// Whether some values are numbers that the language treats as text: these compare as numbers among each other.
fn spells_numbers(found: &Found) -> bool {
    let Kind::Coded(decode) = found.kind else { return false };
    (0..=u8::MAX).any(|code| matches!(decode(code), Value::NumberText(_)))
}
