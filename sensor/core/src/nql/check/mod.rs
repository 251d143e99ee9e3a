//! Tree into typed form: names resolved, aliases spelled out, values read as the field's type.
//!
//! As the parser does, it reports every fault and goes on; what is faulty becomes [`Typed::Constant`], which nobody sees
//! because a query with errors is not used.

use std::{ops::Range, sync::Arc};

use super::{
    Options,
    ast::{Condition, Expression, Literal, Operand, Operator, Spanned},
    codes,
    faults::Faults,
    lists::ListForm,
    pattern::{Pattern, PatternErrorKind, Source},
    typed::{Class, Comparison, Predicate, Subject, Typed},
};
use crate::{
    diagnostic::{Diagnostic, Fix, nearest},
    flow::fields::{Field, Kind, TextRule},
};

mod names;
mod values;
mod warnings;

use names::Target;

/// Types a query. The result is of use only when no diagnostic is an error.
pub fn check(query: Option<&Expression>, options: &Options<'_>, faults: &mut Faults) -> Typed {
    let mut checker = Checker { options, faults, patterns: 0 };
    query.map_or(Typed::Constant(true), |query| checker.expression(query))
}

struct Checker<'o> {
    options: &'o Options<'o>,
    faults: &'o mut Faults,
    /// Patterns so far.
    patterns: usize,
}

/// Stands for what could not be typed; a diagnostic says why.
const FAULTY: Typed = Typed::Constant(false);

impl Checker<'_> {
    fn expression(&mut self, expression: &Expression) -> Typed {
        match expression {
            Expression::And(operands) => {
                Typed::And(operands.iter().map(|operand| self.expression(operand)).collect())
            }
            Expression::Or(operands) => {
                let typed: Vec<_> =
                    operands.iter().map(|operand| self.expression(operand)).collect();
                self.warn(warnings::always_true(operands, &typed));
                Typed::Or(typed)
            }
            Expression::Not(operand, _) => self.expression(operand).negated(),
            Expression::Condition(condition) => {
                self.condition(condition).unwrap_or_else(|diagnostic| {
                    self.faults.push(diagnostic);
                    FAULTY
                })
            }
            Expression::Invalid => FAULTY,
        }
    }

    fn condition(&mut self, condition: &Condition) -> Result<Typed, Diagnostic> {
        let Condition { field, operator, value } = condition;
        let target = names::resolve(&field.node, field.span.clone(), self.options)?;
        let positive = match (&value.node, operator.node) {
            (Operand::Literal(literal), Operator::Match | Operator::NotMatch) => {
                let source = Source::Wildcard(literal.text().to_owned());
                // Escapes in quotes shift places: the whole value is the place then.
                let inside = match literal {
                    Literal::Word(_) => Some(value.span.start),
                    Literal::Quoted(..) => None,
                };
                self.pattern(&target, operator, source, &value.span, inside)?
            }
            (Operand::Regex(text), _) => {
                let source = Source::Regex(text.clone());
                self.pattern(&target, operator, source, &value.span, Some(value.span.start + 1))?
            }
            (Operand::NamedList(name), _) => self.named_list(&target, name, value)?,
            (Operand::List(entries), _) => {
                let values = entries.iter().map(|entry| (entry.node.text(), entry.span.clone()));
                self.one_of(&target, values, operator)?
            }
            (Operand::Literal(literal), _) => {
                match self.field_on_the_right(&target, operator, literal, &value.span)? {
                    Some(compared) => compared,
                    None if operator.node.is_order() => {
                        self.ordered(&target, operator, literal.text(), &value.span)?
                    }
                    None => {
                        let value = (literal.text(), value.span.clone());
                        self.one_of(&target, [value].into_iter(), operator)?
                    }
                }
            }
        };
        Ok(if operator.node.is_negative() { positive.negated() } else { positive })
    }

    fn warn(&mut self, warning: Option<Diagnostic>) {
        if let Some(warning) = warning {
            self.faults.push(warning);
        }
    }

    /// A test of every field that the name stands for: true when one of them fulfils it.
    fn test(target: &Target, predicate: &Predicate) -> Typed {
        let test = |subject: &Subject| Typed::Test(subject.clone(), predicate.clone());
        Typed::any(target.subjects.iter().map(test).collect())
    }

    /// `==` and `in`: all values that can be read, each fault reported.
    fn one_of<'v>(
        &mut self,
        target: &Target,
        values: impl Iterator<Item = (&'v str, Range<usize>)>,
        operator: &Spanned<Operator>,
    ) -> Result<Typed, Diagnostic> {
        if operator.node.takes_list() && matches!(target.kind, Kind::Float | Kind::Bool) {
            return Err(no_lists(target, operator));
        }
        let mut read = values::Reader::new(target, operator.node.takes_list());
        for (text, span) in values {
            match read.value(text, &span) {
                Ok(warning) => self.warn(warning),
                Err(diagnostic) => self.faults.push(diagnostic),
            }
        }
        let predicate = read.finish();
        Ok(Self::test(&Self::tested(target, &predicate), &predicate))
    }

    /// Protocols are compared by number.
    fn tested(target: &Target, predicate: &Predicate) -> Target {
        let by_number =
            matches!(predicate, Predicate::Integers(_) | Predicate::Listed(_, ListForm::Protocols));
        let number = names::protocol_number_field();
        match number.filter(|_| by_number && target.text == TextRule::Protocol) {
            Some(field) => Target { subjects: vec![Subject::Field(field)], ..target.clone() },
            None => target.clone(),
        }
    }

    fn ordered(
        &mut self,
        target: &Target,
        operator: &Spanned<Operator>,
        text: &str,
        span: &Range<usize>,
    ) -> Result<Typed, Diagnostic> {
        let comparison = comparison(operator.node);
        match Class::of(target.kind) {
            Class::Integer => {
                let set = values::ordered(target, comparison, text, span)?;
                self.warn(warnings::constant(target, &set, span, operator));
                Ok(Self::test(target, &Predicate::Integers(set)))
            }
            Class::Float => {
                let limit = values::float(target, text, span)?;
                Ok(Self::test(target, &Predicate::Float(comparison, limit)))
            }
            Class::Bool | Class::Address | Class::Text => Err(no_order(target, operator)),
        }
    }

    fn pattern(
        &mut self,
        target: &Target,
        operator: &Spanned<Operator>,
        source: Source,
        span: &Range<usize>,
        inside: Option<usize>,
    ) -> Result<Typed, Diagnostic> {
        if !target.patterns {
            let fields = self.options.context.fields().iter();
            let able: Vec<_> =
                fields.filter(|field| field.patterns).map(|field| field.name).collect();
            let message = format!("`{}` does not support patterns", target.name);
            return Err(codes::NO_PATTERNS
                .at(operator.span.clone(), message)
                .help(format!("patterns apply to `{}`", able.join("`, `"))));
        }
        self.patterns += 1;
        let limit = self.options.limits.patterns;
        if self.patterns > limit {
            let message = format!("more patterns than the limit `patterns`, {limit}");
            return Err(codes::TOO_MANY_PATTERNS.at(span.clone(), message));
        }
        let ignore_case = target.text != TextRule::Exact;
        let pattern = Pattern::compile(source, ignore_case, &self.options.limits);
        let pattern = pattern.map_err(|error| {
            let place = match inside {
                Some(start) if error.span.end != usize::MAX => {
                    start + error.span.start..start + error.span.end
                }
                _ => span.clone(),
            };
            let limits = &self.options.limits;
            let diagnostic = match error.kind {
                PatternErrorKind::Syntax(message) => codes::BAD_PATTERN.at(place, message),
                PatternErrorKind::TooLarge => codes::PATTERN_TOO_LARGE.at(
                    place,
                    format!("larger than the limit `regex_bytes`, {}", limits.regex_bytes),
                ),
                PatternErrorKind::TooFuzzy => codes::TOO_FUZZY.at(
                    place,
                    format!("above the limit `fuzzy_distance`, {}", limits.fuzzy_distance),
                ),
            };
            diagnostic.help(error.help)
        })?;
        Ok(Self::test(target, &Predicate::Matches(Arc::new(pattern))))
    }

    fn named_list(
        &mut self,
        target: &Target,
        name: &str,
        value: &Spanned<Operand>,
    ) -> Result<Typed, Diagnostic> {
        let Some(list) = self.options.lists.get(name) else {
            let message = format!("unknown list `{name}`");
            let near = nearest(name, self.options.lists.names());
            let diagnostic = codes::UNKNOWN_LIST.at(value.span.clone(), message);
            return Err(match near {
                Some(near) => diagnostic
                    .label(format!("did you mean `${near}`?"))
                    .fix(Fix::write(value.span.clone(), format!("${near}"))),
                None => diagnostic,
            });
        };
        let form = match (Class::of(target.kind), target.text) {
            (Class::Integer, _) | (_, TextRule::Number) => ListForm::Integers,
            (Class::Address, _) => ListForm::Addresses,
            (Class::Text, TextRule::Protocol) => ListForm::Protocols,
            (Class::Text, TextRule::Exact) => ListForm::Texts,
            (Class::Text, _) => ListForm::FoldedTexts,
            (Class::Float | Class::Bool, _) => {
                let operator = Spanned::new(Operator::In, value.span.clone());
                return Err(no_lists(target, &operator));
            }
        };
        self.warn(warnings::unreadable(target, list, form, &value.span));
        let predicate = Predicate::Listed(Arc::clone(list), form);
        Ok(Self::test(&Self::tested(target, &predicate), &predicate))
    }

    /// A comparison of two fields, when the value is the name of one; `None` when it is a value after all.
    fn field_on_the_right(
        &mut self,
        target: &Target,
        operator: &Spanned<Operator>,
        literal: &Literal,
        span: &Range<usize>,
    ) -> Result<Option<Typed>, Diagnostic> {
        let Literal::Word(word) = literal else { return Ok(None) };
        let name = word.to_ascii_lowercase();
        let Some(right) = self.options.context.find(&name) else {
            return match names::is_alias(&name, self.options.context) {
                true if Class::of(target.kind) != Class::Text => Err(codes::NOT_COMPARABLE
                    .at(span.clone(), format!("`{word}` is an alias of several fields"))
                    .help("an alias is allowed only on the left")),
                _ => Ok(None),
            };
        };
        if target.has_labels() {
            return self.field_against_labels(target, right, span);
        }
        let class = Class::of(target.kind);
        let text = class == Class::Text;
        // A text may be spelled like a field: no query of the public language may change its meaning.
        if text && (self.options.strict || !is_counterpart(target, right)) {
            return Ok(None);
        }
        if self.options.strict {
            return Err(
                codes::EXTENSION.at(span.clone(), "a comparison of two fields is an extension")
            );
        }
        if Class::of(right.kind) != class {
            let message = format!(
                "`{}` is of type {}, `{}` of type {}",
                target.name,
                target.kind.name(),
                right.name,
                right.kind.name()
            );
            return Err(codes::NOT_COMPARABLE
                .at(span.clone(), message)
                .help("compare fields of the same type"));
        }
        if operator.node.is_order() && !matches!(class, Class::Integer | Class::Float) {
            return Err(no_order(target, operator));
        }
        let comparison = comparison(operator.node);
        let compare =
            |left: &Subject| Typed::Compare(left.clone(), comparison, Subject::Field(right));
        Ok(Some(Typed::any(target.subjects.iter().map(compare).collect())))
    }

    /// Labels compared with a field: one of them spells its value. Labels are texts and fields need not be.
    fn field_against_labels(
        &self,
        target: &Target,
        right: &'static Field,
        span: &Range<usize>,
    ) -> Result<Option<Typed>, Diagnostic> {
        if self.options.strict || !is_of_an_end(right.name) {
            return Ok(None);
        }
        let of_addresses =
            target.subjects.iter().all(|subject| matches!(subject, Subject::Label(..)));
        let spelled = match right.kind {
            Kind::Unsigned(_) | Kind::Integer | Kind::Ip | Kind::Text => true,
            Kind::Float | Kind::Bool | Kind::TextList => false,
        };
        if !of_addresses || !spelled {
            let message = format!("`{}` cannot be compared with `{}`", target.name, right.name);
            return Err(codes::NOT_COMPARABLE.at(span.clone(), message).help(format!(
                "labels of addresses can be compared with a number, an address or a text; for the word itself write \"{}\"",
                right.name
            )));
        }
        let compare =
            |left: &Subject| Typed::Compare(left.clone(), Comparison::Equal, Subject::Field(right));
        Ok(Some(Typed::any(target.subjects.iter().map(compare).collect())))
    }
}

/// Whether the name belongs to one end of a flow.
fn is_of_an_end(name: &str) -> bool {
    ["src", "dst", "input", "output"].iter().any(|end| name.starts_with(end))
}

/// Whether a text on the right is taken for the field `right`: both are single texts of one form, and `right` belongs to
/// one end of a flow.
fn is_counterpart(target: &Target, right: &Field) -> bool {
    let same_form =
        right.kind == Kind::Text && target.kind == Kind::Text && right.text == target.text;
    same_form && is_of_an_end(right.name)
}

/// The positive form of an operator that compares.
fn comparison(operator: Operator) -> Comparison {
    match operator {
        Operator::Less => Comparison::Less,
        Operator::LessOrEqual => Comparison::LessOrEqual,
        Operator::Greater => Comparison::Greater,
        Operator::GreaterOrEqual => Comparison::GreaterOrEqual,
        Operator::Equal
        | Operator::NotEqual
        | Operator::Match
        | Operator::NotMatch
        | Operator::In
        | Operator::NotIn => Comparison::Equal,
    }
}

fn no_order(target: &Target, operator: &Spanned<Operator>) -> Diagnostic {
    let help = match (target.kind, target.text) {
        (Kind::Ip, _) => "compare with a prefix: `== 10.0.0.0/8`",
        (_, TextRule::Protocol) => "the protocol as a number is `protocolint`",
        (Kind::Bool, _) => "write `== true` or `== false`",
        _ => "write `==` or `!=`",
    };
    let message =
        format!("`{}` is of type {}, which cannot be ordered", target.name, target.kind.name());
    codes::NO_ORDER.at(operator.span.clone(), message).help(help)
}

fn no_lists(target: &Target, operator: &Spanned<Operator>) -> Diagnostic {
    let message = format!(
        "`{}` is of type {}, which does not support lists",
        target.name,
        target.kind.name()
    );
    let help = match target.kind {
        Kind::Bool => "write `== true` or `== false`",
        _ => "write `>=` and `<=` for a range",
    };
    codes::NO_LISTS.at(operator.span.clone(), message).help(help)
}
