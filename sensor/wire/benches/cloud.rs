//! How fast flow logs of clouds are decoded on one core, from memory.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::{hint::black_box, sync::Arc, time::Instant};

use sensor_core::flow::batch::FlowBatch;
use sensor_wire::cloud::{
    decoder::{Decoder, Hints, Table},
    flows::Flows,
    format::Format,
};

mod made;
#[path = "../src/cloud/columnar/testing.rs"]
mod testing;

const RECORDS: u64 = 200_000;

fn main() {
    let [v2, v5] = made::logs(RECORDS);
    for (what, text) in [("AWS version 2", &v2), ("AWS version 5", &v5)] {
        measure(what, text.len(), |rows| stream(text.as_bytes(), rows));
    }
    let messages = made::subscription(&v2);
    measure("AWS version 2, CloudWatch", messages.len(), |rows| stream(messages.as_bytes(), rows));
    for (what, text) in [("AWS version 2, Parquet", &v2), ("AWS version 5, Parquet", &v5)] {
        let file = testing::parquet(text, &testing::Writing::default());
        let octets = Arc::new(file);
        measure(what, octets.len(), |rows| table(&octets, rows));
    }
}

fn stream(text: &[u8], mut rows: impl FnMut(FlowBatch)) {
    let mut flows = Flows::new(Format::Aws.source());
    let mut decoder = Decoder::new(Format::Aws, "object", &Hints::default());
    for piece in text.chunks(256 << 10) {
        decoder.feed(piece, &mut flows);
        flows.take(false, &mut rows);
    }
    decoder.finish(&mut flows);
    flows.take(true, rows);
}

fn table(octets: &Arc<Vec<u8>>, mut rows: impl FnMut(FlowBatch)) {
    let mut flows = Flows::new(Format::Aws.source());
    let mut table = Table::open(octets.clone(), "object", &mut flows).expect("a table");
    while table.read(&mut flows).expect("rows") {
        flows.take(false, &mut rows);
    }
    flows.take(true, rows);
}

fn measure(what: &str, octets: usize, decode: impl Fn(&mut dyn FnMut(FlowBatch))) {
    let mut best = f64::INFINITY;
    for _ in 0..9 {
        let mut rows = 0;
        let begun = Instant::now();
        decode(&mut |batch| rows += black_box(batch).len() as u64);
        best = best.min(begun.elapsed().as_secs_f64());
        assert_eq!(rows, RECORDS);
    }
    let nanoseconds = best * 1e9 / RECORDS as f64;
    println!(
        "{what}: {nanoseconds:.0} ns a record, {:.2} M records/s, {:.0} MB/s",
        1e3 / nanoseconds,
        octets as f64 / best / 1e6
    );
}
