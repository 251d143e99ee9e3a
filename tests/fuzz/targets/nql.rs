//! Queries: any text is a query or has faults with places in it, and what is printed reads as the same tree; at any place something can
//! be offered, and any fix can be applied.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sensor_core::{
    diagnostic,
    flow::fields::RecordKind,
    nql::{
        Filter, Options,
        complete::{check, complete},
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
    let checked = check(text, &options);
    let cursor = text.floor_char_boundary(usize::from(choice >> 3) * text.len() / 31);
    let completion = complete(text, cursor, &options, &());
    assert!(completion.span.end == cursor);
    match Filter::compile(text, &options) {
        Err(diagnostics) => {
            assert!(!diagnostics.is_empty() && !checked.ok);
            diagnostic::render("query", text, &diagnostics);
            for fix in diagnostics.iter().filter_map(|diagnostic| diagnostic.fix.as_ref()) {
                fix.applied(text);
            }
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
