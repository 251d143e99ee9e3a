//! Flow and query logs of clouds in JSON: an octet that chooses format and size of the pieces, then an object. However it is cut, it becomes
//! the same, and every record is accounted for.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sensor_core::{
    dns::{DnsBatch, DnsRow},
    flow::fields::RecordKind,
};
use sensor_wire::cloud::{
    decoder::{Decoder, Hints},
    flows::Flows,
    format::Format,
    ledger::Ledger,
};

/// All fields of all records.
fn texts(batch: &DnsBatch) -> Vec<String> {
    let fields = RecordKind::Dns.fields();
    let text = |row: DnsRow<'_>| {
        let mut text = String::new();
        for field in fields {
            row.each(field, &mut |value| text += &format!("{}={value:?} ", field.name));
        }
        text
    };
    batch.rows().map(text).collect()
}

fn decode(format: Format, octets: &[u8], piece: usize) -> (u64, Vec<String>, Ledger) {
    let mut flows = Flows::new(format.source());
    let mut decoder = Decoder::new(format, "object", &Hints::default());
    let (mut rows, mut queries) = (0, Vec::new());
    for piece in octets.chunks(piece) {
        decoder.feed(piece, &mut flows);
        flows.take(false, |batch| rows += batch.len() as u64);
        flows.take_dns(false, |batch| queries.extend(texts(&batch)));
    }
    decoder.finish(&mut flows);
    flows.take(true, |batch| rows += batch.len() as u64);
    flows.take_dns(true, |batch| queries.extend(texts(&batch)));
    let mut all = Ledger::default();
    for (_, ledger) in flows.ledgers() {
        assert!(ledger.is_balanced());
        all.add(ledger);
    }
    assert_eq!((rows, queries.len() as u64), (all.rows, all.dns));
    (rows, queries, all)
}

fuzz_target!(|input: &[u8]| {
    let Some((choice, octets)) = input.split_first() else { return };
    let formats = Format::ALL.len();
    let format = Format::detect(octets).unwrap_or(Format::ALL[usize::from(*choice) % formats]);
    let whole = decode(format, octets, usize::MAX);
    let cut = decode(format, octets, usize::from(*choice) / formats + 1);
    assert_eq!(whole, cut);
});
