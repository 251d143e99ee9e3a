//! Which counts are the flow's, when it was, and what is no flow.

use super::*;
use crate::template::compile::OutCounters;

fn number(number: u32) -> [u8; 4] {
    number.to_be_bytes()
}

/// Octets and packets of all IPv4 flows.
fn counted(bench: &mut Bench) -> Vec<(u64, u64)> {
    let batch = bench.v4();
    batch.octets.iter().copied().zip(batch.packets.iter().copied()).collect()
}

#[test]
fn flows_that_are_reported_again_count_what_is_new() {
    let mut bench = Bench::default();
    let fields = [FLOW, &[(0, 22, 4), (0, 85, 4), (0, 86, 4), (0, 136, 1)]].concat();
    let report = |port: u8, start: u32, octets: u32, reason: u8| {
        let flow = [&RECORD[..9], &[port], &RECORD[10..]].concat();
        [&flow[..], &number(start), &number(octets), &number(octets / 100), &[reason]].concat()
    };
    let reports = [
        report(1, 5000, 1000, 2),
        report(2, 5000, 300, 2),
        report(1, 5000, 2500, 2),
        report(1, 5000, 4000, 3),
        // The same ports again, later.
        report(1, 9000, 4500, 2),
        // Less than before: the device counts anew.
        report(2, 5000, 200, 2),
    ];
    bench.feed(1, &netflow9(10_000, &[(0, &template(256, &fields)), (256, &reports.concat())]));
    let expected = [(1000, 10), (300, 3), (1500, 15), (1500, 15), (4500, 45), (200, 2)];
    assert_eq!(counted(&mut bench), expected);
    // From another observation domain it is another flow; there it may come from another port.
    let other = |port: u16, octets: u32, bench: &mut Bench| {
        let report = report(2, 5000, octets, 2);
        bench.feed(port, &ipfix(9, &[(2, &template(256, &fields)), (256, &report)]));
    };
    other(1, 500, &mut bench);
    other(2, 900, &mut bench);
    assert_eq!(counted(&mut bench)[6..], [(500, 5), (400, 4)]);
    assert_eq!(bench.decoder.ledger().totals_forgotten, 0);
}

#[test]
fn deltas_are_what_they_are_beside_totals() {
    let mut bench = Bench::default();
    let fields = [FLOW, &[(0, 85, 4), (0, 1, 4), (0, 2, 4)]].concat();
    let report = [RECORD, &number(900), &number(100), &number(1)].concat();
    for _ in 0..2 {
        bench.feed(1, &ipfix(1, &[(2, &template(256, &fields)), (256, &report)]));
    }
    assert_eq!(counted(&mut bench), [(100, 1), (100, 1)]);
}

#[test]
fn totals_of_both_ways_are_kept_apart() {
    let mut bench = Bench::default();
    let reverse = elements::REVERSE;
    let fields = [FLOW, &[(0, 85, 4), (reverse, 85, 4)]].concat();
    for (octets, back) in [(100, 10), (150, 40)] {
        let report = [RECORD, &number(octets), &number(back)].concat();
        bench.feed(1, &ipfix(1, &[(2, &template(256, &fields)), (256, &report)]));
    }
    assert_eq!(bench.v4().octets, [100, 10, 50, 30]);
}

#[test]
fn flows_that_count_in_totals_have_a_bound() {
    let mut bench = Bench::default();
    let fields = [FLOW, &[(0, 85, 4)]].concat();
    bench.feed(1, &ipfix(1, &[(2, &template(256, &fields))]));
    for first in (0..60_000_u32).step_by(1000) {
        let report = |n: u32| [&number(first + n)[..], &RECORD[4..], &number(7)].concat();
        bench.feed(1, &ipfix(1, &[(256, &(1..1001).flat_map(report).collect::<Vec<_>>())]));
        bench.batches.take(true, drop);
    }
    assert!(bench.decoder.ledger().totals_forgotten > 0);
    assert!(bench.decoder.directory().used() < 4 << 20, "{}", bench.decoder.directory().used());
}

const IN_AND_OUT: Fields<'_> =
    &[(0, 8, 4), (0, 12, 4), (0, 7, 2), (0, 11, 2), (0, 1, 4), (0, 2, 4), (0, 23, 4), (0, 24, 4)];

fn in_and_out(counts: [u32; 4]) -> Vec<u8> {
    [RECORD, &counts.map(number).concat()].concat()
}

#[test]
fn out_counters_are_taken_where_in_is_empty() {
    let mut bench = Bench::default();
    let records = [[100, 1, 100, 1], [0, 0, 70, 2], [50, 3, 60, 3], [0, 0, 0, 0], [9, 1, 0, 0]]
        .map(in_and_out);
    let sets = [(0, &*template(256, IN_AND_OUT)), (256, &*records.concat())];
    bench.feed(1, &netflow9(0, &sets));
    assert_eq!(counted(&mut bench), [(100, 1), (70, 2), (50, 3), (0, 0), (9, 1)]);
    assert_eq!(bench.decoder.ledger().rows_without_out, 1);
}

#[test]
fn out_counters_may_count_the_way_back() {
    let profile = |_: IpAddr| DeviceProfile {
        out_counters: OutCounters::Reverse,
        ..DeviceProfile::default()
    };
    let options = Options { profile: Box::new(profile), ..Options::default() };
    let mut bench = Bench { decoder: Decoder::new(options), ..Bench::default() };
    let records = [[530, 6, 638, 10], [40, 1, 0, 0]].map(in_and_out).concat();
    bench.feed(1, &netflow9(0, &[(0, &template(256, IN_AND_OUT)), (256, &records)]));
    assert_eq!(counted(&mut bench), [(530, 6), (40, 1), (638, 10)]);
    assert_eq!(bench.ports(), [(80, 1024), (80, 1024), (1024, 80)]);
    assert_eq!(bench.decoder.ledger().rows_without_out, 0);
    // Where OUT stands alone it counts the flow itself.
    let fields = [FLOW, &[(0, 23, 4), (0, 24, 4)]].concat();
    let record = [RECORD, &number(7), &number(1)].concat();
    bench.feed(1, &netflow9(0, &[(0, &template(257, &fields)), (257, &record)]));
    assert_eq!(counted(&mut bench)[3..], [(7, 1)]);
}

#[test]
fn zeros_as_long_as_records_are_padding() {
    let mut bench = Bench::default();
    let zeros = [0; 12];
    let data = [RECORD, &zeros, RECORD, &zeros, &zeros, &[0; 3]].concat();
    bench.feed(1, &ipfix(1, &[(2, &template(256, FLOW)), (256, &data)]));
    // Between records it is one.
    assert_eq!(bench.ports(), [(80, 1024), (0, 0), (80, 1024)]);
    assert_eq!(bench.decoder.ledger().padding, 27);
    assert_eq!(bench.decoder.ledger().data_records, 3);
    // With a field of variable length; and where something else follows, which is a record cut off.
    let fields = [FLOW, &[(0, 82, 0xffff)]].concat();
    let data = [RECORD, &[1, b'a'], &[0; 13]].concat();
    bench.feed(1, &ipfix(1, &[(2, &template(257, &fields)), (257, &data)]));
    assert_eq!(bench.decoder.ledger().padding, 40);
    bench.feed(1, &ipfix(1, &[(256, &[RECORD, &zeros, &[0, 0, 1]].concat())]));
    assert_eq!(bench.batches.rows(), 6);
}

/// Uptimes at the first and the last packet.
const UPTIMES: Fields<'_> = &[(0, 8, 4), (0, 12, 4), (0, 7, 2), (0, 11, 2), (0, 22, 4), (0, 21, 4)];

#[test]
fn a_boot_time_of_before_a_reboot_is_not_believed() {
    let mut bench = Bench::default();
    let told = |bench: &mut Bench, boot: u64| {
        let options = options_template(300, 1, &[(0, 149, 4), (0, 160, 8)]);
        let record = [&[0, 0, 0, 1][..], &boot.to_be_bytes()].concat();
        bench.feed(1, &ipfix(1, &[(3, &options), (300, &record)]));
    };
    let flow = |bench: &mut Bench, first: u32, last: u32| {
        let record = [RECORD, &number(first), &number(last)].concat();
        bench.feed(1, &ipfix(1, &[(2, &template(256, UPTIMES)), (256, &record)]));
    };
    told(&mut bench, NOW - 100_000_000);
    flow(&mut bench, 99_990_000, 99_995_000);
    // It boots again.
    flow(&mut bench, 9_000, 10_000);
    flow(&mut bench, 19_000, 20_000);
    assert_eq!(bench.v4().end, [NOW - 5000, NOW, NOW]);
    assert_eq!(bench.v4().start, [NOW - 10_000, NOW - 1000, NOW - 1000]);
    // Once: then it is forgotten, and not saved either.
    assert_eq!(bench.decoder.ledger().rows_with_implausible_uptime, 1);
    let snapshot = bench.decoder.snapshot();
    assert!(snapshot.devices[0].sessions.iter().all(|session| session.boot.is_none()));
    told(&mut bench, NOW - 40_000);
    flow(&mut bench, 30_000, 36_000);
    assert_eq!(bench.v4().end[3], NOW - 4000);
    // Beside the uptimes themselves.
    let fields = [UPTIMES, &[(0, 160, 8)]].concat();
    let flow = [RECORD, &number(1000), &number(2000)].concat();
    let record = |boot: u64| [&flow[..], &boot.to_be_bytes()].concat();
    let records = [record(NOW - 10_000), record(NOW - 90_000_000)].concat();
    bench.feed(1, &ipfix(1, &[(2, &template(257, &fields)), (257, &records)]));
    assert_eq!(bench.v4().end[4..], [NOW - 8000, NOW]);
    assert_eq!(bench.decoder.ledger().rows_with_implausible_uptime, 2);
}

#[test]
fn flows_of_no_sampler_do_not_get_the_rate_of_the_only_one() {
    let mut bench = Bench::default();
    let samplers = options_template(300, 1, &[(0, 144, 4), (0, 48, 1), (0, 50, 4)]);
    let told = [0, 0, 0, 1, 1, 0, 0, 3, 232];
    bench.feed(1, &ipfix(1, &[(3, &samplers), (300, &told)]));
    // As long as no flow names one.
    bench.feed(1, &ipfix(1, &[(2, &template(256, FLOW)), (256, RECORD)]));
    let naming = [FLOW, &[(0, 48, 1)]].concat();
    let flows = [RECORD, &[1], RECORD, &[0], RECORD, &[7]].concat();
    bench.feed(1, &ipfix(1, &[(2, &template(257, &naming)), (257, &flows), (256, RECORD)]));
    assert_eq!(bench.v4().sample_rate, [1000, 1000, 0, 0, 0]);
    assert_eq!(bench.decoder.ledger().rows_without_rate, 3);
    // After a restart as well.
    let mut again = Bench::default();
    again.decoder.restore(bench.decoder.snapshot(), NOW);
    again.feed(1, &ipfix(1, &[(256, RECORD)]));
    assert_eq!(again.v4().sample_rate, [0]);
}

#[test]
fn one_rate_for_the_whole_device_is_that_of_all_its_flows() {
    let mut bench = Bench::default();
    let system = options_template(300, 1, &[(0, 144, 4), (0, 34, 4)]);
    bench.feed(1, &ipfix(8, &[(3, &system), (300, &[0, 0, 0, 1, 0, 0, 0, 64])]));
    let naming = [FLOW, &[(0, 48, 1)]].concat();
    bench.feed(1, &ipfix(1, &[(2, &template(256, &naming)), (256, &[RECORD, &[0]].concat())]));
    bench.feed(1, &ipfix(1, &[(2, &template(257, FLOW)), (257, RECORD)]));
    assert_eq!(bench.v4().sample_rate, [64, 64]);
}
