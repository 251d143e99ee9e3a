//! Ports that move, and processes that share an address: every flow is decoded, and by its own template.

use super::*;

const TURNED: Fields<'_> = &[(0, 12, 4), (0, 8, 4), (0, 11, 2), (0, 7, 2)];
const MINUTE: u64 = 60_000;
/// Milliseconds for which a device has run at [`NOW`].
const UP: u64 = 1_000_000;

/// One device, as its messages say.
#[derive(Clone, Copy)]
struct Process {
    v9: bool,
    /// When it started, milliseconds since the epoch.
    boot: u64,
    number: u32,
}

impl Process {
    fn new(v9: bool) -> Self {
        Self { v9, boot: NOW - UP, number: 0 }
    }

    /// Its next message, at `now`, of one record, whose source port is `port`.
    fn message(&mut self, now: u64, fields: Option<Fields<'_>>, port: u16) -> Vec<u8> {
        let record = [&RECORD[..8], &port.to_be_bytes(), &RECORD[10..]].concat();
        let told = fields.map(|fields| template(256, fields));
        let set = if self.v9 { 0 } else { 2 };
        let mut contents: Vec<(u16, &[u8])> = told.iter().map(|told| (set, &told[..])).collect();
        contents.push((256, &record));
        let uptime = (now - self.boot) as u32;
        let mut octets = if self.v9 { netflow9(uptime, &contents) } else { ipfix(7, &contents) };
        let place = if self.v9 { 12 } else { 8 };
        octets[place..place + 4].copy_from_slice(&self.number.to_be_bytes());
        self.number += 1;
        octets
    }
}

impl Bench {
    fn feed_at(&mut self, port: u16, now: u64, octets: &[u8]) {
        let from = SocketAddr::from(([192, 0, 2, 1], port));
        self.decoder.datagram(from, now, octets, &mut self.batches);
        let ledger = self.decoder.ledger();
        assert_eq!(ledger.octets, ledger.accounted(), "{ledger:#?}");
    }

    /// The source ports of all flows, sorted, after the last datagram.
    fn end(mut self) -> Vec<u16> {
        self.decoder.finish(&mut self.batches);
        let ledger = self.decoder.ledger();
        assert_eq!((ledger.waiting, ledger.octets), (0, ledger.accounted()));
        let mut ports = self.v4().source_port.clone();
        ports.sort_unstable();
        ports
    }

    fn streams(&self) -> usize {
        self.decoder.directory().devices().map(|device| device.streams.iter().count()).sum()
    }
}

fn all(range: std::ops::Range<u16>) -> Vec<u16> {
    range.collect()
}

/// Forty messages, a minute and a port apart; templates come with every tenth. `each` is called before each of them.
fn forty(v9: bool, mut each: impl FnMut(u16, u64, &mut Process, &mut Bench)) {
    let (mut bench, mut process) = (Bench::default(), Process::new(v9));
    for n in 0..40 {
        let now = NOW + u64::from(n) * MINUTE;
        each(n, now, &mut process, &mut bench);
        let fields = (n % 10 == 0).then_some(FLOW);
        bench.feed_at(20_000 + n, now, &process.message(now, fields, 1_000 + n));
    }
    assert_eq!(bench.end(), all(1_000..1_040), "NetFlow 9: {v9}");
}

#[test]
fn no_flow_is_lost_while_the_port_moves() {
    for v9 in [true, false] {
        forty(v9, |n, _, _, bench| {
            assert_eq!(bench.streams(), usize::from(n != 0), "one stream");
            assert_eq!(bench.batches.rows(), usize::from(n), "none waits");
        });
    }
}

#[test]
fn nor_where_the_device_boots_anew() {
    for (v9, at) in [(true, 13), (true, 25), (false, 13), (false, 25)] {
        forty(v9, |n, now, process, _| {
            if n == at {
                *process = Process { boot: now - 2_000, number: 0, ..*process };
            }
        });
    }
}

#[test]
fn nor_where_only_its_process_does() {
    forty(true, |n, _, process, _| {
        if n == 15 {
            process.number = 0;
        }
    });
}

#[test]
fn nor_where_datagrams_get_lost_as_the_port_moves() {
    for v9 in [true, false] {
        forty(v9, |n, _, process, _| {
            if n == 15 {
                process.number += 3;
            }
        });
    }
}

#[test]
fn nor_over_our_own_restart() {
    for (v9, missed) in [(true, 0), (true, 90), (false, 0), (false, 90)] {
        forty(v9, |n, now, process, bench| {
            if n == 15 {
                let text = serde_json::to_string(&bench.decoder.snapshot()).unwrap();
                let rows = std::mem::take(&mut bench.batches);
                *bench = Bench { batches: rows, ..Bench::default() };
                bench.decoder.restore(serde_json::from_str(&text).unwrap(), now);
                process.number += missed;
            }
        });
    }
}

#[test]
fn nor_where_it_never_counts() {
    for v9 in [true, false] {
        forty(v9, |_, _, process, _| process.number = 0);
    }
}

#[test]
fn netflow_5_has_one_stream_on_whatever_port() {
    let mut bench = Bench::default();
    for n in 0..100_u16 {
        let mut octets = vec![0; 24 + 48];
        (octets[1], octets[3]) = (5, 1);
        octets[4..8].copy_from_slice(&(1_000_000 + u32::from(n) * 1000).to_be_bytes());
        octets[16..20].copy_from_slice(&(500 + u32::from(n)).to_be_bytes());
        bench.feed_at(30_000 + n, NOW + u64::from(n) * 1000, &octets);
    }
    assert_eq!((bench.streams(), bench.batches.rows()), (1, 100));
    let devices = bench.decoder.directory().devices();
    let lost: u64 =
        devices.flat_map(|device| device.streams.iter()).map(|(_, s)| s.sequence.lost).sum();
    assert_eq!(lost, 0);
}

/// Two processes behind one address, with one template number and two layouts.
#[test]
fn who_shares_an_address_waits_for_its_own_template() {
    for v9 in [true, false] {
        for apart in [1_000, 20_000] {
            let (mut first, mut second) = (Process::new(v9), Process::new(v9));
            let mut bench = Bench::default();
            let mut now = NOW;
            bench.feed_at(1, now, &first.message(now, Some(FLOW), 10));
            for n in 0..5 {
                now += apart;
                bench.feed_at(2, now, &second.message(now, None, 20 + n));
                bench.feed_at(1, now + 1, &first.message(now + 1, None, 11 + n));
            }
            assert_eq!(bench.batches.rows(), 6, "only those of the first");
            now += apart;
            bench.feed_at(2, now, &second.message(now, Some(TURNED), 25));
            bench.feed_at(1, now, &first.message(now, None, 16));
            let batch = bench.v4();
            let (mut own, mut turned) = (Vec::new(), Vec::new());
            for (source, destination) in batch.source_port.iter().zip(&batch.destination_port) {
                if *destination == 1024 { own.push(*source) } else { turned.push(*destination) }
            }
            assert_eq!(own, all(10..17));
            assert_eq!(turned, all(20..26));
        }
    }
}

#[test]
fn a_template_that_never_comes_is_not_borrowed_from_who_lives() {
    let (mut first, mut second) = (Process::new(true), Process::new(true));
    let mut bench = Bench::default();
    for n in 0..500_u32 {
        let now = NOW + u64::from(n) * 10_000;
        bench.feed_at(1, now, &first.message(now, (n == 0).then_some(FLOW), 10));
        if n != 0 {
            bench.feed_at(2, now + 10, &second.message(now + 10, None, 20));
        }
    }
    assert_eq!(bench.end(), [10; 500]);
}

/// Taken for another by its numbers: the owner gets its templates back as soon as it speaks, and the other keeps its own.
#[test]
fn who_was_taken_for_gone_and_speaks_gets_its_templates_back() {
    let (mut first, mut second) = (Process::new(false), Process::new(false));
    let mut bench = Bench::default();
    bench.feed_at(1, NOW, &first.message(NOW, Some(FLOW), 10));
    second.number = 1;
    bench.feed_at(2, NOW + 5_000, &second.message(NOW + 5_000, None, 20));
    assert_eq!((bench.streams(), bench.batches.rows()), (1, 2), "as far as one can know");
    bench.feed_at(1, NOW + 9_000, &first.message(NOW + 9_000, None, 11));
    bench.feed_at(2, NOW + 10_000, &second.message(NOW + 10_000, None, 21));
    assert_eq!((bench.streams(), bench.batches.rows()), (2, 3), "the second waits");
    bench.feed_at(2, NOW + 11_000, &second.message(NOW + 11_000, Some(TURNED), 22));
    bench.feed_at(1, NOW + 12_000, &first.message(NOW + 12_000, None, 12));
    let destinations = bench.v4().destination_port.clone();
    assert_eq!(destinations, [1024, 1024, 1024, 21, 22, 1024]);
}

#[test]
fn one_count_on_two_ports_is_one_stream() {
    let (mut bench, mut process) = (Bench::default(), Process::new(true));
    for n in 0..20 {
        let now = NOW + u64::from(n) * 100;
        let octets = process.message(now, (n == 0).then_some(FLOW), n);
        bench.feed_at(1 + n % 2, now, &octets);
    }
    assert_eq!((bench.streams(), bench.batches.rows()), (1, 20));
}

#[test]
fn a_datagram_that_was_overtaken_by_the_new_port_is_read() {
    let (mut bench, mut process) = (Bench::default(), Process::new(true));
    bench.feed_at(1, NOW, &process.message(NOW, Some(FLOW), 0));
    let late = Process { number: 0, ..process }.message(NOW, None, 1);
    bench.feed_at(2, NOW + 10, &process.message(NOW + 10, None, 2));
    bench.feed_at(1, NOW + 20, &late);
    assert_eq!((bench.streams(), bench.batches.rows()), (1, 3));
}

/// RFC 7011 section 8: templates belong to the transport session, and a connection is one.
#[test]
fn connections_share_nothing() {
    let (mut bench, mut process) = (Bench::default(), Process::new(false));
    for (port, fields) in [(1, Some(FLOW)), (2, None)] {
        let octets = process.message(NOW, fields, 1);
        let from = SocketAddr::from(([192, 0, 2, 1], port));
        bench.decoder.message(from, NOW, &octets, &mut bench.batches);
    }
    assert_eq!((bench.streams(), bench.batches.rows()), (2, 1));
}

#[test]
fn many_probes_behind_one_address_keep_apart() {
    let mut bench = Bench::default();
    let mut probes = [Process::new(true); 60];
    for round in 0..5_u64 {
        for (n, probe) in probes.iter_mut().enumerate() {
            let now = NOW + round * 10_000 + n as u64;
            let fields = if n % 2 == 0 { FLOW } else { TURNED };
            let told = (round == 0).then_some(fields);
            bench.feed_at(100 + n as u16, now, &probe.message(now, told, n as u16));
        }
    }
    assert_eq!((bench.streams(), bench.batches.rows()), (60, 300));
    let even = bench.v4().destination_port.iter().filter(|port| **port == 1024).count();
    assert_eq!(even, 150);
}
