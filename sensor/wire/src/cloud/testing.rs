//! What the tests of the providers share: an object through its decoder, and fields of its rows as text.

use sensor_core::flow::{
    batch::FlowBatch,
    fields::{OwnedValue, Row, find},
    interfaces::Interfaces,
};

use super::{decoder::Decoder, decoder::Hints, flows::Flows, format::Format, ledger::Ledger};

/// Several objects of one format, one after the other.
pub struct Decoded {
    flows: Flows,
    format: Format,
    /// Their flows so far.
    pub batches: Vec<FlowBatch>,
}

impl Decoded {
    /// None yet.
    pub fn new(format: Format) -> Self {
        Self { flows: Flows::new(format.source()), format, batches: Vec::new() }
    }

    /// Reads at this time.
    pub fn set_now(&mut self, now: u64) {
        self.flows.set_now(now);
    }

    /// Feeds an object in pieces of `length`; where it is to be read on when it has grown.
    pub fn object(&mut self, name: &str, octets: &[u8], length: usize) -> u64 {
        let Self { flows, format, batches } = self;
        let mut decoder = Decoder::new(*format, name, &Hints::default());
        for piece in octets.chunks(length) {
            decoder.feed(piece, flows);
            flows.take(false, |batch| batches.push(batch));
        }
        let resume_at = decoder.resume_at().expect("it may grow");
        decoder.finish(flows);
        flows.take(true, |batch| batches.push(batch));
        resume_at
    }

    /// The account of all sources, each of which is balanced.
    pub fn ledger(&self) -> Ledger {
        let mut ledger = Ledger::default();
        for (_, own) in self.flows.ledgers() {
            assert!(own.is_balanced(), "{own:?}");
            ledger.add(own);
        }
        let rows: usize = self.batches.iter().map(FlowBatch::len).sum();
        assert_eq!(rows as u64, ledger.rows);
        ledger
    }

    /// Fields of all rows as text, separated by spaces; `-` where a row has none.
    pub fn rows(&self, fields: &[&str]) -> Vec<String> {
        let row = |batch: &FlowBatch, row: usize| {
            let values: Vec<_> = fields.iter().map(|name| shown(batch, row, name)).collect();
            values.join(" ")
        };
        let rows = |batch| (0..FlowBatch::len(batch)).map(move |at| row(batch, at));
        self.batches.iter().flat_map(rows).collect()
    }
}

/// The value of a field in a row as text; `-` where it is absent.
pub fn shown(batch: &FlowBatch, row: usize, name: &str) -> String {
    let interfaces = Interfaces::default();
    let row = Row { batch, row, interfaces: &interfaces };
    match OwnedValue::of(find(name).expect(name).value(row)) {
        None => "-".to_owned(),
        Some(OwnedValue::Integer(number) | OwnedValue::NumberText(number)) => number.to_string(),
        Some(OwnedValue::Ip(address)) => address.to_string(),
        Some(OwnedValue::Text(text)) => text.into(),
        Some(OwnedValue::Bool(flag)) => flag.to_string(),
        Some(other) => format!("{other:?}"),
    }
}
