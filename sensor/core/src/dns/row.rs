//! One DNS record of a batch, and its fields.

use super::{
    batch::{Answer, DnsBatch},
    name::Parts,
};
use crate::flow::fields::{DnsReading, Field, Kind, Reading, RecordKind, Value};

/// A row of a batch.
#[derive(Clone, Copy, Debug)]
pub struct DnsRow<'a> {
    /// The batch.
    pub batch: &'a DnsBatch,
    /// Row number, below `batch.len()`.
    pub row: usize,
}

impl DnsBatch {
    /// The row with this number, which must be below [`Self::len`].
    pub fn row(&self, row: usize) -> DnsRow<'_> {
        DnsRow { batch: self, row }
    }

    /// All rows.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = DnsRow<'_>> {
        (0..self.len()).map(|row| self.row(row))
    }
}

impl<'a> DnsRow<'a> {
    /// Calls `each` for every value of a field of the `dns` context: none where it is absent, several of a list.
    pub fn each(self, field: &Field, each: &mut dyn FnMut(Value<'a>)) {
        let Reading::Dns(reading) = field.reading else { return };
        match field.kind {
            Kind::TextList => {
                for answer in self.answers() {
                    each(Value::text(self.of_answer(answer, reading)));
                }
            }
            _ => each(self.value(reading)),
        }
    }

    /// The records of the answer, as far as they are kept: type, class and data.
    pub fn answer_texts(self) -> impl ExactSizeIterator<Item = [Option<&'a str>; 3]> {
        self.answers().iter().map(move |answer| {
            [DnsReading::AnswerTypes, DnsReading::AnswerClasses, DnsReading::AnswerData]
                .map(|reading| self.of_answer(answer, reading))
        })
    }

    fn answers(self) -> &'a [Answer] {
        let (first, end) = self.batch.columns.answers[self.row];
        &self.batch.answers[first as usize..end as usize]
    }

    fn of_answer(self, answer: &Answer, reading: DnsReading) -> Option<&'a str> {
        match reading {
            DnsReading::AnswerTypes => self.batch.code_at(answer.kind),
            DnsReading::AnswerClasses => self.batch.code_at(answer.class),
            _ => self.batch.at(answer.data),
        }
    }

    /// The value of a field that has one.
    pub fn value(self, reading: DnsReading) -> Value<'a> {
        let Self { batch, row } = self;
        let columns = &batch.columns;
        let part = |of: fn(&Parts, &'a str) -> Option<&'a str>| {
            Value::text(batch.at(columns.name[row]).and_then(|name| of(&columns.parts[row], name)))
        };
        let code = |code| Value::text(batch.code_at(code));
        match reading {
            DnsReading::Time => Value::Integer(columns.time[row] / 1000),
            DnsReading::Milliseconds => Value::Integer(columns.time[row]),
            DnsReading::Text(text) => Value::text(batch.at(columns.texts[row][text as usize])),
            DnsReading::Client => columns.client[row].map_or(Value::Absent, Value::Ip),
            DnsReading::ClientPort => {
                columns.client_port[row].map_or(Value::Absent, |port| Value::Integer(port.into()))
            }
            DnsReading::Server => columns.server[row].map_or(Value::Absent, Value::Ip),
            DnsReading::Name => Value::text(batch.at(columns.name[row])),
            DnsReading::Host => part(Parts::host),
            DnsReading::Domain => part(Parts::domain),
            DnsReading::TopLevel => part(Parts::top_level),
            DnsReading::PublicSuffix => part(Parts::public_suffix),
            DnsReading::Depth => Value::Integer(columns.parts[row].depth.into()),
            DnsReading::Complexity => {
                columns.parts[row].complexity.map_or(Value::Absent, Value::Float)
            }
            DnsReading::Type => code(columns.query_type[row]),
            DnsReading::Class => code(columns.query_class[row]),
            DnsReading::ResponseCode => code(columns.response_code[row]),
            DnsReading::AnswerCount => {
                columns.answer_count[row].map_or(Value::Absent, Value::Integer)
            }
            DnsReading::AnswerTypes | DnsReading::AnswerData | DnsReading::AnswerClasses => {
                let first = self.answers().first();
                Value::text(first.and_then(|answer| self.of_answer(answer, reading)))
            }
            DnsReading::Authoritative => {
                columns.authoritative[row].map_or(Value::Absent, Value::Bool)
            }
            DnsReading::Message => Value::Text(match columns.answer_count[row] {
                None if batch.code_at(columns.response_code[row]).is_none() => "query",
                _ => "response",
            }),
            DnsReading::Source => Value::Text(columns.source[row].name()),
            DnsReading::SourceName => self.device(|device| &device.name),
            DnsReading::Site => self.device(|device| &device.site),
            DnsReading::Point(attribute) => {
                Value::text(batch.points.get(columns.point[row]).get(attribute))
            }
        }
    }

    fn device(self, of: fn(&'a crate::flow::device::Device) -> &'a String) -> Value<'a> {
        let device = self.batch.devices.get(self.batch.columns.device[self.row] as usize);
        Value::text(device.map(|device| of(device).as_str()).filter(|text| !text.is_empty()))
    }

    /// When it was asked, milliseconds since the epoch.
    pub fn time(self) -> u64 {
        self.batch.columns.time[self.row]
    }

    /// The value of the field called `name` that has one.
    pub fn get(self, name: &str) -> Value<'a> {
        match RecordKind::Dns.find(name).map(|field| field.reading) {
            Some(Reading::Dns(reading)) => self.value(reading),
            _ => Value::Absent,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{
        dns::{Code, DnsAnswer, DnsRecord, DnsSource, testing},
        flow::fields::DnsText,
    };

    fn batch(records: &[DnsRecord<'_>]) -> DnsBatch {
        let (mut batch, _) = testing::batch();
        records.iter().for_each(|record| batch.push(record));
        batch
    }

    #[test]
    fn every_field_is_read_of_a_record_that_has_all() {
        let name = testing::name("WWW.Example.co.uk.");
        let answers = [
            DnsAnswer {
                kind: Code::Text("cname"),
                class: Code::Text("IN"),
                data: "cdn.example.net",
            },
            DnsAnswer { kind: Code::Number(28), class: Code::Number(1), data: "2001:db8::1" },
            DnsAnswer { kind: Code::Number(65280), ..DnsAnswer::default() },
        ];
        let (_, point) = testing::batch();
        let mut texts = [""; DnsText::COUNT];
        for (text, value) in [
            (DnsText::Id, "1f"),
            (DnsText::Received, "2026-01-31T00:00:01Z"),
            (DnsText::Protocol, "udp"),
            (DnsText::Action, "block"),
            (DnsText::Version, "1.100000"),
            (DnsText::Rule, "rslvr-frg-1"),
            (DnsText::DomainList, "rslvr-fdl-1"),
            (DnsText::Endpoint, "rslvr-in-1"),
        ] {
            texts[text as usize] = value;
        }
        let record = DnsRecord {
            source: DnsSource::GcpDns,
            time: 1_700_000_000_999,
            client: Some([10, 0, 0, 1].into()),
            client_port: Some(5353),
            server: Some([10, 0, 0, 2].into()),
            query_type: Code::Text("65"),
            query_class: Code::Text("in"),
            response_code: Code::Text("NoError"),
            answer_count: Some(4),
            answers: &answers,
            authoritative: Some(false),
            texts,
            point,
            ..testing::record(&name)
        };
        let batch = batch(&[record]);
        let mut told = Vec::new();
        for field in RecordKind::Dns.fields() {
            let mut values = Vec::new();
            batch.row(0).each(field, &mut |value| match value {
                Value::Absent => values.push("-".to_owned()),
                Value::Float(number) => values.push(number.to_string()),
                Value::Bool(flag) => values.push(flag.to_string()),
                other => values.push(other.plain().expect("a spelling").to_string()),
            });
            told.push((field.name, values.join(" ")));
        }
        let expected = [
            ("id", "1f"),
            ("timestamp", "1700000000"),
            ("timestampms", "1700000000999"),
            ("rtime", "2026-01-31T00:00:01Z"),
            ("srcip", "10.0.0.1"),
            ("srcport", "5353"),
            ("dstip", "10.0.0.2"),
            ("protocol", "udp"),
            ("query.name", "www.example.co.uk"),
            ("query.host", "www"),
            ("query.domain", "example.co.uk"),
            ("query.tld", "uk"),
            ("query.publicsuffix", "co.uk"),
            ("query.type", "HTTPS"),
            ("query.class", "IN"),
            ("query.depth", "4"),
            ("query.complexity", "2.646"),
            ("rcode", "NOERROR"),
            ("answercount", "4"),
            ("answers.type", "CNAME AAAA TYPE65280"),
            ("answers.rdata", "cdn.example.net 2001:db8::1 -"),
            ("answers.class", "IN IN -"),
            ("authoritative", "false"),
            ("internal", ""),
            ("provider", ""),
            ("providername", ""),
            ("action", "block"),
            ("rule", "rslvr-frg-1"),
            ("domainlist", "rslvr-fdl-1"),
            ("type", "response"),
            ("version", "1.100000"),
            ("datasrc", "gcp-dns"),
            ("flowsrcname", "123456789012/route53/vpc-1"),
            ("site", "berlin"),
            ("accountid", "123456789012"),
            ("instanceid", "-"),
            ("vpcid", "vpc-1"),
            ("endpointid", "rslvr-in-1"),
            ("region", "-"),
            ("zone", "-"),
        ];
        assert_eq!(told, expected.map(|(name, values)| (name, values.to_owned())));
    }

    #[test]
    fn what_is_not_told_is_absent() {
        let name = testing::name(".");
        let batch = batch(&[DnsRecord { device: 7, ..testing::record(&name) }]);
        let mut there = BTreeSet::new();
        for field in RecordKind::Dns.fields() {
            batch.row(0).each(field, &mut |value| {
                if value != Value::Absent {
                    there.insert(field.name);
                }
            });
        }
        let expected = ["datasrc", "query.depth", "query.name", "timestamp", "timestampms", "type"];
        assert!(there.into_iter().eq(expected));
        assert_eq!(batch.row(0).get("type"), Value::Text("query"));
        assert_eq!(batch.row(0).get("query.name"), Value::Text("."));
    }

    #[test]
    fn a_batch_keeps_the_rows_that_are_wanted_and_counts_answers_that_it_has_no_room_for() {
        let names = ["a.example", "b.example", "c.example"].map(testing::name);
        let answers: Vec<String> = (0..100).map(|number| format!("10.0.0.{number}")).collect();
        let answers: Vec<DnsAnswer<'_>> =
            answers.iter().map(|data| DnsAnswer { data, ..DnsAnswer::default() }).collect();
        let records = names.each_ref().map(|name| DnsRecord {
            answers: &answers,
            answer_count: Some(100),
            ..testing::record(name)
        });
        let mut batch = batch(&records);
        batch.keep(&[2, 0]);
        let names: Vec<_> = batch.rows().map(|row| row.get("query.name")).collect();
        assert_eq!(names, [Value::Text("c.example"), Value::Text("a.example")]);
        let row = batch.row(1);
        assert_eq!(row.answer_texts().len(), crate::dns::batch::ANSWERS);
        assert_eq!(row.answer_texts().nth(5), Some([None, None, Some("10.0.0.5")]));
        assert_eq!(row.get("answercount"), Value::Integer(100));
        batch.clear();
        assert!(batch.is_empty());
    }

    #[test]
    fn a_batch_is_full_of_many_records_or_of_long_ones() {
        let name = testing::name("example.com");
        let long = "x".repeat(300 << 10);
        let answers = [DnsAnswer { data: &long, ..DnsAnswer::default() }];
        let count = |record: DnsRecord<'_>| {
            let mut batch = DnsBatch::default();
            while !batch.is_full() {
                batch.push(&record);
            }
            batch.len()
        };
        assert_eq!(count(testing::record(&name)), 4096);
        assert_eq!(count(DnsRecord { answers: &answers, ..testing::record(&name) }), 7);
    }
}
