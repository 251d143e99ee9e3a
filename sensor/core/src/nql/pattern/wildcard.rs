//! Patterns without slashes: `*`, `?`, intervals, and a trailing `~` or `~N` for fuzzy words.

use super::{error::PatternError, interval};

/// What a pattern without slashes turns out to be.
#[derive(Debug, PartialEq, Eq)]
pub enum Parsed {
    /// Nothing special: one text.
    Text(String),
    /// An anchored regular expression of the `regex` crate.
    Regex(String),
    /// A fuzzy word.
    Fuzzy {
        /// The word.
        word: String,
        /// `None` when it is left to us.
        distance: Option<u8>,
        /// Where the `~` stands.
        at: usize,
    },
}

/// Reads a pattern. A backslash takes the special meaning from the character after it.
pub fn parse(text: &str) -> Result<Parsed, PatternError> {
    if let Some((word, distance, at)) = fuzzy(text)? {
        return Ok(Parsed::Fuzzy { word, distance, at });
    }
    let mut literal = String::new();
    let mut regex = String::from("(?s)^(?:");
    let mut special = false;
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let at = text.len() - rest.len();
        rest = &rest[character.len_utf8()..];
        let plain = match character {
            '*' | '?' => {
                special = true;
                regex.push_str(if character == '*' { ".*" } else { "." });
                continue;
            }
            '<' => match interval::read(&text[at..], at)? {
                Some((spelled_out, length)) => {
                    special = true;
                    regex.push_str(&spelled_out);
                    rest = &text[at + length..];
                    continue;
                }
                None => '<',
            },
            '\\' => {
                let escaped = rest.chars().next().ok_or_else(|| nothing_escaped(at))?;
                rest = &rest[escaped.len_utf8()..];
                escaped
            }
            other => other,
        };
        literal.push(plain);
        regex.push_str(&regex::escape(plain.encode_utf8(&mut [0; 4])));
    }
    regex.push_str(")$");
    Ok(if special { Parsed::Regex(regex) } else { Parsed::Text(literal) })
}

pub(super) fn nothing_escaped(at: usize) -> PatternError {
    PatternError::syntax(
        at..at + 1,
        "the backslash escapes nothing",
        "write `\\\\` for a backslash",
    )
}

/// Word, distance and place of the `~` when `text` ends in `~` or `~` and digits, not escaped.
fn fuzzy(text: &str) -> Result<Option<(String, Option<u8>, usize)>, PatternError> {
    let Some(at) = text.rfind('~') else { return Ok(None) };
    let (word, distance) = (&text[..at], &text[at + 1..]);
    if word.ends_with('\\') || !distance.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    if word.is_empty() {
        return Err(PatternError::syntax(
            at..text.len(),
            "no word before `~`",
            "write the word first: `cat~1`",
        ));
    }
    if let Some(wildcard) = word.find(['*', '?']) {
        return Err(PatternError::syntax(
            wildcard..wildcard + 1,
            "a fuzzy word cannot contain wildcards",
            "use `~` or wildcards, not both; `\\~` is the character itself",
        ));
    }
    // A distance that does not fit is far above every limit.
    let distance = (!distance.is_empty()).then(|| distance.parse().unwrap_or(u8::MAX));
    Ok(Some((word.to_owned(), distance, at)))
}
