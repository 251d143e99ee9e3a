//! What the tests of the formats in JSON share: an object through its decoder, and what its rows say.

use std::path::{Path, PathBuf};

use sensor_core::{
    dns::{DnsBatch, DnsRow},
    flow::{
        batch::FlowBatch,
        fields::{FIELDS, OwnedValue, RecordKind, Row, find},
        interfaces::Interfaces,
    },
};

use crate::cloud::{
    decoder::{Decoder, Hints},
    flows::Flows,
    format::Format,
    ledger::Ledger,
};

/// What an object became.
pub struct Decoded {
    batches: Vec<FlowBatch>,
    queries: Vec<DnsBatch>,
    /// The account of all its sources.
    pub ledger: Ledger,
}

impl Decoded {
    /// Of an object in this format, which becomes the same however it is cut.
    #[track_caller]
    pub fn of(format: Format, octets: &[u8]) -> Self {
        let whole = Self::cut(format, octets, usize::MAX);
        for pieces in [1, 7, 100] {
            let cut = Self::cut(format, octets, pieces);
            assert_eq!(cut.ledger, whole.ledger, "in pieces of {pieces}");
            assert_eq!(cut.values(), whole.values(), "in pieces of {pieces}");
            assert_eq!(cut.dns_values(), whole.dns_values(), "in pieces of {pieces}");
        }
        whole
    }

    fn cut(format: Format, octets: &[u8], pieces: usize) -> Self {
        let mut flows = Flows::new(format.source());
        let mut decoder = Decoder::new(format, "bucket/folder/object.json.gz", &Hints::default());
        let (mut batches, mut queries) = (Vec::new(), Vec::new());
        for piece in octets.chunks(pieces) {
            decoder.feed(piece, &mut flows);
            flows.take(false, |batch| batches.push(batch));
            flows.take_dns(false, |batch| queries.push(batch));
        }
        decoder.finish(&mut flows);
        flows.take(true, |batch| batches.push(batch));
        flows.take_dns(true, |batch| queries.push(batch));
        let mut ledger = Ledger::default();
        for (_, own) in flows.ledgers() {
            assert!(own.is_balanced(), "{own:?}");
            ledger.add(own);
        }
        let rows: usize = batches.iter().map(FlowBatch::len).sum();
        assert_eq!(rows as u64, ledger.rows);
        assert_eq!(queries.iter().map(DnsBatch::len).sum::<usize>() as u64, ledger.dns);
        ledger.faults.sort_by_key(|fault| fault.line);
        Self { batches, queries, ledger }
    }

    fn rows(&self) -> impl Iterator<Item = (&FlowBatch, usize)> {
        self.batches.iter().flat_map(|batch| (0..batch.len()).map(move |row| (batch, row)))
    }

    fn values(&self) -> Vec<Vec<Option<OwnedValue>>> {
        let all = |(batch, row)| FIELDS.iter().map(|field| value(batch, row, field.name)).collect();
        self.rows().map(all).collect()
    }

    /// Compares fields of a row, as text; empty where one is absent.
    #[track_caller]
    pub fn check(&self, row: usize, expected: &[(&str, &str)]) {
        let (batch, at) = self.rows().nth(row).expect("a row");
        for (name, text) in expected {
            let shown = match value(batch, at, name) {
                None => String::new(),
                Some(OwnedValue::Integer(number) | OwnedValue::NumberText(number)) => {
                    number.to_string()
                }
                Some(OwnedValue::Ip(address)) => address.to_string(),
                Some(OwnedValue::Text(text)) => text.into(),
                Some(OwnedValue::Bool(flag)) => flag.to_string(),
                Some(other) => format!("{other:?}"),
            };
            assert_eq!(shown, *text, "{name} of row {row}");
        }
    }

    fn dns_rows(&self) -> impl Iterator<Item = DnsRow<'_>> {
        self.queries.iter().flat_map(DnsBatch::rows)
    }

    fn dns_values(&self) -> Vec<Vec<String>> {
        let all =
            |row| RecordKind::Dns.fields().iter().map(|field| dns_text(row, field.name)).collect();
        self.dns_rows().map(all).collect()
    }

    /// Compares fields of a DNS record, as text; empty where one is absent, several values with spaces between them.
    #[track_caller]
    pub fn check_dns(&self, row: usize, expected: &[(&str, &str)]) {
        let row = self.dns_rows().nth(row).expect("a row");
        for (name, text) in expected {
            assert_eq!(dns_text(row, name), *text, "{name}");
        }
    }

    /// The values of a field of all DNS records.
    pub fn dns_column(&self, name: &str) -> Vec<String> {
        self.dns_rows().map(|row| dns_text(row, name)).collect()
    }

    /// The labels that a row brings its source and its destination.
    pub fn labels(&self, row: usize) -> [String; 2] {
        let (batch, at) = self.rows().nth(row).expect("a row");
        [&batch.source_labels, &batch.destination_labels].map(|column| {
            let labels = batch.label_sets.get(column.get(at).copied().unwrap_or(0)).clone();
            let all =
                labels.iter().map(|(context, values)| format!("{context}={}", values.join(",")));
            all.collect::<Vec<_>>().join(" ")
        })
    }
}

fn dns_text(row: DnsRow<'_>, name: &str) -> String {
    let field = RecordKind::Dns.find(name).expect(name);
    let mut texts = Vec::new();
    row.each(field, &mut |value| match OwnedValue::of(value) {
        None => {}
        Some(OwnedValue::Bool(flag)) => texts.push(flag.to_string()),
        Some(OwnedValue::Float(number)) => texts.push(number.to_string()),
        Some(_) => texts.push(value.plain().expect("a spelling").to_string()),
    });
    texts.join(" ")
}

fn value(batch: &FlowBatch, row: usize, name: &str) -> Option<OwnedValue> {
    let interfaces = Interfaces::default();
    OwnedValue::of(find(name).expect(name).value(Row { batch, row, interfaces: &interfaces }))
}

/// Files of the corpus of clouds in this folder (`SENSOR_CORPORA`, else `../shared/corpora` beside the workspace); none where it
/// is not there.
pub fn corpus(folder: &str) -> Vec<PathBuf> {
    let root = std::env::var_os("SENSOR_CORPORA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora"),
        PathBuf::from,
    );
    let Ok(entries) = std::fs::read_dir(root.join("cloud").join(folder)) else { return Vec::new() };
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}
