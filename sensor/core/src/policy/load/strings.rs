//! Where the characters of a string stand in the file that it was written in.
//!
//! A query inside a TOML or JSON string has faults at places in the string; a person looks for them in the file, where
//! escapes and line ends take more room than what they stand for.

use std::ops::Range;

/// The line of `text` that the byte `at` stands in.
pub fn line(text: &str, at: usize) -> usize {
    text[..text.floor_char_boundary(at)].matches('\n').count() + 1
}

/// The places of a string's bytes in a file.
pub struct Places {
    token: Range<usize>,
    /// For each byte of the string and its end, where it stands in the file; empty where that is not known.
    offsets: Vec<usize>,
}

impl Places {
    /// The places of `string`, which stands as `token` in `text`, quotes included.
    pub fn of(string: &str, token: Range<usize>, text: &str) -> Self {
        let written = text.get(token.clone()).unwrap_or_default();
        let mut offsets = Vec::with_capacity(string.len() + 1);
        walk(written, &mut |at, bytes| offsets.extend((0..bytes).map(|_| token.start + at)));
        // Whatever was not understood leaves the whole string as the place of everything.
        if offsets.len() != string.len() + 1 {
            offsets.clear();
        }
        Self { token, offsets }
    }

    /// Where a part of the string stands in the file.
    pub fn of_part(&self, part: &Range<usize>) -> Range<usize> {
        let at = |byte: usize| self.offsets.get(byte.min(self.offsets.len().saturating_sub(1)));
        match (at(part.start), at(part.end)) {
            (Some(&start), Some(&end)) => start..end.max(start),
            _ => self.token.clone(),
        }
    }
}

/// Calls `each` with the place of every character in `written` and how many bytes it stands for; at last with the end.
fn walk(written: &str, each: &mut dyn FnMut(usize, usize)) {
    let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| written.starts_with(quote));
    let closed = |quote: &&str| written.len() >= 2 * quote.len() && written.ends_with(*quote);
    let Some(quote) = quote.filter(closed) else { return };
    let end = written.len() - quote.len();
    let mut at = quote.len();
    if quote.len() == 3 {
        let first = &written[at..end];
        at += if first.starts_with("\r\n") { 2 } else { usize::from(first.starts_with('\n')) };
    }
    while let Some(next) = written[at..end].chars().next() {
        let (length, bytes) = match next {
            '\\' if !quote.starts_with('\'') => escape(&written[at..end]),
            other => (other.len_utf8(), other.len_utf8()),
        };
        each(at, bytes);
        at += length;
        if at > end || !written.is_char_boundary(at) {
            return;
        }
    }
    each(end, 1);
}

/// Length of the escape at the start of `written`, and of what it stands for.
fn escape(written: &str) -> (usize, usize) {
    let digits = |from: usize, count: usize| {
        written.get(from..from + count).and_then(|digits| u32::from_str_radix(digits, 16).ok())
    };
    let utf8 = |code: Option<u32>| code.and_then(char::from_u32).map_or(0, char::len_utf8);
    match written[1..].chars().next() {
        Some('x') => (4, utf8(digits(2, 2))),
        Some('U') => (10, utf8(digits(2, 8))),
        // JSON writes characters beyond 16 bits as two.
        Some('u') if digits(2, 4).is_some_and(|code| (0xd800..0xdc00).contains(&code)) => (12, 4),
        Some('u') => (6, utf8(digits(2, 4))),
        Some(space) if space.is_whitespace() => {
            let rest = &written[1..];
            (1 + rest.len() - rest.trim_start().len(), 0)
        }
        Some(other) => (1 + other.len_utf8(), 1),
        None => (1, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(written: &str, string: &str, part: &str, expected: &str) {
        let text = format!("key = {written}\n");
        let places = Places::of(string, 6..6 + written.len(), &text);
        let start = string.find(part).expect("a part of it");
        assert_eq!(&text[places.of_part(&(start..start + part.len()))], expected);
    }

    #[test]
    fn parts_of_strings() {
        check("'a == b'", "a == b", "==", "==");
        check(r#""a \"x\" b""#, "a \"x\" b", "x\"", "x\\\"");
        check(r#""\u00e9 == b""#, "é == b", "==", "==");
        check(r#""\ud83d\ude00 == b""#, "😀 == b", "==", "==");
        check("\"\"\"\na &&\nb\"\"\"", "a &&\nb", "b", "b");
        check("\"\"\"a \\\n   && b\"\"\"", "a && b", "&&", "&&");
        check("'''\na \\ b'''", "a \\ b", "\\", "\\");
    }

    #[test]
    fn what_is_not_understood_is_the_whole() {
        let places = Places::of("abc", 0..4, "'ab'");
        assert_eq!(places.of_part(&(1..2)), 0..4);
        let open = Places::of("¡", 0..3, "\"¡");
        assert_eq!(open.of_part(&(0..1)), 0..3, "a string without an end");
    }

    proptest::proptest! {
        #[test]
        fn any_string_has_places(string in "(?s).{0,20}", from in 0_usize..30, length in 0_usize..9) {
            let text = toml::Value::String(string.clone()).to_string();
            let places = Places::of(&string, 0..text.len(), &text);
            let part = places.of_part(&(from..from + length));
            proptest::prop_assert!(part.end <= text.len());
            proptest::prop_assert!(!places.offsets.is_empty(), "{}", text);
        }
    }
}
