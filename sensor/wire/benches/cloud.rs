//! How fast flow logs of clouds are decoded on one core, from memory.
//!
//! The logs are made: a few hundred interfaces, addresses and counts of all lengths.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::{fmt::Write as _, hint::black_box, sync::Arc, time::Instant};

use sensor_wire::cloud::{
    decoder::{Decoder, Hints, Table},
    flows::Flows,
    format::Format,
};

#[path = "../src/cloud/columnar/testing.rs"]
mod testing;

const RECORDS: usize = 200_000;
const V2: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status\n";
const V5: &str = "version srcaddr dstaddr srcport dstport protocol start end type packets bytes account-id vpc-id subnet-id instance-id interface-id region az-id sublocation-type sublocation-id action tcp-flags pkt-srcaddr pkt-dstaddr pkt-src-aws-service pkt-dst-aws-service traffic-path flow-direction log-status\n";

fn main() {
    let mut state = 7_u64;
    let mut random = |below: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let (mut v2, mut v5) = (V2.to_owned(), V5.to_owned());
    for row in 0..RECORDS as u64 {
        let interface = random(400);
        let mut address = || format!("10.{}", [(); 3].map(|()| random(256).to_string()).join("."));
        let (source, destination) = (address(), address());
        let (from, to) = (1024 + random(64_000), 1 + random(1023));
        let magnitude = random(16);
        let packets = 1 + random(1 << magnitude);
        let bytes = packets * (40 + random(1400));
        let (start, end) = (1_790_000_000 + row / 1000, 1_790_000_055 + row / 1000);
        let _ = writeln!(
            v2,
            "2 123456789012 eni-0{interface:016x} {source} {destination} {from} {to} 6 {packets} {bytes} {start} {end} ACCEPT OK"
        );
        let _ = writeln!(
            v5,
            "5 {source} {destination} {from} {to} 6 {start} {end} IPv4 {packets} {bytes} 123456789012 vpc-0abcdefab0123456 subnet-0aaaaaaaa0123456 i-0{interface:016x} eni-0{interface:016x} eu-central-1 euc1-az3 - - ACCEPT 19 {source} {destination} - S3 8 egress OK"
        );
    }
    measure("AWS version 2", v2.as_bytes());
    measure("AWS version 5", v5.as_bytes());
    for (what, text) in [("AWS version 2", v2), ("AWS version 5", v5)] {
        measure_table(
            &format!("{what}, Parquet"),
            &testing::parquet(&text, &testing::Writing::default()),
        );
    }
}

fn measure_table(what: &str, octets: &[u8]) {
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let mut flows = Flows::new(Format::Aws.source());
        let mut rows = 0;
        let octets = Arc::new(octets.to_vec());
        let begun = Instant::now();
        let mut table = Table::open(octets, "object", &mut flows).expect("a table");
        while table.read(&mut flows).expect("rows") {
            flows.take(false, |batch| rows += black_box(batch).len());
        }
        flows.take(true, |batch| rows += black_box(batch).len());
        best = best.min(begun.elapsed().as_secs_f64());
        assert_eq!(rows, RECORDS);
    }
    say(what, best, octets.len());
}

fn measure(what: &str, text: &[u8]) {
    let mut best = f64::INFINITY;
    for _ in 0..9 {
        let mut flows = Flows::new(Format::Aws.source());
        let mut decoder = Decoder::new(Format::Aws, "object", &Hints::default());
        let mut rows = 0;
        let begun = Instant::now();
        for piece in text.chunks(256 << 10) {
            decoder.feed(piece, &mut flows);
            flows.take(false, |batch| rows += black_box(batch).len());
        }
        decoder.finish(&mut flows);
        flows.take(true, |batch| rows += black_box(batch).len());
        best = best.min(begun.elapsed().as_secs_f64());
        assert_eq!(rows, RECORDS);
    }
    say(what, best, text.len());
}

fn say(what: &str, best: f64, octets: usize) {
    let nanoseconds = best * 1e9 / RECORDS as f64;
    println!(
        "{what}: {nanoseconds:.0} ns a record, {:.2} M records/s, {:.0} MB/s",
        1e3 / nanoseconds,
        octets as f64 / best / 1e6
    );
}
