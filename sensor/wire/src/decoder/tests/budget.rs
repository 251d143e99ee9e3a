//! Whom a full memory costs what: passers-by first, and never those for whom room is reserved.

use super::*;
use crate::device::{directory::Limits, room::Standing};

/// Room for some hundreds of devices.
const TOTAL: usize = 1 << 20;
const FLOOD: u32 = 3_000;

fn bench() -> Bench {
    let profile = |address: IpAddr| {
        let standing = match address {
            IpAddr::V4(address) if address.octets()[..2] == [10, 1] => Standing::Named,
            IpAddr::V4(address) if address.octets()[0] == 10 => Standing::Network,
            _ => Standing::Unknown,
        };
        DeviceProfile { standing, ..DeviceProfile::default() }
    };
    let limits = Limits { total: TOTAL, device: TOTAL / 4, ..Limits::default() };
    let options = Options { limits, profile: Box::new(profile), ..Options::default() };
    Bench { decoder: Decoder::new(options), ..Bench::default() }
}

/// A datagram of NetFlow 5 with one flow.
fn fixed() -> Vec<u8> {
    let mut octets = vec![0; 24 + 48];
    (octets[1], octets[3]) = (5, 1);
    octets
}

impl Bench {
    fn from(&mut self, address: [u8; 4], now: u64, octets: &[u8]) {
        let from = SocketAddr::from((address, 2055));
        self.decoder.datagram(from, now, octets, &mut self.batches);
        self.batches.take(false, drop);
        let ledger = self.decoder.ledger();
        assert_eq!(ledger.octets, ledger.accounted());
        assert!(self.decoder.directory().used() <= TOTAL);
    }

    /// One datagram from each of many addresses, whose first octet is `first`.
    fn flood(&mut self, first: u8, now: u64, octets: &[u8]) {
        for n in 0..FLOOD {
            let [_, second, third, fourth] = (n + (2 << 16)).to_be_bytes();
            self.from([first, second, third, fourth], now, octets);
        }
    }

    fn knows(&self, address: [u8; 4]) -> bool {
        self.decoder.directory().device(IpAddr::from(address)).is_some()
    }

    /// Template, then data, from `address`: true when the flow is decoded.
    fn decodes(&mut self, address: [u8; 4], now: u64) -> bool {
        self.from(address, now, &ipfix(1, &[(2, &template(256, FLOW))]));
        let before = self.decoder.ledger().flow_rows;
        self.from(address, now + 1, &ipfix(1, &[(256, RECORD)]));
        self.decoder.ledger().flow_rows == before + 1
    }
}

#[test]
fn a_flood_of_passers_by_locks_nobody_out() {
    let mut bench = bench();
    for minute in 0..10 {
        assert!(bench.decodes([192, 0, 2, 1], NOW + minute * 60_000));
    }
    let now = NOW + 9 * 60_000 + 1;
    bench.flood(203, now, &fixed());
    let devices = bench.decoder.directory();
    assert!(devices.evicted.count > 1_000, "{devices:?}");
    assert!(bench.decodes([192, 0, 2, 2], now + 2_000), "a new one");
    bench.flood(204, now + 10_000, &fixed());
    bench.from([192, 0, 2, 1], now + 20_000, &ipfix(1, &[(256, RECORD)]));
    assert!(bench.knows([192, 0, 2, 1]), "who was heard for long");
    assert_eq!(bench.decoder.ledger().waiting, 0);
}

#[test]
fn nor_does_one_that_a_state_file_remembers() {
    let mut full = bench();
    for n in 0..10 {
        assert!(full.decodes([192, 0, 2, 1], NOW + n * 60_000));
    }
    full.flood(203, NOW + 600_000, &fixed());
    let text = serde_json::to_string(&full.decoder.snapshot()).unwrap();
    let mut again = bench();
    again.decoder.restore(serde_json::from_str(&text).unwrap(), NOW + 700_000);
    assert!(again.knows([192, 0, 2, 1]));
    again.flood(204, NOW + 701_000, &fixed());
    assert!(again.decodes([192, 0, 2, 3], NOW + 702_000), "a new one");
    assert!(again.decodes([10, 1, 0, 1], NOW + 702_000), "a named one");
    assert!(again.knows([192, 0, 2, 1]));
}

/// All the others are alive and well.
#[test]
fn who_is_named_has_room() {
    let mut bench = bench();
    for round in 0..3 {
        bench.flood(203, NOW + round * 60_000, &fixed());
    }
    let now = NOW + 120_001;
    let named: Vec<[u8; 4]> = (0..200).map(|n| [10, 1, 0, n]).collect();
    for address in &named {
        assert!(bench.decodes(*address, now), "{address:?}");
    }
    // Networks are configured as well, and many may be in them.
    bench.flood(10, now, &fixed());
    bench.flood(205, now, &fixed());
    assert!(named.iter().all(|address| bench.knows(*address)));
    assert!(bench.knows([10, 2, 0, 0]) || bench.knows([10, 2, 11, 183]), "before the unknown");
}

#[test]
fn who_finds_no_room_is_counted_and_named_and_decoded_where_that_needs_no_template() {
    let mut bench = bench();
    for n in 0..1_000_u32 {
        let [.., third, fourth] = n.to_be_bytes();
        bench.from([10, 1, third, fourth], NOW, &fixed());
    }
    let rows = bench.decoder.ledger().flow_rows;
    let devices = bench.decoder.directory();
    assert!(devices.turned_away.count > 0);
    assert_eq!(devices.evicted.count, 0, "nobody goes for an equal who is named");
    assert_eq!(rows, 1_000);
    let latest = devices.turned_away.latest.back().copied();
    assert_eq!(latest, Some([10, 1, 3, 231].into()));
}

/// Templates that grow are no reason to push out whose room is reserved.
#[test]
fn growth_is_bounded_by_standing_as_well() {
    let mut bench = bench();
    assert!(bench.decodes([10, 1, 0, 1], NOW));
    for n in 0..2_000_u16 {
        let fields: Vec<_> = (0..300).map(|field| (0, 1 + field, 1 + n % 7)).collect();
        let told = ipfix(1, &[(2, &template(256 + n, &fields))]);
        bench.from([203, 0, 113, (n % 100) as u8], NOW + u64::from(n), &told);
    }
    bench.from([10, 1, 0, 1], NOW + 10_000, &ipfix(1, &[(256, RECORD)]));
    assert_eq!(bench.decoder.ledger().flow_rows, 2);
}
