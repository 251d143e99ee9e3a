//! What DNS records of all clouds have in common: texts and addresses out of octets, answers, and the record that all this becomes.

use std::{borrow::Cow, net::IpAddr};

use sensor_core::{
    dns::{
        Code, DnsAnswer, DnsRecord, DnsSource,
        codes::TYPES,
        name::{self, Name},
    },
    flow::fields::DnsText,
};

use super::{
    flows::Flows,
    json::{
        counted::Counted,
        values::{self, Fault, Number, Text, object},
    },
    ledger::{Ledger, Reason},
};

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
fn address(octets: &[u8]) -> Result<Option<IpAddr>, Fault<'_>> {
    if octets.is_empty() {
        return Ok(None);
    }
    let text = std::str::from_utf8(octets).ok();
    let address = text.and_then(|text| text.parse::<IpAddr>().ok());
    address.map(|address| Some(address.to_canonical())).ok_or((Reason::Address, octets))
}

/// A name; `what` is what its member is called.
fn name<'n>(octets: &'n [u8], what: &'static str) -> Result<Name, Fault<'n>> {
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

    fn told(&self) -> DnsAnswer<'_> {
        DnsAnswer { kind: Code::text(&self.kind), class: Code::text(&self.class), data: &self.data }
    }
}

object! {
    /// A record of the answer, whatever the cloud calls its parts.
    Told<'a> {
        /// Its type.
        kind: Text<'a> = b"Type" | b"type",
        /// Its class.
        class: Text<'a> = b"Class" | b"class",
        /// Its data.
        data: Text<'a> = b"Rdata" | b"rdata" | b"RData" | b"rvalue",
    }
    beside b"TTL" | b"ttl" | b"Name" | b"domainName";
}

/// The first records of an answer.
pub fn answers<'a>(told: &'a Counted<Told<'_>>) -> Vec<Answer<'a>> {
    let answer = |told: &'a Told<'_>| {
        Answer::new(told.kind.octets(), told.class.octets(), told.data.octets())
    };
    told.iter().map(answer).collect()
}

/// Counts what is not known of an answer, called so.
pub fn count_unknown(told: &Counted<Told<'_>>, member: &str, ledger: &mut Ledger) {
    for answer in told.iter() {
        answer.unknown.count(member, ledger);
    }
}

/// What a log tells of a query and what came back.
pub struct Query<'q, const TEXTS: usize> {
    /// Which log.
    pub source: DnsSource,
    /// When it was asked.
    pub time: &'q Text<'q>,
    /// For which name, and what its member is called.
    pub name: (&'q Text<'q>, &'static str),
    /// Who asked; who was asked.
    pub ends: [&'q [u8]; 2],
    /// From which port, and what its member is called.
    pub port: Option<(&'q Number, &'static str)>,
    /// Type and class; what came back. Empty ones are not told.
    pub codes: [&'q [u8]; 3],
    /// The answer, as far as it is kept, and how many records it has.
    pub answers: (Vec<Answer<'q>>, Option<u64>),
    /// Whether whoever answered has authority.
    pub authoritative: Option<bool>,
    /// Other texts; empty ones are not told.
    pub texts: [(DnsText, Cow<'q, str>); TEXTS],
}

impl<'q, const TEXTS: usize> Query<'q, TEXTS> {
    /// Appends the record of a query; `place` says where it was observed and whose it is, once there is a record. Its source.
    ///
    /// # Errors
    /// What cannot be read.
    pub fn append(
        &self,
        flows: &mut Flows,
        place: impl FnOnce(&mut Flows) -> (u32, u32),
    ) -> Result<u32, Fault<'q>> {
        let Some(time) = values::time(self.time)? else {
            return Err((Reason::Time, self.time.octets()));
        };
        let (told, member) = self.name;
        let name = name(told.octets(), member)?;
        let [client, server] = self.ends.map(address);
        let client_port = match self.port {
            Some((port, member)) => port.get(member)?,
            None => None,
        };
        let (client, server) = (client?, server?);
        let answers: Vec<DnsAnswer<'_>> = self.answers.0.iter().map(Answer::told).collect();
        let [query_type, query_class, response_code] = self.codes.map(plain);
        let mut texts = [""; DnsText::COUNT];
        self.texts.iter().for_each(|(text, value)| texts[*text as usize] = value);
        let (point, source) = place(flows);
        flows.push_dns(&DnsRecord {
            source: self.source,
            time,
            client,
            client_port,
            server,
            name: &name,
            query_type: Code::text(&query_type),
            query_class: Code::text(&query_class),
            response_code: Code::text(&response_code),
            answer_count: self.answers.1,
            answers: &answers,
            authoritative: self.authoritative,
            texts,
            device: source,
            point,
        });
        Ok(source)
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
