//! wirefilter, an engine by others, selects the same flows where both languages say the same.

use proptest::prelude::*;
use sensor_core::flow::{
    batch::{Addresses, FlowBatch, Source},
    interfaces::Interfaces,
};
use sensor_core::nql::{
    Filter, Options,
    columns::{BatchFilter, CHUNK_ROWS},
    lists::Lists,
};
use std::net::Ipv4Addr;
use wirefilter::{ExecutionContext, Scheme};

/// A condition in both languages.
fn condition() -> impl Strategy<Value = (String, String)> {
    let number = (
        prop::sample::select(vec!["srcport", "dstport", "protocolint", "ttlmin"]),
        prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]),
        prop_oneof![0_u8..20, any::<u8>()],
    );
    let number = number.prop_map(|(field, operator, value)| {
        let text = format!("{field} {operator} {value}");
        (text.clone(), text)
    });
    let address = (prop::sample::select(vec!["srcip", "dstip"]), any::<u8>(), 8_u8..=32);
    let address = address.prop_map(|(field, octet, length)| {
        let mask = u32::MAX << (32 - length);
        let address = Ipv4Addr::from((10 << 24 | u32::from(octet) << 12) & mask);
        let own = format!("{field} == {address}/{length}");
        (own, format!("{field} in {{{address}/{length}}}"))
    });
    prop_oneof![3 => number, 1 => address]
}

/// An expression in both languages.
fn expression() -> impl Strategy<Value = (String, String)> {
    condition().prop_recursive(3, 16, 4, |inner| {
        let chain = (
            prop::sample::select(vec![" && ", " || "]),
            prop::collection::vec(inner.clone(), 2..5),
        );
        let chain = chain.prop_map(|(operator, operands)| {
            let joined = |texts: Vec<String>| format!("({})", texts.join(operator));
            let (own, peer): (Vec<_>, Vec<_>) = operands.into_iter().unzip();
            (joined(own), joined(peer))
        });
        let negation = inner.prop_map(|(own, peer)| (format!("!({own})"), format!("not ({peer})")));
        prop_oneof![3 => chain, 1 => negation]
    })
}

fn batch(rows: &[[u8; 8]]) -> FlowBatch {
    let mut batch = FlowBatch::v4(Source::Host);
    for row in rows {
        if let Addresses::V4 { source, destination } = &mut batch.addresses {
            source.push(10 << 24 | u32::from(row[0]) << 12);
            destination.push(10 << 24 | u32::from(row[1]) << 12 | u32::from(row[2]));
        }
        batch.source_port.push(row[3].into());
        batch.destination_port.push(u16::from(row[4]) << (row[4] & 3));
        batch.protocol.push(row[5] % 20);
        batch.ttl_min.push(row[6]);
        batch.packets.push(1);
    }
    batch
}

proptest! {
    #[test]
    fn both_select_the_same_flows(
        (own, peer) in expression(),
        rows in prop::collection::vec(any::<[u8; 8]>(), 1..CHUNK_ROWS + 80),
    ) {
        let scheme = Scheme! { srcip: Ip, dstip: Ip, srcport: Int, dstport: Int, protocolint: Int, ttlmin: Int };
        let peer = scheme.parse(&peer).expect("a query in wirefilter's language").compile();
        let lists = Lists::default();
        let own = Filter::compile(&own, &Options::new(&lists)).expect("a query");
        let batch = batch(&rows);
        let mut columns = BatchFilter::new(&own.typed);
        let found: Vec<_> = columns.rows(&batch, &Interfaces::default()).collect();
        let Addresses::V4 { source, destination } = &batch.addresses else { unreachable!() };
        let mut expected = Vec::new();
        for row in 0..batch.len() {
            let mut context = ExecutionContext::new(&scheme);
            context.set_field_value("srcip", std::net::IpAddr::from(Ipv4Addr::from(source[row]))).unwrap();
            context.set_field_value("dstip", std::net::IpAddr::from(Ipv4Addr::from(destination[row]))).unwrap();
            for (name, value) in [
                ("srcport", i32::from(batch.source_port[row])),
                ("dstport", i32::from(batch.destination_port[row])),
                ("protocolint", i32::from(batch.protocol[row])),
                ("ttlmin", i32::from(batch.ttl_min[row])),
            ] {
                context.set_field_value(name, value).unwrap();
            }
            if peer.execute(&context).unwrap() {
                expected.push(row);
            }
        }
        prop_assert_eq!(found, expected);
    }
}
