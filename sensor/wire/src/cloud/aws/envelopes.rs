//! What CloudWatch, Kinesis and Firehose put around lines: subscriptions and listings of CloudWatch (`logEvents`, `events`), what
//! Lambda gets of Kinesis (`Records`) and of CloudWatch (`awslogs`), requests of Firehose (`records`), and objects with one `message`.
//! Whatever is in base64, or gzip, or a message itself, is looked into. A record may also be an object of its own, see `members`
//! for flows and [`query`] for DNS queries.
//!
//! Every line, and every such object, is a record of the ledger.

use std::{io::Read, sync::Arc};

use super::{
    layout::Layout,
    members::{ARRAYS, Members, Names},
    object::ObjectName,
    query,
    reader::Reader,
    record::{self, Outcome},
};
use crate::cloud::{
    flows::Flows,
    json::{
        base64,
        cutter::{Cutter, Value},
        log::Records,
        values::{self, Text, object},
    },
    ledger::Reason,
    lines::{Line, Lines},
    text::first,
};

/// How deep messages may lie in others: Firehose, Kinesis, CloudWatch, and a line that is an object.
const DEEPEST: u8 = 4;
/// Octets that are decompressed at once.
const PIECE: usize = 64 << 10;

object! {
    /// What stands around messages.
    Shell<'a> {
        /// `DATA_MESSAGE`, `CONTROL_MESSAGE`.
        kind: Text<'a> = b"messageType",
        /// Account.
        owner: Text<'a> = b"owner",
        /// Log.
        group: Text<'a> = b"logGroup",
        /// Part of the log.
        stream: Text<'a> = b"logStream",
    }
}

/// Messages of one object.
pub struct Envelopes {
    reader: Reader,
    layout: Option<Layout>,
    names: Names,
    /// CloudWatch tests the way: no messages.
    is_control: bool,
    depth: u8,
    /// Records so far.
    count: u64,
}

/// Members by which objects of AWS are known, all of a row.
const MARKS: &[&[&str]] = &[
    &["messagetype", "logevents"],
    &["logstreamname", "message"],
    &["kinesis", "data"],
    &["awslogs", "data"],
    &["requestid", "records", "data"],
    &["srcaddr", "dstaddr"],
    // Security Lake.
    &["classuid", "srcendpoint"],
];

/// Whether JSON that begins with `octets` is one of these.
pub fn is_one(octets: &[u8]) -> bool {
    // Names as text, without what their spellings differ in.
    let is_plain = |octet: &u8| !matches!(octet, b'-' | b'_' | b' ' | b'\t' | b'\r' | b'\n');
    let plain: Vec<u8> =
        octets.iter().copied().filter(is_plain).map(|octet| octet.to_ascii_lowercase()).collect();
    let has = |name: &str| {
        let quoted = format!("\"{name}\":");
        plain.windows(quoted.len()).any(|window| window == quoted.as_bytes())
    };
    // A message that is a line begins with its version, or a value.
    let is_line = |message: &[u8]| message.iter().take(2).any(u8::is_ascii_digit);
    let mark = b"\"message\":\"";
    let mut messages = plain.windows(mark.len() + 2).filter(|window| window.starts_with(mark));
    MARKS.iter().any(|names| names.iter().all(|name| has(name)))
        || plain.starts_with(b"{\"message\":\"")
            && messages.any(|window| is_line(&window[mark.len()..]))
}

impl Envelopes {
    /// Those of the object `object`, whose lines have this layout unless that follows from them.
    pub fn new(object: Arc<str>, layout: Option<Layout>) -> Self {
        Self {
            reader: Reader::new(object, layout.clone()),
            layout,
            names: Names::default(),
            is_control: false,
            depth: 0,
            count: 0,
        }
    }

    /// Messages of another log follow.
    fn open(&mut self, shell: &[u8], flows: &mut Flows) {
        let shell: Shell<'_> = values::read(shell).unwrap_or_default();
        let mut name = ObjectName::of(&self.reader.object);
        let text = |text: &Text<'_>| String::from_utf8_lossy(text.octets()).into_owned();
        if !shell.owner.is_empty() {
            name.account = text(&shell.owner);
        }
        let log = shell.group.or(&shell.stream);
        if !log.is_empty() {
            name.log = text(log);
        }
        self.is_control = shell.kind.is("CONTROL_MESSAGE");
        self.reader.turn_to(name, self.layout.clone(), flows);
    }

    fn message(&mut self, message: &[u8], flows: &mut Flows) {
        let message = message.trim_ascii();
        match message.first() {
            Some(b'{') => self.within(flows, |own, flows| own.object(message, flows)),
            _ => {
                self.count += 1;
                self.reader.line(self.count, Line::Whole(message), flows);
            }
        }
    }

    /// An object that is a message, or stands around one, or is a record.
    fn object(&mut self, octets: &[u8], flows: &mut Flows) {
        let members = match Members::read(octets, &mut self.names) {
            Ok(members) => members,
            // Names may have octets that are no text.
            Err(_) if query::is_record(octets) => return self.query(octets, flows),
            Err(error) => {
                self.count += 1;
                return self.reader.error(
                    Reason::Syntax,
                    self.count,
                    error.to_string().as_bytes(),
                    flows,
                );
            }
        };
        if self.is_control {
            let source = self.reader.source(flows);
            flows.ledger(source).headings += 1;
        } else if members.is_shell {
            // In an array with others: what it stands around has not been cut yet.
            self.within(flows, |own, flows| own.stream(&mut &octets[..], flows));
        } else if members.is_query {
            self.query(octets, flows);
        } else if let Some(message) = &members.message {
            self.message(message, flows);
        } else if let Some(data) = &members.data {
            self.within(flows, |own, flows| own.data(data, flows));
        } else {
            self.record(&members, flows);
        }
    }

    /// Octets as base64.
    fn data(&mut self, text: &[u8], flows: &mut Flows) {
        let mut octets = Vec::new();
        if !base64::decode(text, &mut octets) {
            self.count += 1;
            return self.reader.error(Reason::Syntax, self.count, b"data is no base64", flows);
        }
        if !octets.starts_with(&[0x1f, 0x8b]) {
            return self.stream(&mut &octets[..], flows);
        }
        self.stream(&mut flate2::bufread::MultiGzDecoder::new(&octets[..]), flows);
    }

    /// Octets that are envelopes, objects or lines themselves.
    fn stream(&mut self, from: &mut dyn Read, flows: &mut Flows) {
        let mut piece = vec![0; PIECE];
        let (mut cutter, mut lines) = (Cutter::new(ARRAYS, Self::LEVELS), Lines::default());
        let mut is_json = None;
        loop {
            let length = match from.read(&mut piece) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    self.count += 1;
                    let what = format!("data is no gzip: {error}");
                    self.reader.error(Reason::Syntax, self.count, what.as_bytes(), flows);
                    break;
                }
            };
            let octets = &piece[..length];
            if *is_json.get_or_insert_with(|| matches!(first(octets), Some(b'{' | b'['))) {
                cutter.feed(octets, |number, value| self.value(number, value, flows));
            } else {
                lines.feed(octets, |_, line| self.line(line, flows));
            }
        }
        cutter.finish(|number, value| self.value(number, value, flows));
        lines.finish(|_, line| self.line(line, flows));
    }

    fn line(&mut self, line: Line<'_>, flows: &mut Flows) {
        self.count += 1;
        self.reader.line(self.count, line, flows);
    }

    /// Goes one deeper, unless that is too deep.
    fn within(&mut self, flows: &mut Flows, read: impl FnOnce(&mut Self, &mut Flows)) {
        if self.depth == DEEPEST {
            self.count += 1;
            return self.reader.error(
                Reason::Syntax,
                self.count,
                b"messages in messages in messages",
                flows,
            );
        }
        self.depth += 1;
        read(self, flows);
        self.depth -= 1;
    }

    fn query(&mut self, octets: &[u8], flows: &mut Flows) {
        self.count += 1;
        flows.begin();
        if let Err((reason, what)) = query::read(octets, self.reader.own(), flows) {
            self.reader.error(reason, self.count, &what, flows);
        }
    }

    fn record(&mut self, members: &Members<'_>, flows: &mut Flows) {
        self.count += 1;
        flows.begin();
        let others: Vec<(&str, &[u8])> = members
            .others
            .iter()
            .map(|(number, value)| (self.names.unknown(*number), &**value))
            .collect();
        let outcome = record::told(true, &members, &others, self.reader.own(), flows);
        let source = match outcome {
            Outcome::Flow(source) => {
                flows.end(source);
                source
            }
            Outcome::Window(source, window) => {
                flows.ledger(source).window(window);
                source
            }
            Outcome::Error(reason, what) => {
                self.reader.error(reason, self.count, &what.octets(), flows);
                self.reader.source(flows)
            }
        };
        for (name, _) in others {
            flows.ledger(source).unknown(name, 1);
        }
    }
}

impl Records for Envelopes {
    const ARRAYS: &'static [&'static str] = ARRAYS;

    fn value(&mut self, _: u64, value: Value<'_>, flows: &mut Flows) {
        match value {
            Value::Opened(shell) => self.open(shell, flows),
            Value::Closed(_) => self.open(b"{}", flows),
            Value::Whole(octets) => self.object(octets, flows),
            fault => {
                let (reason, what) = fault.fault().unwrap_or((Reason::Syntax, b""));
                self.count += 1;
                self.reader.error(reason, self.count, what, flows);
            }
        }
    }

    fn finish(&mut self, flows: &mut Flows) {
        self.reader.tell_unknown(flows);
    }
}
