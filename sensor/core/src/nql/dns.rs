//! Queries of the `dns` context about rows of a batch.

use super::{Filter, reference::Record, typed::Subject};
use crate::{
    dns::{DnsBatch, DnsRow},
    flow::fields::Value,
};

impl Record for DnsRow<'_> {
    fn any(&self, subject: &Subject, test: &mut dyn FnMut(Value<'_>) -> bool) -> bool {
        let Subject::Field(field) = subject else {
            // Nobody has told of addresses and ports yet.
            return false;
        };
        let mut found = false;
        self.each(field, &mut |value| found = found || test(value));
        found
    }
}

impl Filter {
    /// The rows of `batch` that fulfil the query, in their order.
    pub fn dns_rows(&self, batch: &DnsBatch) -> Vec<usize> {
        let rows = batch.rows().enumerate();
        rows.filter(|(_, row)| self.matches(row)).map(|(at, _)| at).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        dns::{Code, DnsAnswer, DnsBatch, DnsRecord, testing},
        flow::fields::RecordKind,
        nql::{Filter, Options, lists::Lists},
    };

    #[test]
    fn queries_are_asked_of_rows() {
        let names = ["Evil.Example.co.uk.", "www.github.io"].map(testing::name);
        let answers = [("A", "192.0.2.1"), ("AAAA", "2001:db8::1")];
        let answers = answers.map(|(kind, data)| DnsAnswer {
            kind: Code::Text(kind),
            class: Code::Text("IN"),
            data,
        });
        let mut batch = DnsBatch::default();
        batch.push(&DnsRecord {
            client: Some([10, 0, 0, 1].into()),
            query_type: Code::Number(1),
            response_code: Code::Number(3),
            ..testing::record(&names[0])
        });
        batch.push(&DnsRecord {
            answers: &answers,
            answer_count: Some(2),
            response_code: Code::Number(0),
            ..testing::record(&names[1])
        });
        for (query, expected) in [
            ("", &[0, 1][..]),
            ("rcode == nxdomain", &[0]),
            ("query.name =~ *.EXAMPLE.co.uk", &[0]),
            ("query.domain == example.co.uk && srcip == 10.0.0.0/8", &[0]),
            ("query.depth > 3", &[0]),
            ("query.publicsuffix == github.io", &[1]),
            ("query.complexity > 2.0", &[0]),
            // Any of a list; and none of it, which holds where there is none.
            ("answers.type == AAAA", &[1]),
            ("answers.type != AAAA", &[0]),
            ("answers.rdata == 192.0.2.1 && answers.rdata =~ 2001:*", &[1]),
            ("answercount == 2", &[1]),
            ("answercount != 2", &[0]),
            ("label.ip.name == x", &[]),
            ("internal == false || provider == false", &[]),
            ("srcport < 1024", &[]),
        ] {
            let lists = Lists::default();
            let options = Options { context: RecordKind::Dns, ..Options::new(&lists) };
            let filter = Filter::compile(query, &options)
                .unwrap_or_else(|faults| panic!("{query}: {faults:?}"));
            assert_eq!(filter.dns_rows(&batch), expected, "{query}");
        }
    }
}
