//! Devices that boot, and boot again soon: what they told before counts no more, and nothing is taken for lost.

use super::*;

/// Uptimes at the first and the last packet.
const UPTIMES: Fields<'_> = &[(0, 8, 4), (0, 12, 4), (0, 7, 2), (0, 11, 2), (0, 22, 4), (0, 21, 4)];
const MINUTE: u64 = 60_000;

impl Bench {
    fn hear(&mut self, now: u64, octets: &[u8]) {
        let from = SocketAddr::from(([192, 0, 2, 1], 2055));
        self.decoder.datagram(from, now, octets, &mut self.batches);
        let ledger = self.decoder.ledger();
        assert_eq!(ledger.octets, ledger.accounted(), "{ledger:#?}");
    }

    /// What the only stream says of its numbers: lost, late, restarts.
    fn numbers(&self) -> [u64; 3] {
        let mut devices = self.decoder.directory().devices();
        let device = devices.next().expect("a device");
        let (_, session) = device.streams.iter().next().expect("a stream");
        let sequence = session.sequence;
        [sequence.lost + session.samples_lost(), sequence.reordered, sequence.restarts]
    }
}

/// Writes a 32-bit number into a datagram.
fn set(mut octets: Vec<u8>, at: usize, number: u32) -> Vec<u8> {
    octets[at..at + 4].copy_from_slice(&number.to_be_bytes());
    octets
}

/// An IPFIX message at `now` with this number.
fn message(now: u64, number: u32, contents: &[(u16, &[u8])]) -> Vec<u8> {
    set(set(ipfix(1, contents), 4, (now / 1000) as u32), 8, number)
}

/// One that says when the device booted.
fn told(now: u64, number: u32, boot: u64) -> Vec<u8> {
    let options = options_template(300, 1, &[(0, 149, 4), (0, 160, 8)]);
    let record = [&[0, 0, 0, 1][..], &boot.to_be_bytes()].concat();
    message(now, number, &[(3, &options), (300, &record)])
}

/// One with a flow that lasted a second, up to this uptime.
fn flow(now: u64, number: u32, last: u32) -> Vec<u8> {
    let record = [RECORD, &(last - 1000).to_be_bytes(), &last.to_be_bytes()].concat();
    message(now, number, &[(2, &template(256, UPTIMES)), (256, &record)])
}

#[test]
fn two_boots_within_five_minutes_are_two() {
    for restart in [false, true] {
        let mut bench = Bench::default();
        let first_boot = NOW;
        bench.hear(NOW + 10_000, &told(NOW + 10_000, 0, first_boot));
        for number in 1..=100 {
            let now = NOW + 10_000 + 1000 * u64::from(number);
            bench.hear(now, &flow(now, number, 5_000 + 1000 * number));
        }
        let ends = &bench.v4().end;
        assert!((1..=100).all(|n| ends[n as usize - 1] == NOW + 5_000 + 1000 * n), "{ends:?}");
        // It boots again, and tells so later than its first flows come. We may have been away meanwhile.
        if restart {
            let mut again = Bench::default();
            again.decoder.restore(bench.decoder.snapshot(), NOW + 4 * MINUTE);
            bench = again;
        }
        bench.batches.take(true, drop);
        let second_boot = NOW + 4 * MINUTE;
        let now = second_boot + 12_000;
        bench.hear(now, &flow(now, 0, 9_000));
        bench.hear(now + 1000, &told(now + 1000, 1, second_boot));
        bench.hear(now + 2000, &flow(now + 2000, 2, 11_000));
        // The first one is told by its export: the boot of before would put it four minutes back.
        let batch = bench.v4();
        assert_eq!(batch.end, [now, second_boot + 11_000], "restart: {restart}");
        assert_eq!(batch.start, [now - 1000, second_boot + 10_000]);
        assert_eq!(bench.decoder.ledger().rows_with_implausible_uptime, 0);
        let [lost, late, restarts] = bench.numbers();
        assert_eq!([lost, late], [0, 0]);
        assert_eq!(restarts, u64::from(!restart));
    }
}

#[test]
fn what_looks_like_a_boot_and_is_none() {
    let mut bench = Bench::default();
    bench.hear(NOW, &told(NOW, 500, NOW - 2 * MINUTE));
    bench.hear(NOW + 1000, &flow(NOW + 1000, 501, 60_000));
    // Overtaken on its way; numbers that wrap; a number far ahead.
    let numbers = [499, 502, u32::MAX, 0, 1, 5_000_000];
    for (number, seconds) in numbers.into_iter().zip(2..) {
        // None pauses for longer than messages may be late.
        let now = NOW + 500 * seconds + 500;
        bench.hear(now, &flow(now, number, 60_000));
    }
    let ends = &bench.v4().end;
    assert!(ends.iter().all(|end| *end == NOW - MINUTE), "{ends:?}");
}

/// Three datagrams of each protocol before the device boots again and three behind that: none is lost or late.
#[test]
fn numbers_that_begin_anew_are_no_losses() {
    let v5 = |number: u32, uptime: u32| {
        let mut octets = vec![0, 5, 0, 1];
        for word in [uptime, SECONDS, 0, number] {
            octets.extend(word.to_be_bytes());
        }
        octets.extend([0; 4]);
        octets.extend([7; 48]);
        octets
    };
    let v9 = |number: u32, uptime: u32| {
        let octets = netflow9(uptime, &[(0, &template(256, FLOW)), (256, RECORD)]);
        set(octets, 12, number)
    };
    let v10 = |number: u32, _| message(NOW, number, &[(2, &template(256, FLOW)), (256, RECORD)]);
    let samples = |number: u32, uptime: u32| {
        let mut sample = words(&[number, 3, 400, 0, 0, 3, 4, 1]);
        sample.extend(raw_header([1, 2], 17, UDP));
        set(set(sflow(&[(1, sample)]), 16, number), 20, uptime)
    };
    type Datagram<'a> = &'a dyn Fn(u32, u32) -> Vec<u8>;
    let protocols: [(&str, Datagram<'_>); 4] =
        [("NetFlow 5", &v5), ("NetFlow 9", &v9), ("IPFIX", &v10), ("sFlow", &samples)];
    for (name, datagram) in protocols {
        let mut bench = Bench::default();
        for (number, second) in [(4000, 0), (4001, 1), (4002, 2)] {
            bench.hear(NOW + second * 1000, &datagram(number, 100_000 + 1000 * second as u32));
        }
        for (number, second) in [(0, 60), (1, 61), (2, 62)] {
            bench.hear(NOW + second * 1000, &datagram(number, 1000 * (second as u32 - 50)));
        }
        assert_eq!(bench.numbers(), [0, 0, 1], "{name}");
        // What is lost behind it is seen at once.
        bench.hear(NOW + 63_000, &datagram(5, 13_000));
        let samples = if name == "sFlow" { 2 } else { 1 };
        assert_eq!(bench.numbers(), [2 * samples, 0, 1], "{name}");
    }
}
