//! What is counted once, and what names it.

use super::*;

/// A connection's number, flow, event, and octets of initiator and responder.
const CONNECTION: Fields<'_> = &[
    (0, 148, 4),
    (0, 8, 4),
    (0, 12, 4),
    (0, 7, 2),
    (0, 11, 2),
    (0, 233, 1),
    (0, 231, 4),
    (0, 232, 4),
];

fn event(connection: u8, event: u8, [initiator, responder]: [u8; 2]) -> Vec<u8> {
    let counts = [0, 0, 0, initiator, 0, 0, 0, responder];
    [&[0, 0, 0, connection], RECORD, &[event], &counts].concat()
}

#[test]
fn the_end_of_a_connection_counts_unless_updates_have() {
    let mut bench = Bench::default();
    bench.feed(1, &netflow9(0, &[(0, &template(256, CONNECTION))]));
    // A long connection: two updates, then the sum of them. A short one. The number used again.
    let events = [
        event(1, 5, [10, 20]),
        event(1, 5, [1, 2]),
        event(2, 2, [5, 6]),
        event(1, 2, [11, 22]),
        event(1, 2, [3, 0]),
    ];
    bench.feed(1, &netflow9(0, &[(256, &events.concat())]));
    let mut octets = bench.v4().octets.clone();
    octets.sort_unstable();
    assert_eq!(octets, [1, 2, 3, 5, 6, 10, 20]);
    let record = event(0, 0, [0; 2]).len() as u64;
    assert_eq!(bench.decoder.ledger().skipped[Skipped::Event], record);
}

#[test]
fn an_event_of_address_translation_is_no_traffic() {
    let mut bench = Bench::default();
    let mut fields = FLOW.to_vec();
    // Post-NAT source address, and what happened.
    fields.extend([(0, 225, 4), (0, 230, 1)]);
    let record = [RECORD, &[203, 0, 113, 1, 1]].concat();
    bench.feed(1, &netflow9(0, &[(0, &template(256, &fields)), (256, &record)]));
    let batch = bench.v4();
    assert_eq!((batch.len(), batch.octets[0], batch.packets[0]), (1, 0, 0));
}

#[test]
fn names_come_with_the_flows() {
    let mut bench = Bench::default();
    let mut fields = FLOW.to_vec();
    fields.extend([(0, 10, 4), (0, 82, 4), (0, 14, 4), (0, 95, 4), (0, 96, 0xffff)]);
    fields.extend([(0, 235, 4), (0, 236, 0xffff)]);
    let record =
        [RECORD, b"\0\0\0\x03ge-0\0\0\0\x04\x0d\0\0\x01\x04http", b"\0\0\0\x07\x03red"].concat();
    bench.feed(1, &ipfix(1, &[(2, &template(256, &fields)), (256, &record)]));
    let batch = bench.batches.last()[0];
    let interfaces = Interfaces::default();
    let row = Row { batch, row: 0, interfaces: &interfaces };
    let read = |name| find(name).unwrap().value(row);
    assert_eq!(read("inputname"), Value::Text("ge-0"));
    assert_eq!(read("outputname"), Value::Absent);
    assert_eq!(read("application"), Value::Text("http"));
    assert_eq!(read("outputvrf"), Value::Text("red"));
}

#[test]
fn a_device_says_where_the_inner_packet_begins() {
    // A tunnel that nobody here knows, with an IPv4 packet in it at octet 14 + 20 + 6.
    let inner = frame([5, 6], 17, UDP);
    let payload = [&[0xab; 6], &inner[14..]].concat();
    for (inner_headers, expected) in [(false, 1), (true, 5)] {
        let decoder = Decoder::new(Options { inner_headers, ..Options::default() });
        let mut bench = Bench { decoder, ..Bench::default() };
        let mut sample = words(&[1, 3, 400, 0, 0, 3, 4, 2]);
        sample.extend(raw_header([1, 2], 99, &payload));
        sample.extend(words(&[1028, 4, 40]));
        bench.feed(6343, &sflow(&[(1, sample)]));
        assert_eq!(bench.decoder.ledger().skipped.total(), 0);
        let batch = bench.batches.last()[2];
        let Addresses::V4 { source, .. } = &batch.addresses else { panic!("IPv4") };
        assert_eq!(source, &[expected]);
    }
}

#[test]
fn what_has_waited_is_decoded_a_piece_with_each_datagram() {
    let mut bench = Bench::default();
    let records = RECORD.repeat(100);
    for _ in 0..40 {
        bench.feed(1, &ipfix(1, &[(256, &records)]));
    }
    bench.feed(1, &ipfix(1, &[(2, &template(256, FLOW))]));
    assert_eq!(bench.batches.rows(), 400);
    // What comes now does not overtake.
    bench.feed(1, &ipfix(1, &[(256, &[RECORD, &[0; 4]].concat())]));
    assert_eq!(bench.batches.rows(), 801);
    let Bench { decoder, batches } = &mut bench;
    decoder.finish(batches);
    assert_eq!(batches.rows(), 4001);
    let ledger = decoder.ledger();
    assert_eq!((ledger.waiting, ledger.octets), (0, ledger.accounted()));
}

#[test]
fn a_mediator_names_whose_flows_it_passes_on() {
    let profile = |address: IpAddr| DeviceProfile {
        name: format!("at {address}"),
        ..DeviceProfile::default()
    };
    let options = Options { profile: Box::new(profile), ..Options::default() };
    let mut bench = Bench { decoder: Decoder::new(options), ..Bench::default() };
    let mut fields = FLOW.to_vec();
    fields.extend([(0, 130, 4), (0, 131, 16)]);
    let v6 = "2001:db8::7".parse::<std::net::Ipv6Addr>().unwrap();
    let record = |v4: [u8; 4], v6: [u8; 16]| [RECORD, &v4, &v6].concat();
    // Two routers, of one of them twice, of nobody in particular, and again the first.
    let records = [
        record([198, 51, 100, 1], [0; 16]),
        record([0; 4], v6.octets()),
        record([0; 4], v6.octets()),
        record([0; 4], [0; 16]),
        record([198, 51, 100, 1], [0; 16]),
    ];
    bench.feed(1, &ipfix(1, &[(2, &template(256, &fields)), (256, &records.concat())]));
    let batch = bench.v4();
    let own = "at 192.0.2.1";
    let names: Vec<_> = (0..5).map(|row| &*batch.device_of(row).unwrap().name).collect();
    let [first, second] = ["at 198.51.100.1", "at 2001:db8::7"];
    assert_eq!(names, [first, second, second, own, first]);
    assert_eq!(batch.devices.len(), 3);
}

#[test]
fn devices_behind_a_mediator_are_bounded() {
    let mut bench = Bench::default();
    let mut fields = FLOW.to_vec();
    fields.push((0, 130, 4));
    bench.feed(1, &ipfix(1, &[(2, &template(256, &fields))]));
    for number in 0..200_u32 {
        let records = (1..=50).map(|n| [RECORD, &(number * 50 + n).to_be_bytes()].concat());
        bench.feed(1, &ipfix(1, &[(256, &records.collect::<Vec<_>>().concat())]));
        bench.batches.take(true, drop);
    }
    let device = bench.decoder.directory().devices().next().unwrap();
    assert!(device.cost < 2 << 20, "{}", device.cost);
    assert!(device.relayed.get([0, 0, 0, 1].into()).is_some());
    assert!(device.relayed.get([0, 0, 39, 16].into()).is_none(), "the last of 10,000");
    let known = (1..=10_000_u32).filter(|n| device.relayed.get(n.to_be_bytes().into()).is_some());
    let without = 10_000 - known.count() as u64;
    assert_eq!(bench.decoder.ledger().rows_without_device, without);
}
