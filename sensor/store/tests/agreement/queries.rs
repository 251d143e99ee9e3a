//! Queries: those of the corpus, some for each field with values that it has, and any number of random ones.

use std::collections::BTreeSet;

use proptest::{
    strategy::{Strategy as _, ValueTree as _},
    test_runner::TestRunner,
};
use sensor_core::{
    flow::{
        fields::{FIELDS, Field, Kind, Row, Value},
        interfaces::Interfaces,
    },
    nql::{
        Filter, Options,
        lists::{ListValues, Lists},
        testing::expressions,
        typed::Typed,
    },
};

use crate::data::Data;

/// The documented queries, one a line, among the corpora: these lie where `SENSOR_CORPORA` says, else beside the workspace in
/// `../shared/corpora`.
const CORPUS: &str = "nql/valid-flow.nql";
/// How many random queries are asked.
const WANTED: &str = "SENSOR_SQL_QUERIES";

pub type Query = (String, Typed);

/// How many random queries are asked.
pub fn wanted() -> usize {
    std::env::var(WANTED).ok().and_then(|wanted| wanted.parse().ok()).unwrap_or(300)
}

/// A query.
pub fn typed(text: &str) -> Query {
    let mut lists = Lists::default();
    lists.set("ports", ListValues::parse("22\n53\n443\n"));
    lists.set("hosts", ListValues::parse("10.0.0.0/8\n2001:db8::1\n"));
    lists.set("countries", ListValues::parse("us\nDE\n"));
    match Filter::compile(text, &Options::new(&lists)) {
        Ok(filter) => (text.to_owned(), filter.typed),
        Err(faults) => {
            let messages: Vec<_> = faults.iter().map(|fault| &fault.message).collect();
            panic!("{text}: {messages:?}")
        }
    }
}

/// The documented ones.
pub fn of_corpus() -> Vec<Query> {
    let beside = || concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpora").into();
    let root = std::env::var_os("SENSOR_CORPORA").map_or_else(beside, std::path::PathBuf::from);
    let path = root.join(CORPUS);
    let Ok(corpus) = std::fs::read_to_string(&path) else {
        println!("skipped: the documented queries, which {} would have", path.display());
        return Vec::new();
    };
    let text = |line: &str| line.split(" # ").next().unwrap_or_default().trim().to_owned();
    corpus.lines().map(text).filter(|line| !line.is_empty()).map(|line| typed(&line)).collect()
}

/// Some for each field, with values that records have.
pub fn of_fields(data: &Data) -> Vec<Query> {
    FIELDS.iter().flat_map(|field| of_field(field, data)).map(|text| typed(&text)).collect()
}

fn of_field(field: &Field, data: &Data) -> Vec<String> {
    let name = field.name;
    let mut all = BTreeSet::new();
    let interfaces = Interfaces::default();
    for batch in &data.batches {
        for row in 0..batch.len() {
            all.extend(said(field.value(Row { batch, row, interfaces: &interfaces })));
        }
    }
    let step = all.len().div_ceil(5).max(1);
    let values: Vec<String> = all.into_iter().step_by(step).collect();
    let operators: &[&str] = match field.kind {
        Kind::Bool => return ["true", "false"].map(|own| format!("{name} == {own}")).into(),
        Kind::Unsigned(_) | Kind::Integer => &["==", "!=", "<", "<=", ">", ">="],
        Kind::Float => &["<", ">="],
        _ if field.patterns => &["==", "!=", "=~"],
        _ => &["==", "!="],
    };
    let mut queries = Vec::new();
    for value in &values {
        queries.extend(operators.iter().map(|own| format!("{name} {own} {value}")));
    }
    if queries.is_empty() {
        let value = if field.kind == Kind::Ip { "10.0.0.1" } else { "1" };
        queries.extend(typed_or_none(&format!("{name} == {value}")));
        queries.extend(typed_or_none(&format!("{name} != {value}")));
    }
    if field.kind == Kind::Ip {
        let prefixes = ["0.0.0.0/0", "::/0", "10.0.0.0/7", "::ffff:0:0/96", "2001:db8::/126"];
        queries.extend(prefixes.map(|own| format!("{name} == {own}")));
    }
    queries
}

fn typed_or_none(text: &str) -> Option<String> {
    let lists = Lists::default();
    Filter::compile(text, &Options::new(&lists)).is_ok().then(|| text.to_owned())
}

fn said(value: Value<'_>) -> Vec<String> {
    let quoted = |text: &str| format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"));
    match value {
        Value::Absent | Value::Bool(_) => Vec::new(),
        Value::Integer(number) | Value::NumberText(number) => vec![number.to_string()],
        Value::Float(number) => vec![number.to_string()],
        Value::Ip(address) => vec![address.to_string()],
        Value::Mac(octets) => vec![sensor_core::nql::literal::mac_text(octets)],
        Value::Text(text) => vec![quoted(text)],
        Value::Texts(texts) => texts.iter().map(|text| quoted(text)).collect(),
    }
}

/// What is easily said wrongly.
pub fn of_tricks() -> Vec<Query> {
    [
        "ip == 10.0.0.1",
        "ip != 10.0.0.1",
        "ip in (10.0.0.1, 2001:db8::1)",
        "ip == 10.0.0.0/8 and !(ip == 2001:db8::/32)",
        "!(srcport == 22)",
        "srcport != 22 && dstport != 22",
        "port in $ports",
        "ip in $hosts",
        "geo.countrycode in $countries",
        "srcgeo.countrycode == us || dstgeo.countrycode not in (ca)",
        "label.ip.role == 'a \"quoted\" one' or label.ip.role == \"it's\"",
        "label.ip.name == production",
        "label.src.no-such.role == x",
        "tags =~ /(a|t.p)/",
        "tags !~ ?",
        "tags == a && tags != b",
        "iprep.categories =~ <1-9>*",
        "srciprep.categories =~ scanner~",
        "srciprep.categories !~ botnet~2",
        "bitsxrate >= 18446744073709551615",
        "bitsxrate > 12000 and packetsxrate < 3",
        "srcgeo.location.lat < 1 || srcgeo.location.lon < -0.0000005",
        "srcport < dstport",
        "octets >= bits",
        "srcip == dstip",
        "clientip == srcip",
        "clientport < serverport",
        "srcgeo.countrycode == dstgeo.countrycode",
        "srcipname == dstipname",
        "start <= end",
        "tcpflags.syn == tcpflags.ack",
        "flowtype in (host, aws) && flowtype != netflow",
        "srcip == ::ffff:10.0.0.1",
    ]
    .map(typed)
    .into()
}

/// Random ones.
pub fn generated(count: usize) -> Vec<Query> {
    let mut runner = TestRunner::deterministic();
    let strategy = expressions();
    let mut text = || strategy.new_tree(&mut runner).expect("a query").current().to_string();
    (0..count).map(|_| typed(&text())).collect()
}
