//! Records as JSON objects: what a query needs of them, read as the types of the field table.
//!
//! Keys are field names, flat (`"srcgeo.countrycode"`) or nested. Fields that say the same as another that is there need
//! not be: the protocol number follows from `protocol`, single flags from `tcpflagsint`, and so on. What hangs on an address
//! and is not in the record may be told by a [`Lookup`].

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use serde_json::{Map, Value as Json};

use super::{
    literal,
    reference::Record,
    typed::{Subject, Typed},
};
use crate::flow::{
    fields::{Field, Kind, TOLD_BY_CLOUDS, TextRule, Value},
    labels,
    ports::PortLabels,
    profile::{Profile, Side},
    source::Source,
};

/// Reads records for one query.
#[derive(Debug)]
pub struct RecordReader {
    subjects: Vec<Subject>,
}

/// What is known of addresses and ports beside a record.
pub trait Lookup {
    /// What is known of an address.
    fn profile(&self, address: IpAddr) -> Arc<Profile>;

    /// The labels of ports.
    fn ports(&self) -> &PortLabels;
}

/// The values of one record that a query asks for.
#[derive(Debug)]
pub struct JsonRecord(HashMap<Subject, Vec<Owned>>);

/// Why a text is no record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Not JSON.
    #[error("not JSON: {0}")]
    Syntax(serde_json::Error),
    /// JSON, but no object.
    #[error("not a JSON object")]
    NoObject,
    /// A field that the query asks for has a value of another type.
    #[error("`{field}` is of type {expected}, and {found} is not")]
    Type {
        /// The key.
        field: String,
        /// Type of the field table.
        expected: &'static str,
        /// The value, shortened.
        found: String,
    },
}

#[derive(Clone, Debug)]
enum Owned {
    Integer(u64),
    NumberText(u64),
    Float(f64),
    Bool(bool),
    Ip(IpAddr),
    Text(String),
}

impl Owned {
    /// The values of a field or label as single ones.
    fn all(value: Value<'_>) -> Vec<Self> {
        vec![match value {
            Value::Absent => return Vec::new(),
            Value::Texts(texts) => return texts.iter().cloned().map(Self::Text).collect(),
            Value::Integer(number) => Self::Integer(number),
            Value::NumberText(number) => Self::NumberText(number),
            Value::Float(number) => Self::Float(number),
            Value::Bool(value) => Self::Bool(value),
            Value::Ip(address) => Self::Ip(address),
            Value::Mac(address) => Self::Text(literal::mac_text(address)),
            Value::Text(text) => Self::Text(text.to_owned()),
        }]
    }

    fn value(&self) -> Value<'_> {
        match self {
            Self::Integer(number) => Value::Integer(*number),
            Self::NumberText(number) => Value::NumberText(*number),
            Self::Float(number) => Value::Float(*number),
            Self::Bool(value) => Value::Bool(*value),
            Self::Ip(address) => Value::Ip(*address),
            Self::Text(text) => Value::Text(text),
        }
    }
}

impl RecordReader {
    /// A reader for what `query` asks for.
    pub fn new(query: &Typed) -> Self {
        let mut subjects = Vec::new();
        query.for_each_subject(&mut |subject| {
            if !subjects.contains(subject) {
                subjects.push(subject.clone());
            }
        });
        Self { subjects }
    }

    /// A reader for these.
    pub fn of(subjects: Vec<Subject>) -> Self {
        Self { subjects }
    }

    /// Reads one record.
    ///
    /// # Errors
    /// When the text is no JSON object, or a value that is asked for is not of its field's type.
    pub fn read(&self, text: &[u8]) -> Result<JsonRecord, RecordError> {
        self.read_with(text, None)
    }

    /// As [`Self::read`]; `lookup` tells what the record itself does not say of its addresses and ports.
    ///
    /// # Errors
    /// As those of [`Self::read`].
    pub fn read_with(
        &self,
        text: &[u8],
        lookup: Option<&dyn Lookup>,
    ) -> Result<JsonRecord, RecordError> {
        // The first line of a file may begin with a byte order mark.
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let json: Json = serde_json::from_slice(text).map_err(RecordError::Syntax)?;
        let Json::Object(object) = json else { return Err(RecordError::NoObject) };
        let mut values = HashMap::with_capacity(self.subjects.len());
        for subject in &self.subjects {
            let mut found = read_subject(&object, subject)?;
            if let Some(lookup) = lookup.filter(|_| found.is_empty()) {
                found = look_up(&object, subject, lookup);
            }
            values.insert(subject.clone(), found);
        }
        Ok(JsonRecord(values))
    }
}

impl Record for JsonRecord {
    fn any(&self, subject: &Subject, test: &mut dyn FnMut(Value<'_>) -> bool) -> bool {
        self.0.get(subject).is_some_and(|values| values.iter().any(|value| test(value.value())))
    }
}

fn read_subject(object: &Map<String, Json>, subject: &Subject) -> Result<Vec<Owned>, RecordError> {
    let field = match subject {
        Subject::Field(field) => field,
        Subject::Label(_, context) => {
            let own = read_labels(object, &subject.name())?;
            // `label.ip` does not say of which end it is: it stands for both.
            return if own.is_empty() {
                read_labels(object, &format!("label.ip.{context}"))
            } else {
                Ok(own)
            };
        }
        Subject::PortLabel(protocol) => {
            let own = read_labels(object, &subject.name())?;
            // The query may call the protocol otherwise than the record.
            let number = literal::protocol_number(protocol).filter(|_| own.is_empty());
            return number
                .map_or(Ok(own), |number| read_labels(object, &labels::port_label(number)));
        }
    };
    let mut values = Vec::new();
    for found in find(object, field.name) {
        convert(found, field, &mut values)?;
    }
    if values.is_empty() {
        derive(object, field, &mut values)?;
    }
    Ok(values)
}

/// What `lookup` says of the address or the ports that a subject is about.
fn look_up(object: &Map<String, Json>, subject: &Subject, lookup: &dyn Lookup) -> Vec<Owned> {
    let side = match subject {
        Subject::Label(side, _) => *side,
        Subject::Field(field) => match field.attribute() {
            Some((side, _)) => side,
            None => return Vec::new(),
        },
        Subject::PortLabel(protocol) => return look_up_ports(object, protocol, lookup.ports()),
    };
    let name = match side {
        Side::Source => "srcip",
        Side::Destination => "dstip",
    };
    let address = find(object, name).into_iter().find_map(|json| json.as_str()?.parse().ok());
    let Some(profile) = address.map(|address: IpAddr| lookup.profile(address)) else {
        return Vec::new();
    };
    Owned::all(match subject {
        Subject::Label(_, context) => profile.label(context),
        Subject::Field(field) => {
            field.attribute().map_or(Value::Absent, |(_, attribute)| profile.attribute(attribute))
        }
        Subject::PortLabel(_) => Value::Absent,
    })
}

fn look_up_ports(object: &Map<String, Json>, protocol: &str, ports: &PortLabels) -> Vec<Owned> {
    let wanted = literal::protocol_number(protocol);
    let told = ["protocolint", "protocol"].into_iter().find_map(|name| {
        find(object, name).into_iter().find_map(|json| literal::protocol_number(&text_of(json)?))
    });
    let Some(number) = wanted.filter(|_| wanted == told) else { return Vec::new() };
    let port =
        |name| find(object, name).into_iter().find_map(|json| u16::try_from(number_of(json)?).ok());
    let ends = ["srcport", "dstport"].into_iter().filter_map(port);
    ends.flat_map(|port| Owned::all(ports.get(number, port))).collect()
}

fn read_labels(object: &Map<String, Json>, name: &str) -> Result<Vec<Owned>, RecordError> {
    let mut values = Vec::new();
    for found in find(object, name) {
        elements(found, &mut |element| {
            let text = text_of(element).ok_or_else(|| wrong_type(name, "string[]", element))?;
            values.push(Owned::Text(text));
            Ok(())
        })?;
    }
    Ok(values)
}

/// All values under a dotted name, however its parts are nested; lists of objects are looked into.
fn find<'j>(object: &'j Map<String, Json>, name: &str) -> Vec<&'j Json> {
    let mut found: Vec<&Json> = object.get(name).into_iter().collect();
    for (dot, _) in name.match_indices('.') {
        let (head, rest) = (&name[..dot], &name[dot + 1..]);
        match object.get(head) {
            Some(Json::Object(inner)) => found.extend(find(inner, rest)),
            Some(Json::Array(elements)) => {
                let inner = elements.iter().filter_map(Json::as_object);
                found.extend(inner.flat_map(|inner| find(inner, rest)));
            }
            _ => {}
        }
    }
    found
}

/// Calls `each` for the elements of a list, or for the single value; null is none.
fn elements<'j>(
    json: &'j Json,
    each: &mut dyn FnMut(&'j Json) -> Result<(), RecordError>,
) -> Result<(), RecordError> {
    match json {
        Json::Null => Ok(()),
        Json::Array(elements) => {
            elements.iter().filter(|element| !element.is_null()).try_for_each(each)
        }
        single => each(single),
    }
}

fn convert(json: &Json, field: &Field, values: &mut Vec<Owned>) -> Result<(), RecordError> {
    elements(json, &mut |element| {
        let value = owned(element, field)
            .ok_or_else(|| wrong_type(field.name, field.kind.name(), element))?;
        values.push(value);
        Ok(())
    })
}

/// A value as the field's type; `None` when it is of another.
fn owned(json: &Json, field: &Field) -> Option<Owned> {
    match (field.kind, field.text) {
        (Kind::Unsigned(_) | Kind::Integer, _) => {
            let number = number_of(json)?;
            field.maximum().is_none_or(|maximum| number <= maximum).then_some(())?;
            Some(Owned::Integer(number))
        }
        (Kind::Float, _) => json.as_f64().map(Owned::Float),
        (Kind::Bool, _) => json.as_bool().map(Owned::Bool),
        (Kind::Ip, _) => json.as_str()?.parse().ok().map(Owned::Ip),
        (Kind::Text | Kind::TextList, TextRule::Number) => number_of(json).map(Owned::NumberText),
        (Kind::Text | Kind::TextList, TextRule::Mac) => {
            literal::mac(json.as_str()?).map(literal::mac_text).map(Owned::Text)
        }
        (Kind::Text | Kind::TextList, _) => text_of(json).map(Owned::Text),
    }
}

/// A whole number, also one in quotes.
fn number_of(json: &Json) -> Option<u64> {
    match json {
        Json::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        other => other.as_u64(),
    }
}

/// A text; numbers and truth values are taken as they are written.
fn text_of(json: &Json) -> Option<String> {
    match json {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(value) => Some(value.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

fn wrong_type(field: &str, expected: &'static str, found: &Json) -> RecordError {
    let mut found = found.to_string();
    if found.len() > 40 {
        found.truncate(found.floor_char_boundary(40));
        found.push('…');
    }
    RecordError::Type { field: field.to_owned(), expected, found }
}

/// Flags by name, and their bits (RFC 9293 section 3.1; NS as in RFC 3540).
const FLAGS: [(&str, u64); 9] = [
    ("tcpflags.fin", 0x1),
    ("tcpflags.syn", 0x2),
    ("tcpflags.rst", 0x4),
    ("tcpflags.psh", 0x8),
    ("tcpflags.ack", 0x10),
    ("tcpflags.urg", 0x20),
    ("tcpflags.ece", 0x40),
    ("tcpflags.cwr", 0x80),
    ("tcpflags.ns", 0x100),
];

/// The value of a field that is missing, from another that implies it.
fn derive(
    object: &Map<String, Json>,
    field: &Field,
    values: &mut Vec<Owned>,
) -> Result<(), RecordError> {
    let mut from = |name: &str, read: &dyn Fn(&Json) -> Option<Owned>| {
        for found in find(object, name) {
            elements(found, &mut |element| {
                values.push(
                    read(element).ok_or_else(|| wrong_type(name, field.kind.name(), element))?,
                );
                Ok(())
            })?;
        }
        Ok(())
    };
    if let Some((_, bit)) = FLAGS.iter().find(|(name, _)| *name == field.name) {
        let kind = find(object, "flowtype").into_iter().find_map(Json::as_str);
        let is_cloud = Source::ALL.iter().any(|of| of.is_cloud() && kind == Some(of.name()));
        let is_set = |json: &Json| number_of(json).is_some_and(|number| number & bit != 0);
        let flags = find(object, "tcpflagsint");
        // Of the others a flow log does not tell that no packet had them.
        if is_cloud && bit & u64::from(TOLD_BY_CLOUDS) == 0 && !flags.into_iter().any(is_set) {
            return Ok(());
        }
        return from("tcpflagsint", &|json| Some(Owned::Bool(number_of(json)? & bit != 0)));
    }
    match field.name {
        "protocolint" => from("protocol", &|json| {
            literal::protocol_number(&text_of(json)?).map(|number| Owned::Integer(number.into()))
        }),
        "bits" => from("octets", &|json| number_of(json)?.checked_mul(8).map(Owned::Integer)),
        "octets" => from("bits", &|json| Some(Owned::Integer(number_of(json)? / 8))),
        "ipversion" => from("srcip", &|json| {
            let address: IpAddr = json.as_str()?.parse().ok()?;
            Some(Owned::Integer(if address.is_ipv4() { 4 } else { 6 }))
        }),
        "tdm.name" => from("algorithm", &|json| text_of(json).map(Owned::Text)),
        "srcipname" => from("label.src.name", &|json| text_of(json).map(Owned::Text)),
        "dstipname" => from("label.dst.name", &|json| text_of(json).map(Owned::Text)),
        "srciprep.count" => count(object, "srciprep.categories", values),
        "dstiprep.count" => count(object, "dstiprep.categories", values),
        _ => Ok(()),
    }
}

fn count(
    object: &Map<String, Json>,
    list: &str,
    values: &mut Vec<Owned>,
) -> Result<(), RecordError> {
    for found in find(object, list) {
        let elements = found.as_array().map_or(1, Vec::len);
        values.push(Owned::Integer(elements as u64));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        flow::fields::RecordKind,
        nql::{Filter, Options, lists::Lists, reference},
    };

    fn matches(query: &str, record: &str) -> Result<bool, RecordError> {
        let lists = Lists::default();
        let filter = Filter::compile(query, &Options::new(&lists)).unwrap();
        let record = RecordReader::new(&filter.typed).read(record.as_bytes())?;
        Ok(reference::matches(&filter.typed, &record))
    }

    #[track_caller]
    fn check(query: &str, record: &str, expected: bool) {
        assert_eq!(matches(query, record).unwrap(), expected, "{query} on {record}");
    }

    #[test]
    fn flat_and_nested_keys() {
        for record in [
            r#"{"srcgeo.location.lat": 50.5}"#,
            r#"{"srcgeo": {"location": {"lat": 50.5}}}"#,
            r#"{"srcgeo": {"location.lat": 50.5}}"#,
            r#"{"srcgeo.location": {"lat": 50.5}}"#,
        ] {
            check("srcgeo.location.lat > 50", record, true);
        }
    }

    #[test]
    fn types() {
        check("dstport == 53", r#"{"dstport": "53"}"#, true);
        check("srcip == 10.0.0.0/8", r#"{"srcip": "10.1.2.3"}"#, true);
        check("tags == b && tags != c", r#"{"tags": ["a", "b"]}"#, true);
        check("tags == a", r#"{"tags": "a"}"#, true);
        check("icmptype == 8", r#"{"icmptype": "8"}"#, true);
        check("srcmac == 00-1b-21-aa-bb-cc", r#"{"srcmac": "00:1B:21:AA:BB:CC"}"#, true);
        check("flowbrate == 3", r#"{"flowbrate": 3}"#, true);
        check("dstport != 53", r#"{"dstport": null}"#, true);
        check("dstport < 53", "{}", false);
    }

    #[test]
    fn lists_of_objects_are_looked_into() {
        let record =
            r#"{"answers": [{"rdata": "a.example"}, {"type": "A", "rdata": ["B.example"]}]}"#;
        let lists = Lists::default();
        let options = Options { context: RecordKind::Dns, ..Options::new(&lists) };
        for (query, expected) in [
            ("answers.rdata == b.example && answers.type == a", true),
            ("answers.rdata =~ *.example", true),
            ("answers.rdata != a.example", false),
        ] {
            let filter = Filter::compile(query, &options).unwrap();
            let record = RecordReader::new(&filter.typed).read(record.as_bytes()).unwrap();
            assert_eq!(filter.matches(&record), expected, "{query}");
        }
    }

    #[test]
    fn what_follows_from_other_fields() {
        check("protocol == tcp", r#"{"protocol": "TCP"}"#, true);
        check("protocol == tcp", r#"{"protocolint": 6}"#, true);
        check("tcpflags.syn == true && tcpflags.ack == false", r#"{"tcpflagsint": 2}"#, true);
        let cloud = r#"{"flowtype": "aws", "tcpflagsint": 2}"#;
        check("tcpflags.syn == true && tcpflags.fin == false", cloud, true);
        check("tcpflags.ack == false", cloud, false);
        check("bits == 80 && octets == 10", r#"{"octets": 10}"#, true);
        check("ipversion == 6", r#"{"srcip": "::1"}"#, true);
        check("srciprep.count == 2", r#"{"srciprep": {"categories": ["a", "b"]}}"#, true);
        check("srcipname == web", r#"{"label": {"src": {"name": "web"}}}"#, true);
        check("label.src.role == web", r#"{"label.ip.role": ["web"]}"#, true);
    }

    #[test]
    fn ports_are_labelled_whatever_the_query_calls_their_protocol() {
        let record = r#"{"label.port.tcp": ["web"]}"#;
        check("label.port.tcp == web && label.port.6 == web", record, true);
        check("label.port.udp == web", record, false);
    }

    /// Knows 10.0.0.1 and port 443 of TCP.
    struct Known(PortLabels);

    impl Lookup for Known {
        fn profile(&self, address: IpAddr) -> Arc<Profile> {
            let mut profile = Profile::default();
            if address == IpAddr::from([10, 0, 0, 1]) {
                profile.labels.insert("role".to_owned(), vec!["web".to_owned()]);
                profile.internal = Some(true);
            }
            Arc::new(profile)
        }

        fn ports(&self) -> &PortLabels {
            &self.0
        }
    }

    #[test]
    fn a_context_tells_what_the_record_does_not() {
        let mut ports = PortLabels::default();
        ports.add(6, 443, "https");
        let known = Known(ports);
        let lists = Lists::default();
        let check = |query: &str, record: &str, expected: bool| {
            let filter = Filter::compile(query, &Options::new(&lists)).unwrap();
            let reader = RecordReader::new(&filter.typed);
            let record = reader.read_with(record.as_bytes(), Some(&known)).unwrap();
            assert_eq!(filter.matches(&record), expected, "{query}");
        };
        let record =
            r#"{"srcip": "10.0.0.1", "dstip": "10.0.0.2", "protocol": "tcp", "dstport": 443}"#;
        check("label.src.role == web && srcinternal == true", record, true);
        check("label.ip.role == web && label.dst.role != web", record, true);
        check("label.port.tcp == https && label.port.udp != https", record, true);
        // What the record says wins.
        check("label.src.role == web", r#"{"srcip": "10.0.0.1", "label.src.role": ["db"]}"#, false);
    }

    #[test]
    fn faulty_records_are_named() {
        let error = |record| matches("dstport == 53", record).unwrap_err().to_string();
        assert!(error("{").starts_with("not JSON"));
        assert_eq!(error("[1]"), "not a JSON object");
        for record in [r#"{"dstport": -1}"#, r#"{"dstport": 70000}"#, r#"{"dstport": {}}"#] {
            assert!(error(record).starts_with("`dstport` is of type int, and "), "{record}");
        }
        // What is not asked for does not matter.
        check("dstport == 53", r#"{"dstport": 53, "srcport": []}"#, true);
    }
}
