//! Text into tree, by recursive descent.
//!
//! Every fault becomes a diagnostic and the parser goes on behind it, so that one run tells all of them. What could not
//! be read stands as [`Expression::Invalid`] in the tree. Recursion is bounded by the depth limit.

use std::ops::Range;

use super::{
    Options, advice,
    ast::{Expression, NotForm, Query},
    codes,
    faults::Faults,
};
use crate::diagnostic::{Diagnostic, Edit, Fix};

mod condition;
pub(crate) mod lex;
pub(crate) mod readings;
mod value;

use lex::{Connective, Cursor};

pub use lex::is_name;

/// Reads a query. The tree is free of [`Expression::Invalid`] when no diagnostic is an error.
pub fn parse(text: &str, options: &Options<'_>, faults: &mut Faults) -> Query {
    let limit = options.limits.query_bytes;
    if text.len() > limit {
        let message =
            format!("the query has {} bytes, the limit `query_bytes` is {limit}", text.len());
        faults.push(codes::QUERY_TOO_LONG.at(limit..text.len(), message));
        return Some(Expression::Invalid);
    }
    let cursor = Cursor::new(text);
    let mut parser = Parser {
        cursor,
        options,
        faults,
        depth: 0,
        terms: 0,
        glued: None,
        last: 0,
        stopped: false,
    };
    let query = parser.query();
    if let (true, Some(comment)) = (options.strict, parser.cursor.comment) {
        parser.extension(comment..comment + 1, "a comment");
    }
    query
}

struct Parser<'a, 'o> {
    cursor: Cursor<'a>,
    options: &'o Options<'o>,
    faults: &'o mut Faults,
    depth: usize,
    terms: usize,
    /// A connective that lacks a space, and that this was said of.
    glued: Option<usize>,
    /// Where the operand that was read last ends.
    last: usize,
    /// A limit was hit: the rest is not read, and what is missing there is no fault.
    stopped: bool,
}

impl<'a> Parser<'a, '_> {
    fn query(&mut self) -> Query {
        self.cursor.skip_space();
        self.cursor.peek()?;
        let mut parts = vec![self.chain()];
        while self.cursor.peek() == Some(')') {
            let at = self.cursor.at;
            let remove = Fix::new("remove the parenthesis", vec![Edit::replace(at..at + 1, "")]);
            self.report(codes::UNOPENED_PARENTHESIS.at(at..at + 1, "unmatched `)`").fix(remove));
            self.cursor.at += 1;
            self.cursor.skip_space();
            if let Some((_, length)) = self.cursor.peek_connective() {
                self.cursor.at += length;
            } else if self.cursor.peek().is_none_or(|next| next == ')') {
                continue;
            }
            parts.push(self.chain());
        }
        Some(if parts.len() == 1 { parts.remove(0) } else { Expression::And(parts) })
    }

    /// Operands and what joins them, up to the end or a `)`.
    fn chain(&mut self) -> Expression {
        let mut operands = Vec::new();
        let mut spans = Vec::new();
        let mut connectives: Vec<(Connective, Range<usize>)> = Vec::new();
        loop {
            self.cursor.skip_space();
            let start = self.cursor.at;
            operands.push(self.operand());
            spans.push(start..self.cursor.at);
            self.last = self.cursor.at;
            let Some(connective) = self.connective() else { break };
            connectives.push(connective);
        }
        let all = |kind| connectives.iter().all(|&(connective, _)| connective == kind);
        match operands.len() {
            1 => operands.remove(0),
            _ if all(Connective::And) => Expression::And(operands),
            _ if all(Connective::Or) => Expression::Or(operands),
            _ => {
                let options = self.options;
                let sound = |text: &str| advice::sound([text.to_owned()], options).is_some();
                let text = self.cursor.text();
                self.report(readings::ambiguous(text, &spans, &connectives, sound));
                Expression::And(operands)
            }
        }
    }

    /// What joins the operand before to the next; `None` where the level ends. Whatever else stands there is a fault.
    fn connective(&mut self) -> Option<(Connective, Range<usize>)> {
        self.cursor.skip_space();
        let start = self.cursor.at;
        let next = self.cursor.peek().filter(|&next| next != ')')?;
        if let Some((connective, length)) = self.cursor.peek_connective() {
            let span = start..start + length;
            self.cursor.at = span.end;
            self.check_connective_spaces(connective, span.clone());
            return Some((connective, span));
        }
        let word = self.cursor.peek_word();
        let slip = match word {
            "&" | "," | ";" => Some(Connective::And),
            "|" => Some(Connective::Or),
            _ => None,
        };
        if let Some(connective) = slip {
            let span = start..start + word.len();
            let diagnostic = codes::UNKNOWN_OPERATOR
                .at(span.clone(), format!("`{word}` cannot join conditions"))
                .help(format!("write `{}`", connective.symbol()))
                .fix(Fix::write(span.clone(), connective.symbol()));
            self.report(diagnostic);
            self.cursor.at = span.end;
            return Some((connective, span));
        }
        let length = word.len().max(next.len_utf8());
        let diagnostic = codes::EXPECTED_CONNECTIVE
            .at(start..start + length, "`&&` or `||` is missing before this")
            .help("quote a value that contains a space: 'two words'");
        self.report(diagnostic);
        if !self.begins_condition() {
            self.cursor.recover();
            return self.connective();
        }
        // Both readings of what is missing are possible; the operand is read for its own faults.
        Some((Connective::And, start..start))
    }

    /// Whether what comes next looks like an operand of its own, rather than the rest of the last one.
    fn begins_condition(&mut self) -> bool {
        if matches!(self.cursor.peek(), Some('(' | '!')) {
            return true;
        }
        let start = self.cursor.at;
        self.cursor.take_while(is_name);
        let named = self.cursor.at > start;
        self.cursor.skip_space();
        let found = self.cursor.peek().is_some_and(lex::is_operator)
            || self.cursor.peek_word().eq_ignore_ascii_case("in");
        self.cursor.at = start;
        named && found
    }

    fn check_connective_spaces(&mut self, connective: Connective, span: Range<usize>) {
        // Beside a parenthesis the operator is in no word; only the strict reading wants the space.
        let strict = self.options.strict;
        let apart_before = |last: char| last.is_whitespace() || (last == ')' && !strict);
        let apart_after =
            |next: char| next.is_whitespace() || (matches!(next, '(' | '!') && !strict);
        let before = self.cursor.slice(0..span.start).chars().next_back().is_none_or(apart_before);
        let after = self.cursor.peek().is_none_or(apart_after);
        if !(before && after) && self.glued != Some(span.start) {
            let written = self.cursor.slice(span.clone());
            let diagnostic = codes::MISSING_SPACE
                .at(span.clone(), format!("`{written}` needs a space on both sides"))
                .help(format!("write `... {} ...`", connective.symbol()))
                .fix(self.spaced(span));
            self.report(diagnostic);
        }
    }

    /// An operator with a space on both sides.
    fn spaced(&self, span: Range<usize>) -> Fix {
        let text = self.cursor.text();
        let apart = |next: Option<char>| next.is_none_or(char::is_whitespace);
        let before = (!apart(text[..span.start].chars().next_back())).then_some(span.start);
        let after = (!apart(text[span.end..].chars().next())).then_some(span.end);
        let edits = before.into_iter().chain(after).map(|at| Edit::insert(at, " ")).collect();
        Fix::new("add spaces", edits)
    }

    /// `symbol` in the place of an operator, with a space on both sides.
    fn symbol(&self, span: Range<usize>, symbol: &str) -> Fix {
        let mut spaced = symbol.to_owned();
        for Edit { span: place, .. } in self.spaced(span.clone()).edits {
            spaced.insert(if place.start == span.start { 0 } else { spaced.len() }, ' ');
        }
        Fix::new(format!("write {symbol}"), vec![Edit::replace(span, spaced)])
    }

    fn operand(&mut self) -> Expression {
        let start = self.cursor.at;
        let word = self.cursor.peek_word();
        match self.cursor.peek() {
            None => self.missing_condition(start..start, "a condition is missing at the end"),
            Some(')') => {
                self.missing_condition(start..start + 1, "a condition is missing before this")
            }
            Some('(') => self.nested(|parser| parser.group(start)),
            Some('!') if !word.starts_with("!=") && !word.starts_with("!~") => {
                self.nested(|parser| parser.negation(start))
            }
            Some(_) if word.eq_ignore_ascii_case("not") => {
                self.cursor.at += word.len();
                self.extension(start..start + word.len(), "the word `not`");
                self.cursor.skip_space();
                self.nested(|parser| Expression::Not(Box::new(parser.operand()), NotForm::Word))
            }
            Some(_) => match self.cursor.peek_connective() {
                Some((_, length)) => self
                    .missing_condition(start..start + length, "a condition is missing before this"),
                None => self.condition(),
            },
        }
    }

    fn missing_condition(&mut self, span: Range<usize>, message: &str) -> Expression {
        self.report(
            codes::EXPECTED_CONDITION
                .at(span, message)
                .help("a condition is `field operator value`, such as `dstport == 53`"),
        );
        Expression::Invalid
    }

    /// The rest of a group whose parenthesis stands at `open`.
    fn group(&mut self, open: usize) -> Expression {
        self.cursor.at = open + 1;
        self.cursor.skip_space();
        let inside = self.chain();
        if !self.cursor.eat(')') {
            let close = Fix::new("close it", vec![Edit::insert(self.last, ")")]);
            let diagnostic =
                codes::UNCLOSED_PARENTHESIS.at(open..open + 1, "this `(` is not closed").fix(close);
            self.report(diagnostic);
        }
        inside
    }

    /// The rest of a negation whose `!` stands at `start`.
    fn negation(&mut self, start: usize) -> Expression {
        self.cursor.at = start + 1;
        self.cursor.skip_space();
        if !matches!(self.cursor.peek(), Some('(' | '!')) {
            let operand = self.operand();
            let text = self.cursor.slice(start + 1..self.cursor.at).trim_end();
            let end = start + 1 + text.len();
            let text = text.trim_start();
            if !text.is_empty() {
                let group = vec![Edit::insert(start + 1, "("), Edit::insert(end, ")")];
                let diagnostic = codes::NOT_NEEDS_GROUP
                    .at(start..start + 1, "`!` is allowed only before parentheses")
                    .help(match advice::sound([format!("!({text})")], self.options) {
                        Some(query) => format!("write `{query}`"),
                        None => "write `!(...)`".to_owned(),
                    })
                    .fix(Fix::new("add parentheses", group));
                self.report(diagnostic);
            }
            return Expression::Not(Box::new(operand), NotForm::Symbol);
        }
        Expression::Not(Box::new(self.operand()), NotForm::Symbol)
    }

    /// Reads one level down, unless that is too deep.
    fn nested(&mut self, read: impl FnOnce(&mut Self) -> Expression) -> Expression {
        let limit = self.options.limits.depth;
        if self.depth >= limit {
            let at = self.cursor.at;
            let message = format!("nested deeper than the limit `depth`, {limit}");
            self.stop(codes::TOO_DEEP.at(at..at + 1, message));
            return Expression::Invalid;
        }
        self.depth += 1;
        let expression = read(self);
        self.depth -= 1;
        expression
    }

    /// Counts a condition or list entry; false when it is one too many.
    fn count_term(&mut self, at: usize) -> bool {
        let limit = self.options.limits.terms;
        self.terms += 1;
        if self.terms > limit {
            let message =
                format!("more conditions and list entries than the limit `terms`, {limit}");
            self.stop(codes::TOO_MANY_TERMS.at(at..at + 1, message));
        }
        !self.stopped
    }

    /// Reports that a limit was hit, and reads no further.
    fn stop(&mut self, diagnostic: Diagnostic) {
        self.report(diagnostic);
        self.stopped = true;
        self.cursor.at = self.cursor.end();
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        if !self.stopped {
            self.faults.push(diagnostic);
        }
    }

    /// Refuses an extension in strict mode.
    fn extension(&mut self, span: Range<usize>, what: &str) {
        if self.options.strict {
            self.report(codes::EXTENSION.at(span, format!("{what} is an extension")));
        }
    }
}
