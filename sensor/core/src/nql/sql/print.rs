//! Text of expressions: what all dialects have in common, and the words in which they differ.

use super::{
    Dialect, clickhouse, duckdb,
    expression::{Expr, Shape, Step},
    refusal::Why,
    stored::Stored,
};

/// The words of a dialect. Operands are printed already, each as one operand.
pub(super) trait Words {
    fn text(&self, text: &str) -> String;
    fn address(&self, address: u128) -> String;
    fn mac(&self, mac: [u8; 6]) -> String;
    fn stored(&self, stored: Stored) -> Result<String, Why>;
    fn is_told(&self, stored: Stored) -> String;
    fn milliseconds(&self, time: &str) -> String;
    fn document(&self, document: &str, steps: &[Printed], shape: Shape) -> String;
    fn list(&self, first: &str, second: &str) -> String;
    fn product(&self, factors: &[String]) -> String;
    fn wide(&self, number: &str) -> String;
    fn time(&self, milliseconds: u64) -> String;
    fn hexadecimal(&self, octets: &str) -> String;
    fn quotient(&self, of: &str, by: &str) -> String;
    fn shifted(&self, number: &str, bits: u8) -> String;
    fn masked(&self, number: &str, mask: u64) -> String;
    fn prefix(&self, address: &str, v4: u8, v6: u8) -> Result<String, Why>;
    fn as_real(&self, number: &str) -> String;
    fn spelled(&self, list: &str) -> String;
    fn decimal(&self, number: &str) -> String;
    fn folded(&self, text: &str) -> String;
    fn parsed(&self, text: &str) -> Result<String, Why>;
    fn ends(&self, address: u128) -> String;
    fn matches(&self, text: &str, regex: &str) -> String;
    fn near(&self, text: &str, word: &str, distance: usize) -> Result<String, Why>;
    fn some_of(&self, list: &str, condition: &str) -> String;
    fn shared(&self, one: &str, other: &str) -> String;
}

/// A step into a document whose number is printed.
pub(super) enum Printed<'s> {
    Key(&'s str),
    Number(String),
    At(usize),
}

/// What the element of a list is called.
pub(super) const ELEMENT: &str = "element";

/// The words of a dialect.
pub(super) fn words(dialect: Dialect) -> &'static dyn Words {
    match dialect {
        Dialect::ClickHouse => &clickhouse::ClickHouse,
        Dialect::DuckDb => &duckdb::DuckDb,
    }
}

/// The text of an expression.
pub(super) fn print(expression: &Expr, dialect: Dialect) -> Result<String, Why> {
    Printer { words: words(dialect) }.print(expression)
}

/// A text in quotes.
pub fn text(text: &str, dialect: Dialect) -> String {
    words(dialect).text(text)
}

/// A name of something, in quotes that both dialects know.
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\"\""))
}

struct Printer {
    words: &'static dyn Words,
}

impl Printer {
    fn all(&self, expressions: &[Expr]) -> Result<Vec<String>, Why> {
        expressions.iter().map(|own| self.print(own)).collect()
    }

    fn print(&self, expression: &Expr) -> Result<String, Why> {
        let (words, print) = (self.words, |own: &Expr| self.print(own));
        Ok(match expression {
            Expr::Nothing => "NULL".to_owned(),
            Expr::Integer(number) => number.to_string(),
            Expr::Real(number) => format!("({number:e})"),
            Expr::Text(text) if text.contains('\0') => {
                return Err(Why::Lacking("texts of SQL have no character NUL"));
            }
            Expr::Text(text) => words.text(text),
            Expr::Flag(flag) => flag.to_string(),
            Expr::Address(address) => words.address(*address),
            Expr::Mac(mac) => words.mac(*mac),
            Expr::Stored(stored) => words.stored(*stored)?,
            Expr::Milliseconds(stored) => words.milliseconds(&words.stored(*stored)?),
            Expr::Element => ELEMENT.to_owned(),
            Expr::Document(stored, steps, shape) => {
                let mut printed = Vec::with_capacity(steps.len());
                for step in steps {
                    printed.push(match step {
                        Step::Key(key) => Printed::Key(key),
                        Step::Number(number) => Printed::Number(print(number)?),
                        Step::At(place) => Printed::At(*place),
                    });
                }
                words.document(&words.stored(*stored)?, &printed, *shape)
            }
            Expr::Case(cases, other) => {
                let mut out = String::from("CASE");
                for (condition, value) in cases {
                    out += &format!(" WHEN {} THEN {}", print(condition)?, print(value)?);
                }
                format!("({out} ELSE {} END)", print(other)?)
            }
            Expr::Or(one, other) => format!("coalesce({}, {})", print(one)?, print(other)?),
            Expr::List(one, other) => words.list(&print(one)?, &print(other)?),
            Expr::NotZero(number) => format!("nullif({}, 0)", print(number)?),
            Expr::NotEmpty(text) => format!("nullif({}, '')", print(text)?),
            Expr::Difference(one, other) => {
                let (one, other) = (print(one)?, print(other)?);
                format!("(CASE WHEN {one} < {other} THEN 0 ELSE {one} - {other} END)")
            }
            Expr::Product(factors) => words.product(&self.all(factors)?),
            Expr::WideProduct(factors) => {
                let mut factors = self.all(factors)?;
                if let Some(first) = factors.first_mut() {
                    *first = words.wide(first);
                }
                format!("({})", factors.join(" * "))
            }
            Expr::Sum(all) => format!("({})", self.all(all)?.join(" + ")),
            Expr::Quotient(one, other) => words.quotient(&print(one)?, &print(other)?),
            Expr::Shifted(number, bits) => words.shifted(&print(number)?, *bits),
            Expr::Masked(number, mask) => words.masked(&print(number)?, *mask),
            Expr::Prefix(address, v4, v6) => words.prefix(&print(address)?, *v4, *v6)?,
            Expr::AsReal(number) => words.as_real(&print(number)?),
            Expr::RealProduct(one, other) => format!("({} * {})", print(one)?, print(other)?),
            Expr::RealQuotient(one, other) => format!("({} / {})", print(one)?, print(other)?),
            Expr::Spelled(list) => words.spelled(&print(list)?),
            Expr::SpelledMac(mac) => {
                let mac = print(mac)?;
                let pair =
                    |at: usize| format!("substr({}, {}, 2)", words.hexadecimal(&mac), 2 * at + 1);
                let pairs: Vec<String> = (0..6).map(pair).collect();
                let text = pairs.join(", ");
                format!("(CASE WHEN {mac} IS NOT NULL THEN lower(concat_ws(':', {text})) END)")
            }
            Expr::Decimal(number) => words.decimal(&print(number)?),
            Expr::Folded(text) => words.folded(&print(text)?),
            Expr::Parsed(text) => words.parsed(&print(text)?)?,
            Expr::All(all) => self.chain(all, " AND ", true)?,
            Expr::Any(all) => self.chain(all, " OR ", false)?,
            Expr::Not(operand) => format!("(NOT {})", print(operand)?),
            Expr::IsTold(value) => match &**value {
                Expr::Stored(stored) => {
                    // What is not there at all is refused.
                    words.stored(*stored)?;
                    words.is_told(*stored)
                }
                value => format!("({} IS NOT NULL)", print(value)?),
            },
            Expr::Compare(one, comparison, other) => {
                let symbol = match comparison {
                    crate::nql::typed::Comparison::Equal => "=",
                    other => other.symbol(),
                };
                format!("({} {symbol} {})", print(one)?, print(other)?)
            }
            Expr::Between(value, low, high) => {
                format!("({} BETWEEN {} AND {})", print(value)?, print(low)?, print(high)?)
            }
            Expr::In(value, all) => {
                format!("({} IN ({}))", print(value)?, self.all(all)?.join(", "))
            }
            Expr::Ends(address) => words.ends(*address),
            Expr::Matches(text, regex) => words.matches(&print(text)?, regex),
            Expr::Near(text, word, distance) => words.near(&print(text)?, word, *distance)?,
            Expr::SomeOf(list, condition) => words.some_of(&print(list)?, &print(condition)?),
            Expr::Shared(one, other) => words.shared(&print(one)?, &print(other)?),
            Expr::Definite(condition) => format!("coalesce({}, false)", print(condition)?),
        })
    }

    /// Conditions side by side; `empty` if there is none.
    fn chain(&self, all: &[Expr], connective: &str, empty: bool) -> Result<String, Why> {
        Ok(match all {
            [] => empty.to_string(),
            [one] => self.print(one)?,
            _ => format!("({})", self.all(all)?.join(connective)),
        })
    }
}
