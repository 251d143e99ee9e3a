//! One condition, `field operator value`, up to the value.

use super::{
    Parser,
    lex::{Connective, is_name, is_operator},
};
use crate::{
    diagnostic::{Diagnostic, Fix},
    nql::{
        advice,
        ast::{Condition, Expression, Operator, Spanned},
        codes, synonyms,
    },
};

/// Characters that a field name ends before, right or wrong.
fn may_be_name(character: char) -> bool {
    let ends = |character: char| {
        matches!(character, '(' | ')' | '&' | '|' | ',' | ';' | '\'' | '"' | '$' | '#')
            || is_operator(character)
            || character.is_whitespace()
    };
    is_name(character) || !ends(character)
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
            self.list_operand(&field, operator.node)
        } else {
            self.single_operand(&field, &operator)
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
                let message = "a field name cannot contain a space";
                let help = format!("write `{name}`");
                let joined = Fix::write(span.clone(), name.as_str());
                self.report(codes::BAD_FIELD_NAME.at(span.clone(), message).help(help).fix(joined));
                return Some(Spanned::new(name, span));
            }
        }
        let well_formed = name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name.chars().all(is_name)
            && name.split('.').all(|part| !part.is_empty());
        if !well_formed {
            let message = format!("`{name}` is not a field name");
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
                codes::UNKNOWN_OPERATOR.at(span.clone(), format!("`{written}` is not an operator"));
            diagnostic = diagnostic.help(match operator {
                Some(operator) => format!("write `{}`", operator.symbol()),
                None => "the operators are `==`, `!=`, `<`, `<=`, `>`, `>=`, `=~`, `!~`".to_owned(),
            });
            if let Some(operator) = operator {
                diagnostic = diagnostic.fix(self.symbol(span.clone(), operator.symbol()));
            }
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
            let name = self.ours(&field.node);
            let help = match advice::sound([format!("{name} {written} {rest}")], self.options) {
                Some(query) => format!("write `{query}`"),
                None => format!("write `... {written} ...`"),
            };
            let diagnostic = codes::MISSING_SPACE
                .at(span.clone(), format!("`{written}` needs a space on both sides"))
                .help(help)
                .fix(self.spaced(span.clone()));
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
            .at(span.clone(), format!("`{word}` is not an operator"))
            .help(format!("write `{}`", operator.symbol()))
            .fix(self.symbol(span.clone(), operator.symbol()));
        self.report(diagnostic);
        Some(Spanned::new(operator, span))
    }

    fn list_operator(&mut self, operator: Operator, start: usize) -> Spanned<Operator> {
        let span = start..self.cursor.at;
        self.extension(span.clone(), &format!("`{}`", operator.symbol()));
        Spanned::new(operator, span)
    }

    fn missing_operator(&mut self, field: &Spanned<String>) -> Option<Spanned<Operator>> {
        let message = format!("`{}` is not followed by an operator", field.node);
        let mut diagnostic = codes::EXPECTED_OPERATOR.at(field.span.clone(), message);
        diagnostic = match self.cursor.peek() {
            Some('(') => diagnostic.help("functions are allowed only in policy thresholds"),
            _ => self.with_an_operator(field, diagnostic),
        };
        self.report(diagnostic);
        self.cursor.recover();
        None
    }
}

impl<'a> Parser<'a, '_> {
    /// A field's name here, where another tool's was written.
    fn ours<'n>(&self, name: &'n str) -> &'n str {
        synonyms::meant(name, self.options.context).map_or(name, |synonym| synonym.field)
    }

    /// What `proto tcp` and `src port 22` would be here.
    fn with_an_operator(&mut self, field: &Spanned<String>, missing: Diagnostic) -> Diagnostic {
        let start = self.cursor.at;
        let words = [self.word(), self.word()];
        self.cursor.at = start;
        let words: Vec<Spanned<&str>> = words.into_iter().flatten().collect();
        let texts: Vec<&str> = words.iter().map(|word| word.node).collect();
        let context = self.options.context;
        let mut candidates = Vec::new();
        if let (side @ ("src" | "dst"), [what, value]) = (field.node.as_str(), texts.as_slice()) {
            let of = match what.to_ascii_lowercase().as_str() {
                "host" | "net" | "ip" => "ip",
                "port" => "port",
                "as" => "as.number",
                _ => "",
            };
            candidates.push((format!("{side}{of} == {value}"), words[1].span.end));
        }
        let name = self.ours(&field.node);
        // `tcp and port 80`: a protocol alone, with nothing behind it or with what joins conditions.
        if texts.first().is_none_or(|word| {
            matches!(word.to_ascii_lowercase().as_str(), "and" | "or" | "&&" | "||")
        }) {
            candidates.push((format!("protocol == {name}"), field.span.end));
        }
        let first = words.first();
        candidates.extend(first.map(|word| (format!("{name} == {}", word.node), word.span.end)));
        let sound =
            |(query, _): &(String, usize)| advice::sound([query.clone()], self.options).is_some();
        match candidates.into_iter().find(sound) {
            Some((query, end)) => {
                let help = format!("write `{query}`");
                missing.help(help).fix(Fix::write(field.span.start..end, query))
            }
            None if synonyms::is_known(name, context) => {
                missing.help(format!("write `{name} == ...`"))
            }
            None => missing.help("write `field operator value`, such as `dstport == 53`"),
        }
    }

    /// The next word, without parentheses that close behind it.
    fn word(&mut self) -> Option<Spanned<&'a str>> {
        self.cursor.skip_space();
        let span = self.cursor.take_while(|character| !character.is_whitespace());
        let word = self.cursor.slice(span.clone()).trim_end_matches(')');
        let end = span.start + word.len();
        (!span.is_empty()).then(|| Spanned::new(word, span.start..end))
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
