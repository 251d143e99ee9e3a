//! The parts of a text that may be unfinished or wrong, and what is expected at its end.
//!
//! The grammar is the parser's, without faults: where a part is missing or another one stands, the scan goes on as the parser does. A test
//! holds both against each other.

use std::ops::Range;

use crate::nql::{
    ast::Operator,
    parse::lex::{Connective, Cursor, glued_connective, is_operator},
};

/// A part of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Bytes of the text.
    pub span: Range<usize>,
    /// What it is.
    pub kind: PartKind,
}

/// What a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartKind {
    /// The name of a field.
    Field,
    /// `==`, `in` and the others.
    Operator,
    /// A value without quotes, or the name of a list.
    Value,
    /// A value in quotes, or a regular expression.
    Quoted,
    /// `&&`, `||`, `!` and their words.
    Connective,
    /// `(`, `)`, or `,` in a list.
    Parenthesis,
    /// From `#` to the end of the line.
    Comment,
}

impl PartKind {
    /// Its name for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Field => "field",
            Self::Operator => "operator",
            Self::Value => "value",
            Self::Quoted => "string",
            Self::Connective => "logic",
            Self::Parenthesis => "paren",
            Self::Comment => "comment",
        }
    }

    /// Whether more of it may be typed at its end.
    pub(super) fn is_word(self) -> bool {
        matches!(self, Self::Field | Self::Operator | Self::Value | Self::Connective)
    }
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expects {
    /// A condition, a group or a negation.
    Condition,
    /// An operator behind this field.
    Operator(String),
    /// A value of this field.
    Value(String, Operator),
    /// A list behind this field: `(` or `$NAME`.
    List(String),
    /// A value in the parentheses of a list.
    Listed(String),
    /// `,` or `)`.
    ListEnd,
    /// What joins conditions: any, or the one that the level has already; `)` closes a group.
    Connective { is: Option<Connective>, in_group: bool },
    /// Nothing: the text ends in a comment, or in quotes.
    Nothing,
}

/// What a scan finds.
pub(super) struct Scan {
    pub(super) parts: Vec<Part>,
    pub(super) expects: Expects,
}

/// Goes over a text.
pub(super) fn scan(text: &str) -> Scan {
    let mut scanner = Scanner {
        cursor: Cursor::new(text),
        parts: Vec::new(),
        levels: vec![None],
        expects: Expects::Condition,
    };
    loop {
        scanner.space();
        if scanner.cursor.peek().is_none() {
            break;
        }
        scanner.step();
    }
    let Scanner { mut parts, expects, .. } = scanner;
    let ends_in = |part: &Part| {
        part.span.end == text.len()
            && match part.kind {
                PartKind::Comment => !text.ends_with('\n'),
                // It is not closed.
                PartKind::Quoted => !is_closed(&text[part.span.clone()]),
                _ => false,
            }
    };
    let expects = if parts.last().is_some_and(ends_in) { Expects::Nothing } else { expects };
    parts.shrink_to_fit();
    Scan { parts, expects }
}

fn is_closed(quoted: &str) -> bool {
    let delimiter = quoted.chars().next().unwrap_or_default();
    Cursor::new(quoted).take_delimited(delimiter).is_some()
}

struct Scanner<'a> {
    cursor: Cursor<'a>,
    parts: Vec<Part>,
    /// What joins the conditions of each open level, where that is said.
    levels: Vec<Option<Connective>>,
    expects: Expects,
}

impl Scanner<'_> {
    /// Whether a whole word comes next, in whatever case. Looks no further than its end: where a text has no space, each place would look
    /// through all of it.
    fn is_word(&self, word: &str) -> bool {
        let rest = self.cursor.rest();
        let is_it = rest.get(..word.len()).is_some_and(|own| own.eq_ignore_ascii_case(word));
        let ends = |next: char| next.is_whitespace() || matches!(next, '(' | ')');
        is_it && rest[word.len()..].chars().next().is_none_or(ends)
    }

    /// As the cursor's, without looking further than need be.
    fn peek_connective(&self) -> Option<(Connective, usize)> {
        let rest = self.cursor.rest();
        let symbol = ["&&", "||"].into_iter().find(|symbol| rest.starts_with(symbol));
        let word = symbol.or_else(|| ["and", "or"].into_iter().find(|word| self.is_word(word)))?;
        Connective::read(word).map(|connective| (connective, word.len()))
    }

    fn push(&mut self, span: Range<usize>, kind: PartKind) {
        self.parts.push(Part { span, kind });
    }

    /// Takes so many bytes.
    fn take(&mut self, length: usize, kind: PartKind) {
        let start = self.cursor.at;
        self.cursor.at += length;
        self.push(start..self.cursor.at, kind);
    }

    /// Passes white space and comments.
    fn space(&mut self) {
        loop {
            let span = self.cursor.take_while(char::is_whitespace);
            if self.cursor.peek() == Some('#') {
                let rest = self.cursor.rest();
                self.take(rest.find('\n').unwrap_or(rest.len()), PartKind::Comment);
            } else if span.is_empty() || self.cursor.peek().is_none() {
                return;
            }
        }
    }

    /// Takes at least a character.
    fn step(&mut self) {
        let Some(next) = self.cursor.peek() else { return };
        match std::mem::replace(&mut self.expects, Expects::Condition) {
            Expects::Condition | Expects::Nothing => self.condition(next),
            Expects::Operator(field) => self.operator(field),
            Expects::Value(field, operator) => self.value(&field, operator, next),
            Expects::List(field) => self.list(field, next),
            Expects::Listed(field) => self.listed(field, next),
            Expects::ListEnd => self.list_end(next),
            Expects::Connective { .. } => self.connective(next),
        }
    }

    fn condition(&mut self, next: char) {
        let is_operator_of_values =
            ["!=", "!~"].iter().any(|own| self.cursor.rest().starts_with(own));
        match next {
            '(' => {
                self.levels.push(None);
                self.take(1, PartKind::Parenthesis);
            }
            ')' => self.close(),
            '!' if !is_operator_of_values => {
                self.take(1, PartKind::Connective);
            }
            _ if self.is_word("not") => self.take(3, PartKind::Connective),
            _ => {
                if let Some((_, length)) = self.peek_connective() {
                    self.take(length, PartKind::Connective);
                    return;
                }
                let ends = |c: char| {
                    c.is_whitespace()
                        || is_operator(c)
                        || matches!(c, '(' | ')' | '&' | '|' | ',' | ';' | '\'' | '"' | '$' | '#')
                };
                let mut span = self.cursor.take_while(|c| !ends(c));
                if span.is_empty() {
                    self.cursor.at += next.len_utf8();
                    span.end = self.cursor.at;
                }
                let field = self.cursor.slice(span.clone()).to_ascii_lowercase();
                self.push(span, PartKind::Field);
                self.expects = Expects::Operator(field);
            }
        }
    }

    fn operator(&mut self, field: String) {
        let span = self.cursor.take_while(is_operator);
        if !span.is_empty() {
            let written = self.cursor.slice(span.clone());
            let all = [
                Operator::Equal,
                Operator::NotEqual,
                Operator::Less,
                Operator::LessOrEqual,
                Operator::Greater,
                Operator::GreaterOrEqual,
                Operator::Match,
                Operator::NotMatch,
            ];
            let read = all.into_iter().find(|operator| operator.symbol() == written);
            self.push(span, PartKind::Operator);
            self.expects = Expects::Value(field, read.unwrap_or(Operator::Equal));
            return;
        }
        let word = self.cursor.peek_word();
        if self.peek_connective().is_some() || word.is_empty() {
            // Its operator and value are missing.
            return self.after();
        }
        let start = self.cursor.at;
        self.cursor.at += word.len();
        let mut list = word.eq_ignore_ascii_case("in");
        let mut end = self.cursor.at;
        if word.eq_ignore_ascii_case("not") {
            self.cursor.skip_space();
            let second = self.cursor.peek_word();
            if second.eq_ignore_ascii_case("in") {
                list = true;
                end = self.cursor.at + second.len();
            }
        }
        self.cursor.at = end;
        self.push(start..end, PartKind::Operator);
        self.expects =
            if list { Expects::List(field) } else { Expects::Value(field, Operator::Equal) };
    }

    fn value(&mut self, field: &str, operator: Operator, next: char) {
        match next {
            '\'' | '"' => self.quoted(next),
            '/' if operator.takes_pattern() => self.quoted(next),
            '(' => {
                // Several values, where one is expected.
                self.expects = Expects::Listed(field.to_owned());
                self.take(1, PartKind::Parenthesis);
                return;
            }
            _ => {
                if self.peek_connective().is_some() || next == ')' {
                    return self.after();
                }
                self.word(false);
            }
        }
        self.after();
    }

    fn quoted(&mut self, delimiter: char) {
        let start = self.cursor.at;
        if self.cursor.take_delimited(delimiter).is_none() {
            self.cursor.at = self.cursor.end();
        }
        self.push(start..self.cursor.at, PartKind::Quoted);
    }

    /// A value without quotes, up to a connective that lacks its space.
    fn word(&mut self, in_list: bool) {
        let mut span = self.cursor.take_value(in_list);
        if let Some(at) = glued_connective(self.cursor.slice(span.clone())).filter(|at| *at > 0) {
            span.end = span.start + at;
            self.cursor.at = span.end;
        }
        if span.is_empty() {
            let length = self.cursor.peek().map_or(0, char::len_utf8);
            self.cursor.at += length;
            span.end += length;
        }
        self.push(span, PartKind::Value);
    }

    fn list(&mut self, field: String, next: char) {
        if next == '(' {
            self.expects = Expects::Listed(field);
            return self.take(1, PartKind::Parenthesis);
        }
        self.value(&field, Operator::Equal, next);
    }

    fn listed(&mut self, field: String, next: char) {
        match next {
            ')' => {
                self.take(1, PartKind::Parenthesis);
                return self.after();
            }
            ',' => {
                self.expects = Expects::Listed(field);
                return self.take(1, PartKind::Parenthesis);
            }
            '\'' | '"' => self.quoted(next),
            _ => self.word(true),
        }
        self.expects = Expects::ListEnd;
        self.space();
        match self.cursor.peek() {
            Some(',') => {
                self.take(1, PartKind::Parenthesis);
                self.expects = Expects::Listed(field);
            }
            Some(')') => {
                self.take(1, PartKind::Parenthesis);
                self.after();
            }
            Some(_) => self.expects = Expects::Listed(field),
            None => {}
        }
    }

    fn list_end(&mut self, _: char) {
        self.after();
    }

    fn connective(&mut self, next: char) {
        if next == ')' {
            return self.close();
        }
        if let Some((connective, length)) = self.peek_connective() {
            if let Some(level) = self.levels.last_mut() {
                level.get_or_insert(connective);
            }
            self.take(length, PartKind::Connective);
            return;
        }
        match next {
            '&' | '|' | ',' | ';' => self.take(1, PartKind::Connective),
            // It is missing.
            _ => self.condition(next),
        }
    }

    fn close(&mut self) {
        if self.levels.len() > 1 {
            self.levels.pop();
        }
        self.take(1, PartKind::Parenthesis);
        self.after();
    }

    /// Behind a condition.
    fn after(&mut self) {
        self.expects = Expects::Connective {
            is: self.levels.last().copied().flatten(),
            in_group: self.levels.len() > 1,
        };
    }
}
