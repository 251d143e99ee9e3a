//! What carries other traffic inside it.

use std::iter::repeat_n;

use anyhow::Result;
use tests::{scenario::Scenario, site::Place};

const IP_IN_IP: u8 = 4;
const IPV6_IN_IP: u8 = 41;
const GRE: u8 = 47;
const ESP: u8 = 50;
/// Not assigned.
const NOBODYS: u8 = 200;

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "WireGuard to a server outside",
        traffic: |at| wireguard(at, "near.1:40000", "outside.1:51820", 30),
        hits: &["vpn_client_leaving medium srcip=near.1 dstip=outside.1 dstport=51820"],
    },
    Scenario {
        name: "WireGuard between two fixed ports",
        traffic: |at| wireguard(at, "near.1:51820", "outside.1:51820", 30),
        hits: &["vpn_client_leaving medium srcip=near.1 dstip=outside.1 dstport=51820"],
    },
    // It asks every five seconds for a minute and a half.
    Scenario {
        name: "WireGuard that nobody answers",
        traffic: |at| {
            let client = at.udp("near.1:40000")?;
            for _ in 0..18 {
                client.send_to(&message(1, 148), at.socket("silent.1:51820")?)?;
            }
            Ok(())
        },
        hits: &[],
    },
    Scenario {
        name: "WireGuard that is hardly used",
        traffic: |at| wireguard(at, "near.1:40000", "outside.1:51820", 8),
        hits: &[],
    },
    Scenario {
        name: "WireGuard to a server of ours",
        traffic: |at| wireguard(at, "outside.1:40000", "near.1:51820", 30),
        hits: &[],
    },
    // Who asks and who answers is not to be told by ports then.
    Scenario {
        name: "WireGuard to a server of ours, from the same port",
        traffic: |at| wireguard(at, "outside.1:51820", "near.1:51820", 30),
        hits: &["vpn_client_leaving medium srcip=near.1 dstip=outside.1 dstport=51820"],
    },
    Scenario {
        name: "WireGuard inside",
        traffic: |at| wireguard(at, "near.1:40000", "inside.1:51820", 30),
        hits: &[],
    },
    // Ports are all that stock policies know it by.
    Scenario {
        name: "WireGuard on another port",
        traffic: |at| wireguard(at, "near.1:40000", "outside.1:13231", 30),
        hits: &[],
    },
    Scenario {
        name: "OpenVPN",
        traffic: |at| at.datagrams("near.1:40000", "outside.1:1194", &[(120, 120); 30]),
        hits: &["vpn_client_leaving medium srcip=near.1 dstip=outside.1 dstport=1194"],
    },
    Scenario {
        name: "GRE, 25 packets",
        traffic: |at| packets(at, GRE, 25),
        hits: &["vpn_protocol_leaving medium srcip=near.1 dstip=outside.1"],
    },
    Scenario { name: "GRE, 15 packets", traffic: |at| packets(at, GRE, 15), hits: &[] },
    Scenario {
        name: "ESP",
        traffic: |at| packets(at, ESP, 25),
        hits: &["vpn_protocol_leaving medium srcip=near.1 dstip=outside.1"],
    },
    Scenario {
        name: "IP in IP",
        traffic: |at| packets(at, IP_IN_IP, 3),
        hits: &["tunnel_ip_in_ip medium srcip=near.1 dstip=outside.1"],
    },
    // Each direction is a key of its own.
    Scenario {
        name: "IPv6 in IPv4, both ways",
        traffic: |at| {
            packets(at, IPV6_IN_IP, 3)?;
            let back = at.packet("outside.1", "near.1", IPV6_IN_IP, &INNER)?;
            at.raw("outside.1", &vec![back; 5])
        },
        hits: &[
            "tunnel_6in4 medium srcip=near.1 dstip=outside.1",
            "tunnel_6in4 medium srcip=outside.1 dstip=near.1",
        ],
    },
    Scenario {
        name: "somebody outside looks for an open tunnel",
        traffic: |at| {
            let packet = at.packet("outside.1", "near.1", IPV6_IN_IP, &INNER)?;
            at.raw("outside.1", &[packet])
        },
        hits: &[],
    },
    Scenario {
        name: "IPv6 in IPv4, inside",
        traffic: |at| {
            let packet = at.packet("near.1", "inside.1", IPV6_IN_IP, &INNER)?;
            at.raw("near.1", &[packet])
        },
        hits: &[],
    },
    Scenario {
        name: "a protocol that there is not",
        traffic: |at| packets(at, NOBODYS, 3),
        hits: &["unusual_ip_protocol low srcip=near.1 dstip=outside.1 protocolint=200"],
    },
    Scenario {
        name: "Teredo",
        traffic: |at| at.datagrams("near.1:40000", "outside.1:3544", &[(61, 109); 6]),
        hits: &["tunnel_teredo low srcip=near.1 dstip=outside.1"],
    },
    Scenario {
        name: "VXLAN to a host outside",
        traffic: |at| at.datagrams("near.1:40000", "outside.1:4789", &[(1400, 0); 40]),
        hits: &["overlay_across_border low srcip=near.1 dstip=outside.1 dstport=4789"],
    },
    Scenario {
        name: "data in echo requests",
        traffic: |at| {
            at.run("near.1", "ping -q -i 0.005 -c 200 -s 1400 -I near.1 outside.1").map(drop)
        },
        hits: &[
            "icmp_tunnel low srcip=near.1 dstip=outside.1",
            "icmp_large low srcip=near.1 dstip=outside.1",
        ],
    },
    Scenario {
        name: "large echo requests, a few",
        traffic: |at| {
            at.run("near.1", "ping -q -i 0.005 -c 25 -s 1400 -I near.1 outside.1").map(drop)
        },
        hits: &[],
    },
    Scenario {
        name: "data in DNS queries",
        traffic: |at| at.datagrams("near.1:40000", "inside.1:53", &[(220, 220); 150]),
        hits: &["dns_tunnel_flow_size low srcip=near.1 dstip=inside.1"],
    },
    Scenario {
        name: "many DNS queries from one port",
        traffic: |at| at.datagrams("near.1:40000", "inside.1:53", &[(45, 120); 100]),
        hits: &[],
    },
];

/// What is in a tunnel does not matter here.
const INNER: [u8; 60] = [0x60; 60];

/// Packets from near to outside.
fn packets(at: Place<'_>, protocol: u8, count: usize) -> Result<()> {
    at.raw("near.1", &vec![at.packet("near.1", "outside.1", protocol, &INNER)?; count])
}

/// A message of WireGuard: its type, and the octets in all.
fn message(kind: u8, length: usize) -> Vec<u8> {
    let mut message = vec![kind, 0, 0, 0];
    message.resize(length, 0x57);
    message
}

/// Initiation and response, a keepalive, then `count` packets each way.
fn wireguard(at: Place<'_>, from: &str, to: &str, count: usize) -> Result<()> {
    let start = [(message(1, 148), message(2, 92)), (message(4, 32), message(4, 32))];
    let data = (message(4, 128), message(4, 112));
    at.talk(from, to, start.into_iter().chain(repeat_n(data, count)))
}
