//! Flow logs of clouds: any octets, in pieces of any size, with or without a format that somebody named.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sensor_wire::cloud::{
    aws::layout::Layout,
    decoder::{Decoder, Hints},
    flows::Flows,
    format::Format,
};

fuzz_target!(|input: (u8, u8, &str, &[u8])| {
    let (choice, piece, layout, octets) = input;
    let detected = Format::detect(octets);
    let named = Format::ALL[usize::from(choice) % Format::ALL.len()];
    let format = detected.filter(|_| choice & 0x80 == 0).unwrap_or(named);
    let hints = Hints { layout: Layout::parse(layout).ok() };
    let mut flows = Flows::new(format.source());
    let mut decoder = Decoder::new(format, "object", &hints);
    let mut rows = 0;
    for piece in octets.chunks(usize::from(piece) + 1) {
        decoder.feed(piece, &mut flows);
        flows.take(false, |batch| rows += batch.len() as u64);
    }
    decoder.finish(&mut flows);
    flows.take(true, |batch| rows += batch.len() as u64);
    let mut told = 0;
    for (_, ledger) in flows.ledgers() {
        assert!(ledger.is_balanced());
        told += ledger.rows;
    }
    assert_eq!(rows, told);
});
