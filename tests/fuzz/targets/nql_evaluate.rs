//! The evaluator over columns: for any query and any flows it selects what the reference evaluator selects.
//!
//! The input is the text of a query, a zero octet, and rows.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sensor_core::{
    flow::{
        batch::{Addresses, FlowBatch, Source},
        fields::Row,
        interfaces::Interfaces,
    },
    nql::{Filter, Options, columns::BatchFilter, lists::Lists, reference},
};

/// Octets of the input that make one row.
const ROW: usize = 24;

fuzz_target!(|input: &[u8]| {
    let Some(end) = input.iter().position(|octet| *octet == 0) else { return };
    let Ok(query) = std::str::from_utf8(&input[..end]) else { return };
    let lists = Lists::default();
    let Ok(filter) = Filter::compile(query, &Options::new(&lists)) else { return };
    let interfaces = Interfaces::default();
    let mut columns = BatchFilter::new(&filter.typed);
    for batch in [FlowBatch::v4(Source::Host), FlowBatch::v6(Source::Host)] {
        let batch = fill(batch, &input[end + 1..]);
        let found: Vec<_> = columns.rows(&batch, &interfaces).collect();
        let expected: Vec<_> = (0..batch.len())
            .filter(|&row| {
                let row = Row { batch: &batch, row, interfaces: &interfaces };
                reference::matches(&filter.typed, &row)
            })
            .collect();
        assert_eq!(found, expected);
    }
});

fn fill(mut batch: FlowBatch, octets: &[u8]) -> FlowBatch {
    for row in octets.as_chunks::<ROW>().0 {
        let word = |at: usize| u32::from_be_bytes([row[at], row[at + 1], row[at + 2], row[at + 3]]);
        let half = |at: usize| u16::from_be_bytes([row[at], row[at + 1]]);
        match &mut batch.addresses {
            Addresses::V4 { source, destination } => {
                source.push(word(0));
                destination.push(word(4));
            }
            Addresses::V6 { source, destination } => {
                source.push(u128::from(word(0)) << 96 | u128::from(word(4)));
                destination.push(u128::from(word(4)) << 96 | u128::from(word(0)));
            }
        }
        batch.source_port.push(half(8));
        batch.destination_port.push(half(10));
        batch.icmp_type_code.push(half(8));
        batch.protocol.push(row[12]);
        batch.tos.push(row[13]);
        batch.tcp_flags.push(half(14) & 0x1ff);
        batch.interface.push(row[16].into());
        batch.direction.push(row[17] & 1);
        batch.vlan.push(half(18) & 0xfff);
        batch.octets.push(word(20).into());
        batch.packets.push(row[20].into());
        batch.layer2_octets.push(word(20).into());
        batch.start.push(half(20).into());
        batch.end.push(half(22).into());
        batch.ttl_min.push(row[22]);
        batch.ttl_max.push(row[23]);
        batch.source_mac.push([row[0], row[1], row[2], row[3], row[4], row[5]]);
        batch.destination_mac.push([row[6], row[7], row[0], row[1], row[2], row[3]]);
        batch.fragment.push(row[13] % 3);
        batch.folded.push(row[17] >> 1 & 1);
        batch.end_reason.push(row[17] % 6);
        batch.initiator.push(row[18] % 3);
        batch.continued.push(row[19] & 1);
    }
    batch
}
