//! One condition: `field operator value`.

use super::{
    Parser,
    lex::{Connective, is_operator},
};
use crate::nql::{
    ast::{Condition, Expression, Literal, Operand, Operator, Quote, Spanned},
    codes,
};

/// Characters of field names.
pub fn is_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.')
}

/// Characters that a field name ends before, right or wrong.
fn may_be_name(character: char) -> bool {
    !character.is_whitespace() && !is_operator(character) && !"()&|,;'\"$#".contains(character)
}

impl Parser<'_, '_> {
    /// Reads a condition; no connective and no parenthesis comes next.
    pub(super) fn condition(&mut self) -> Expression {
        if !self.count_term(self.cursor.at) {
            return Expression::Invalid;
        }
        let Some(field) = self.field() else { return Expression::Invalid };
        let Some(operator) = self.operator(&field) else { return Expression::Invalid };
        let value = if operator.node.takes_list() {
            self.list_operand(&field)
        } else {
            self.single_operand(&field, operator.node)
        };
        match value {
            Some(value) => Expression::Condition(Condition { field, operator, value }),
            None => Expression::Invalid,
        }
    }

    fn field(&mut self) -> Option<Spanned<String>> {
        let mut span = self.cursor.take_while(may_be_name);
        if span.is_empty() {
            let end = span.start + self.cursor.peek_word().len().max(1);
            let message = "a condition begins with the name of a field";
            let help = "write `field operator value`, such as `dstport == 53`";
            self.report(codes::EXPECTED_CONDITION.at(span.start..end, message).help(help));
            // Past the first character, so that the recovery does not take it for something to stop at.
            self.cursor.at += self.cursor.peek().map_or(0, char::len_utf8);
            self.cursor.recover();
            return None;
        }
        let mut name = self.cursor.slice(span.clone()).to_ascii_lowercase();
        if name.ends_with('.') {
            // `dstgeo. countrycode`: a name that was broken in two.
            let end = self.cursor.at;
            self.cursor.skip_space();
            let second = self.cursor.take_while(is_name);
            if second.is_empty() {
                self.cursor.at = end;
            } else {
                name.push_str(&self.cursor.slice(second.clone()).to_ascii_lowercase());
                span.end = second.end;
                let message = "a field name has no space in it";
                let help = format!("write `{name}`");
                self.report(codes::BAD_FIELD_NAME.at(span.clone(), message).help(help));
                return Some(Spanned::new(name, span));
            }
        }
        let well_formed = name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name.chars().all(is_name)
            && name.split('.').all(|part| !part.is_empty());
        if !well_formed {
            let message = format!("`{name}` is no field name");
            let help = "names are letters, digits, `_` and `-`, joined by dots";
            self.report(codes::BAD_FIELD_NAME.at(span, message).help(help));
            self.cursor.recover();
            return None;
        }
        Some(Spanned::new(name, span))
    }

    fn operator(&mut self, field: &Spanned<String>) -> Option<Spanned<Operator>> {
        let space_before = self.cursor.skip_space();
        let span = self.cursor.take_while(is_operator);
        if span.is_empty() {
            return self.word_operator(field);
        }
        let written = self.cursor.slice(span.clone());
        let (operator, slip) = read_symbol(written);
        if slip {
            let mut diagnostic =
                codes::UNKNOWN_OPERATOR.at(span.clone(), format!("`{written}` is no operator"));
            diagnostic = diagnostic.help(match operator {
                Some(operator) => format!("write `{}`", operator.symbol()),
                None => "the operators are `==`, `!=`, `<`, `<=`, `>`, `>=`, `=~`, `!~`".to_owned(),
            });
            self.report(diagnostic);
        }
        let Some(operator) = operator else {
            self.cursor.recover();
            return None;
        };
        let space_after = self.cursor.peek().is_none_or(char::is_whitespace);
        if !slip && (!space_before || !space_after) {
            let rest = self.cursor.rest().split_whitespace().next().unwrap_or_default();
            let rest = rest.split(['&', '|', ')']).next().unwrap_or_default();
            let diagnostic = codes::MISSING_SPACE
                .at(span.clone(), format!("`{written}` needs a space on both sides"))
                .help(format!("write `{} {written} {rest}`", field.node).trim_end().to_owned());
            self.report(diagnostic);
        }
        Some(Spanned::new(operator, span))
    }

    /// `in`, `not in`, or a word that other languages have for an operator.
    fn word_operator(&mut self, field: &Spanned<String>) -> Option<Spanned<Operator>> {
        let start = self.cursor.at;
        let word = self.cursor.peek_word();
        if Connective::read(word).is_some() || word.is_empty() {
            return self.missing_operator(field);
        }
        self.cursor.at += word.len();
        let lower = word.to_ascii_lowercase();
        let slip = match lower.as_str() {
            "in" => return Some(self.list_operator(Operator::In, start)),
            "not" => {
                let after_not = self.cursor.at;
                self.cursor.skip_space();
                let second = self.cursor.peek_word();
                if second.eq_ignore_ascii_case("in") {
                    self.cursor.at += second.len();
                    return Some(self.list_operator(Operator::NotIn, start));
                }
                self.cursor.at = after_not;
                None
            }
            "is" | "eq" | "equals" | "contains" | "has" => Some(Operator::Equal),
            "ne" | "neq" => Some(Operator::NotEqual),
            "lt" => Some(Operator::Less),
            "le" | "lte" => Some(Operator::LessOrEqual),
            "gt" => Some(Operator::Greater),
            "ge" | "gte" => Some(Operator::GreaterOrEqual),
            "like" | "matches" | "match" | "regex" => Some(Operator::Match),
            _ => None,
        };
        let span = start..self.cursor.at;
        let Some(operator) = slip else {
            self.cursor.at = start;
            return self.missing_operator(field);
        };
        let diagnostic = codes::UNKNOWN_OPERATOR
            .at(span.clone(), format!("`{word}` is no operator"))
            .help(format!("write `{}`", operator.symbol()));
        self.report(diagnostic);
        Some(Spanned::new(operator, span))
    }

    fn list_operator(&mut self, operator: Operator, start: usize) -> Spanned<Operator> {
        let span = start..self.cursor.at;
        self.extension(span.clone(), &format!("`{}`", operator.symbol()));
        Spanned::new(operator, span)
    }

    fn missing_operator(&mut self, field: &Spanned<String>) -> Option<Spanned<Operator>> {
        let help = match self.cursor.peek() {
            Some('(') => "there are no functions, except in the thresholds of policies".to_owned(),
            _ => format!("write `{} == ...`", field.node),
        };
        let diagnostic = codes::EXPECTED_OPERATOR
            .at(field.span.clone(), format!("`{}` is not followed by an operator", field.node))
            .help(help);
        self.report(diagnostic);
        self.cursor.recover();
        None
    }

    fn single_operand(
        &mut self,
        field: &Spanned<String>,
        operator: Operator,
    ) -> Option<Spanned<Operand>> {
        self.cursor.skip_space();
        let start = self.cursor.at;
        match self.cursor.peek() {
            Some('(') => {
                let diagnostic = codes::EXPECTED_VALUE
                    .at(start..start + 1, "a value does not begin with a parenthesis")
                    .help(format!("for one of several values: `{} in (a, b)`", field.node));
                self.report(diagnostic);
                self.cursor.recover();
                None
            }
            Some('/') if operator.takes_pattern() => self.regex(),
            _ => {
                let literal = self.literal(false)?;
                Some(Spanned::new(Operand::Literal(literal.node), literal.span))
            }
        }
    }

    fn regex(&mut self) -> Option<Spanned<Operand>> {
        let start = self.cursor.at;
        let Some(inside) = self.cursor.take_delimited('/') else {
            let diagnostic = codes::UNCLOSED_REGEX
                .at(start..start + 1, "this regular expression is not closed")
                .help("end it by `/`");
            self.report(diagnostic);
            self.cursor.at = self.cursor.end();
            return None;
        };
        let operand = Operand::Regex(inside.to_owned());
        let span = start..self.cursor.at;
        self.check_end("a regular expression", false);
        Some(Spanned::new(operand, span))
    }

    /// Reads a value in quotes or without.
    fn literal(&mut self, in_list: bool) -> Option<Spanned<Literal>> {
        let start = self.cursor.at;
        if let Some(quote @ ('\'' | '"')) = self.cursor.peek() {
            return self.quoted(quote, in_list);
        }
        let mut span = self.cursor.take_value(in_list);
        let word = self.cursor.slice(span.clone());
        if word.is_empty() || Connective::read(word).is_some() || word.chars().all(is_operator) {
            self.cursor.at = start;
            let end = start + word.len();
            let mut diagnostic = codes::EXPECTED_VALUE.at(start..end, "a value is missing here");
            if word.starts_with(|first: char| first.is_ascii_alphabetic()) {
                diagnostic = diagnostic.help(format!("in quotes it would be a value: '{word}'"));
            }
            self.report(diagnostic);
            if word.chars().all(is_operator) {
                self.cursor.recover();
            }
            return None;
        }
        if let Some(at) = word.find("&&").into_iter().chain(word.find("||")).min() {
            let symbol = span.start + at..span.start + at + 2;
            let written = self.cursor.slice(symbol.clone());
            let diagnostic = codes::MISSING_SPACE
                .at(symbol.clone(), format!("`{written}` needs a space on both sides"))
                .help(format!(
                    "write `... {written} ...`; in quotes it would be part of the value"
                ));
            self.report(diagnostic);
            // The value ends there, and the operator comes next; its spaces have had their message.
            span.end = symbol.start;
            self.cursor.at = symbol.start;
            self.glued = Some(symbol.start);
            if span.is_empty() {
                return None;
            }
        }
        let text = self.cursor.slice(span.clone()).to_owned();
        Some(Spanned::new(Literal::Word(text), span))
    }

    fn quoted(&mut self, quote: char, in_list: bool) -> Option<Spanned<Literal>> {
        let start = self.cursor.at;
        let Some(inside) = self.cursor.take_delimited(quote) else {
            let message = format!("this {quote} is not closed");
            self.report(codes::UNCLOSED_QUOTE.at(start..start + 1, message));
            self.cursor.at = self.cursor.end();
            return None;
        };
        let span = start..self.cursor.at;
        let form = if quote == '"' { Quote::Double } else { Quote::Single };
        if form == Quote::Double {
            self.extension(span.clone(), "a value in double quotes");
        }
        let literal = Literal::Quoted(unescape(inside), form);
        self.check_end("a value in quotes", in_list);
        Some(Spanned::new(literal, span))
    }

    /// What stands directly behind a delimited value must end it.
    fn check_end(&mut self, what: &str, in_list: bool) {
        let ends = |next: char| next.is_whitespace() || next == ')' || (in_list && next == ',');
        if self.cursor.peek().is_none_or(ends) {
            return;
        }
        let rest = self.cursor.take_value(in_list);
        let message = format!("{what} ends before this");
        self.report(codes::AFTER_VALUE.at(rest, message).help("put a space between them"));
    }

    /// What `in` takes: `(a, b)` or `$name`.
    fn list_operand(&mut self, field: &Spanned<String>) -> Option<Spanned<Operand>> {
        self.cursor.skip_space();
        let start = self.cursor.at;
        if self.cursor.eat('$') {
            let name = self.cursor.take_while(is_name);
            let span = start..name.end;
            let name = self.cursor.slice(name).to_owned();
            if name.is_empty() {
                let message = "the name of the list is missing after `$`";
                self.report(codes::BAD_LIST.at(span, message));
                self.cursor.recover();
                return None;
            }
            return Some(Spanned::new(Operand::NamedList(name), span));
        }
        if self.cursor.eat('(') {
            return self.list_entries(start);
        }
        let literal = self.literal(false)?;
        let text = self.cursor.slice(literal.span.clone());
        let diagnostic = codes::BAD_LIST
            .at(literal.span.clone(), "a list stands in parentheses")
            .help(format!("write `{} in ({text})`", field.node));
        self.report(diagnostic);
        Some(Spanned::new(Operand::List(vec![literal.clone()]), literal.span))
    }

    /// The rest of a list whose parenthesis stands at `open`.
    fn list_entries(&mut self, open: usize) -> Option<Spanned<Operand>> {
        let mut entries = Vec::new();
        loop {
            self.cursor.skip_space();
            let at = self.cursor.at;
            match self.cursor.peek() {
                None => {
                    let diagnostic =
                        codes::UNCLOSED_PARENTHESIS.at(open..open + 1, "this `(` is not closed");
                    self.report(diagnostic);
                    return None;
                }
                Some(')' | ',') => {
                    let message = "a value of the list is missing here";
                    self.report(codes::BAD_LIST.at(at..at + 1, message));
                }
                Some(_) => {
                    if !self.count_term(at) {
                        return None;
                    }
                    match self.literal(true) {
                        Some(entry) => entries.push(entry),
                        None => {
                            self.cursor.recover();
                            if !self.cursor.eat(')') {
                                self.cursor.at = self.cursor.end();
                            }
                            return None;
                        }
                    }
                }
            }
            self.cursor.skip_space();
            if self.cursor.eat(')') {
                let span = open..self.cursor.at;
                let list = Spanned::new(Operand::List(entries), span);
                return matches!(&list.node, Operand::List(entries) if !entries.is_empty())
                    .then_some(list);
            }
            if !self.cursor.eat(',') && self.cursor.peek().is_some() {
                let at = self.cursor.at;
                let end = at + self.cursor.peek_word().len().max(1);
                self.report(codes::BAD_LIST.at(at..end, "a comma is missing before this"));
            }
        }
    }
}

/// The operator that `written` is or was meant to be, and whether it is written otherwise.
fn read_symbol(written: &str) -> (Option<Operator>, bool) {
    use Operator::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, Match, NotEqual, NotMatch};
    match written {
        "==" => (Some(Equal), false),
        "!=" => (Some(NotEqual), false),
        "<" => (Some(Less), false),
        "<=" => (Some(LessOrEqual), false),
        ">" => (Some(Greater), false),
        ">=" => (Some(GreaterOrEqual), false),
        "=~" => (Some(Match), false),
        "!~" => (Some(NotMatch), false),
        "=" | "===" => (Some(Equal), true),
        "!" | "<>" | "!==" | "=!" => (Some(NotEqual), true),
        "=<" => (Some(LessOrEqual), true),
        "=>" => (Some(GreaterOrEqual), true),
        "~" | "~=" | "~~" | "==~" => (Some(Match), true),
        "!~~" | "~!" | "!=~" => (Some(NotMatch), true),
        _ => (None, true),
    }
}

/// Resolves `\\`, `\'` and `\"`; a backslash before anything else stands for itself.
fn unescape(inside: &str) -> String {
    let mut text = String::with_capacity(inside.len());
    let mut characters = inside.chars().peekable();
    while let Some(character) = characters.next() {
        match characters.peek() {
            Some(&escaped @ ('\\' | '\'' | '"')) if character == '\\' => {
                text.push(escaped);
                characters.next();
            }
            _ => text.push(character),
        }
    }
    text
}
