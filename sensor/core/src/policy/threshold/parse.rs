//! Reads the threshold dialect, all faults at once.

use std::ops::Range;

use super::{
    Condition, Metric, Operator, Quantity, Threshold,
    number::{Scale, Wrong},
};
use crate::{
    diagnostic::{Diagnostic, nearest},
    flow::fields::{self, FIELDS, Field, Kind, RecordKind},
    nql::parse::{
        lex::{Connective, Cursor},
        readings,
    },
};

/// Longest threshold, bytes.
const LONGEST: usize = 4096;
/// Nesting of parentheses.
const DEEPEST: usize = 16;

const FUNCTIONS: [&str; 9] =
    ["sum", "min", "max", "avg", "rate", "count", "distinct", "beacon", "absent"];
const EXAMPLE: &str = "a threshold is `func(metric) >= number`, such as `sum(bits) >= 8000000`";
const METRICS: &str = "metrics are bits, packets, bitsxrate, packetsxrate, octets and flows";

/// Reads a threshold. Fields inside `distinct()` are added to `distinct` where they are not there yet.
///
/// # Errors
/// All faults, with places in `text`.
pub fn parse(text: &str, distinct: &mut Vec<&'static Field>) -> Result<Threshold, Vec<Diagnostic>> {
    if text.len() > LONGEST {
        let message = format!("the threshold has {} bytes, the maximum is {LONGEST}", text.len());
        return Err(vec![Diagnostic::error(message, LONGEST..text.len())]);
    }
    let (cursor, faults) = (Cursor::new(text), Vec::new());
    let mut parser = Parser { cursor, distinct, faults, depth: 0, is_unclosed: false };
    let condition = parser.chain();
    parser.cursor.skip_space();
    if parser.faults.is_empty() && parser.cursor.at < text.len() {
        let at = parser.cursor.at;
        let length = parser.cursor.peek().map_or(1, char::len_utf8);
        parser.fault(at..at + length, "unmatched `)`", None);
    }
    match condition {
        Some(condition) if parser.faults.is_empty() => {
            Ok(Threshold { text: text.trim().into(), condition })
        }
        _ => Err(parser.faults),
    }
}

struct Parser<'a, 'd> {
    cursor: Cursor<'a>,
    distinct: &'d mut Vec<&'static Field>,
    faults: Vec<Diagnostic>,
    depth: usize,
    /// Whether a parenthesis without its end has been told.
    is_unclosed: bool,
}

impl Parser<'_, '_> {
    /// Operands and what joins them, up to the end or a `)`.
    fn chain(&mut self) -> Option<Condition> {
        let mut operands = Vec::new();
        let mut spans: Vec<Range<usize>> = Vec::new();
        let mut connectives: Vec<(Connective, Range<usize>)> = Vec::new();
        loop {
            self.cursor.skip_space();
            let start = self.cursor.at;
            let operand = self.operand();
            if operand.is_none() {
                self.skip_operand();
            }
            operands.push(operand);
            spans.push(start..self.cursor.at);
            self.cursor.skip_space();
            if self.cursor.peek().is_none_or(|next| next == ')') {
                break;
            }
            let at = self.cursor.at;
            let Some((connective, length)) = self.cursor.peek_connective() else {
                let help = Some("conditions are joined by `&&` or `||`");
                let word = self.cursor.peek_word().len().max(1);
                self.fault(at..at + word, "`&&` or `||` is missing before this", help);
                self.cursor.at = self.cursor.end();
                break;
            };
            connectives.push((connective, at..at + length));
            self.cursor.at += length;
        }
        let all = |kind| connectives.iter().all(|&(connective, _)| connective == kind);
        if !all(Connective::And) && !all(Connective::Or) {
            let text = self.cursor.text();
            let fault = readings::ambiguous(text, &spans, &connectives, |_| true);
            self.faults.push(fault);
        }
        let any = connectives.first().is_some_and(|(connective, _)| *connective == Connective::Or);
        let mut operands: Vec<Condition> = operands.into_iter().collect::<Option<_>>()?;
        if operands.len() == 1 {
            return operands.pop();
        }
        operands.sort_by_key(Condition::cost);
        Some(if any { Condition::Any(operands) } else { Condition::All(operands) })
    }

    fn operand(&mut self) -> Option<Condition> {
        let start = self.cursor.at;
        if self.cursor.eat('(') {
            if self.depth >= DEEPEST {
                self.fault(start..start + 1, "nested too deeply", None);
                self.cursor.at = self.cursor.end();
                return None;
            }
            self.depth += 1;
            let inside = self.chain();
            self.depth -= 1;
            if !self.cursor.eat(')') {
                return self.unclosed(start);
            }
            return inside;
        }
        let name = self.cursor.take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '.'));
        if name.is_empty() {
            let length = self.cursor.peek().map_or(0, char::len_utf8);
            self.fault(start..start + length, "a condition is missing here", Some(EXAMPLE));
            return None;
        }
        let open = self.cursor.at;
        if !self.cursor.eat('(') {
            let message = format!("`{}` is not a function", self.cursor.slice(name.clone()));
            self.fault(name, message, Some(EXAMPLE));
            return None;
        }
        let inside = self.cursor.take_while(|c| !matches!(c, '(' | ')'));
        if self.cursor.peek() == Some('(') {
            return self.nested(name, inside);
        }
        if !self.cursor.eat(')') {
            return self.unclosed(open);
        }
        let quantity = self.function(name.clone(), inside);
        if self.cursor.slice(name) == "absent" {
            return quantity.map(|_| Condition::Absent);
        }
        let scale = quantity.flatten().map(Scale::of);
        let (operator, number) = self.comparison(scale)?;
        Some(Condition::Compare(quantity??, operator, number))
    }

    /// A parenthesis without its end; those around it have none either, which is not told as well.
    fn unclosed(&mut self, at: usize) -> Option<Condition> {
        if !self.is_unclosed {
            self.fault(at..at + 1, "this `(` is not closed", None);
        }
        self.is_unclosed = true;
        None
    }

    /// A function of a function, `count(distinct(srcip))`, or of more parentheses than it needs: told as a whole, with the
    /// form that was probably meant.
    fn nested(&mut self, name: Range<usize>, inside: Range<usize>) -> Option<Condition> {
        let mut open = 1;
        let closing = self.cursor.rest().char_indices().find(|&(_, c)| {
            open += i32::from(c == '(') - i32::from(c == ')');
            open == 0
        });
        let end = closing.map_or(self.cursor.end(), |(at, _)| self.cursor.at + at);
        let call = self.cursor.slice(inside.start..end).trim_end_matches([')', ' ']);
        self.cursor.at = end + usize::from(closing.is_some());
        let (function, argument) = call.rsplit_once('(').unwrap_or(("", call));
        let argument = argument.split(')').next().unwrap_or_default();
        let function = match function.trim_end_matches('(').trim() {
            "" => self.cursor.slice(name.clone()),
            inner => inner.rsplit('(').next().unwrap_or(inner),
        };
        let meant = format!("{}({})", function.trim(), argument.trim());
        let fault = Diagnostic::error("functions cannot be nested", name.start..self.cursor.at);
        self.faults.push(match FUNCTIONS.contains(&function.trim()) {
            true => fault.label(format!("write `{meant}`")),
            false => fault.help(EXAMPLE),
        });
        None
    }

    /// What a function call asks for; the inner `None` is `absent()`, the outer one a fault.
    fn function(&mut self, name: Range<usize>, inside: Range<usize>) -> Option<Option<Quantity>> {
        let function = self.cursor.slice(name.clone()).to_ascii_lowercase();
        let arguments = self.arguments(inside.clone());
        let quantity = match function.as_str() {
            "sum" => Quantity::Sum(self.metric(&arguments, inside)?),
            "min" => Quantity::Min(self.metric(&arguments, inside)?),
            "max" => Quantity::Max(self.metric(&arguments, inside)?),
            "avg" | "rate" => Quantity::Rate(self.metric(&arguments, inside)?),
            "count" => {
                self.empty(&function, &arguments, inside)?;
                Quantity::Count
            }
            "absent" => {
                self.empty(&function, &arguments, inside)?;
                return Some(None);
            }
            "distinct" => Quantity::Distinct(self.field(&arguments, inside)?),
            "beacon" => {
                let texts: Vec<&str> =
                    arguments.iter().map(|span| self.cursor.slice(span.clone())).collect();
                let sizes = match texts[..] {
                    ["start"] => false,
                    ["start", "bits"] => true,
                    _ => {
                        let help = "write `beacon(start)` or `beacon(start, bits)`";
                        self.fault(inside, "`beacon` takes `start`, or `start, bits`", Some(help));
                        return None;
                    }
                };
                Quantity::Beacon { sizes }
            }
            _ => {
                let fault = Diagnostic::error(format!("unknown function `{function}`"), name);
                self.faults.push(match nearest(&function, FUNCTIONS) {
                    Some(near) => fault.label(format!("did you mean `{near}`?")),
                    None => fault.help(format!("functions are {}", FUNCTIONS.join(", "))),
                });
                return None;
            }
        };
        Some(Some(quantity))
    }

    /// The places of the arguments between commas, spaces around them taken off.
    fn arguments(&self, inside: Range<usize>) -> Vec<Range<usize>> {
        let text = self.cursor.slice(inside.clone());
        if text.trim().is_empty() {
            return Vec::new();
        }
        let mut start = inside.start;
        text.split(',')
            .map(|argument| {
                let at = start + (argument.len() - argument.trim_start().len());
                start += argument.len() + 1;
                at..at + argument.trim().len()
            })
            .collect()
    }

    fn empty(
        &mut self,
        function: &str,
        arguments: &[Range<usize>],
        inside: Range<usize>,
    ) -> Option<()> {
        if !arguments.is_empty() {
            self.fault(inside, format!("`{function}()` takes no argument"), None);
            return None;
        }
        Some(())
    }

    fn one(
        &mut self,
        arguments: &[Range<usize>],
        inside: Range<usize>,
        what: &str,
    ) -> Option<Range<usize>> {
        if let [argument] = arguments {
            return Some(argument.clone());
        }
        let span = inside.start.saturating_sub(1)..inside.end + 1;
        let help = (what == "a metric").then_some(METRICS);
        self.fault(span, format!("{what} belongs between these parentheses"), help);
        None
    }

    fn metric(&mut self, arguments: &[Range<usize>], inside: Range<usize>) -> Option<Metric> {
        let span = self.one(arguments, inside, "a metric")?;
        let name = self.cursor.slice(span.clone()).to_ascii_lowercase();
        let found = Metric::ALL.into_iter().find(|(known, _)| *known == name);
        if found.is_none() {
            let fault = Diagnostic::error(format!("unknown metric `{name}`"), span);
            self.faults.push(match nearest(&name, Metric::ALL.map(|(known, _)| known)) {
                Some(near) => fault.label(format!("did you mean `{near}`?")),
                None => fault.help(METRICS),
            });
        }
        found.map(|(_, metric)| metric)
    }

    fn field(&mut self, arguments: &[Range<usize>], inside: Range<usize>) -> Option<usize> {
        let span = self.one(arguments, inside, "a field")?;
        let name = self.cursor.slice(span.clone()).to_ascii_lowercase();
        match single_field(&name, span) {
            Ok(field) => {
                let known = self.distinct.iter().position(|known| *known == field);
                Some(known.unwrap_or_else(|| {
                    self.distinct.push(field);
                    self.distinct.len() - 1
                }))
            }
            Err(fault) => {
                self.faults.push(fault);
                None
            }
        }
    }

    fn comparison(&mut self, scale: Option<Scale>) -> Option<(Operator, f64)> {
        self.cursor.skip_space();
        let span = self.cursor.take_while(|c| matches!(c, '=' | '!' | '<' | '>' | '~'));
        let operator = match self.cursor.slice(span.clone()) {
            ">=" => Operator::AtLeast,
            ">" => Operator::Above,
            "<=" => Operator::AtMost,
            "<" => Operator::Below,
            "==" => Operator::Equal,
            "!=" => Operator::NotEqual,
            "" => {
                let at = span.start;
                self.fault(at..at, "a comparison is missing here", Some(EXAMPLE));
                return None;
            }
            other => {
                let message = format!("`{other}` cannot compare numbers");
                self.fault(span, message, Some("write `>=`, `>`, `<=`, `<`, `==` or `!=`"));
                return None;
            }
        };
        Some((operator, self.number(scale)?))
    }

    /// A number in a unit of `scale`; of any, where it is not known what is measured.
    fn number(&mut self, scale: Option<Scale>) -> Option<f64> {
        self.cursor.skip_space();
        let belongs = |c: char| !c.is_whitespace() && !matches!(c, '(' | ')' | '&' | '|');
        let mut span = self.cursor.take_while(belongs);
        let Some(scale) = scale else { return Some(0.0) };
        let text = self.cursor.slice(span.clone()).to_owned();
        let read = scale.read(&text);
        // A unit behind a space.
        let end = self.cursor.at;
        self.cursor.skip_space();
        let unit = self.cursor.take_while(|c| c.is_alphabetic() || c == '/');
        let joined = format!("{text}{}", self.cursor.slice(unit.clone()));
        let wrong = match read {
            Ok(_) if !unit.is_empty() && scale.read(&joined).is_ok() => {
                span.end = unit.end;
                Wrong { message: "a unit follows its number at once".into(), meant: Some(joined) }
            }
            Ok(number) => {
                self.cursor.at = end;
                return Some(number);
            }
            Err(wrong) => {
                self.cursor.at = end;
                wrong
            }
        };
        let fault = Diagnostic::error(wrong.message, span);
        self.faults.push(match wrong.meant {
            Some(meant) => fault.label(format!("write `{meant}`")),
            None => fault.help(scale.help()),
        });
        None
    }

    /// After a fault: goes on at the next connective or closing parenthesis.
    fn skip_operand(&mut self) {
        while let Some(next) = self.cursor.peek() {
            if next == ')' || self.cursor.peek_connective().is_some() {
                return;
            }
            self.cursor.at += next.len_utf8();
        }
    }

    fn fault(&mut self, span: Range<usize>, message: impl Into<String>, help: Option<&str>) {
        let fault = Diagnostic::error(message, span);
        self.faults.push(match help {
            Some(help) => fault.help(help),
            None => fault,
        });
    }
}

/// The field called `name`, which must be one that has a single value in a record.
///
/// # Errors
/// Why there is none, and what would be right.
pub fn single_field(name: &str, span: Range<usize>) -> Result<&'static Field, Diagnostic> {
    if let Some(field) = fields::find(name) {
        if field.kind == Kind::TextList {
            let message =
                format!("`{name}` is a list, not a single value to distinguish records by");
            return Err(Diagnostic::error(message, span).label("this field is an array"));
        }
        return Ok(field);
    }
    if let Some(alias) = fields::find_alias(RecordKind::Flow, name) {
        let fault = Diagnostic::error(format!("`{name}` is an alias of several fields"), span);
        return Err(fault.help(format!("name one of them: {}", alias.fields.join(", "))));
    }
    let fault = Diagnostic::error(format!("unknown field `{name}`"), span);
    Err(match nearest(name, FIELDS.iter().map(|field| field.name)) {
        Some(near) => fault.label(format!("did you mean `{near}`?")),
        None => fault.help("`sensor fields` lists them"),
    })
}
