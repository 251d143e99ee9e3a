//! Names in one form, and their parts.
//!
//! A name is kept as RFC 1035 writes it (section 5.1), without the dot at its end and with ASCII letters in lower case: resolvers mix
//! upper and lower case so that answers cannot be forged, and no server tells them apart. An octet that is no text, or a control character, is
//! `\DDD`, its number in decimal. Escapes that are there already stay as they are, since logs disagree whether their digits are
//! decimal or octal; a dot within an escape ends no label.
//!
//! The public suffix follows from the public suffix list that the crate `psl` carries, private part included: `github.io` is one.
//! Where the list has none, it is the last label, as the list's own rules say.

use std::fmt::Write as _;

use super::complexity;

/// Octets of the longest name that is one: those of a name of 255 octets on the wire with every octet escaped.
pub const LONGEST: usize = 1020;

/// A name, cut into its parts.
#[derive(Clone, Debug, PartialEq)]
pub struct Name {
    text: String,
    parts: Parts,
}

/// Where the parts of a name begin.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Parts {
    /// The domain; none of a name that is a public suffix itself.
    domain: Option<u16>,
    /// The public suffix; none of the root.
    suffix: Option<u16>,
    /// The last label.
    top: Option<u16>,
    /// How many labels there are.
    pub depth: u16,
    /// The score.
    pub complexity: Option<f64>,
}

impl Name {
    /// The name that `octets` write; none where they are none, or more than any name has.
    pub fn read(octets: &[u8]) -> Option<Self> {
        if octets.is_empty() || octets.len() > LONGEST {
            return None;
        }
        let mut text = plain(octets);
        if text.len() > 1 && ends_with_dot(&text) {
            text.pop();
        }
        // Escapes may have made it longer.
        if text.len() > 4 * LONGEST {
            return None;
        }
        let parts = Parts::of(&text);
        Some(Self { text, parts })
    }

    /// All of it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where its parts are.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }
}

/// The data of an answer that is a name, in the form of names without the dot at the end.
pub fn shown(octets: &[u8]) -> String {
    Name::read(octets)
        .map_or_else(|| String::from_utf8_lossy(octets).into_owned(), |name| name.text)
}

/// In lower case, with what is no text escaped.
fn plain(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len());
    let escape = |text: &mut String, octet: u8| {
        // Writing to a string cannot fail.
        let _ = write!(text, "\\{octet:03}");
    };
    for chunk in octets.utf8_chunks() {
        for character in chunk.valid().chars() {
            match u8::try_from(character) {
                Ok(octet) if octet.is_ascii_control() => escape(&mut text, octet),
                // Controls beyond ASCII steer terminals as well.
                _ if character.is_control() => {
                    let mut octets = [0; 4];
                    let octets = character.encode_utf8(&mut octets).bytes();
                    octets.for_each(|octet| escape(&mut text, octet));
                }
                _ => text.push(character.to_ascii_lowercase()),
            }
        }
        chunk.invalid().iter().for_each(|octet| escape(&mut text, *octet));
    }
    text
}

fn ends_with_dot(text: &str) -> bool {
    label_starts(text).last().is_some_and(|start| start == text.len())
}

/// Where labels begin; behind a dot at the end as well.
fn label_starts(text: &str) -> impl Iterator<Item = usize> {
    let octets = text.as_bytes();
    let mut at = 0;
    let next = move || {
        while let Some(octet) = octets.get(at) {
            match octet {
                b'\\' if octets.get(at + 1).is_some_and(u8::is_ascii_digit) => at += 4,
                b'\\' => at += 2,
                b'.' => {
                    at += 1;
                    return Some(at);
                }
                _ => at += 1,
            }
        }
        None
    };
    std::iter::once(0).chain(std::iter::from_fn(next))
}

impl Parts {
    fn of(text: &str) -> Self {
        if text == "." {
            return Self::default();
        }
        let starts: Vec<usize> = label_starts(text).collect();
        let end = |at: usize| starts.get(at + 1).map_or(text.len(), |next| next - 1);
        let has_label = |at: usize| end(at) > starts[at];
        let depth = (0..starts.len()).filter(|at| has_label(*at)).count() as u16;
        let last = starts.len() - 1;
        if !has_label(last) {
            // A name with nothing behind its last dot is none that anybody registers.
            let complexity = complexity::score(text);
            return Self { depth, complexity, ..Self::default() };
        }
        let listed =
            psl::suffix(text.as_bytes()).map(|suffix| text.len() - suffix.as_bytes().len());
        // The list knows no escapes, and takes any dot for one.
        let suffix = listed.and_then(|start| starts.binary_search(&start).ok()).unwrap_or(last);
        let domain = suffix.checked_sub(1).filter(|at| has_label(*at));
        let before = &text[..starts[suffix].saturating_sub(1)];
        let place = |at: usize| starts[at] as u16;
        Self {
            domain: domain.map(place),
            suffix: Some(place(suffix)),
            top: Some(place(last)),
            depth,
            complexity: complexity::score(before),
        }
    }

    /// What stands before the domain of the name that these are parts of.
    pub fn host<'n>(&self, name: &'n str) -> Option<&'n str> {
        let end = usize::from(self.domain?).checked_sub(1)?;
        name.get(..end).filter(|host| !host.is_empty())
    }

    /// The public suffix and the label before it.
    pub fn domain<'n>(&self, name: &'n str) -> Option<&'n str> {
        name.get(self.domain?.into()..)
    }

    /// The last label.
    pub fn top_level<'n>(&self, name: &'n str) -> Option<&'n str> {
        name.get(self.top?.into()..)
    }

    /// The public suffix.
    pub fn public_suffix<'n>(&self, name: &'n str) -> Option<&'n str> {
        name.get(self.suffix?.into()..)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Name, host, domain, public suffix, last label, depth; empty for none.
    fn parts(octets: &[u8]) -> Option<(String, [String; 4], u16)> {
        let name = Name::read(octets)?;
        let (text, parts) = (name.text(), name.parts());
        let all = [
            parts.host(text),
            parts.domain(text),
            parts.public_suffix(text),
            parts.top_level(text),
        ];
        Some((text.to_owned(), all.map(|part| part.unwrap_or_default().to_owned()), parts.depth))
    }

    #[test]
    fn names_are_cut_at_their_public_suffix() {
        for (name, text, expected, depth) in [
            ("WwW.Example.CO.uk.", "www.example.co.uk", ["www", "example.co.uk", "co.uk", "uk"], 4),
            ("example.com", "example.com", ["", "example.com", "com", "com"], 2),
            ("a.b.c.example.com.", "a.b.c.example.com", ["a.b.c", "example.com", "com", "com"], 5),
            ("co.uk.", "co.uk", ["", "", "co.uk", "uk"], 2),
            ("pages.github.io", "pages.github.io", ["", "pages.github.io", "github.io", "io"], 3),
            (
                "ip-10-0-0-1.ec2.internal.",
                "ip-10-0-0-1.ec2.internal",
                ["ip-10-0-0-1", "ec2.internal", "internal", "internal"],
                3,
            ),
            ("localhost", "localhost", ["", "", "localhost", "localhost"], 1),
            (
                "1.2.0.192.in-addr.arpa.",
                "1.2.0.192.in-addr.arpa",
                ["1.2.0", "192.in-addr.arpa", "in-addr.arpa", "arpa"],
                6,
            ),
            ("foo.bar.ck", "foo.bar.ck", ["", "foo.bar.ck", "bar.ck", "ck"], 3),
            ("www.ck", "www.ck", ["", "www.ck", "ck", "ck"], 2),
            (
                "xn--bcher-kva.example.xn--p1ai",
                "xn--bcher-kva.example.xn--p1ai",
                ["xn--bcher-kva", "example.xn--p1ai", "xn--p1ai", "xn--p1ai"],
                3,
            ),
            (
                "_ldap._tcp.dc._msdcs.corp.example.com",
                "_ldap._tcp.dc._msdcs.corp.example.com",
                ["_ldap._tcp.dc._msdcs.corp", "example.com", "com", "com"],
                7,
            ),
        ] {
            let expected = (text.to_owned(), expected.map(str::to_owned), depth);
            assert_eq!(parts(name.as_bytes()), Some(expected), "{name}");
        }
    }

    #[test]
    fn what_is_hardly_a_name_has_fewer_parts() {
        for (octets, text, expected, depth) in [
            (&b"."[..], ".", ["", "", "", ""], 0),
            (b"a..", "a.", ["", "", "", ""], 1),
            (b"..", ".", ["", "", "", ""], 0),
            (b"a..com", "a..com", ["", "", "com", "com"], 2),
            (b".com", ".com", ["", "", "com", "com"], 1),
        ] {
            let expected = (text.to_owned(), expected.map(str::to_owned), depth);
            assert_eq!(parts(octets), Some(expected), "{text}");
        }
        assert_eq!(parts(b""), None);
        assert_eq!(parts(&[b'a'; LONGEST + 1]), None);
        assert!(parts(&[b'a'; LONGEST]).is_some());
    }

    #[test]
    fn escapes_end_no_label_and_what_is_no_text_becomes_one() {
        for (octets, text, expected, depth) in [
            // A dot in the name of a mailbox.
            (
                &br"first\.last.example.com."[..],
                r"first\.last.example.com",
                [r"first\.last", "example.com", "com", "com"],
                3,
            ),
            (br"x\.y.com", r"x\.y.com", ["", r"x\.y.com", "com", "com"], 2),
            (br"\052.example.com.", r"\052.example.com", [r"\052", "example.com", "com", "com"], 3),
            (br"a\046com", r"a\046com", ["", "", r"a\046com", r"a\046com"], 1),
            // The dot at the end is escaped, and part of the label.
            (br"a\.", r"a\.", ["", "", r"a\.", r"a\."], 1),
            (
                b"\xff\x00.Example.com",
                r"\255\000.example.com",
                [r"\255\000", "example.com", "com", "com"],
                3,
            ),
            (
                "bücher.EXAMPLE.de".as_bytes(),
                "bücher.example.de",
                ["bücher", "example.de", "de", "de"],
                3,
            ),
            ("a\u{85}.com".as_bytes(), r"a\194\133.com", ["", r"a\194\133.com", "com", "com"], 2),
            // An escape of which nothing follows.
            (br"com\", r"com\", ["", "", r"com\", r"com\"], 1),
        ] {
            let expected = (text.to_owned(), expected.map(str::to_owned), depth);
            assert_eq!(parts(octets), Some(expected), "{text}");
        }
    }

    #[test]
    fn the_score_leaves_out_what_nobody_chooses() {
        let of = |name: &str| Name::read(name.as_bytes()).and_then(|name| name.parts().complexity);
        assert_eq!(of("abcd.co.uk"), Some(2.0));
        assert_eq!(of("ab.cd.com"), Some(2.0));
        assert_eq!((of("co.uk"), of(".")), (None, None));
    }

    proptest! {
        #[test]
        fn any_octets_are_a_name_whose_parts_make_it_up(octets in proptest::collection::vec(
            prop_oneof![Just(b'.'), Just(b'\\'), Just(b'0'), any::<u8>()], 0..60,
        )) {
            if let Some(name) = Name::read(&octets) {
                let (text, parts) = (name.text(), name.parts());
                prop_assert!(!text.chars().any(char::is_control));
                prop_assert!(!text.bytes().any(|octet| octet.is_ascii_uppercase()));
                // What was read reads as the same.
                if text.len() <= LONGEST && !ends_with_dot(text) {
                    let again = Name::read(text.as_bytes());
                    prop_assert_eq!(again.as_ref(), Some(&name));
                }
                if let (Some(host), Some(domain)) = (parts.host(text), parts.domain(text)) {
                    prop_assert_eq!(format!("{host}.{domain}"), text);
                }
                if let (Some(domain), Some(suffix)) = (parts.domain(text), parts.public_suffix(text)) {
                    let ending = format!(".{suffix}");
                    prop_assert!(domain.ends_with(&ending));
                }
            } else {
                prop_assert!(octets.is_empty());
            }
        }
    }
}
