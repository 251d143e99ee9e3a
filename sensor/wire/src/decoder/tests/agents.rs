//! sFlow: who tells is the agent, whoever passes its datagrams on.

use super::*;
use crate::device::{directory::MOST_AGENTS, room::Standing, who::Who};

/// A datagram of the agent at 198.51.100.`agent`: a sample that came in by interface 3, whose source is `source`.
fn datagram(agent: u32, source: u32) -> Vec<u8> {
    let mut sample = words(&[1, 3, 400, 0, 0, 3, 4, 1]);
    sample.extend(raw_header([source, 2], 17, UDP));
    by(agent, sflow(&[(1, sample)]))
}

/// The agent tells the name of its interface 3.
fn named(agent: u32, name: [u8; 4]) -> Vec<u8> {
    let sample = words(&[1, 3, 1, 1005, 8, 4, u32::from_be_bytes(name)]);
    by(agent, sflow(&[(2, sample)]))
}

fn by(agent: u32, mut octets: Vec<u8>) -> Vec<u8> {
    octets[8..12].copy_from_slice(&(0xc633_6400 + agent).to_be_bytes());
    octets
}

fn relayed(bench: &mut Bench, relay: u8, octets: &[u8]) {
    let from = SocketAddr::from(([203, 0, 113, relay], 6343));
    bench.decoder.datagram(from, NOW, octets, &mut bench.batches);
    let ledger = bench.decoder.ledger();
    assert_eq!(ledger.octets, ledger.accounted());
}

fn agent(number: u32) -> IpAddr {
    IpAddr::from((0xc633_6400 + number).to_be_bytes())
}

fn who(relay: u8, number: u32) -> Who {
    Who::from(IpAddr::from([203, 0, 113, relay])).agent(agent(number))
}

#[test]
fn agents_behind_a_relay_are_devices_with_names_settings_and_ledgers_of_their_own() {
    let profile = |address: IpAddr| DeviceProfile {
        name: format!("at {address}"),
        sample_rate: (address == agent(2)).then_some(7),
        ..DeviceProfile::default()
    };
    let options = Options { profile: Box::new(profile), ..Options::default() };
    let mut bench = Bench { decoder: Decoder::new(options), ..Bench::default() };
    relayed(&mut bench, 5, &named(1, *b"upl1"));
    relayed(&mut bench, 5, &named(2, *b"srv2"));
    for source in 0..2 {
        relayed(&mut bench, 5, &datagram(1, source));
        relayed(&mut bench, 5, &datagram(2, source));
    }
    let batch = bench.batches.last()[2];
    let told: Vec<_> = (0..batch.len())
        .map(|row| {
            let device = batch.device_of(row).unwrap();
            (device.address().unwrap(), &*device.name, device.interfaces.name(3))
        })
        .collect();
    let (first, second) =
        ((agent(1), "at 198.51.100.1", Some("upl1")), (agent(2), "at 198.51.100.2", Some("srv2")));
    assert_eq!(told, [first, second, first, second]);
    assert_eq!(batch.sample_rate, [400, 7, 400, 7]);
    let devices = bench.decoder.directory();
    for number in [1, 2] {
        let ledger = devices.device(who(5, number)).unwrap().ledger;
        assert_eq!((ledger.datagrams, ledger.flow_rows), (3, 2));
    }
    assert!(devices.device(who(5, 1).source()).is_none(), "the relay exports nothing");
}

/// Nobody vouches for what a datagram says of its agent.
#[test]
fn an_invented_agent_touches_nobody_else() {
    let mut bench = Bench::default();
    relayed(&mut bench, 5, &named(1, *b"true"));
    relayed(&mut bench, 66, &named(1, *b"lies"));
    relayed(&mut bench, 5, &datagram(1, 1));
    let batch = bench.batches.last()[2];
    assert_eq!(batch.device_of(0).unwrap().interfaces.name(3), Some("true"));
}

#[test]
fn a_source_that_invents_agents_is_bounded_and_its_flows_are_decoded() {
    let mut bench = Bench::default();
    for number in 0..3 * MOST_AGENTS as u32 {
        relayed(&mut bench, 5, &datagram(number, number));
        bench.batches.take(true, drop);
    }
    let devices = bench.decoder.directory();
    assert!(devices.devices().count() <= MOST_AGENTS);
    assert_eq!(bench.decoder.ledger().flow_rows, 3 * MOST_AGENTS as u64);
    relayed(&mut bench, 6, &datagram(1, 1));
    assert!(bench.decoder.directory().device(who(6, 1)).is_some(), "others are not");
}

#[test]
fn an_agent_without_an_address_is_its_source() {
    let mut bench = Bench::default();
    for address in [[0, 0, 0, 0], [127, 0, 0, 1], [224, 0, 0, 1], [203, 0, 113, 5]] {
        let mut octets = datagram(0, 1);
        octets[8..12].copy_from_slice(&address);
        relayed(&mut bench, 5, &octets);
    }
    let devices: Vec<_> = bench.decoder.directory().devices().map(|device| device.who()).collect();
    assert_eq!(devices, [Who::from(IpAddr::from([203, 0, 113, 5]))]);
}

#[test]
fn room_is_reserved_for_an_agent_where_it_is_for_its_source_too() {
    let named = [agent(1), IpAddr::from([203, 0, 113, 5])];
    let profile = move |address: IpAddr| {
        let standing = if named.contains(&address) { Standing::Named } else { Standing::Unknown };
        DeviceProfile { standing, ..DeviceProfile::default() }
    };
    let options = Options { profile: Box::new(profile), ..Options::default() };
    let mut bench = Bench { decoder: Decoder::new(options), ..Bench::default() };
    for (relay, number) in [(5, 1), (5, 2), (6, 1)] {
        relayed(&mut bench, relay, &datagram(number, 1));
    }
    let standing =
        |relay, number| bench.decoder.directory().device(who(relay, number)).unwrap().standing;
    assert_eq!(standing(5, 1), Standing::Named);
    assert_eq!([standing(5, 2), standing(6, 1)], [Standing::Unknown; 2]);
}

#[test]
fn agents_outlive_a_restart() {
    let mut bench = Bench::default();
    relayed(&mut bench, 5, &named(1, *b"upl1"));
    relayed(&mut bench, 5, &datagram(1, 1));
    let text = serde_json::to_string(&bench.decoder.snapshot()).unwrap();
    let mut again = Bench::default();
    again.decoder.restore(serde_json::from_str(&text).unwrap(), NOW);
    assert_eq!(again.decoder.snapshot(), bench.decoder.snapshot());
    relayed(&mut again, 5, &datagram(1, 1));
    let batch = again.batches.last()[2];
    assert_eq!(batch.device_of(0).unwrap().interfaces.name(3), Some("upl1"));
}
