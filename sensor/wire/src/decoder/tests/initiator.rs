//! Who opened a connection, as far as exports tell: each source of that knowledge, and where there is none.

use sensor_core::flow::initiator::{Initiator, Opened, opened};

use super::*;

const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

const fn known(by: Initiator) -> Option<Opened> {
    Some(Opened { by, guessed: false })
}

const fn guessed(by: Initiator) -> Option<Opened> {
    Some(Opened { by, guessed: true })
}

#[test]
fn a_device_says_who_opened_a_connection() {
    let mut bench = Bench::default();
    let mut fields = FLOW.to_vec();
    fields.extend([(0, 2, 4), (elements::REVERSE, 2, 4), (0, 239, 1)]);
    let record = |direction: u8| [RECORD, &[0, 0, 0, 9, 0, 0, 0, 7, direction]].concat();
    for (direction, expected) in [(0, [0, 0]), (1, [1, 2]), (2, [2, 1]), (3, [0, 0]), (77, [0, 0])]
    {
        bench.feed(1, &ipfix(1, &[(2, &template(256, &fields)), (256, &record(direction))]));
        let batch = bench.v4();
        assert_eq!(batch.packets, [9, 7]);
        assert_eq!(batch.initiator, expected, "{direction}");
        bench.batches = Batches::default();
    }
}

#[test]
fn a_firewall_says_who_opened_a_connection_when_it_creates_it() {
    // One direction, as of firewalls that report each by itself.
    let mut fields = FLOW.to_vec();
    fields.extend([(0, 4, 1), (0, 6, 1), (0, 2, 4), (0, 233, 1)]);
    let cases = [
        ((1, SYN), 1),
        ((1, 0), 1),
        // An answer creates nothing.
        ((1, SYN | ACK), 0),
        // Of the answers to a client the same is told.
        ((2, SYN | ACK), 0),
        ((5, ACK), 0),
        // What is denied may be a stray answer, and an alert is about anything.
        ((3, ACK), 0),
        ((4, ACK), 0),
        ((0, ACK), 0),
    ];
    for ((event, flags), expected) in cases {
        let mut bench = Bench::default();
        let record = [RECORD, &[6, flags, 0, 0, 0, 1, event]].concat();
        bench.feed(1, &netflow9(0, &[(0, &template(256, &fields)), (256, &record)]));
        let told = bench.v4().initiator.first().copied().unwrap_or(0);
        assert_eq!(told, expected, "event {event}, flags {flags}");
    }
}

#[test]
fn creation_tells_of_both_directions_unless_the_device_does() {
    let mut fields = FLOW.to_vec();
    fields.extend([(0, 2, 4), (elements::REVERSE, 2, 4), (0, 233, 1), (0, 239, 1)]);
    let record = |event, by| [RECORD, &[0, 0, 0, 9, 0, 0, 0, 7, event, by]].concat();
    // An update between two creations: what is known of one row is not said of the next.
    let records = [record(5, 0), record(1, 0), record(5, 0), record(1, 2)].concat();
    let mut bench = Bench::default();
    bench.feed(1, &ipfix(1, &[(2, &template(256, &fields)), (256, &records)]));
    let batch = bench.v4();
    assert_eq!(batch.packets, [9, 9, 9, 9, 7, 7, 7, 7]);
    assert_eq!(batch.initiator, [0, 1, 0, 2, 0, 2, 0, 1]);
}

/// Ports, flags of TCP and packets of what devices tell by nothing else, and what follows.
const BY_FLAGS_AND_PORTS: &[([u16; 2], u8, u32, Option<Opened>)] = &[
    ([22, 40_443], SYN, 1, known(Initiator::Source)),
    ([22, 40_443], SYN, 3, known(Initiator::Source)),
    ([40_443, 22], SYN | ACK, 1, known(Initiator::Destination)),
    // A server's, or all of a client's.
    ([40_443, 22], SYN | ACK, 9, guessed(Initiator::Source)),
    ([443, 50_000], ACK, 9, guessed(Initiator::Destination)),
    // Routers that tell no flags say 0.
    ([443, 50_000], 0, 9, guessed(Initiator::Destination)),
    ([60_123, 60_124], ACK, 9, None),
];

#[test]
fn netflow_5_tells_by_flags_and_ports() {
    let mut bench = Bench::default();
    let mut datagram = vec![0, 5, 0, BY_FLAGS_AND_PORTS.len() as u8];
    datagram.extend(words(&[1000, SECONDS, 0, 0, 0]));
    for ([source, destination], flags, packets, _) in BY_FLAGS_AND_PORTS {
        datagram.extend(words(&[0x0a00_0001, 0x0a00_0002, 0, 0, *packets, 400, 100, 200]));
        datagram.extend([*source, *destination].map(u16::to_be_bytes).concat());
        datagram.extend([0, *flags, 6, 0, 0, 0, 0, 0, 24, 24, 0, 0]);
    }
    bench.feed(1, &datagram);
    let batch = bench.v4();
    for (row, (ports, flags, _, expected)) in BY_FLAGS_AND_PORTS.iter().enumerate() {
        assert_eq!(opened(batch, row), *expected, "{ports:?}, flags {flags}");
    }
}

#[test]
fn sflow_tells_by_the_flags_and_ports_of_a_single_packet() {
    for (ports, flags, _, expected) in BY_FLAGS_AND_PORTS.iter().filter(|case| case.2 == 1) {
        check_sample(*ports, *flags, *expected);
    }
    // Of what a sample does not show the ports have to tell.
    check_sample([22, 40_443], ACK, guessed(Initiator::Destination));
    check_sample([60_123, 60_124], ACK, None);
}

#[track_caller]
fn check_sample(ports: [u16; 2], flags: u8, expected: Option<Opened>) {
    let mut bench = Bench::default();
    let mut segment = ports.map(u16::to_be_bytes).concat();
    segment.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags, 4, 0, 0, 0, 0, 0]);
    let mut sample = words(&[1, 3, 400, 0, 0, 3, 4, 1]);
    sample.extend(raw_header([1, 2], 6, &segment));
    bench.feed(6343, &sflow(&[(1, sample)]));
    let batch = bench.batches.last().into_iter().find(|batch| batch.len() == 1).expect("a flow");
    assert_eq!(opened(batch, 0), expected, "{ports:?}, flags {flags}");
}
