//! Records that others repeat, and such that only look like it.

use std::collections::BTreeSet;

use proptest::prelude::*;
use sensor_core::flow::{
    batch::{FlowBatch, Source},
    prefix::prefix,
};

use super::*;
use crate::cloud::{
    decoder::{Decoder, Hints},
    flows::Flows,
    format::Format,
    ledger::Ledger,
    record::RecordTexts,
};

const MINUTE: u64 = 60_000;
/// The first minute of the records.
const T: u64 = 1_700_000_040_000;

/// Who saw a flow, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    interface: &'static str,
    direction: Option<Direction>,
    action: Option<Action>,
    start: u64,
    packets: u64,
}

const OUT: Option<Direction> = Some(Direction::Egress);
const IN: Option<Direction> = Some(Direction::Ingress);
const ACCEPTED: Option<Action> = Some(Action::Accepted);
const REJECTED: Option<Action> = Some(Action::Rejected);

fn seen(interface: &'static str, direction: Option<Direction>, start: u64) -> Seen {
    Seen { interface, direction, action: ACCEPTED, start, packets: 9 }
}

const A: u32 = 0x0a00_0001;
const B: u32 = 0x0a00_0002;
const OUTSIDE: u32 = 0xcb00_7101;

fn record(flows: &mut Flows, (source, destination): (u32, u32), seen: Seen) -> Record {
    let Seen { interface, direction, action, start, packets } = seen;
    let point = flows.point([b"1", b"", b"", b"", interface.as_bytes(), b"", b""], "1", "log");
    Record {
        ends: Ends::V4(source, destination),
        ports: (Some(50_000), Some(443)),
        protocol: 6,
        packets: Some(packets),
        octets: Some(packets * 100),
        start: Some(start),
        end: start + 30_000,
        tcp_flags: None,
        tos: None,
        direction,
        action,
        via: None,
        traffic_path: 0,
        version: 5,
        initiator: 0,
        point,
        labels: (0, 0),
        texts: RecordTexts::default(),
    }
}

fn reporting(double: Double) -> Reporting {
    let internal = Networks::of([(prefix("10.0.0.0/8").expect("a prefix"), true)]);
    Reporting { double, internal: Arc::new(internal), own: None }
}

fn flows(reporting: Reporting) -> Flows {
    let mut flows = Flows::new(Source::Aws);
    flows.set_reporting(reporting);
    flows
}

/// Pushes records of one row each; which of them stay.
fn stay(flows: &mut Flows, records: &[((u32, u32), Seen)]) -> Vec<bool> {
    let stayed = records.iter().map(|(ends, seen)| {
        flows.begin();
        let record = record(flows, *ends, *seen);
        let before = flows.ledger(record.point.1).rows;
        flows.push(&record);
        flows.end(record.point.1);
        flows.ledger(record.point.1).rows > before
    });
    stayed.collect()
}

fn total(flows: &mut Flows) -> (Ledger, Vec<FlowBatch>) {
    let mut batches = Vec::new();
    flows.take(true, |batch| batches.push(batch));
    let mut total = Ledger::default();
    for (_, ledger) in flows.ledgers() {
        assert!(ledger.is_balanced(), "{ledger:?}");
        total.add(ledger);
    }
    assert_eq!(batches.iter().map(|batch| batch.len() as u64).sum::<u64>(), total.rows);
    (total, batches)
}

#[test]
fn one_side_keeps_what_the_sender_logged_and_what_comes_from_outside() {
    let rejected = |seen: Seen| Seen { action: REJECTED, ..seen };
    for (ends, seen, stays) in [
        ((A, B), seen("eni-a", OUT, T), true),
        ((A, B), seen("eni-b", IN, T), false),
        ((OUTSIDE, B), seen("eni-b", IN, T), true),
        ((B, OUTSIDE), seen("eni-b", OUT, T), true),
        // Logged where it was denied, and nowhere else.
        ((A, B), rejected(seen("eni-b", IN, T)), true),
        ((A, B), rejected(seen("eni-a", OUT, T)), true),
        // Nobody says which side this is.
        ((A, B), seen("eni-b", None, T), true),
    ] {
        let mut flows = flows(reporting(Double::OneSide));
        assert_eq!(stay(&mut flows, &[(ends, seen)]), [stays], "{ends:x?} {seen:?}");
        let (ledger, _) = total(&mut flows);
        let counts = (ledger.records, ledger.flows, ledger.duplicates, ledger.repeated);
        assert_eq!(counts, (1, stays.into(), (!stays).into(), (!stays).into()));
    }
}

#[test]
fn nothing_is_left_out_unless_somebody_asks() {
    let records = [((A, B), seen("eni-a", OUT, T)), ((A, B), seen("eni-b", IN, T))];
    for mut flows in [Flows::new(Source::Aws), flows(reporting(Double::Keep))] {
        assert_eq!(stay(&mut flows, &[records, records].concat()), [true; 4]);
        assert_eq!(total(&mut flows).0.duplicates, 0);
    }
}

#[test]
fn a_second_sight_is_by_another_interface_at_about_the_same_time() {
    let first = ((A, B), seen("eni-a", OUT, T));
    let second =
        |seen: Seen| stay(&mut flows(reporting(Double::Match)), &[first, ((A, B), seen)])[1];
    for (start, stays) in [
        (T, false),
        (T + MINUTE - 1, false),
        (T + MINUTE, false),
        (T + 2 * MINUTE - 1, false),
        (T + 2 * MINUTE, true),
        (T - 1, false),
        (T - MINUTE, false),
        (T - MINUTE - 1, true),
    ] {
        assert_eq!(second(seen("eni-b", IN, start)), stays, "{start}");
    }
    // Of other counts, as each side samples on its own; and by a gateway, both ways.
    assert!(!second(Seen { packets: 8, ..seen("eni-b", IN, T) }));
    assert!(!second(Seen { packets: 8, ..seen("eni-a", IN, T) }));
    // A verdict of its own.
    assert!(second(Seen { action: REJECTED, ..seen("eni-b", IN, T) }));
    assert!(second(Seen { action: None, ..seen("eni-b", IN, T) }));
    // The same interface goes on with the connection; its own record is the same in every part.
    assert!(second(seen("eni-a", OUT, T + MINUTE)));
    assert!(second(Seen { packets: 8, ..seen("eni-a", OUT, T) }));
    assert!(!second(seen("eni-a", OUT, T)));
    // Another connection.
    let mut flows = flows(reporting(Double::Match));
    let others = [first, ((B, A), first.1), ((A, OUTSIDE), first.1)];
    assert_eq!(stay(&mut flows, &others), [true; 3]);
}

/// Both ends of a connection log it for an hour: in whichever order their records come, one of each minute stays.
#[test]
fn of_two_sides_one_record_a_window_stays() {
    let minutes = || (0..60).map(|minute| T + minute * MINUTE);
    let (a, b): (Vec<_>, Vec<_>) = minutes()
        .map(|start| (seen("eni-a", OUT, start + 7_000), seen("eni-b", IN, start + 41_000)))
        .unzip();
    let by_side = [&a[..], &b[..]].concat();
    let in_turns: Vec<_> = a.iter().zip(&b).flat_map(|(a, b)| [*a, *b]).collect();
    let lagging: Vec<_> = (0..60)
        .flat_map(|at| [Some(b[at]), at.checked_sub(5).map(|at| a[at])])
        .flatten()
        .chain(a[55..].iter().copied())
        .collect();
    for order in [by_side, in_turns, lagging] {
        let records: Vec<_> = order.iter().map(|seen| ((A, B), *seen)).collect();
        let mut flows = flows(reporting(Double::Match));
        let stayed = stay(&mut flows, &records).into_iter().filter(|stays| *stays).count();
        assert_eq!(stayed, 60);
    }
}

#[test]
fn a_connection_is_told_from_others_by_its_ports() {
    let mut flows = flows(reporting(Double::Match));
    let mut push = |ports, protocol, seen| {
        flows.begin();
        let record = Record { ports, protocol, ..record(&mut flows, (A, B), seen) };
        flows.push(&record);
        flows.end(record.point.1);
        flows.ledger(record.point.1).duplicates
    };
    let (here, there) = (seen("eni-a", OUT, T), seen("eni-b", IN, T));
    assert_eq!(push((None, Some(443)), 6, here), 0);
    // It may be another of the same hosts: this much nobody can tell.
    assert_eq!(push((None, Some(443)), 6, Seen { packets: 8, ..there }), 0);
    assert_eq!(push((None, Some(443)), 6, here), 1);
    // ICMP has no ports to be told apart by.
    assert_eq!(push((None, None), 1, here), 1);
    assert_eq!(push((None, None), 1, Seen { packets: 8, ..there }), 2);
}

#[test]
fn a_record_of_two_rows_is_a_duplicate_where_both_are() {
    let mut flows = flows(reporting(Double::OneSide));
    let mut push = |rows: &[((u32, u32), Option<Direction>)]| {
        flows.begin();
        let mut source = 0;
        for (ends, direction) in rows {
            let record = record(&mut flows, *ends, seen("mac-b", *direction, T));
            source = record.point.1;
            flows.push(&record);
        }
        flows.end(source);
        let ledger = flows.ledger(source);
        [ledger.records, ledger.flows, ledger.duplicates, ledger.rows, ledger.repeated]
    };
    // What the responder's interface says of a connection from inside, and from outside.
    assert_eq!(push(&[((A, B), IN), ((B, A), OUT)]), [1, 1, 0, 1, 1]);
    assert_eq!(push(&[((OUTSIDE, B), IN), ((B, OUTSIDE), OUT)]), [2, 2, 0, 3, 1]);
    assert_eq!(push(&[((A, B), IN)]), [3, 2, 1, 3, 2]);
    // A record of which no row came of itself is no duplicate.
    assert_eq!(push(&[]), [4, 3, 1, 3, 2]);
    total(&mut flows);
}

#[test]
fn a_host_that_counts_its_own_packets_is_believed() {
    let own = Networks::of_addresses(["10.0.0.1".parse().expect("an address")]);
    let rules = Reporting { own: Some(Arc::new(own)), ..reporting(Double::Keep) };
    let rejected = Seen { action: REJECTED, ..seen("eni-a", IN, T) };
    let records = [
        ((A, B), seen("eni-a", OUT, T)),
        ((B, A), seen("eni-a", IN, T)),
        ((B, A), seen("eni-b", OUT, T)),
        ((B, OUTSIDE), seen("eni-b", OUT, T)),
        // Its packets did not reach the host.
        ((OUTSIDE, A), rejected),
    ];
    let mut flows = flows(rules);
    assert_eq!(stay(&mut flows, &records), [false, false, false, true, true]);
    assert_eq!(total(&mut flows).0.duplicates, 3);
}

#[test]
fn what_finds_no_room_is_forgotten_and_counted() {
    let mut repeats = Repeats { half: 10, ..Repeats::default() };
    repeats.set(reporting(Double::Match));
    let mut flows = Flows::new(Source::Aws);
    let mut is_repeated = |host: u32| {
        let record = record(&mut flows, (A, host), seen("eni-a", OUT, T));
        let point = flows.names().tables().0.get(record.point.0);
        let repeated = repeats.is_repeated(&record, point);
        let held = repeats.seen.iter().map(HashTable::len).sum::<usize>();
        (repeated, held, repeats.forgotten())
    };
    for host in 0..20 {
        assert_eq!(is_repeated(host), (false, host as usize + 1, 0));
    }
    assert_eq!(is_repeated(0), (true, 20, 0));
    // The older half goes at once.
    assert_eq!(is_repeated(20), (false, 11, 10));
    assert_eq!(is_repeated(0), (false, 12, 10));
    assert_eq!(is_repeated(15), (true, 12, 10));
}

#[test]
fn a_key_takes_about_64_octets() {
    let table: HashTable<Sight> = HashTable::with_capacity(HALF);
    assert_eq!(table.capacity(), HALF);
    let octets = table.allocation_size() as f64 / HALF as f64;
    assert!((60.0..70.0).contains(&octets), "{octets}");
}

/// Names of points are given out anew now and then; what has come is still known.
#[test]
fn new_numbers_of_points_make_no_difference() {
    let mut flows = flows(reporting(Double::Match));
    let records = [((A, B), seen("eni-a", OUT, T)), ((A, OUTSIDE), seen("eni-b", OUT, T))];
    assert_eq!(stay(&mut flows, &records), [true; 2]);
    // As many texts as a table holds.
    for number in 0..1 << 16 {
        flows.names().text(format!("{number}").as_bytes());
    }
    // The interfaces come in another order, and have each other's numbers.
    let same = [records[1], records[0]];
    let on =
        [((A, OUTSIDE), seen("eni-b", OUT, T + MINUTE)), ((A, B), seen("eni-a", OUT, T + MINUTE))];
    assert_eq!(stay(&mut flows, &same), [false; 2]);
    assert_eq!(stay(&mut flows, &on), [true; 2]);
}

/// A log of AWS with these lines.
fn log(lines: impl Iterator<Item = (u32, u64, bool)>) -> String {
    let mut text = "interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action flow-direction\n".to_owned();
    for (host, start, egress) in lines {
        let way = if egress { "egress" } else { "ingress" };
        let start = 1_700_000_000 + start;
        text += &format!(
            "eni-{host} 10.0.0.{host} 10.0.1.1 5{host:03} 443 6 3 300 {start} {} ACCEPT {way}\n",
            start + 59
        );
    }
    text
}

proptest! {
    /// The same file twice.
    #[test]
    fn of_a_file_that_is_read_twice_half_is_duplicates(
        lines in proptest::collection::btree_set((0..200_u32, 0..40_u64, any::<bool>()), 1..300),
    ) {
        // No two records of one connection and start but by the same side: within the file nothing repeats.
        let mut kept = BTreeSet::new();
        let lines: Vec<_> = lines.into_iter().filter(|line| kept.insert(line.0)).collect();
        let text = log(lines.iter().map(|(host, minute, egress)| (*host, minute * 60, *egress)));
        let mut flows = flows(reporting(Double::Match));
        for _ in 0..2 {
            let mut decoder = Decoder::new(Format::Aws, "log", &Hints::default());
            decoder.feed(text.as_bytes(), &mut flows);
            decoder.finish(&mut flows);
        }
        let (ledger, _) = total(&mut flows);
        let count = lines.len() as u64;
        prop_assert_eq!((ledger.records, ledger.flows, ledger.duplicates), (2 * count, count, count));
        prop_assert_eq!((ledger.rows, ledger.repeated), (count, count));
    }
}
