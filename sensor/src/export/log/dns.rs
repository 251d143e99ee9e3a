//! A DNS record as a JSON object, as a line of CSV and as an aligned line for a terminal.
//!
//! The keys of JSON are the names of the fields of the `dns` context, in the order of their table, behind `"record":"dns"`, by
//! which the lines of records of several kinds are told apart. The answers are an array of objects under `answers`, so that nobody
//! loses which data is of which type; NQL reads `answers.type` and its like from there.

use std::{io::Write as _, net::IpAddr};

use sensor_core::{
    dns::DnsRow,
    flow::fields::{Field, Kind, RecordKind, Value},
};

use super::{csv::Columns, csv::write_cell, json::write_value, line};

/// Appends the record and a line end to `out`. Fields without a value are left out.
pub fn write_json(out: &mut Vec<u8>, row: DnsRow<'_>) {
    out.extend_from_slice(br#"{"record":"dns""#);
    let mut has_answers = false;
    for field in RecordKind::Dns.fields() {
        if field.kind == Kind::TextList {
            // All lists are of the answers: they stand together, where the first of them does.
            if !std::mem::replace(&mut has_answers, true) && row.answer_texts().len() > 0 {
                write_answers(out, row);
            }
            continue;
        }
        row.each(field, &mut |value| {
            if value != Value::Absent {
                write_key(out, field.name);
                write_value(out, value);
            }
        });
    }
    out.extend_from_slice(b"}\n");
}

fn write_key(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

fn write_answers(out: &mut Vec<u8>, row: DnsRow<'_>) {
    write_key(out, "answers");
    for (at, texts) in row.answer_texts().enumerate() {
        out.push(if at == 0 { b'[' } else { b',' });
        out.push(b'{');
        let all = ["type", "class", "rdata"].into_iter().zip(texts);
        let told = all.filter_map(|(name, text)| Some((name, text?)));
        for (place, (name, text)) in told.enumerate() {
            if place > 0 {
                out.push(b',');
            }
            write_value(out, Value::Text(name));
            out.push(b':');
            write_value(out, Value::Text(text));
        }
        out.push(b'}');
    }
    out.push(b']');
}

/// The fields of a column each: those that were chosen, or all.
fn fields(columns: &Columns) -> Vec<&'static Field> {
    match columns.choice() {
        Some(chosen) => chosen.to_vec(),
        None => RecordKind::Dns.fields().iter().collect(),
    }
}

/// Appends the line that names the columns.
pub fn write_csv_heading(columns: &Columns, out: &mut Vec<u8>) {
    let names: Vec<&str> = fields(columns).iter().map(|field| field.name).collect();
    out.extend_from_slice(names.join(",").as_bytes());
    out.push(b'\n');
}

/// Appends the record and a line end. A chosen field that only flows have is an empty cell; the values of a list are joined by `;`.
pub fn write_csv(columns: &Columns, out: &mut Vec<u8>, row: DnsRow<'_>) {
    for (at, field) in fields(columns).into_iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        // Fields of both kinds may have one name, and are read otherwise.
        let Some(field) = RecordKind::Dns.find(field.name) else { continue };
        let mut texts = Vec::new();
        row.each(field, &mut |value| match (field.kind, value) {
            (Kind::TextList, Value::Text(text)) => texts.push(text.to_owned()),
            (Kind::TextList, _) => {}
            (_, value) => write_cell(out, value),
        });
        if !texts.is_empty() {
            write_cell(out, Value::Texts(&texts));
        }
    }
    out.push(b'\n');
}

/// The line that names the columns.
pub const HEADING: &str = "\
ASKED                    CLIENT                      TYPE   RESPONSE  NAME                                     ANSWERS";

/// Answers that a line shows; the others are counted.
const SHOWN: usize = 4;

/// Appends the record and a line end to `out`. Times are UTC.
pub fn write_line(out: &mut Vec<u8>, row: DnsRow<'_>) {
    let text = |name: &str| match row.get(name) {
        Value::Text(text) => text.to_owned(),
        _ => "-".to_owned(),
    };
    let client = match (row.get("srcip"), row.get("srcport")) {
        (Value::Ip(IpAddr::V6(address)), Value::Integer(port)) => format!("[{address}]:{port}"),
        (Value::Ip(address), Value::Integer(port)) => format!("{address}:{port}"),
        (Value::Ip(address), _) => address.to_string(),
        _ => "-".to_owned(),
    };
    let mut answers: Vec<String> =
        row.answer_texts().take(SHOWN).map(|[_, _, data]| data.unwrap_or("-").to_owned()).collect();
    let shown = answers.len() as u64;
    if let Value::Integer(count) = row.get("answercount")
        && count > shown
    {
        answers.push(format!("({} more)", count - shown));
    }
    if let Value::Text(action) = row.get("action") {
        answers.push(format!("[{action}]"));
    }
    // Writing to a `Vec` cannot fail.
    let _: std::io::Result<()> = writeln!(
        out,
        "{:<23}  {client:<27} {:<6} {:<9} {:<40} {}",
        line::time(row.time()),
        text("query.type"),
        text("rcode"),
        text("query.name"),
        answers.join(", "),
    );
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use sensor_core::{
        dns::{Code, DnsAnswer, DnsBatch, DnsRecord, testing},
        flow::fields::{DnsText, find},
        nql::{Filter, Options, json::RecordReader, lists::Lists},
    };

    fn batch() -> DnsBatch {
        let name = testing::name("Www.Example.co.uk.");
        let (mut batch, point) = testing::batch();
        let answers = [
            DnsAnswer { kind: Code::Text("A"), class: Code::Text("IN"), data: "192.0.2.1" },
            DnsAnswer { kind: Code::Text("TXT"), class: Code::Absent, data: "a \"b\", c" },
        ];
        let mut texts = [""; DnsText::COUNT];
        (texts[DnsText::Protocol as usize], texts[DnsText::Action as usize]) = ("udp", "block");
        batch.push(&DnsRecord {
            client: Some([10, 0, 0, 1].into()),
            client_port: Some(53),
            query_type: Code::Text("A"),
            response_code: Code::Number(0),
            answer_count: Some(9),
            answers: &answers,
            texts,
            point,
            ..testing::record(&name)
        });
        batch
    }

    #[test]
    fn a_record_is_told_from_a_flow_and_keeps_its_answers_together() {
        let mut out = Vec::new();
        write_json(&mut out, batch().row(0));
        let text = String::from_utf8(out).expect("text");
        assert_eq!(
            text,
            concat!(
                r#"{"record":"dns","timestamp":1700000000,"timestampms":1700000000000,"srcip":"10.0.0.1","srcport":53,"protocol":"udp","#,
                r#""query.name":"www.example.co.uk","query.host":"www","query.domain":"example.co.uk","query.tld":"uk","#,
                r#""query.publicsuffix":"co.uk","query.type":"A","query.depth":4,"query.complexity":2.646,"rcode":"NOERROR","#,
                r#""answercount":9,"answers":[{"type":"A","class":"IN","rdata":"192.0.2.1"},{"type":"TXT","rdata":"a \"b\", c"}],"#,
                r#""action":"block","type":"response","datasrc":"route53","flowsrcname":"123456789012/route53/vpc-1","#,
                r#""site":"berlin","accountid":"123456789012","vpcid":"vpc-1"}"#,
                "\n",
            )
        );
    }

    #[test]
    fn lines_show_what_was_asked_and_answered() {
        let mut out = Vec::new();
        write_line(&mut out, batch().row(0));
        let name = testing::name("a.example");
        let mut bare = DnsBatch::default();
        bare.push(&testing::record(&name));
        write_line(&mut out, bare.row(0));
        let text = String::from_utf8(out).expect("text");
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "2023-11-14 22:13:20.000  10.0.0.1:53                 A      NOERROR   www.example.co.uk                        192.0.2.1, a \"b\", c, (7 more), [block]",
                "2023-11-14 22:13:20.000  -                           -      -         a.example                                ",
            ]
        );
        let columns = |line: &str, word: &str| line.find(word);
        assert_eq!(columns(HEADING, "CLIENT"), columns(lines[0], "10.0.0.1"));
        assert_eq!(columns(HEADING, "NAME"), columns(lines[0], "www"));
        assert_eq!(columns(HEADING, "ANSWERS"), columns(lines[0], "192"));
    }

    #[test]
    fn columns_of_csv_are_all_fields_or_those_that_were_chosen() {
        let chosen = ["srcip", "dstport", "answers.rdata", "timestamp", "query.name"];
        let field = |name: &str| find(name).or_else(|| RecordKind::Dns.find(name)).expect(name);
        let columns = Columns::chosen(chosen.map(field).to_vec());
        let mut out = Vec::new();
        write_csv_heading(&columns, &mut out);
        write_csv(&columns, &mut out, batch().row(0));
        assert_eq!(
            String::from_utf8(out).expect("text"),
            "srcip,dstport,answers.rdata,timestamp,query.name\n10.0.0.1,,\"192.0.2.1;a \"\"b\"\", c\",1700000000,www.example.co.uk\n"
        );
        let mut out = Vec::new();
        write_csv_heading(&Columns::all(), &mut out);
        write_csv(&Columns::all(), &mut out, batch().row(0));
        let text = String::from_utf8(out).expect("text");
        let count = RecordKind::Dns.fields().len();
        assert_eq!(text.lines().next().map(|line| line.split(',').count()), Some(count));
        assert!(text.contains(",example.co.uk,"), "{text}");
    }

    proptest! {
        #[test]
        fn a_query_finds_the_same_in_rows_and_in_their_json(batch in testing::batches(), at in 0..40_usize) {
            const QUERIES: [&str; 40] = [
                "id == a", "timestamp > 1000000", "rtime =~ a*", "srcip == 0.0.0.0/1", "srcip == 8000::/1", "srcport < 30000",
                "dstip == 128.0.0.0/1", "protocol == a", "query.name =~ *a*", "query.name == www.example.co.uk",
                "query.host == WWW", "query.domain == pages.github.io", "query.tld == io", "query.publicsuffix =~ *.uk",
                "query.type == aaaa", "query.type == TYPE65280", "query.class == IN", "query.depth > 1", "query.complexity > 1.5",
                "query.complexity <= 1.5", "rcode == nxdomain", "answercount > 9223372036854775807", "answercount != 5",
                "answers.type == A", "answers.type != A", "answers.rdata =~ *a*", "answers.class == IN", "authoritative == true",
                "authoritative == false", "internal == true", "provider != true", "action == A", "rule == a", "domainlist != a",
                "type == query", "version == a", "datasrc == route53", "site == berlin && vpcid == vpc-1", "flowsrcname =~ *vpc-1",
                "answers.type == answers.rdata || query.host == query.tld",
            ];
            let lists = Lists::default();
            let options = Options { context: RecordKind::Dns, ..Options::new(&lists) };
            let query = QUERIES[at];
            // What only numbers or texts without patterns can be asked is left out.
            if let Ok(filter) = Filter::compile(query, &options) {
                let reader = RecordReader::new(&filter.typed);
                let found = filter.dns_rows(&batch);
                for row in batch.rows() {
                    let mut out = Vec::new();
                    write_json(&mut out, row);
                    let record = reader.read(&out).expect("a record");
                    prop_assert_eq!(filter.matches(&record), found.contains(&row.row), "{}: {}", query, String::from_utf8_lossy(&out));
                }
            }
        }
    }

    #[test]
    fn most_queries_of_the_property_are_such() {
        let lists = Lists::default();
        let options = Options { context: RecordKind::Dns, ..Options::new(&lists) };
        for query in ["rtime == a", "flowsrcname == x", "answers.type == answers.rdata"] {
            assert!(Filter::compile(query, &options).is_ok(), "{query}");
        }
    }
}
