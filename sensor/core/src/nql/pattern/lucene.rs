//! Regular expressions between slashes: the dialect of Lucene, translated for the `regex` crate.
//!
//! The dialect has alternation, groups, repetition, classes, `.` and numeric intervals, and nothing else, so it is
//! regular. A value must match as a whole, unless the pattern itself begins with `^` or ends with `$`: then it is bound
//! at that end only. Elsewhere those two are plain characters, as all others that the dialect does not reserve.

use super::{error::PatternError, interval, wildcard::nothing_escaped};

/// Translates a pattern, or says what is wrong with it.
pub fn translate(text: &str) -> Result<String, PatternError> {
    let starts = text.starts_with('^');
    let ends = text.ends_with('$') && !ends_in_escape(&text[..text.len() - 1]);
    let (begin, end) = (usize::from(starts), text.len() - usize::from(ends));
    let mut translation = Translation {
        text,
        at: begin.min(end),
        end: end.max(begin),
        out: String::new(),
        groups: Vec::new(),
    };
    translation.run()?;
    // Without an anchor of its own the pattern is bound at both ends.
    let own_anchors = starts || ends;
    let head = if starts || !own_anchors { "^" } else { "" };
    let tail = if ends || !own_anchors { "$" } else { "" };
    Ok(format!("{head}(?:{}){tail}", translation.out))
}

fn ends_in_escape(text: &str) -> bool {
    text.bytes().rev().take_while(|&byte| byte == b'\\').count() % 2 == 1
}

struct Translation<'a> {
    text: &'a str,
    at: usize,
    end: usize,
    out: String,
    /// Places of the groups that are open.
    groups: Vec<usize>,
}

/// What stands before a repetition.
#[derive(Clone, Copy)]
enum Before {
    /// Nothing that could be repeated.
    Nothing,
    /// A character, class, interval or group.
    Atom,
    /// A repetition.
    Repetition,
}

impl Translation<'_> {
    fn run(&mut self) -> Result<(), PatternError> {
        let mut before = Before::Nothing;
        while let Some((at, character)) = self.next() {
            before = match (character, before) {
                ('|', _) => {
                    self.out.push('|');
                    Before::Nothing
                }
                ('(', _) => {
                    self.groups.push(at);
                    self.out.push_str("(?:");
                    Before::Nothing
                }
                (')', _) => {
                    if self.groups.pop().is_none() {
                        return Err(unescaped(at, ')', "closes no group"));
                    }
                    self.out.push(')');
                    Before::Atom
                }
                ('*' | '+' | '?' | '{', Before::Nothing) => {
                    return Err(unescaped(at, character, "repeats nothing"));
                }
                // The crate would read `a*?` as a lazy repetition, which this dialect does not have.
                ('*' | '+' | '?' | '{', Before::Repetition) => {
                    return Err(PatternError::syntax(
                        at..at + 1,
                        "a repetition is repeated",
                        "put the inner one in parentheses: `(a*)?`",
                    ));
                }
                ('{', Before::Atom) => {
                    self.counts(at)?;
                    Before::Repetition
                }
                ('*' | '+' | '?', Before::Atom) => {
                    self.out.push(character);
                    Before::Repetition
                }
                (other, _) => {
                    self.atom(at, other)?;
                    Before::Atom
                }
            };
        }
        match self.groups.last() {
            None => Ok(()),
            Some(&open) => Err(unescaped(open, '(', "is not closed")),
        }
    }

    /// What stands for itself: a character, a class, an interval.
    fn atom(&mut self, at: usize, character: char) -> Result<(), PatternError> {
        match character {
            '.' => self.out.push('.'),
            '[' => self.class(at)?,
            '\\' => {
                let escaped = self.escaped(at)?;
                self.literal(escaped);
            }
            '<' => match interval::read(&self.text[at..self.end], at)? {
                Some((spelled_out, length)) => {
                    self.out.push_str(&spelled_out);
                    self.at = at + length;
                }
                None => self.literal('<'),
            },
            '}' => return Err(unescaped(at, '}', "ends no repetition")),
            ']' => return Err(unescaped(at, ']', "ends no class")),
            '"' => return Err(unescaped(at, '"', "is reserved")),
            other => self.literal(other),
        }
        Ok(())
    }

    fn next(&mut self) -> Option<(usize, char)> {
        let at = self.at;
        let character = self.text[at..self.end].chars().next()?;
        self.at += character.len_utf8();
        Some((at, character))
    }

    fn literal(&mut self, character: char) {
        self.out.push_str(&regex::escape(character.encode_utf8(&mut [0; 4])));
    }

    /// The character after a backslash at `at`.
    fn escaped(&mut self, at: usize) -> Result<char, PatternError> {
        let (_, escaped) = self.next().ok_or_else(|| nothing_escaped(at))?;
        if escaped.is_ascii_alphanumeric() {
            let help = match escaped {
                'd' => "write `[0-9]`",
                'w' => "write `[A-Za-z0-9_]`",
                's' => "write `[ ]`",
                _ => "a backslash may precede only special characters",
            };
            let message = format!("`\\{escaped}` is not supported in this dialect");
            return Err(PatternError::syntax(at..self.at, message, help));
        }
        Ok(escaped)
    }

    /// The rest of `{n}`, `{n,}` or `{n,m}` whose brace stands at `at`.
    fn counts(&mut self, at: usize) -> Result<(), PatternError> {
        let inside = self.text[self.at..self.end].split_once('}').map(|(inside, _)| inside);
        let is_count = |text: &str| {
            !text.is_empty() && text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        let well_formed = inside.is_some_and(|inside| match inside.split_once(',') {
            None => is_count(inside),
            Some((least, most)) => is_count(least) && (most.is_empty() || is_count(most)),
        });
        let Some(inside) = inside.filter(|_| well_formed) else {
            return Err(unescaped(
                at,
                '{',
                "begins no repetition such as `{2}`, `{2,}` or `{2,5}`",
            ));
        };
        self.out.push_str(&format!("{{{inside}}}"));
        self.at += inside.len() + 1;
        Ok(())
    }

    /// The rest of a class whose bracket stands at `at`.
    fn class(&mut self, at: usize) -> Result<(), PatternError> {
        self.out.push('[');
        if self.text[self.at..self.end].starts_with('^') {
            self.out.push('^');
            self.at += 1;
        }
        let not_closed = || unescaped(at, '[', "is not closed");
        let first = self.at;
        loop {
            let (start, low) = self.next().ok_or_else(not_closed)?;
            let low = match low {
                ']' if start > first => {
                    self.out.push(']');
                    return Ok(());
                }
                ']' => {
                    return Err(PatternError::syntax(
                        at..self.at,
                        "the class is empty",
                        "put characters between the brackets; `\\]` is the bracket itself",
                    ));
                }
                '\\' => self.escaped(start)?,
                other => other,
            };
            self.class_character(low);
            let rest = &self.text[self.at..self.end];
            if !rest.starts_with('-') || rest.starts_with("-]") {
                continue;
            }
            self.at += 1;
            let (high_at, high) = self.next().ok_or_else(not_closed)?;
            let high = if high == '\\' { self.escaped(high_at)? } else { high };
            if low > high {
                return Err(PatternError::syntax(
                    start..self.at,
                    "the range runs backwards",
                    format!("write `{high}-{low}`"),
                ));
            }
            self.out.push('-');
            self.class_character(high);
        }
    }

    fn class_character(&mut self, character: char) {
        if character.is_ascii_punctuation() {
            self.out.push('\\');
        }
        self.out.push(character);
    }
}

fn unescaped(at: usize, character: char, fault: &str) -> PatternError {
    let length = character.len_utf8();
    let help = format!("write `\\{character}` for the character itself");
    PatternError::syntax(at..at + length, format!("`{character}` {fault}"), help)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nql::{
        limits::Limits,
        pattern::{Pattern, Source},
    };

    #[track_caller]
    fn check(pattern: &str, matching: &[&str], others: &[&str]) {
        let source = Source::Regex(pattern.to_owned());
        let compiled = Pattern::compile(source, false, &Limits::default()).unwrap();
        for text in matching {
            assert!(compiled.matches(text), "{pattern} should match {text}");
        }
        for text in others {
            assert!(!compiled.matches(text), "{pattern} should not match {text}");
        }
    }

    #[test]
    fn anchors() {
        check("cat", &["cat"], &["catdog", "dogcat", ""]);
        check("^cat", &["cat", "catdog"], &["dogcat"]);
        check("cat$", &["cat", "dogcat"], &["catdog"]);
        check("^cat$", &["cat"], &["catdog", "dogcat"]);
        check(r"cat\$", &["cat$"], &["cat"]);
        check("a^b$c", &["a^b$c"], &["abc"]);
        check("x|y", &["x", "y"], &["xy"]);
        check("", &[""], &["a"]);
        check("^", &["", "a"], &[]);
        check("$", &["", "a"], &[]);
    }

    #[test]
    fn the_dialect() {
        check("ab(cd)?e+", &["abe", "abcdee"], &["abcd", "ab"]);
        check("a{2}b{1,2}c{0,}", &["aab", "aabbcc"], &["ab", "aabbb"]);
        check("(a*)?b", &["b", "aab"], &["aa"]);
        check("(a+)+", &["aaaa"], &["", "b"]);
        check("[a-c]_", &["a_", "c_"], &["d_", "a"]);
        check(r"[^a\]&&]", &["b", "-"], &["a", "]", "&"]);
        check("[a-]", &["a", "-"], &["b"]);
        check(r"net.*\.com", &["net.com", "network.com"], &["netxcom", "net.com.x"]);
        check(r"ip-(<0-255>-?){3}(<100-200>)\..*", &["ip-10-0-0-101.x"], &["ip-10-0-0-99.x"]);
        check("a.c", &["abc", "aéc"], &["a\nc"]);
        check("~@#&<x", &["~@#&<x"], &[]);
    }

    #[test]
    fn faults_have_a_place() {
        for (pattern, span) in [
            ("a)", 1..2),
            ("(a", 0..1),
            ("*a", 0..1),
            ("a|+", 2..3),
            ("a*?", 2..3),
            ("a{b}", 1..2),
            ("a}", 1..2),
            ("a[", 1..2),
            ("a]", 1..2),
            ("[]", 0..2),
            ("[b-a]", 1..4),
            (r"\d", 0..2),
            ("a\"", 1..2),
            ("a\\", 1..2),
            ("é<2-1>", 2..7),
        ] {
            let error = translate(pattern).expect_err(pattern);
            assert_eq!(error.span, span, "{pattern}: {error:?}");
        }
    }
}
