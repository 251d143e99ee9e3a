//! The value of a condition: a word, a text in quotes, a regular expression, a list.

use super::{
    Parser,
    lex::{Connective, glued_connective, is_name, is_operator},
};
use crate::{
    diagnostic::{Diagnostic, Edit, Fix},
    nql::{
        advice,
        ast::{Literal, Operand, Operator, Quote, Spanned},
        codes,
    },
};

impl Parser<'_, '_> {
    /// Reads what an operator other than `in` takes.
    pub(super) fn single_operand(
        &mut self,
        field: &Spanned<String>,
        operator: &Spanned<Operator>,
    ) -> Option<Spanned<Operand>> {
        self.cursor.skip_space();
        let start = self.cursor.at;
        match self.cursor.peek() {
            Some('(') => {
                let rest = self.cursor.rest();
                let values = rest.split_inclusive(')').next().unwrap_or(rest);
                let one_of = match operator.node {
                    Operator::NotEqual => Operator::NotIn.symbol(),
                    _ => Operator::In.symbol(),
                };
                let written = [format!("{} {one_of} {values}", field.node)];
                let sound =
                    advice::sound(written, self.options).filter(|_| !operator.node.is_order());
                let help = match &sound {
                    Some(query) => format!("write `{query}`"),
                    None => format!("several values follow `{one_of}`, in parentheses"),
                };
                let mut diagnostic = codes::EXPECTED_VALUE
                    .at(start..start + 1, "a value does not begin with a parenthesis")
                    .help(help);
                if sound.is_some() {
                    diagnostic = diagnostic.fix(self.symbol(operator.span.clone(), one_of));
                }
                self.report(diagnostic);
                self.cursor.recover();
                None
            }
            Some('/') if operator.node.takes_pattern() => self.regex(),
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
                .help("end it with `/`");
            self.report(self.closed(diagnostic, '/'));
            self.cursor.at = self.cursor.end();
            return None;
        };
        let operand = Operand::Regex(inside.to_owned());
        let span = start..self.cursor.at;
        self.check_end("a regular expression", false);
        Some(Spanned::new(operand, span))
    }

    /// With what closes a text that goes on to the end.
    fn closed(&self, diagnostic: Diagnostic, delimiter: char) -> Diagnostic {
        let rest = self.cursor.rest();
        let escapes = rest.len() - rest.trim_end_matches('\\').len();
        // The delimiter would be one of the text.
        if escapes % 2 == 1 {
            return diagnostic;
        }
        diagnostic.fix(Fix::new("close it", vec![Edit::insert(self.cursor.end(), delimiter)]))
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
                diagnostic = diagnostic.help(format!("quote it to use it as a value: '{word}'"));
            }
            self.report(diagnostic);
            if word.chars().all(is_operator) {
                self.cursor.recover();
            }
            return None;
        }
        if let Some(at) = glued_connective(word) {
            let symbol = span.start + at..span.start + at + 2;
            let written = self.cursor.slice(symbol.clone());
            let diagnostic = codes::MISSING_SPACE
                .at(symbol.clone(), format!("`{written}` needs a space on both sides"))
                .help(format!("write `... {written} ...`; quote it to make it part of the value"))
                .fix(self.spaced(symbol.clone()));
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
            let diagnostic = codes::UNCLOSED_QUOTE.at(start..start + 1, message);
            // In a list, the values behind may be meant as such.
            self.report(if in_list { diagnostic } else { self.closed(diagnostic, quote) });
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

    /// Reads what `in` takes: `(a, b)` or `$name`.
    pub(super) fn list_operand(
        &mut self,
        field: &Spanned<String>,
        operator: Operator,
    ) -> Option<Spanned<Operand>> {
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
        let entries = self.bare_entries()?;
        let span = start..self.cursor.at;
        let texts: Vec<&str> =
            entries.iter().map(|entry| self.cursor.slice(entry.span.clone())).collect();
        let written =
            |texts: &[&str]| format!("{} {} ({})", field.node, operator.symbol(), texts.join(", "));
        // Ranges as other tools write them.
        let dotted: Vec<String> = texts.iter().map(|text| text.replacen('-', "..", 1)).collect();
        let dotted: Vec<&str> = dotted.iter().map(String::as_str).collect();
        let diagnostic = codes::BAD_LIST.at(span.clone(), "enclose a list in parentheses");
        self.report(match advice::sound([written(&texts), written(&dotted)], self.options) {
            Some(query) => {
                // The query ends with the list, which is what stands in the text.
                let list = query.find('(').map_or("", |open| &query[open..]);
                let fix = Fix::write(span.clone(), list);
                diagnostic.help(format!("write `{query}`")).fix(fix)
            }
            None => diagnostic.help("enclose its values in parentheses, separated by commas"),
        });
        Some(Spanned::new(Operand::List(entries), span))
    }

    /// The values of a list that stands in other brackets than parentheses, or in none.
    fn bare_entries(&mut self) -> Option<Vec<Spanned<Literal>>> {
        let close = match self.cursor.peek() {
            Some('[') => Some(']'),
            Some('{') => Some('}'),
            _ => None,
        };
        let mut entries = Vec::new();
        let Some(close) = close.filter(|&close| self.cursor.rest().contains(close)) else {
            loop {
                if !self.count_term(self.cursor.at) {
                    return None;
                }
                entries.push(self.literal(true)?);
                if !self.next_bare_entry() {
                    return Some(entries);
                }
            }
        };
        while let Some(next) = self.cursor.peek() {
            self.cursor.at += next.len_utf8();
            if next == close {
                break;
            }
            let ends = |c: char| matches!(c, ',' | ']' | '}') || c.is_whitespace();
            let span = self.cursor.take_while(|c| !ends(c));
            if span.is_empty() {
                continue;
            }
            if !self.count_term(span.start) {
                return None;
            }
            let text = self.cursor.slice(span.clone()).trim_matches(['\'', '"']).to_owned();
            entries.push(Spanned::new(Literal::Word(text), span));
        }
        Some(entries)
    }

    /// Passes a comma that another value follows, or that nothing does.
    fn next_bare_entry(&mut self) -> bool {
        let before = self.cursor.at;
        self.cursor.skip_space();
        if !self.cursor.eat(',') {
            self.cursor.at = before;
            return false;
        }
        let after = self.cursor.at;
        self.cursor.skip_space();
        let more = self.cursor.peek().is_some_and(|next| next != ')')
            && self.cursor.peek_connective().is_none();
        if !more {
            self.cursor.at = after;
        }
        more
    }

    /// Where a comma ends that follows at `at`, or `at`.
    fn after_comma(&self, at: usize) -> usize {
        let rest = self.cursor.slice(at..self.cursor.end());
        let comma = rest.trim_start().starts_with(',');
        if comma { at + rest.len() - rest.trim_start().len() + 1 } else { at }
    }

    /// The rest of a list whose parenthesis stands at `open`.
    fn list_entries(&mut self, open: usize) -> Option<Spanned<Operand>> {
        let mut entries = Vec::new();
        loop {
            self.cursor.skip_space();
            let at = self.cursor.at;
            match self.cursor.peek() {
                None => {
                    let mut diagnostic =
                        codes::UNCLOSED_PARENTHESIS.at(open..open + 1, "this `(` is not closed");
                    if let Some(last) =
                        entries.last().map(|entry: &Spanned<Literal>| entry.span.end)
                    {
                        // What stands behind the last value: a comma, which would lack a value.
                        let close = Edit::replace(last..self.after_comma(last), ")");
                        diagnostic = diagnostic.fix(Fix::new("close it", vec![close]));
                    }
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
