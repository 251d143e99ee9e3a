//! The text under the parser: where it is, and the runs of characters that can stand there.
//!
//! What a run of characters is depends on where it stands (a value may hold almost anything), so there is no list of
//! tokens: the parser asks for what it expects.

use std::ops::Range;

/// The text and a place in it.
pub struct Cursor<'a> {
    text: &'a str,
    /// Byte from which on nothing is read yet; always at the start of a character.
    pub at: usize,
    /// Where the first comment began, if there was one.
    pub comment: Option<usize>,
}

/// What joins conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connective {
    /// `&&`, `AND`.
    And,
    /// `||`, `OR`.
    Or,
}

impl Connective {
    /// The symbol.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::And => "&&",
            Self::Or => "||",
        }
    }

    /// Reads a whole word or symbol.
    pub fn read(word: &str) -> Option<Self> {
        match word {
            "&&" => Some(Self::And),
            "||" => Some(Self::Or),
            word if word.eq_ignore_ascii_case("and") => Some(Self::And),
            word if word.eq_ignore_ascii_case("or") => Some(Self::Or),
            _ => None,
        }
    }
}

/// Characters that operators consist of.
pub fn is_operator(character: char) -> bool {
    matches!(character, '=' | '!' | '<' | '>' | '~')
}

impl<'a> Cursor<'a> {
    /// The beginning of `text`.
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0, comment: None }
    }

    /// All of it.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// What is left.
    pub fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// A part of the text.
    pub fn slice(&self, span: Range<usize>) -> &'a str {
        &self.text[span]
    }

    /// The next character.
    pub fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Length of the text in bytes.
    pub fn end(&self) -> usize {
        self.text.len()
    }

    /// Goes on when `expected` comes next.
    pub fn eat(&mut self, expected: char) -> bool {
        let found = self.peek() == Some(expected);
        if found {
            self.at += expected.len_utf8();
        }
        found
    }

    /// Passes white space and comments; true when there were any.
    pub fn skip_space(&mut self) -> bool {
        let start = self.at;
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start();
            self.at += rest.len() - trimmed.len();
            if !trimmed.starts_with('#') {
                return self.at > start;
            }
            self.comment.get_or_insert(self.at);
            self.at += trimmed.find('\n').unwrap_or(trimmed.len());
        }
    }

    /// Takes the characters up to the first that fails `belongs`.
    pub fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> Range<usize> {
        let start = self.at;
        self.at += self.rest().find(|c| !belongs(c)).unwrap_or(self.rest().len());
        start..self.at
    }

    /// The word that comes next, up to white space or a parenthesis, without taking it.
    pub fn peek_word(&self) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '(' | ')'));
        &rest[..end.unwrap_or(rest.len())]
    }

    /// The connective that comes next, without taking it: how long it is in bytes. Its neighbours do not matter for a
    /// symbol; a word must end there.
    pub fn peek_connective(&self) -> Option<(Connective, usize)> {
        for symbol in ["&&", "||"] {
            if self.rest().starts_with(symbol) {
                return Connective::read(symbol).map(|connective| (connective, symbol.len()));
            }
        }
        let word = self.peek_word();
        Connective::read(word).map(|connective| (connective, word.len()))
    }

    /// Takes a value without quotes: up to white space or a parenthesis that it does not itself open, in a list up to a
    /// comma as well.
    pub fn take_value(&mut self, in_list: bool) -> Range<usize> {
        let start = self.at;
        let mut open = 0_usize;
        for (offset, character) in self.rest().char_indices() {
            match character {
                '(' => open += 1,
                ')' if open == 0 => return self.go_to(start, start + offset),
                ')' => open -= 1,
                ',' if in_list && open == 0 => return self.go_to(start, start + offset),
                character if character.is_whitespace() => {
                    return self.go_to(start, start + offset);
                }
                _ => {}
            }
        }
        self.go_to(start, self.text.len())
    }

    fn go_to(&mut self, start: usize, end: usize) -> Range<usize> {
        self.at = end;
        start..end
    }

    /// Takes a text between delimiters; the first of them comes next. Returns what is inside, escapes as written, or
    /// `None` without going on when the text ends first.
    pub fn take_delimited(&mut self, delimiter: char) -> Option<&'a str> {
        let start = self.at + delimiter.len_utf8();
        let mut escaped = false;
        for (offset, character) in self.text[start..].char_indices() {
            if character == delimiter && !escaped {
                self.at = start + offset + delimiter.len_utf8();
                return Some(&self.text[start..start + offset]);
            }
            escaped = character == '\\' && !escaped;
        }
        None
    }

    /// Passes what cannot be read: up to the next connective, or the parenthesis that closes the level.
    pub fn recover(&mut self) {
        let mut open = 0_usize;
        loop {
            self.skip_space();
            match self.peek() {
                None => return,
                Some(')') if open == 0 => return,
                Some(')') => open -= 1,
                Some('(') => open += 1,
                Some(quote @ ('\'' | '"')) if self.take_delimited(quote).is_some() => continue,
                Some(_) if open == 0 && self.peek_connective().is_some() => return,
                Some(_) => {
                    let word = self.peek_word();
                    // A symbol may stand inside a word: stop before it.
                    let symbol = glued_connective(word);
                    self.at += symbol.filter(|&at| at > 0).unwrap_or(word.len());
                    continue;
                }
            }
            self.at += 1;
        }
    }
}

/// Where the first `&&` or `||` stands in a word.
pub fn glued_connective(word: &str) -> Option<usize> {
    word.as_bytes().windows(2).position(|pair| matches!(pair, b"&&" | b"||"))
}

/// Characters of field names.
pub fn is_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.')
}
