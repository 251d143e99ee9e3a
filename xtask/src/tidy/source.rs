//! Rust text with what is not code taken out, line numbers kept.

use std::ops::Range;

/// The text with comments, strings and character literals blanked. Every line keeps its number and its length in
/// bytes, so that a position found here is valid in the original.
pub fn code_only(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let skipped = not_code(bytes, at);
        let end = skipped.unwrap_or(at + 1);
        for &byte in &bytes[at..end] {
            code.push(if skipped.is_some() && byte != b'\n' { b' ' } else { byte });
        }
        at = end;
    }
    // Literals and comments are blanked whole, so what is left are whole characters.
    String::from_utf8_lossy(&code).into_owned()
}

/// `text` without its test modules (`#[cfg(test)] mod name { ... }`), found in `code`, its [`code_only`] form.
pub fn without_tests(code: &str, text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut from = 0;
    for range in test_modules(code) {
        kept.push_str(&text[from..range.start]);
        from = range.end;
    }
    kept.push_str(&text[from..]);
    kept
}

/// Blanks the test modules instead of taking them out, so that line numbers stay.
pub fn blank_tests(code: &str) -> String {
    let mut blanked = code.to_owned();
    for range in test_modules(code) {
        let blank: String =
            code[range.clone()].chars().map(|c| if c == '\n' { c } else { ' ' }).collect();
        blanked.replace_range(range.start..range.end, &blank);
    }
    blanked
}

/// Where the comment or literal that starts at `at` ends; nothing where code goes on.
fn not_code(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = &bytes[at..];
    let after_word = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
    match rest {
        [b'/', b'/', ..] => Some(at + find(rest, b"\n").unwrap_or(rest.len())),
        [b'/', b'*', ..] => Some(at + block_comment(rest)),
        [b'"', ..] => Some(at + quoted(rest, b'"')),
        [b'r', b'"' | b'#', ..] if !after_word || bytes[at - 1] == b'b' => {
            raw(rest).map(|n| at + n)
        }
        [b'\'', b'\\', ..] => Some(at + quoted(rest, b'\'')),
        [b'\'', ..] => character(rest).map(|length| at + length),
        _ => None,
    }
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}

/// Length of a block comment, which may hold others.
fn block_comment(bytes: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < bytes.len() {
        match &bytes[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// Length of a literal with escapes, quotes included.
fn quoted(bytes: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Length of a raw string; nothing for a raw identifier.
fn raw(bytes: &[u8]) -> Option<usize> {
    let hashes = bytes[1..].iter().take_while(|&&byte| byte == b'#').count();
    if bytes.get(1 + hashes) != Some(&b'"') {
        return None;
    }
    let close = [b"\"".as_slice(), &vec![b'#'; hashes]].concat();
    let body = 2 + hashes;
    Some(find(&bytes[body..], &close).map_or(bytes.len(), |end| body + end + close.len()))
}

/// Length of a character literal without an escape; nothing for a lifetime.
fn character(bytes: &[u8]) -> Option<usize> {
    let width = match bytes.get(1)? {
        0..0x80 => 1,
        0x80..0xe0 => 2,
        0xe0..0xf0 => 3,
        _ => 4,
    };
    (bytes.get(1 + width) == Some(&b'\'')).then_some(2 + width)
}

/// Byte ranges of the test modules, from the attribute to the closing brace and its line end.
fn test_modules(code: &str) -> Vec<Range<usize>> {
    const ATTRIBUTE: &str = "#[cfg(test)]";
    let mut ranges = Vec::new();
    let mut from = 0;
    while let Some(found) = code[from..].find(ATTRIBUTE) {
        let start = from + found;
        from = start + ATTRIBUTE.len();
        let body = code[from..].trim_start();
        let Some(open) = code[from..].find('{').filter(|_| body.starts_with("mod ")) else {
            continue;
        };
        if code[from..from + open].contains(';') {
            continue;
        }
        let end = from + open + braces(&code[from + open..]);
        let end = end + usize::from(code[end..].starts_with('\n'));
        ranges.push(start..end);
        from = end;
    }
    ranges
}

/// Length of a block from its opening brace to its closing one.
fn braces(code: &str) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if depth == 0 {
            return at + 1;
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(code_only(text), expected);
    }

    #[test]
    fn comments_are_blanked() {
        check("a // b\nc", "a     \nc");
        check("a /* b /* c */ d */ e", "a                   e");
        check("a /* b\n c */ d", "a     \n      d");
    }

    #[test]
    fn literals_are_blanked_and_lifetimes_kept() {
        check(r#"f("a \" b") + g"#, "f(        ) + g");
        check("r#\"a \" b\"# + c", "           + c");
        check("br\"a\" + c", "b     + c");
        check("('{', '\\'', 'é')", "(   ,     ,     )");
        check("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)");
        check("r#type + 1", "r#type + 1");
    }

    #[test]
    fn an_unclosed_literal_ends_with_the_text() {
        check("a \"b", "a   ");
        check("a /* b", "a     ");
        check("a r#\"b", "a     ");
        check("a '\\", "a   ");
        check("a '", "a '");
    }

    #[test]
    fn test_modules_are_taken_out() {
        let text = "a\n#[cfg(test)]\nmod tests {\n    fn f() { '}'; }\n}\nb\n";
        assert_eq!(without_tests(&code_only(text), text), "a\nb\n");
        let declared = "#[cfg(test)]\nmod tests;\nfn f() {}\n";
        assert_eq!(without_tests(declared, declared), declared);
        assert_eq!(blank_tests(&code_only(text)).lines().count(), text.lines().count());
        assert!(!blank_tests(&code_only(text)).contains("mod tests"));
    }
}
