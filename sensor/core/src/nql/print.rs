//! A tree back into text, in one canonical form; what it prints reads as the same tree.

use std::fmt::{self, Display, Formatter};

use super::ast::{Condition, Expression, Literal, NotForm, Operand};

impl Display for Expression {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(operands) => chain(out, operands, " && "),
            Self::Or(operands) => chain(out, operands, " || "),
            Self::Not(operand, NotForm::Symbol) => write!(out, "!({operand})"),
            Self::Not(operand, NotForm::Word) => {
                out.write_str("not ")?;
                grouped(out, operand)
            }
            Self::Condition(condition) => condition.fmt(out),
            // No query: faulty text has no canonical form.
            Self::Invalid => out.write_str("?"),
        }
    }
}

fn chain(out: &mut Formatter<'_>, operands: &[Expression], connective: &str) -> fmt::Result {
    for (i, operand) in operands.iter().enumerate() {
        if i > 0 {
            out.write_str(connective)?;
        }
        grouped(out, operand)?;
    }
    Ok(())
}

/// An operand, in parentheses where it would be misread.
fn grouped(out: &mut Formatter<'_>, operand: &Expression) -> fmt::Result {
    match operand {
        Expression::And(_) | Expression::Or(_) => write!(out, "({operand})"),
        _ => operand.fmt(out),
    }
}

impl Display for Condition {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write!(out, "{} {} {}", self.field.node, self.operator.node.symbol(), self.value.node)
    }
}

impl Display for Operand {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(literal) => literal.fmt(out),
            Self::Regex(text) => write!(out, "/{text}/"),
            Self::NamedList(name) => write!(out, "${name}"),
            Self::List(entries) => {
                out.write_str("(")?;
                for (i, entry) in entries.iter().enumerate() {
                    if i > 0 {
                        out.write_str(", ")?;
                    }
                    entry.node.fmt(out)?;
                }
                out.write_str(")")
            }
        }
    }
}

impl Display for Literal {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => out.write_str(word),
            Self::Quoted(text, quote) => {
                let quote = quote.character();
                write!(out, "{quote}")?;
                for character in text.chars() {
                    if character == quote || character == '\\' {
                        out.write_str("\\")?;
                    }
                    write!(out, "{character}")?;
                }
                write!(out, "{quote}")
            }
        }
    }
}
