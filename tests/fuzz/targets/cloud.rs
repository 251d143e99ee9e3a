//! Flow logs of clouds: any octets, in pieces of any size, with or without a format that somebody named; and objects that grow, which
//! are read on where they ended.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sensor_wire::cloud::{
    aws::layout::Layout,
    decoder::{Decoder, Hints},
    flows::Flows,
    format::Format,
};

/// Octets around `octets` that make more of them what the formats with records in records hold.
const AROUND: [(&str, &str); 6] = [
    ("", ""),
    (
        r#"{"records":[{"flowLogVersion":4,"macAddress":"00224871C205","flowLogResourceID":"/s","targetResourceID":"/t","flowRecords":{"flows":[{"flowGroups":[{"rule":"r","flowTuples":[""#,
        r#""]}]}]}}]}"#,
    ),
    (
        r#"{"records":[{"resourceId":"/SUBSCRIPTIONS/S","properties":{"Version":2,"flows":[{"rule":"r","flows":[{"mac":"00224871C205","flowTuples":[""#,
        r#""]}]}]}}]}"#,
    ),
    (
        r#"{"collector_crn":"crn","number_of_flow_logs":2,"flow_logs":[{"end_time":"2026-06-28T15:00:00Z","#,
        "}]}",
    ),
    (
        r#"{"query_timestamp":"2026-06-28T15:00:00Z","query_name":"a.example.","srcids":{},"answers":[{"Rdata":""#,
        r#"","Type":"CNAME"}]}"#,
    ),
    (
        r#"{"logName":"projects/p/logs/dns.googleapis.com%2Fdns_queries","timestamp":"2026-06-28T15:00:00Z","jsonPayload":{"rdata":"a\t1","queryName":""#,
        r#""}}"#,
    ),
];

/// Where the object may be read on.
fn decode(
    format: Format,
    octets: &[u8],
    piece: u8,
    hints: &Hints,
    flows: &mut Flows,
    rows: &mut u64,
) -> u64 {
    let mut decoder = Decoder::new(format, "object", hints);
    for piece in octets.chunks(usize::from(piece) + 1) {
        decoder.feed(piece, flows);
        flows.take(false, |batch| *rows += batch.len() as u64);
        flows.take_dns(false, |batch| *rows += batch.len() as u64);
    }
    let resume_at = decoder.resume_at().unwrap_or(octets.len() as u64);
    assert!(resume_at <= octets.len() as u64);
    decoder.finish(flows);
    flows.take(true, |batch| *rows += batch.len() as u64);
    flows.take_dns(true, |batch| *rows += batch.len() as u64);
    resume_at
}

fuzz_target!(|input: (u8, u8, u8, u16, &str, &[u8])| {
    let (choice, around, piece, cut, layout, octets) = input;
    let (before, behind) = AROUND[usize::from(around) % AROUND.len()];
    let octets = &[before.as_bytes(), octets, behind.as_bytes()].concat()[..];
    let detected = Format::detect(octets);
    let named = Format::ALL[usize::from(choice) % Format::ALL.len()];
    let format = detected.filter(|_| choice & 0x80 == 0).unwrap_or(named);
    let hints = Hints { layout: Layout::parse(layout).ok() };
    let mut flows = Flows::new(format.source());
    let mut rows = 0;
    decode(format, octets, piece, &hints, &mut flows, &mut rows);
    // The same as somebody finds it who looks before it is complete.
    let early = &octets[..usize::from(cut).min(octets.len())];
    let resume_at = decode(format, early, piece, &hints, &mut flows, &mut rows) as usize;
    decode(format, &octets[resume_at..], piece, &hints, &mut flows, &mut rows);
    let mut told = 0;
    for (_, ledger) in flows.ledgers() {
        assert!(ledger.is_balanced());
        told += ledger.rows + ledger.dns;
    }
    assert_eq!(rows, told);
});
