//! What DNS records of all clouds have in common: texts and addresses out of octets, and answers.

use std::{borrow::Cow, net::IpAddr};

use sensor_core::dns::{
    Code, DnsAnswer,
    codes::TYPES,
    name::{self, Name},
};

use super::{json::values::Fault, ledger::Reason};

/// A text as it is shown: whatever octets it has, without control characters.
pub fn plain(octets: &[u8]) -> Cow<'_, str> {
    match String::from_utf8_lossy(octets) {
        text if !text.contains(char::is_control) => text,
        text => Cow::Owned(text.chars().filter(|character| !character.is_control()).collect()),
    }
}

/// The same in lower case.
pub fn lower(octets: &[u8]) -> Cow<'_, str> {
    match plain(octets) {
        text if !text.contains(|character: char| character.is_ascii_uppercase()) => text,
        text => Cow::Owned(text.to_ascii_lowercase()),
    }
}

/// An address that may be missing.
///
/// # Errors
/// It is none.
pub fn address(octets: &[u8]) -> Result<Option<IpAddr>, Fault<'_>> {
    if octets.is_empty() {
        return Ok(None);
    }
    let text = std::str::from_utf8(octets).ok();
    let address = text.and_then(|text| text.parse::<IpAddr>().ok());
    address.map(|address| Some(address.to_canonical())).ok_or((Reason::Address, octets))
}

/// A name; `what` is what its member is called.
///
/// # Errors
/// It is missing, or longer than any.
pub fn name<'n>(octets: &'n [u8], what: &'static str) -> Result<Name, Fault<'n>> {
    match Name::read(octets) {
        Some(name) => Ok(name),
        None if octets.is_empty() => Err((Reason::Value, what.as_bytes())),
        None => Err((Reason::TooLong, octets)),
    }
}

/// A record of an answer, with its texts.
#[derive(Debug)]
pub struct Answer<'a> {
    kind: Cow<'a, str>,
    class: Cow<'a, str>,
    data: Cow<'a, str>,
}

/// Types whose data is a name and nothing else.
const NAMES: [&str; 4] = ["CNAME", "NS", "PTR", "DNAME"];

impl<'a> Answer<'a> {
    /// Of these octets; empty ones are not told.
    pub fn new(kind: &'a [u8], class: &'a [u8], data: &'a [u8]) -> Self {
        let kind = plain(kind);
        let is_name = TYPES
            .number(&kind)
            .and_then(|number| TYPES.name(number))
            .is_some_and(|name| NAMES.contains(&name));
        let data = match is_name && !data.is_empty() {
            true => Cow::Owned(name::shown(data)),
            false => plain(data),
        };
        Self { kind, class: plain(class), data }
    }

    /// For a record.
    pub fn told(&self) -> DnsAnswer<'_> {
        DnsAnswer { kind: Code::text(&self.kind), class: Code::text(&self.class), data: &self.data }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_shown_without_what_steers_terminals() {
        assert_eq!(
            (plain(b"a b"), plain(b"a\x1b[1m\xffb")),
            ("a b".into(), "a[1m\u{fffd}b".into())
        );
        assert_eq!((lower(b"UDP"), lower(b"tcp")), ("udp".into(), "tcp".into()));
    }

    #[test]
    fn addresses_are_read_or_named() {
        assert_eq!(address(b""), Ok(None));
        assert_eq!(address(b"::ffff:10.0.0.1"), Ok(Some([10, 0, 0, 1].into())));
        assert_eq!(address(b"2001:db8::1").map(|found| found.map(|a| a.is_ipv6())), Ok(Some(true)));
        assert_eq!(address(b"10.0.0"), Err((Reason::Address, &b"10.0.0"[..])));
        assert_eq!(address(b"\xff"), Err((Reason::Address, &b"\xff"[..])));
    }

    #[test]
    fn the_data_of_an_answer_that_is_a_name_has_the_form_of_names() {
        for (kind, data, expected) in [
            ("cname", "CDN.Example.net.", "cdn.example.net"),
            ("5", "CDN.Example.net.", "cdn.example.net"),
            ("NS", ".", "."),
            ("MX", "10 Mail.example.net.", "10 Mail.example.net."),
            ("TXT", "\"v=spf1 -ALL\"", "\"v=spf1 -ALL\""),
            ("A", "192.0.2.1", "192.0.2.1"),
            ("", "x.", "x."),
            ("CNAME", "", ""),
        ] {
            let answer = Answer::new(kind.as_bytes(), b"IN", data.as_bytes());
            assert_eq!(answer.told().data, expected, "{kind}");
        }
        assert_eq!(Answer::new(b"", b"", b"").told().kind, Code::Absent);
    }
}
