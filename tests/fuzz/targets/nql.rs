//! Queries: any text is a query or has faults with places in it, and what is printed reads as the same tree.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sensor_core::{
    diagnostic,
    flow::fields::RecordKind,
    nql::{
        Filter, Options,
        faults::Faults,
        json::RecordReader,
        lists::{ListValues, Lists},
        parse::parse,
    },
};

const RECORD: &[u8] = br#"{"srcip": "10.0.0.1", "dstip": "2001:db8::1", "srcport": 53, "protocol": "udp", "tags": ["a", ""]}"#;

fuzz_target!(|input: (u8, &str)| {
    let (choice, text) = input;
    let mut lists = Lists::default();
    lists.set("l", ListValues::parse("10.0.0.0/8\n53\na\n"));
    let options = Options {
        context: RecordKind::ALL[usize::from(choice & 3)],
        strict: choice & 4 != 0,
        ..Options::new(&lists)
    };
    match Filter::compile(text, &options) {
        Err(diagnostics) => {
            assert!(!diagnostics.is_empty());
            diagnostic::render("query", text, &diagnostics);
        }
        Ok(filter) => {
            let mut none = Faults::new(0);
            let tree = parse(text, &options, &mut none);
            let printed = tree.as_ref().map(ToString::to_string).unwrap_or_default();
            // The canonical text of a query may be longer than the query.
            let limits =
                sensor_core::nql::limits::Limits { query_bytes: usize::MAX, ..options.limits };
            let again = parse(&printed, &Options { limits, ..options }, &mut none);
            assert_eq!(tree, again, "{printed}");
            if let Ok(record) = RecordReader::new(&filter.typed).read(RECORD) {
                filter.matches(&record);
            }
        }
    }
});
