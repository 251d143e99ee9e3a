//! What an object holds, by its first octets, which may end anywhere; and by its name.

use super::base64;

/// Whether this may be JSON, or a fragment of it.
pub fn is_json(octets: &[u8]) -> bool {
    let text = octets.strip_prefix(b"\xef\xbb\xbf").unwrap_or(octets);
    let begin = text.iter().find(|octet| !matches!(octet, b' ' | b'\t' | b'\r' | b'\n' | b','));
    matches!(begin, Some(b'{' | b'['))
}

/// Whether `needle` is in there.
pub fn has(octets: &[u8], needle: &[u8]) -> bool {
    octets.windows(needle.len()).any(|window| window == needle)
}

/// Whether an object that begins with `octets` is JSON and has one of these names in quotes, in any case.
pub fn names(octets: &[u8], names: &[&str]) -> bool {
    let is_there = |name: &&str| {
        let quoted = [b"\"", name.as_bytes(), b"\""].concat();
        octets.windows(quoted.len()).any(|window| window.eq_ignore_ascii_case(&quoted))
    };
    is_json(octets) && names.iter().any(is_there)
}

/// The strings that are values of the member `key`, which stands in its quotes. One that goes on behind `octets` is told as far as
/// it is there.
pub fn texts<'o>(octets: &'o [u8], key: &'o [u8]) -> impl Iterator<Item = &'o [u8]> {
    let starts = octets.windows(key.len()).enumerate().filter(move |(_, window)| *window == key);
    starts.filter_map(move |(at, _)| {
        let value = octets[at + key.len()..].trim_ascii_start().strip_prefix(b":")?;
        let text = value.trim_ascii_start().strip_prefix(b"\"")?;
        text.split(|octet| *octet == b'"').next()
    })
}

/// Whether an object that begins with `octets` is JSON and has `needle`, as it is or in base64 as a member `key`.
pub fn tells(octets: &[u8], needle: &[u8], key: &[u8]) -> bool {
    let tells_in_message = |text: &[u8]| {
        let mut inner = Vec::new();
        // The last characters may be cut off.
        base64::decode(&text[..text.len() / 4 * 4], &mut inner) && has(&inner, needle)
    };
    is_json(octets) && (has(octets, needle) || texts(octets, key).any(tells_in_message))
}

/// The name of the first member of an object, as it is written; empty where there is none.
pub fn first_name(octets: &[u8]) -> &[u8] {
    octets.split(|octet| *octet == b'"').nth(1).unwrap_or_default()
}

/// What an object is called, without its folders and what its compression added.
pub fn name(object: &str) -> &str {
    let name = object.rsplit('/').next().unwrap_or(object);
    [".gz", ".zst"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_told_from_other_text() {
        for (text, is) in [
            ("{", true),
            ("\u{feff} \r\n[{", true),
            (",\n{\"a\"", true),
            ("", false),
            ("\u{feff}", false),
            ("version account-id", false),
            ("\"a\"", false),
        ] {
            assert_eq!(is_json(text.as_bytes()), is, "{text}");
        }
    }

    #[test]
    fn strings_of_a_member_are_found_as_far_as_they_are_there() {
        let octets = br#"{"data": "one", "x":{"data" :"two"},"data":3,"data":"cut o"#;
        let found: Vec<_> = texts(octets, b"\"data\"").collect();
        assert_eq!(found, [&b"one"[..], b"two", b"cut o"]);
        let message = format!("{{\"data\": \"{}\"}}", base64::encode(br#"{"logName": "x"}"#));
        for (octets, expected) in [
            (&message[..], true),
            (&message[..message.len() - 4], true),
            (&message[..20], false),
            (r#"{"logName": "y"}"#, false),
            (r#"{"logName": "x"}"#, true),
            (r#""logName": "x"}"#, false),
        ] {
            assert_eq!(tells(octets.as_bytes(), b"\"x\"", b"\"data\""), expected, "{octets}");
        }
        assert!(has(octets, b"cut") && !has(octets, b"four") && !has(b"", b"x"));
        assert_eq!((name("a/b.json.gz"), name("c.zst"), name("-")), ("b.json", "c", "-"));
    }
}
