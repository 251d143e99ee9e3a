//! What a query may say, but hardly means.

use std::ops::Range;

use super::names::Target;
use crate::{
    diagnostic::Diagnostic,
    flow::{fields::Kind, profile::Attribute},
    nql::{
        ast::{Expression, Operator, Spanned},
        codes,
        lists::{ListForm, NamedList},
        sets::IntegerSet,
        typed::{Predicate, Subject, Typed},
    },
};

/// `srcport >= 0`: a range that is all or nothing.
pub fn constant(
    target: &Target,
    set: &IntegerSet,
    span: &Range<usize>,
    operator: &Spanned<Operator>,
) -> Option<Diagnostic> {
    let maximum = target.maximum.unwrap_or(u64::MAX);
    let what = match set.ranges() {
        [] => "never matches this",
        [(0, high)] if *high == maximum => "always matches this",
        _ => return None,
    };
    let message = format!("`{}` {what}", target.name);
    let help = format!("its values go from 0 to {maximum}");
    Some(codes::CONSTANT.at(operator.span.start..span.end, message).help(help))
}

/// Values of a list that the field cannot have.
pub fn unreadable(
    target: &Target,
    list: &NamedList,
    form: ListForm,
    span: &Range<usize>,
) -> Option<Diagnostic> {
    let values = list.values();
    let unreadable = values.unreadable(form);
    (unreadable > 0).then(|| {
        let message = format!(
            "{unreadable} of the {} values of `${}` are not valid for `{}`",
            values.count,
            list.name(),
            target.name
        );
        codes::UNREADABLE_ENTRIES.at(span.clone(), message)
    })
}

/// `x != a || x != b`: no single value is both. Lists may hold both, so they are left alone.
pub fn always_true(operands: &[Expression], typed: &[Typed]) -> Option<Diagnostic> {
    let unequal: Vec<(&Expression, &Subject, &Predicate)> = operands
        .iter()
        .zip(typed)
        .filter_map(|(operand, typed)| inequality(operand, typed))
        .collect();
    unequal.iter().enumerate().find_map(|(i, (_, subject, predicate))| {
        let earlier = unequal[..i].iter().find(|(_, other, _)| other == subject)?;
        if earlier.2 == *predicate {
            return None;
        }
        let Expression::Condition(condition) = unequal[i].0 else { return None };
        let name = &condition.field.node;
        Some(
            codes::ALWAYS_TRUE
                .at(condition.operator.span.clone(), format!("`{name}` cannot equal both values"))
                .label("always true with the condition before")
                .help(format!(
                    "to exclude both, join them with `&&`; `{name} != ... && {name} != ...`"
                )),
        )
    })
}

fn inequality<'t>(
    operand: &'t Expression,
    typed: &'t Typed,
) -> Option<(&'t Expression, &'t Subject, &'t Predicate)> {
    let Typed::Not(inner) = typed else { return None };
    let Typed::Test(subject, predicate) = &**inner else { return None };
    let Expression::Condition(condition) = operand else { return None };
    let one_value = condition.operator.node == Operator::NotEqual
        && match predicate {
            Predicate::Integers(set) => matches!(set.ranges(), [(low, high)] if low == high),
            Predicate::Texts(set) => set.texts().len() == 1,
            _ => false,
        };
    let single = match subject {
        Subject::Field(field) => {
            field.kind != Kind::TextList && !matches!(field.attribute(), Some((_, Attribute::Name)))
        }
        Subject::Label(..) | Subject::PortLabel(_) => false,
    };
    (one_value && single).then_some((operand, subject, predicate))
}
