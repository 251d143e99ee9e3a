//! The cache against a plain model, and the rules one by one.

use std::collections::HashMap;

use proptest::prelude::*;
use sensor_common::{
    key::{Common, Direction, fold_v4},
    packet::{Fragment, ip::protocol},
    tcp,
};

use super::*;

const OPTIONS: CacheOptions = CacheOptions {
    active_timeout: 60_000,
    idle_timeout: 15_000,
    end_linger: 1_000,
    max_flows: 100,
};
const FIN: u16 = 0x01;
const SYN: u16 = 0x02;
const RST: u16 = 0x04;
const ACK: u16 = 0x10;
/// Some moment in 2023, ms since the epoch.
const T: u64 = 1_700_000_000_000;

fn key(source: u32, protocol: u8) -> [u64; V4_WORDS] {
    let common = Common {
        source_port: 1000,
        destination_port: 443,
        interface: 3,
        protocol,
        tos: 0,
        vlan: 0,
        direction: Direction::Ingress,
        fragment: Fragment::None,
        folded: false,
    };
    KeyV4 { source, destination: 9, common }.pack()
}

fn packet(time: u64, tcp_flags: u16) -> FlowDelta {
    FlowDelta {
        octets: 100,
        packets: 1,
        layer2_octets: 114,
        start: time,
        end: time,
        tcp_flags: tcp::of_first(tcp_flags),
        ttl_min: 64,
        ttl_max: 64,
        macs: [0; 3],
    }
}

/// As `key`, of datagrams between two hosts; true for those that answer.
fn datagram(host: u32, answers: bool) -> [u64; V4_WORDS] {
    let asks = key(host.to_be(), protocol::UDP);
    if answers { reverse_v4(asks) } else { asks }
}

/// Feeds `(time, host, answers)` datagrams after a long look at nothing, and returns `(start, initiator, continued)` of the
/// records, those of the answers with `true`.
fn converse(before: u64, datagrams: &[(u64, u32, bool)]) -> Vec<(bool, u64, u8, u8)> {
    let mut cache = FlowCache::new(OPTIONS, 1);
    let mut out = Records::new(Source::Host);
    cache.merge_v4(&key(99, protocol::UDP), &packet(T - before, 0), &mut out);
    for (time, host, answers) in datagrams {
        cache.expire(T + time, &mut out);
        cache.merge_v4(&datagram(*host, *answers), &packet(T + time, 0), &mut out);
    }
    cache.expire(T + 10_000_000, &mut out);
    let batch = &out.v4;
    let mut rows: Vec<_> = (0..batch.len())
        .filter(|row| batch.start[*row] >= T)
        .map(|row| {
            let answers = batch.is_egress(row);
            (answers, batch.start[row] - T, batch.initiator[row], batch.continued[row])
        })
        .collect();
    rows.sort_unstable();
    rows
}

/// Feeds `(time, source, flags)` packets of TCP flows, then lets everything expire. Returns the records as
/// `(source, start, end, packets, reason)`.
fn run(packets: &[(u64, u32, u16)]) -> Vec<(u32, u64, u64, u64, u8)> {
    let mut cache = FlowCache::new(OPTIONS, 1);
    let mut out = Records::new(Source::Host);
    for (time, source, flags) in packets {
        cache.expire(T + time, &mut out);
        cache.merge_v4(&key(source.to_be(), 6), &packet(T + time, *flags), &mut out);
    }
    cache.expire(T + 10_000_000, &mut out);
    assert!(cache.is_empty());
    rows(&out.v4)
}

fn rows(batch: &FlowBatch) -> Vec<(u32, u64, u64, u64, u8)> {
    let super::super::batch::Addresses::V4 { source, .. } = &batch.addresses else {
        panic!("IPv4")
    };
    (0..batch.len())
        .map(|i| {
            (source[i], batch.start[i] - T, batch.end[i] - T, batch.packets[i], batch.end_reason[i])
        })
        .collect()
}

#[test]
fn a_silent_flow_ends_by_idle_timeout() {
    assert_eq!(
        run(&[(0, 1, ACK), (14_999, 1, ACK), (30_000, 1, ACK)]),
        [(1, 0, 14_999, 2, 1), (1, 30_000, 30_000, 1, 1)]
    );
}

#[test]
fn a_busy_flow_is_reported_at_the_active_timeout() {
    let packets: Vec<_> = (0..13).map(|i| (i * 10_000, 1, ACK)).collect();
    assert_eq!(
        run(&packets),
        [(1, 0, 50_000, 6, 2), (1, 60_000, 110_000, 6, 2), (1, 120_000, 120_000, 1, 1)]
    );
}

#[test]
fn fin_ends_a_flow_after_a_linger_that_takes_the_last_packets() {
    assert_eq!(
        run(&[(0, 1, SYN), (10, 1, FIN | ACK), (500, 1, ACK), (3_000, 1, ACK)]),
        [(1, 0, 500, 3, 3), (1, 3_000, 3_000, 1, 1)]
    );
}

#[test]
fn a_new_connection_on_the_same_ports_is_a_new_flow() {
    assert_eq!(
        run(&[(0, 1, SYN), (10, 1, FIN | ACK), (200, 1, SYN)]),
        [(1, 0, 10, 2, 3), (1, 200, 200, 1, 1)]
    );
}

/// Two CPUs see a short connection within one tick, and the one that saw the end is drained first.
#[test]
fn parts_of_one_connection_are_one_flow_in_any_order() {
    assert_eq!(run(&[(5, 1, FIN | ACK), (5, 1, SYN)]), [(1, 5, 5, 2, 3)]);
    assert_eq!(run(&[(5, 1, SYN), (5, 1, FIN | ACK)]), [(1, 5, 5, 2, 3)]);
}

#[test]
fn the_first_segment_tells_who_opened_the_connection() {
    for (segments, expected) in [
        (&[SYN, ACK, FIN | ACK][..], 1),
        (&[SYN | ACK, ACK, FIN | ACK], 2),
        (&[ACK, FIN | ACK], 0),
        // Data of an old connection, and a new one on its ports: the flow is still the old one.
        (&[ACK, SYN], 0),
    ] {
        // Drained in any order: the earliest decides.
        for first in 0..segments.len() {
            let mut cache = FlowCache::new(OPTIONS, 1);
            let mut out = Records::new(Source::Host);
            for at in (first..segments.len()).chain(0..first) {
                let packet = packet(T + at as u64, segments[at]);
                cache.merge_v4(&key(1, protocol::TCP), &packet, &mut out);
            }
            cache.expire(T + 100_000, &mut out);
            assert_eq!(out.v4.initiator, [expected], "{segments:?} from {first}");
        }
    }
}

#[test]
fn a_cut_record_is_continued_by_the_next_and_keeps_its_initiator() {
    let mut cache = FlowCache::new(OPTIONS, 1);
    let mut out = Records::new(Source::Host);
    // Cut twice; silent for longer than the idle timeout; then a connection of the other side on the same ports.
    let segments = (0..13).map(|at| (at * 10_000, if at == 0 { SYN } else { ACK }));
    let later = [(150_000, ACK), (150_500, FIN | ACK), (151_000, SYN | ACK)];
    for (time, flags) in segments.chain(later) {
        cache.expire(T + time, &mut out);
        cache.merge_v4(&key(1, protocol::TCP), &packet(T + time, flags), &mut out);
    }
    cache.expire(T + 10_000_000, &mut out);
    assert!(cache.is_empty());
    assert_eq!(
        out.v4.start.iter().map(|start| start - T).collect::<Vec<_>>(),
        [0, 60_000, 120_000, 150_000, 151_000]
    );
    assert_eq!(out.v4.continued, [0, 1, 1, 0, 0]);
    assert_eq!(out.v4.initiator, [1, 1, 1, 0, 2]);
}

#[test]
fn a_connection_opened_after_a_cut_is_a_new_one() {
    let mut cache = FlowCache::new(OPTIONS, 1);
    let mut out = Records::new(Source::Host);
    let segments = (0..6).map(|at| (at * 10_000, if at == 0 { SYN } else { ACK }));
    for (time, flags) in segments.chain([(62_000, SYN | ACK)]) {
        cache.expire(T + time, &mut out);
        cache.merge_v4(&key(1, protocol::TCP), &packet(T + time, flags), &mut out);
    }
    cache.expire(T + 10_000_000, &mut out);
    assert_eq!(out.v4.continued, [0, 0]);
    assert_eq!(out.v4.initiator, [1, 2]);
}

#[test]
fn a_flow_that_is_silent_after_a_cut_has_no_further_record() {
    let mut cache = FlowCache::new(OPTIONS, 1);
    let mut out = Records::new(Source::Host);
    for time in (0..60_000).step_by(10_000) {
        cache.merge_v4(&key(1, protocol::UDP), &packet(T + time, 0), &mut out);
    }
    cache.expire(T + 61_000, &mut out);
    assert_eq!((out.v4.len(), cache.len()), (1, 1), "cut, and known for a while");
    cache.expire(T + 70_000, &mut out);
    assert_eq!((out.v4.len(), cache.len()), (1, 0));
}

#[test]
fn a_full_cache_forgets_cut_flows_without_a_record() {
    let mut cache = FlowCache::new(OPTIONS, 1);
    let mut out = Records::new(Source::Host);
    for time in (0..60_000).step_by(10_000) {
        cache.merge_v4(&key(1, protocol::UDP), &packet(T + time, 0), &mut out);
    }
    cache.expire(T + 61_000, &mut out);
    assert!(!cache.flush(&mut out));
    assert_eq!((out.v4.len(), cache.len()), (1, 0));
}

#[test]
fn the_direction_that_began_first_is_the_client_s() {
    let long_ago = 20_000;
    assert_eq!(
        converse(long_ago, &[(0, 1, false), (5, 1, true)]),
        [(false, 0, 1, 0), (true, 5, 2, 0)]
    );
    assert_eq!(
        converse(long_ago, &[(0, 1, true), (5, 1, false), (9_000, 1, true)]),
        [(false, 5, 2, 0), (true, 0, 1, 0)]
    );
    // Within one tick; nobody answers; the question was over before the answer came.
    assert_eq!(
        converse(long_ago, &[(0, 1, false), (0, 1, true)]),
        [(false, 0, 0, 0), (true, 0, 0, 0)]
    );
    assert_eq!(converse(long_ago, &[(0, 1, false)]), [(false, 0, 0, 0)]);
    assert_eq!(
        converse(long_ago, &[(0, 1, false), (15_000, 1, true)]),
        [(false, 0, 0, 0), (true, 15_000, 0, 0)]
    );
}

#[test]
fn what_may_be_older_than_the_watch_has_no_order() {
    let just_now = 14_999;
    assert_eq!(
        converse(just_now, &[(0, 1, false), (5, 1, true), (15_000, 1, true)]),
        [(false, 0, 0, 0), (true, 5, 0, 0)]
    );
}

#[test]
fn an_initiator_once_seen_holds_for_both_directions() {
    // The client is silent for longer than the idle timeout, the server is not: what the client sends then is no opening.
    let mut datagrams = vec![(0, 1, false)];
    datagrams.extend((0..10).map(|at| (5 + at * 10_000, 1, true)));
    datagrams.push((99_000, 1, false));
    assert_eq!(
        converse(20_000, &datagrams),
        [(false, 0, 1, 0), (false, 99_000, 1, 0), (true, 5, 2, 0), (true, 60_005, 2, 1)]
    );
}

/// Feeds `(time, refuses, flags)` packets of an attempt and of its refusal, and returns `(refuses, initiator)` of the records, when
/// the clock goes on to `end` and then all ends.
fn refuse(packets: &[(u64, bool, u16)], end: u64) -> Vec<(bool, u8)> {
    let attempt = key(1, protocol::TCP);
    let mut cache = FlowCache::new(OPTIONS, 1);
    let mut out = Records::new(Source::Host);
    for (time, refuses, flags) in packets {
        let key = if *refuses { reverse_v4(attempt) } else { attempt };
        cache.expire(T + time, &mut out);
        cache.merge_v4(&key, &packet(T + time, *flags), &mut out);
    }
    cache.expire(T + end, &mut out);
    cache.flush(&mut out);
    let batch = &out.v4;
    let mut rows: Vec<_> =
        (0..batch.len()).map(|row| (batch.is_egress(row), batch.initiator[row])).collect();
    rows.sort_unstable();
    rows
}

/// Where the client has the port of a service, a guess would take it for the server.
#[test]
fn who_is_refused_has_opened_the_connection() {
    let (attempt, refusal) = ((0, false, SYN), (1, true, RST | ACK));
    for packets in [
        // The record of the attempt ends behind that of its refusal, or with it.
        &[attempt, refusal][..],
        &[refusal, (1, false, SYN)],
        &[attempt, refusal, (900, false, SYN), (901, true, RST | ACK)],
        // Before it.
        &[attempt, (14_900, true, RST), (15_100, true, RST)],
    ] {
        for end in [0, 5000, 1_000_000] {
            assert_eq!(refuse(packets, end), [(false, 1), (true, 2)], "{packets:?} {end}");
        }
    }
    // By itself an RST tells nothing, nor does one behind an attempt that is forgotten.
    assert_eq!(refuse(&[refusal], 5000), [(true, 0)]);
    assert_eq!(refuse(&[attempt, (100_000, true, RST | ACK)], 200_000), [(false, 1), (true, 0)]);
    // Nor does the order of two directions whose beginning nobody saw.
    assert_eq!(refuse(&[(0, false, ACK), (1, true, ACK)], 5000), [(false, 0), (true, 0)]);
}

#[test]
fn folded_flows_are_nobody_s() {
    let mut cache = FlowCache::new(OPTIONS, 1);
    let mut out = Records::new(Source::Host);
    let folded = fold_v4(key(1, protocol::TCP), Direction::Ingress);
    cache.merge_v4(&folded, &packet(T, SYN), &mut out);
    cache.merge_v4(&folded, &packet(T + 1, ACK), &mut out);
    cache.expire(T + 100_000, &mut out);
    assert_eq!(out.v4.initiator, [0]);
}

#[test]
fn flags_of_tcp_mean_nothing_in_other_protocols() {
    let mut cache = FlowCache::new(OPTIONS, 1);
    let mut out = Records::new(Source::Host);
    cache.merge_v4(&key(1, 17), &packet(T, FIN), &mut out);
    assert!(!cache.expire(T + 5_000, &mut out));
    assert_eq!(cache.len(), 1);
}

#[test]
fn a_full_cache_ends_the_nearest_flow_and_loses_nothing() {
    let options = CacheOptions { max_flows: 10, ..OPTIONS };
    let mut cache = FlowCache::new(options, 1);
    let mut out = Records::new(Source::Host);
    for source in 0..50 {
        cache.merge_v4(&key(u32::to_be(source), 6), &packet(T + u64::from(source), ACK), &mut out);
        assert!(cache.len() <= 10);
    }
    assert_eq!(cache.evicted(), 40);
    assert!(out.v4.end_reason.iter().all(|reason| *reason == EndReason::LackOfResources as u8));
    assert!(!cache.flush(&mut out));
    let mut sources: Vec<u32> = rows(&out.v4).iter().map(|row| row.0).collect();
    sources.sort_unstable();
    assert_eq!(sources, (0..50).collect::<Vec<_>>());
}

/// Records that have left by `now`: whose, until when, and why.
fn left(cache: &mut FlowCache, now: u64) -> Vec<(u32, u64, u8)> {
    let mut out = Records::new(Source::Host);
    while cache.expire(now, &mut out) {}
    rows(&out.v4).into_iter().map(|(source, _, end, _, reason)| (source, end, reason)).collect()
}

#[test]
fn other_timeouts_hold_for_the_flows_that_there_are() {
    let mut cache = FlowCache::new(OPTIONS, 1);
    let mut out = Records::new(Source::Host);
    let [one, two] = [1_u32, 2].map(|source| key(source.to_be(), protocol::UDP));
    cache.merge_v4(&one, &packet(T, 0), &mut out);
    cache.merge_v4(&two, &packet(T + 5_000, 0), &mut out);
    assert_eq!(left(&mut cache, T + 10_000), []);
    // Shorter, on a finer wheel: the first has been silent for too long already.
    let short = CacheOptions { active_timeout: 8_000, idle_timeout: 7_000, ..OPTIONS };
    cache.reconfigure(short);
    let idle = EndReason::IdleTimeout as u8;
    assert_eq!(left(&mut cache, T + 10_100), [(1, 0, idle)]);
    // Longer than any deadline so far.
    let long = CacheOptions { active_timeout: 86_400_000, idle_timeout: 86_400_000, ..OPTIONS };
    cache.reconfigure(long);
    assert_eq!(left(&mut cache, T + 80_000_000), []);
    cache.merge_v4(&two, &packet(T + 80_000_000, 0), &mut out);
    assert_eq!(left(&mut cache, T + 86_400_000), []);
    cache.reconfigure(OPTIONS);
    assert_eq!(left(&mut cache, T + 86_400_200), [(2, 80_000_000, EndReason::ActiveTimeout as u8)]);
    assert!(cache.is_empty());
}

#[test]
fn a_cache_that_shrinks_ends_the_nearest_flows_and_loses_nothing() {
    let mut cache = FlowCache::new(OPTIONS, 1);
    let mut out = Records::new(Source::Host);
    for source in 0..50_u32 {
        let time = T + u64::from(source) * 200;
        cache.merge_v4(&key(source.to_be(), protocol::UDP), &packet(time, 0), &mut out);
    }
    cache.reconfigure(CacheOptions { max_flows: 20, ..OPTIONS });
    while cache.shrink(&mut out) {}
    assert_eq!((cache.len(), cache.evicted()), (20, 30));
    let ended: Vec<_> =
        rows(&out.v4).into_iter().map(|(source, .., reason)| (source, reason)).collect();
    let expected: Vec<_> =
        (0..30).map(|source| (source, EndReason::LackOfResources as u8)).collect();
    assert_eq!(ended, expected);
    while cache.flush(&mut out) {}
    assert_eq!(out.v4.len(), 50);
}

#[test]
fn time_may_jump_far_ahead_and_back() {
    let mut cache = FlowCache::new(OPTIONS, 1);
    let mut out = Records::new(Source::Host);
    for time in [T, T + 400_000_000_000, T, T - 1_000_000_000_000, 0, u64::MAX - 1, T] {
        cache.expire(time, &mut out);
        cache.merge_v4(&key(7, 6), &packet(time, ACK), &mut out);
        cache.expire(time, &mut out);
    }
    while cache.flush(&mut out) {}
    assert_eq!(out.v4.packets.iter().sum::<u64>(), 7);
}

#[test]
fn expire_stops_at_a_full_batch_and_goes_on() {
    let mut cache = FlowCache::new(CacheOptions { max_flows: 1 << 20, ..OPTIONS }, 1);
    let mut out = Records::new(Source::Host);
    for source in 0..10_000 {
        cache.merge_v4(&key(source, 6), &packet(T, ACK), &mut out);
    }
    let mut batches = Vec::new();
    while cache.expire(T + 100_000, &mut out) {
        batches.extend(out.take());
    }
    batches.extend(out.take());
    assert_eq!(batches.len(), 3);
    assert_eq!(batches.iter().map(FlowBatch::len).sum::<usize>(), 10_000);
}

/// What the cache should do, without wheel, chunks or index.
#[derive(Default)]
struct Model {
    flows: HashMap<u32, (FlowDelta, bool)>,
    records: Vec<(u32, u64, u64, u64, u8)>,
}

impl Model {
    fn deadline((counts, ended): &(FlowDelta, bool)) -> (u64, u8) {
        let quiet = counts.end + if *ended { OPTIONS.end_linger } else { OPTIONS.idle_timeout };
        let active = counts.start + OPTIONS.active_timeout;
        let reason = match (ended, counts.end + OPTIONS.idle_timeout <= active) {
            (true, _) => 3,
            (false, true) => 1,
            (false, false) => 2,
        };
        (quiet.min(active), reason)
    }

    fn end(&mut self, source: u32, reason: u8) {
        let (counts, _) = self.flows.remove(&source).unwrap();
        self.records.push((source, counts.start - T, counts.end - T, counts.packets, reason));
    }

    fn packet(&mut self, time: u64, source: u32, flags: u16) {
        if let Some(flow) = self.flows.get(&source) {
            let (deadline, reason) = Self::deadline(flow);
            if time >= deadline || flow.1 && flags & SYN != 0 && time > flow.0.end {
                self.end(source, reason);
            }
        }
        let flow = self.flows.entry(source).or_insert_with(|| {
            (FlowDelta { octets: 0, packets: 0, layer2_octets: 0, ..packet(time, 0) }, false)
        });
        flow.0.packets += 1;
        flow.0.end = time;
        flow.1 |= flags & FIN != 0;
    }
}

proptest! {
    /// What goes on does not depend on when the cache is expired, or on its hash; who opened it may be found out a record
    /// sooner or later, and is never contradicted.
    #[test]
    fn what_is_known_of_flows_depends_on_packets_alone(
        steps in prop::collection::vec((0..9_000u64, 0..2u32, any::<bool>()), 1..200),
        every in 1..40usize,
        seed in any::<u64>(),
    ) {
        let known = |every: usize, seed| {
            let mut cache = FlowCache::new(OPTIONS, seed);
            let mut out = Records::new(Source::Host);
            let mut time = T;
            for (i, (step, host, answers)) in steps.iter().enumerate() {
                time += step;
                if i % every == 0 {
                    cache.expire(time, &mut out);
                }
                cache.merge_v4(&datagram(*host, *answers), &packet(time, 0), &mut out);
            }
            cache.expire(time + 1_000_000, &mut out);
            let batch = &out.v4;
            let mut rows: Vec<_> = (0..batch.len())
                .map(|row| {
                    let key = (batch.source_port[row], batch.start[row], batch.end[row]);
                    (key, batch.packets[row], batch.initiator[row], batch.continued[row])
                })
                .collect();
            rows.sort_unstable();
            rows
        };
        let (seldom, often) = (known(every, seed), known(1, 1));
        prop_assert_eq!(seldom.len(), often.len());
        for (one, other) in seldom.into_iter().zip(often) {
            let of = |(key, packets, _, continued)| (key, packets, continued);
            prop_assert_eq!(of(one), of(other));
            prop_assert!(one.2 == other.2 || one.2 == 0 || other.2 == 0, "{one:?} {other:?}");
        }
    }

    /// Steps of (ms, source, flags), with the cache expired every `every` packets: never the records change.
    #[test]
    fn the_cache_does_what_the_model_does(
        steps in prop::collection::vec((0..9_000u64, 0..6u32, prop::sample::select(vec![ACK, SYN, FIN | ACK])), 1..300),
        every in 1..40usize,
        seed in any::<u64>(),
    ) {
        let mut cache = FlowCache::new(OPTIONS, seed);
        let mut out = Records::new(Source::Host);
        let mut model = Model::default();
        let mut time = T;
        for (i, (step, source, flags)) in steps.iter().enumerate() {
            time += step;
            if i % every == 0 {
                cache.expire(time, &mut out);
            }
            cache.merge_v4(&key(source.to_be(), 6), &packet(time, *flags), &mut out);
            model.packet(time, *source, *flags);
        }
        cache.expire(time + 1_000_000, &mut out);
        let sources: Vec<u32> = model.flows.keys().copied().collect();
        for source in sources {
            let reason = Model::deadline(&model.flows[&source]).1;
            model.end(source, reason);
        }
        let mut records = rows(&out.v4);
        records.sort_unstable();
        model.records.sort_unstable();
        prop_assert_eq!(records, model.records);
    }
}
