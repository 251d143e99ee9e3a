//! Hosts that do what each role does, and hosts that fall short of it.

use std::sync::Arc;

use sensor_common::tcp::{ACK, RST, SYN};

use super::*;
use crate::flow::batch::Addresses;
use crate::flow::{batch::Source, columns::Column, profile::Profiles, testing};

const NOW: u64 = 1_700_000_000_000;
const UDP: u8 = 17;
const TCP: u8 = 6;
const WHOLE: u16 = SYN | ACK | 0x08;

/// Flows between hosts by number; those below 1,000 are internal.
struct Network {
    batch: FlowBatch,
    roles: BTreeSet<String>,
}

impl Network {
    fn new() -> Self {
        Self { batch: FlowBatch::v4(Source::Host), roles: BTreeSet::new() }
    }

    fn flow(&mut self, ends: [u32; 2], ports: [u16; 2], protocol: u8, flags: u16, octets: u64) {
        testing::push(&mut self.batch, 0, NOW, NOW + 1000, octets);
        let row = self.batch.len() - 1;
        let Addresses::V4 { source, destination } = &mut self.batch.addresses else { return };
        (source[row], destination[row]) = (ends[0], ends[1]);
        [self.batch.source_port[row], self.batch.destination_port[row]] = ports;
        self.batch.protocol[row] = protocol;
        self.batch.tcp_flags[row] = flags;
    }

    /// What client and server send each other.
    fn session(&mut self, [client, server]: [u32; 2], port: u16, protocol: u8, octets: [u64; 2]) {
        self.flow([client, server], [50_000, port], protocol, WHOLE, octets[0]);
        self.flow([server, client], [port, 50_000], protocol, WHOLE, octets[1]);
    }

    fn proposals(mut self) -> Vec<(u32, &'static str)> {
        let profiles = Profiles::default();
        let internal = profiles.intern(Profile { internal: Some(true), ..Profile::default() });
        let external = profiles.intern(Profile { internal: Some(false), ..Profile::default() });
        let labels = [(CONTEXT.to_owned(), self.roles.iter().cloned().collect())].into();
        let labelled = Profile { internal: Some(true), labels, ..Profile::default() };
        let labelled = profiles.intern(labelled);
        let Addresses::V4 { source, destination } = &self.batch.addresses else { return vec![] };
        let known = |address: &u32| match address {
            1 => labelled,
            2..1000 => internal,
            _ => external,
        };
        self.batch.source_profile = source.iter().map(known).collect();
        self.batch.destination_profile = destination.iter().map(known).collect();
        self.batch.profiles = Arc::new(profiles);
        let mut roles = Roles::default();
        roles.observe(&self.batch, &Interfaces::default());
        assert_eq!(roles.seen().records, self.batch.len() as u64);
        let host = |address| match address {
            IpAddr::V4(address) => u32::from(address),
            IpAddr::V6(_) => unreachable!("all are IPv4"),
        };
        roles.proposals().iter().map(|found| (host(found.address), found.role)).collect()
    }
}

#[test]
fn a_resolver_answers_inside_and_asks_outside() {
    let mut network = Network::new();
    for client in 10..16 {
        network.session([client, 2], 53, UDP, [80, 160]);
    }
    assert_eq!(Network { batch: network.batch.clone(), roles: BTreeSet::new() }.proposals(), []);
    network.session([2, 5000], 53, UDP, [80, 160]);
    assert_eq!(network.proposals(), [(2, "resolver")]);
}

#[test]
fn who_has_a_role_is_not_proposed_for_it() {
    let mut network = Network::new();
    network.roles.insert("resolver".to_owned());
    for client in 10..16 {
        network.session([client, 1], 53, UDP, [80, 160]);
    }
    network.session([1, 5000], 53, UDP, [80, 160]);
    assert_eq!(network.proposals(), []);
}

#[test]
fn a_proxy_serves_inside_and_fetches_outside() {
    let mut network = Network::new();
    for number in 0..10 {
        network.session([10 + number, 3], 3128, TCP, [1000, 9000]);
        network.session([3, 5000 + number], 443, TCP, [1000, 9000]);
    }
    assert_eq!(network.proposals(), [(3, "proxy")]);
}

#[test]
fn a_mail_server_relays_and_serves() {
    let mut network = Network::new();
    network.session([10, 4], 587, TCP, [9000, 1000]);
    for domain in 0..5 {
        network.session([4, 5000 + domain], 25, TCP, [9000, 1000]);
    }
    assert_eq!(network.proposals(), [(4, "mailserver")]);
}

#[test]
fn a_scanner_tries_what_does_not_answer() {
    let mut network = Network::new();
    for target in 100..130 {
        for port in 1..11 {
            network.flow([5, target], [50_000, port], TCP, SYN, 60);
            network.flow([target, 5], [port, 50_000], TCP, RST | ACK, 40);
        }
    }
    assert_eq!(network.proposals(), [(5, "scanner")]);
}

#[test]
fn monitoring_comes_again_and_again() {
    let rounds = |rounds| {
        let mut network = Network::new();
        for _ in 0..rounds {
            for target in 100..120 {
                network.session([6, target], 9100, TCP, [500, 5000]);
            }
        }
        network.proposals()
    };
    assert_eq!(rounds(3), [(6, "monitoring")]);
    assert_eq!(rounds(1), []);
}

#[test]
fn a_backup_moves_much_between_a_few_hosts() {
    let mut network = Network::new();
    for client in 100..104 {
        network.session([client, 7], 9103, TCP, [1 << 30, 1000]);
    }
    assert_eq!(network.proposals(), [(7, "backup")]);
}

#[test]
fn a_git_server_is_polled() {
    let mut network = Network::new();
    for client in 100..106 {
        network.session([client, 8], 443, TCP, [1000, 9000]);
        for _ in 0..30 {
            network.session([client, 8], 22, TCP, [3000, 4000]);
        }
    }
    assert_eq!(network.proposals(), [(8, "git_server")]);
}

#[test]
fn a_vpn_gateway_answers_outside() {
    let mut network = Network::new();
    for client in 0..3 {
        network.session([5000 + client, 9], 51820, UDP, [9000, 9000]);
    }
    assert_eq!(network.proposals(), [(9, "vpn_gateway")]);
}

#[test]
fn a_load_balancer_hands_on_what_it_gets() {
    let mut network = Network::new();
    for client in 0..24 {
        network.session([5000 + client, 20], 443, TCP, [1000, 9000]);
        network.session([20, 100 + client % 3], 8443, TCP, [1000, 8000]);
    }
    assert_eq!(network.proposals(), [(20, "load_balancer")]);
}

#[test]
fn services_that_many_use_have_their_roles() {
    for (port, protocol, role) in [
        (88, UDP, "directory"),
        (67, UDP, "dhcp_server"),
        (5060, UDP, "voice_server"),
        (3389, TCP, "terminal_server"),
    ] {
        let mut network = Network::new();
        for client in 100..105 {
            network.session([client, 21], port, protocol, [1000, 1000]);
        }
        assert_eq!(network.proposals(), [(21, role)]);
    }
}

#[test]
fn flows_without_ports_are_evidence_of_nothing() {
    let scan = |untold| {
        let mut network = Network::new();
        for other in 0..400 {
            network.flow([7, 2 + other], [50_000, 22], TCP, SYN, 60);
        }
        network.batch.observed_by = Source::Aws;
        network.batch.untold = untold;
        network.proposals()
    };
    assert_eq!(scan(0), [(7, "scanner")]);
    assert_eq!(scan(Column::PORTS), []);
}

#[test]
fn hosts_beyond_the_limit_are_counted() {
    let mut network = Network::new();
    let hosts = MOST_HOSTS as u32 + 3;
    for host in 0..hosts {
        network.flow([host, 5000 + host], [50_000, 53], UDP, 0, 80);
    }
    let mut batch = network.batch;
    let profiles = Profiles::default();
    let internal = profiles.intern(Profile { internal: Some(true), ..Profile::default() });
    batch.profiles = Arc::new(profiles);
    batch.source_profile = vec![internal; batch.len()];
    batch.destination_profile = vec![0; batch.len()];
    let mut roles = Roles::default();
    roles.observe(&batch, &Interfaces::default());
    let seen = roles.seen();
    assert_eq!((seen.records, seen.external, seen.unwatched), (u64::from(hosts), 0, 3));
}
