//! The reference evaluator: walks the typed form over one record.
//!
//! It is slow and obviously right. Evaluators over columns are tested against it, and records that are no rows of a
//! batch (JSON lines) are judged by it.

use std::cmp::Ordering;

use super::{
    lists::{ListForm, NamedList},
    literal,
    typed::{Predicate, Subject, Typed},
};
use crate::flow::{
    fields::{Row, TextRule, Value},
    profile::Side,
};

/// Something that has values by name.
pub trait Record {
    /// True when any value of `subject` passes `test`; false when it has none.
    fn any(&self, subject: &Subject, test: &mut dyn FnMut(Value<'_>) -> bool) -> bool;
}

impl Record for Row<'_> {
    fn any(&self, subject: &Subject, test: &mut dyn FnMut(Value<'_>) -> bool) -> bool {
        match subject {
            Subject::Field(field) => test(field.value(*self)),
            Subject::Label(side, context) => {
                test(self.batch.profile(*side, self.row).label(context))
            }
            Subject::PortLabel(protocol) => {
                literal::protocol_number(protocol).is_some_and(|protocol| {
                    [Side::Source, Side::Destination]
                        .into_iter()
                        .any(|side| test(self.port_label(side, protocol)))
                })
            }
        }
    }
}

/// Whether `record` fulfils `query`.
pub fn matches(query: &Typed, record: &impl Record) -> bool {
    match query {
        Typed::Constant(value) => *value,
        Typed::And(operands) => operands.iter().all(|operand| matches(operand, record)),
        Typed::Or(operands) => operands.iter().any(|operand| matches(operand, record)),
        Typed::Not(operand) => !matches(operand, record),
        Typed::Test(subject, predicate) => {
            record.any(subject, &mut |value| holds(predicate, value))
        }
        Typed::Compare(left, comparison, right) => record.any(left, &mut |left_value| {
            record.any(right, &mut |right_value| {
                comparison.holds(order(left_value, right_value, ignores_case(left)))
            })
        }),
    }
}

/// Whether a single value fulfils a predicate; the absent value fulfils none.
pub fn holds(predicate: &Predicate, value: Value<'_>) -> bool {
    match (predicate, value) {
        (_, Value::Absent) => false,
        (Predicate::Integers(set), Value::Integer(number) | Value::NumberText(number)) => {
            set.contains(number)
        }
        (Predicate::Float(comparison, limit), Value::Float(number)) => {
            comparison.holds(number.partial_cmp(&limit.get()))
        }
        (Predicate::Bool(expected), Value::Bool(value)) => *expected == value,
        (Predicate::Addresses(set), Value::Ip(address)) => set.contains(address),
        (Predicate::Texts(set), value) => any_text(value, |text| set.contains(text)),
        (Predicate::Matches(pattern), value) => any_text(value, |text| pattern.matches(text)),
        (Predicate::Listed(list, form), value) => is_listed(list, *form, value),
        _ => false,
    }
}

fn is_listed(list: &NamedList, form: ListForm, value: Value<'_>) -> bool {
    let values = list.values();
    match (form, value) {
        (ListForm::Integers, Value::Integer(number) | Value::NumberText(number)) => {
            values.integers.contains(number)
        }
        (ListForm::Protocols, Value::Integer(number)) => values.protocols.contains(number),
        (ListForm::Addresses, Value::Ip(address)) => values.addresses.contains(address),
        (ListForm::Texts | ListForm::FoldedTexts, value) => {
            any_text(value, |text| values.contains_text(text, form))
        }
        _ => false,
    }
}

fn any_text(value: Value<'_>, test: impl Fn(&str) -> bool) -> bool {
    match value {
        Value::Text(text) => test(text),
        Value::Texts(texts) => texts.iter().any(|text| test(text)),
        Value::NumberText(number) => test(&number.to_string()),
        Value::Mac(octets) => test(&literal::mac_text(octets)),
        _ => false,
    }
}

/// Order of the values of two fields of one class; `None` where there is none.
fn order(left: Value<'_>, right: Value<'_>, ignore_case: bool) -> Option<Ordering> {
    // The order of UTF-8 is that of its bytes.
    let fold = |byte: u8| byte.to_ascii_lowercase();
    let texts = |left: &str, right: &str| {
        if ignore_case {
            left.bytes().map(fold).cmp(right.bytes().map(fold))
        } else {
            left.cmp(right)
        }
    };
    match (left, right) {
        (
            Value::Integer(left) | Value::NumberText(left),
            Value::Integer(right) | Value::NumberText(right),
        ) => Some(left.cmp(&right)),
        (Value::Float(left), Value::Float(right)) => left.partial_cmp(&right),
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(&right)),
        (Value::Ip(left), Value::Ip(right)) => Some(left.cmp(&right)),
        (Value::Mac(left), Value::Mac(right)) => Some(left.cmp(&right)),
        (Value::Text(left), Value::Text(right)) => Some(texts(left, right)),
        // Lists: equal when they have a text in common.
        (Value::Texts(left), right) => {
            let equal = left.iter().any(|left| match right {
                // Labels, which are texts, against a field.
                Value::Integer(number) => left.parse() == Ok(number),
                Value::Ip(address) => left.parse() == Ok(address),
                _ => any_text(right, |right| texts(left, right).is_eq()),
            });
            equal.then_some(Ordering::Equal)
        }
        (left, Value::Texts(_)) => order(right, left, ignore_case),
        _ => None,
    }
}

fn ignores_case(subject: &Subject) -> bool {
    matches!(subject, Subject::Field(field) if field.text != TextRule::Exact)
}
