//! DNS records made up for tests.

use std::{net::IpAddr, sync::Arc};

use proptest::prelude::*;

use super::{Code, DnsAnswer, DnsBatch, DnsRecord, DnsSource, name::Name};
use crate::flow::{
    device::Device,
    fields::DnsText,
    point::{ObservationPoint, PointAttribute, Points},
    source::{Source, SourceId},
};

/// A record of which nothing is told but the name.
pub fn record(name: &Name) -> DnsRecord<'_> {
    DnsRecord {
        source: DnsSource::Route53,
        time: 1_700_000_000_000,
        client: None,
        client_port: None,
        server: None,
        name,
        query_type: Code::Absent,
        query_class: Code::Absent,
        response_code: Code::Absent,
        answer_count: None,
        answers: &[],
        authoritative: None,
        texts: [""; DnsText::COUNT],
        device: 0,
        point: 0,
    }
}

/// A name.
pub fn name(text: &str) -> Name {
    Name::read(text.as_bytes()).expect("a name")
}

/// A batch for records of one log, and the number of where they were seen.
pub fn batch() -> (DnsBatch, u32) {
    let id = SourceId::Cloud {
        provider: Source::Aws,
        account: "123456789012".to_owned(),
        log: "route53/vpc-1".to_owned(),
    };
    let device = Device { site: "berlin".to_owned(), ..Device::of(id) };
    let mut point = ObservationPoint::default();
    point.set(PointAttribute::Account, "123456789012");
    point.set(PointAttribute::Vpc, "vpc-1");
    let points = Points::default();
    let number = points.intern(point);
    let mut batch = DnsBatch::default();
    (batch.devices, batch.points) = (vec![Arc::new(device)], Arc::new(points));
    (batch, number)
}

/// Batches of any records.
pub fn batches() -> impl Strategy<Value = DnsBatch> {
    proptest::collection::vec(records(), 0..6).prop_map(|records| {
        let (mut batch, point) = batch();
        for record in &records {
            record.push(&mut batch, point);
        }
        batch
    })
}

#[derive(Clone, Debug)]
struct Owned {
    source: DnsSource,
    time: u64,
    client: Option<IpAddr>,
    client_port: Option<u16>,
    server: Option<IpAddr>,
    name: Name,
    codes: [String; 3],
    answer_count: Option<u64>,
    answers: Vec<[String; 3]>,
    authoritative: Option<bool>,
    texts: Vec<String>,
    device: u32,
    is_seen: bool,
}

impl Owned {
    fn push(&self, batch: &mut DnsBatch, point: u32) {
        let [query_type, query_class, response_code] =
            self.codes.each_ref().map(|code| Code::text(code));
        let answers: Vec<DnsAnswer<'_>> = self
            .answers
            .iter()
            .map(|[kind, class, data]| DnsAnswer {
                kind: Code::text(kind),
                class: Code::text(class),
                data,
            })
            .collect();
        batch.push(&DnsRecord {
            source: self.source,
            time: self.time,
            client: self.client,
            client_port: self.client_port,
            server: self.server,
            name: &self.name,
            query_type,
            query_class,
            response_code,
            answer_count: self.answer_count,
            answers: &answers,
            authoritative: self.authoritative,
            texts: std::array::from_fn(|at| self.texts[at].as_str()),
            device: self.device,
            point: if self.is_seen { point } else { 0 },
        });
    }
}

fn records() -> impl Strategy<Value = Owned> {
    let code = || {
        let known = ["", "A", "aaaa", "IN", "NOERROR", "nxdomain", "65", "TYPE65280", "none such"];
        proptest::sample::select(known.to_vec()).prop_map(str::to_owned)
    };
    let name = "[a-cA-C.\\\\0é]{1,12}|www\\.example\\.co\\.uk\\.|pages\\.github\\.io";
    let text = || "|[a-c\"\\\\é ]{1,4}";
    let addresses = (any::<Option<IpAddr>>(), any::<Option<u16>>(), any::<Option<IpAddr>>());
    let name = name.prop_map(|text| Name::read(text.as_bytes()).expect("a name"));
    let answer = (code(), code(), text()).prop_map(|(kind, class, data)| [kind, class, data]);
    let answers = (any::<Option<u64>>(), proptest::collection::vec(answer, 0..4));
    let texts = proptest::collection::vec(text(), DnsText::COUNT);
    let rest = (any::<Option<bool>>(), texts, 0..2_u32, any::<bool>());
    let source = prop_oneof![Just(DnsSource::Route53), Just(DnsSource::GcpDns)];
    (source, 0..1_u64 << 42, addresses, name, [code(), code(), code()], answers, rest).prop_map(
        |(source, time, (client, client_port, server), name, codes, answers, rest)| Owned {
            source,
            time,
            client,
            client_port,
            server,
            name,
            codes,
            answer_count: answers.0,
            answers: answers.1,
            authoritative: rest.0,
            texts: rest.1,
            device: rest.2,
            is_seen: rest.3,
        },
    )
}
