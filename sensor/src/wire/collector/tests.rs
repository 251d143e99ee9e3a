//! What messages mean, on made ones.

use std::net::{IpAddr, SocketAddr};

use super::{Collector, Options};
use crate::{
    flow::{
        batch::{Addresses, FlowBatch},
        fields::{Row, Value, find},
        interfaces::Interfaces,
        router::Action,
    },
    wire::{batches::Batches, exporter::device::Profile, ledger::Skipped, template::elements},
};

const NOW: u64 = 1_700_000_000_000;
const SECONDS: u32 = 1_700_000_000;

/// A collector, and the flows so far.
#[derive(Default)]
struct Bench {
    collector: Collector,
    batches: Batches,
}

impl Bench {
    fn feed(&mut self, port: u16, octets: &[u8]) {
        let from = SocketAddr::from(([192, 0, 2, 1], port));
        self.collector.datagram(from, NOW, octets, &mut self.batches);
        let ledger = self.collector.ledger();
        assert_eq!(ledger.octets, ledger.accounted(), "{ledger:#?}");
    }

    fn v4(&mut self) -> &FlowBatch {
        self.batches.all()[0]
    }

    fn ports(&mut self) -> Vec<(u16, u16)> {
        let batch = self.v4();
        batch.source_port.iter().copied().zip(batch.destination_port.iter().copied()).collect()
    }
}

/// Fields as (enterprise, element, length).
type Fields<'a> = &'a [(u32, u16, u16)];

fn specifiers(fields: Fields<'_>) -> Vec<u8> {
    let mut octets = Vec::new();
    for (enterprise, element, length) in fields {
        let bit = if *enterprise == 0 { 0 } else { 0x8000 };
        octets.extend((element | bit).to_be_bytes());
        octets.extend(length.to_be_bytes());
        if *enterprise != 0 {
            octets.extend(enterprise.to_be_bytes());
        }
    }
    octets
}

fn template(id: u16, fields: Fields<'_>) -> Vec<u8> {
    let mut octets = [id.to_be_bytes(), (fields.len() as u16).to_be_bytes()].concat();
    octets.extend(specifiers(fields));
    octets
}

fn options_template(id: u16, scopes: u16, fields: Fields<'_>) -> Vec<u8> {
    let counts = [id, fields.len() as u16, scopes].map(u16::to_be_bytes);
    let mut octets = counts.concat();
    octets.extend(specifiers(fields));
    octets
}

fn sets(octets: &mut Vec<u8>, sets: &[(u16, &[u8])]) {
    for (id, body) in sets {
        octets.extend(id.to_be_bytes());
        octets.extend((body.len() as u16 + 4).to_be_bytes());
        octets.extend(*body);
    }
}

fn ipfix(domain: u32, contents: &[(u16, &[u8])]) -> Vec<u8> {
    let mut octets = vec![0, 10, 0, 0];
    for word in [SECONDS, 0, domain] {
        octets.extend(word.to_be_bytes());
    }
    sets(&mut octets, contents);
    let length = octets.len() as u16;
    octets[2..4].copy_from_slice(&length.to_be_bytes());
    octets
}

fn netflow9(uptime: u32, contents: &[(u16, &[u8])]) -> Vec<u8> {
    let mut octets = vec![0, 9, 0, 1];
    for word in [uptime, SECONDS, 0, 7] {
        octets.extend(word.to_be_bytes());
    }
    sets(&mut octets, contents);
    octets
}

const FLOW: Fields<'_> = &[(0, 8, 4), (0, 12, 4), (0, 7, 2), (0, 11, 2)];
const RECORD: &[u8] = &[10, 0, 0, 1, 10, 0, 0, 2, 0, 80, 4, 0];

#[test]
fn data_wait_for_their_template() {
    let mut bench = Bench::default();
    bench.feed(1, &ipfix(1, &[(256, RECORD)]));
    assert_eq!((bench.batches.rows(), bench.collector.ledger().waiting), (0, 12));
    bench.feed(1, &ipfix(2, &[(2, &template(256, FLOW))]));
    assert_eq!(bench.batches.rows(), 0, "another domain");
    bench.feed(1, &ipfix(1, &[(2, &template(256, FLOW))]));
    assert_eq!(bench.ports(), [(80, 1024)]);
    assert_eq!(bench.collector.ledger().waiting, 0);
}

#[test]
fn a_template_may_change_and_be_withdrawn() {
    let mut bench = Bench::default();
    let turned: Fields<'_> = &[(0, 12, 4), (0, 8, 4), (0, 11, 2), (0, 7, 2)];
    bench.feed(1, &ipfix(1, &[(2, &template(256, FLOW)), (256, RECORD)]));
    bench.feed(1, &ipfix(1, &[(2, &template(256, turned)), (256, RECORD)]));
    assert_eq!(bench.ports(), [(80, 1024), (1024, 80)]);
    bench.feed(1, &ipfix(1, &[(2, &[1, 0, 0, 0]), (256, RECORD)]));
    assert_eq!((bench.batches.rows(), bench.collector.ledger().waiting), (2, 12));
}

#[test]
fn a_template_serves_other_ports_while_it_is_the_only_one() {
    let mut bench = Bench::default();
    bench.feed(1, &ipfix(1, &[(2, &template(256, FLOW))]));
    bench.feed(2, &ipfix(1, &[(256, RECORD)]));
    assert_eq!(bench.batches.rows(), 1);
    let other: Fields<'_> = &[(0, 12, 4), (0, 8, 4), (0, 11, 2), (0, 7, 2)];
    bench.feed(3, &ipfix(1, &[(2, &template(256, other))]));
    bench.feed(4, &ipfix(1, &[(256, RECORD)]));
    assert_eq!(bench.batches.rows(), 1, "two that differ: nobody knows");
}

#[test]
fn an_ipv4_mapped_exporter_is_the_ipv4_exporter() {
    let mut bench = Bench::default();
    bench.feed(1, &ipfix(1, &[(2, &template(256, FLOW))]));
    let mapped: SocketAddr = "[::ffff:192.0.2.1]:1".parse().unwrap();
    bench.collector.datagram(mapped, NOW, &ipfix(1, &[(256, RECORD)]), &mut bench.batches);
    assert_eq!(bench.batches.rows(), 1);
    assert_eq!(bench.collector.exporters().devices().count(), 1);
}

#[test]
fn fields_of_variable_length_may_be_empty() {
    let mut bench = Bench::default();
    let fields: Fields<'_> = &[(0, 8, 4), (9, 1, 0xffff), (0, 12, 4), (0, 82, 0xffff), (0, 7, 2)];
    let mut data = vec![10, 0, 0, 1, 0, 10, 0, 0, 2, 0, 0, 80];
    data.extend([10, 0, 0, 3, 2, b'a', b'b', 10, 0, 0, 4, 255, 0, 1, b'c', 0, 81]);
    // Padding that is shorter than any record.
    data.extend([0, 0, 0]);
    bench.feed(1, &ipfix(1, &[(2, &template(256, fields)), (256, &data)]));
    assert_eq!(bench.v4().source_port, [80, 81]);
    assert_eq!(bench.collector.ledger().padding, 3);
}

#[test]
fn a_biflow_is_two_flows() {
    let mut bench = Bench::default();
    let reverse = elements::REVERSE;
    let mut fields = FLOW.to_vec();
    fields.extend([(0, 10, 4), (0, 14, 4), (0, 1, 4), (reverse, 1, 4), (reverse, 6, 1), (0, 6, 1)]);
    let mut data = RECORD.to_vec();
    data.extend([0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 100, 0, 0, 0, 50, 0x12, 0x02]);
    let mut one_way = data.clone();
    one_way[27] = 0;
    bench.feed(1, &ipfix(1, &[(2, &template(256, &fields)), (256, &data), (256, &one_way)]));
    let batch = bench.v4();
    assert_eq!(batch.octets, [100, 50, 100]);
    assert_eq!(batch.source_port, [80, 1024, 80]);
    assert_eq!(batch.interface, [3, 4, 3]);
    assert_eq!(batch.router.output_interface, [4, 3, 4]);
    assert_eq!(batch.tcp_flags, [0x02, 0x12, 0x02]);
    let Addresses::V4 { source, .. } = &batch.addresses else { panic!("IPv4") };
    assert_eq!(source, &[0x0a00_0001, 0x0a00_0002, 0x0a00_0001]);
    assert_eq!(bench.collector.ledger().data_records, 2);
}

#[test]
fn a_firewall_counts_each_packet_once() {
    let mut bench = Bench::default();
    let mut counted = FLOW.to_vec();
    counted.extend([(0, 233, 1), (0, 231, 4), (0, 232, 4)]);
    let mut bare = FLOW.to_vec();
    bare.push((0, 233, 1));
    let with = |event: u8, counts: &[u8]| [RECORD, &[event], counts].concat();
    let data = [
        with(5, &[0, 0, 0, 10, 0, 0, 0, 20]),
        // The end repeats the sum.
        with(2, &[0, 0, 0, 10, 0, 0, 0, 20]),
    ]
    .concat();
    let templates = [template(256, &counted), template(257, &bare)].concat();
    let events = [with(1, &[]), with(3, &[])].concat();
    bench.feed(1, &netflow9(0, &[(0, &templates), (256, &data), (257, &events)]));
    let batch = bench.v4();
    assert_eq!(batch.octets, [10, 20, 0]);
    let (accepted, rejected) = (Action::Accepted as u8, Action::Rejected as u8);
    assert_eq!(batch.router.action, [accepted, accepted, rejected]);
    assert_eq!(bench.collector.ledger().skipped[Skipped::Event], 21 + 13);
}

#[test]
fn uptimes_wrap() {
    let mut bench = Bench::default();
    let mut fields = FLOW.to_vec();
    fields.extend([(0, 22, 4), (0, 21, 4)]);
    let mut data = RECORD.to_vec();
    data.extend((u32::MAX - 999).to_be_bytes());
    data.extend(500_u32.to_be_bytes());
    bench.feed(1, &netflow9(1000, &[(0, &template(256, &fields)), (256, &data)]));
    assert_eq!(bench.v4().start, [NOW - 2000]);
    assert_eq!(bench.v4().end, [NOW - 500]);
}

#[test]
fn rates_come_from_options_of_any_domain() {
    let mut bench = Bench::default();
    let mut fields = FLOW.to_vec();
    fields.extend([(0, 48, 1), (0, 10, 2)]);
    let flow = |sampler: u8, input: u8| [RECORD, &[sampler, 0, input]].concat();
    let flows = [flow(1, 1), flow(2, 1), flow(0, 9), flow(0, 1)].concat();
    let samplers = options_template(300, 1, &[(0, 144, 4), (0, 48, 1), (0, 50, 4)]);
    let told = [[0, 0, 0, 1, 1, 0, 0, 0, 100], [0, 0, 0, 1, 2, 0, 0, 0, 200]].concat();
    let interfaces = options_template(301, 1, &[(0, 10, 4), (0, 305, 4), (0, 306, 4)]);
    let ninth = [0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 49];
    bench.feed(1, &ipfix(8, &[(3, &samplers), (300, &told), (3, &interfaces), (301, &ninth)]));
    bench.feed(1, &ipfix(1, &[(2, &template(256, &fields)), (256, &flows)]));
    assert_eq!(bench.v4().router.sample_rate, [100, 200, 50, 0]);
    assert_eq!(bench.collector.ledger().rows_without_rate, 1);
    assert_eq!(bench.collector.ledger().options_records, 3);
    // Domains that disagree.
    let other = [[0, 0, 0, 1, 1, 0, 0, 0, 7]].concat();
    bench.feed(1, &ipfix(9, &[(3, &samplers), (300, &other)]));
    bench.feed(1, &ipfix(1, &[(256, &flow(1, 1))]));
    assert_eq!(bench.v4().router.sample_rate[4], 0);
}

#[test]
fn a_configured_rate_goes_first_and_scales() {
    let profile = |_: IpAddr| Profile {
        name: "edge".into(),
        site: "here".into(),
        sample_rate: Some(10),
        ..Profile::default()
    };
    let options = Options { profile: Box::new(profile), ..Options::default() };
    let mut bench = Bench { collector: Collector::new(options), ..Bench::default() };
    let mut fields = FLOW.to_vec();
    fields.extend([(0, 34, 4), (0, 2, 4), (0, 1, 4)]);
    let data = [RECORD, &[0, 0, 0, 99, 0, 0, 0, 3, 0, 0, 0, 200]].concat();
    bench.feed(1, &ipfix(1, &[(2, &template(256, &fields)), (256, &data)]));
    let batch = bench.batches.all()[0];
    let interfaces = Interfaces::default();
    let row = Row { batch, row: 0, interfaces: &interfaces };
    let read = |name| find(name).unwrap().read.unwrap()(row);
    assert_eq!(read("samplerate"), Value::Integer(10));
    assert_eq!(read("packets"), Value::Integer(3));
    assert_eq!(read("packetsxrate"), Value::Integer(30));
    assert_eq!(read("bitsxrate"), Value::Integer(16_000));
    assert_eq!(read("flowsrcname"), Value::Text("edge"));
    assert_eq!(read("flowsrcip"), Value::Ip("192.0.2.1".parse().unwrap()));
    assert_eq!(read("flowversion"), Value::Integer(10));
    assert_eq!(read("nexthop"), Value::Absent);
}

#[test]
fn names_come_from_options() {
    let mut bench = Bench::default();
    let mut fields = FLOW.to_vec();
    fields.extend([(0, 10, 4), (0, 14, 4), (0, 95, 4), (0, 234, 4)]);
    let flow = [RECORD, &[0, 0, 0, 3, 0, 0, 0, 4, 13, 0, 0, 1, 0, 0, 0, 7]].concat();
    let options: &[(u16, Fields<'_>, &[u8])] = &[
        (300, &[(0, 10, 4), (0, 82, 4), (0, 83, 4)], b"\0\0\0\x03ge-0up\0\0"),
        (301, &[(0, 95, 4), (0, 96, 0xffff)], b"\x0d\0\0\x01\x04http"),
        (302, &[(0, 234, 4), (0, 236, 0xffff)], b"\0\0\0\x07\x03red"),
    ];
    for (id, fields, record) in options {
        bench.feed(1, &ipfix(1, &[(3, &options_template(*id, 1, fields)), (*id, record)]));
    }
    bench.feed(1, &ipfix(1, &[(2, &template(256, &fields)), (256, &flow)]));
    let batch = bench.batches.all()[0];
    let interfaces = Interfaces::default();
    let row = Row { batch, row: 0, interfaces: &interfaces };
    let read = |name| find(name).unwrap().read.unwrap()(row);
    assert_eq!(read("inputname"), Value::Text("ge-0"));
    assert_eq!(read("inputalias"), Value::Text("up"));
    assert_eq!(read("outputname"), Value::Absent);
    assert_eq!((read("input"), read("output")), (Value::Integer(3), Value::Integer(4)));
    assert_eq!(read("application"), Value::Text("http"));
    assert_eq!(read("inputvrf"), Value::Text("red"));
}

#[test]
fn a_restart_loses_nothing() {
    let mut bench = Bench::default();
    let rates = options_template(300, 1, &[(0, 10, 4), (0, 34, 4), (0, 82, 4)]);
    let rate = b"\0\0\0\x03\0\0\0\x64eth0";
    bench.feed(1, &ipfix(1, &[(2, &template(256, FLOW)), (3, &rates), (300, rate)]));
    bench.feed(1, &ipfix(1, &[(256, RECORD)]));
    let saved = bench.collector.snapshot();
    let text = serde_json::to_string(&saved).unwrap();
    let mut again = Bench::default();
    assert_eq!(again.collector.restore(serde_json::from_str(&text).unwrap(), NOW), 1);
    assert_eq!(again.collector.snapshot(), saved);
    again.feed(1, &ipfix(1, &[(256, RECORD)]));
    assert_eq!(again.ports(), [(80, 1024)]);
}

#[test]
fn losses_are_counted_in_flows_and_packets() {
    let mut bench = Bench::default();
    let number = |mut octets: Vec<u8>, place: usize, number: u32| {
        octets[place..place + 4].copy_from_slice(&number.to_be_bytes());
        octets
    };
    let data = ipfix(1, &[(2, &template(256, FLOW)), (256, &[RECORD, RECORD].concat())]);
    bench.feed(1, &number(data.clone(), 8, 100));
    bench.feed(1, &number(data, 8, 105));
    let packet = netflow9(0, &[(0, &template(256, FLOW)), (256, RECORD)]);
    bench.feed(1, &number(packet.clone(), 12, 1));
    bench.feed(1, &number(packet, 12, 5));
    let lost = |version: u8| -> u64 {
        let devices = bench.collector.exporters().devices();
        let sessions = devices.flat_map(|device| device.sessions());
        let of_version = sessions.filter(|(key, _)| key.version == version);
        of_version.map(|(_, session)| session.sequence.lost).sum()
    };
    assert_eq!((lost(10), lost(9)), (3, 3));
}
