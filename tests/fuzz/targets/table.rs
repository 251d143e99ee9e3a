//! Flow logs that are read from their end: any octets as a Parquet file, or one whose octets were changed.

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use sensor_wire::cloud::{decoder::Table, flows::Flows, format::Format};

fuzz_target!(|octets: &[u8]| {
    let mut flows = Flows::new(Format::Aws.source());
    let mut rows = 0;
    if let Ok(mut table) = Table::open(Arc::new(octets.to_vec()), "object", &mut flows) {
        while let Ok(true) = table.read(&mut flows) {
            flows.take(false, |batch| rows += batch.len() as u64);
        }
    }
    flows.take(true, |batch| rows += batch.len() as u64);
    let mut told = 0;
    for (_, ledger) in flows.ledgers() {
        assert!(ledger.is_balanced());
        told += ledger.rows;
    }
    assert_eq!(rows, told);
});
