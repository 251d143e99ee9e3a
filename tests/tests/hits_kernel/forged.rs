//! What no healthy stack sends: forged sources, answers to questions that nobody asked, flags that make no sense.

use std::{sync::Mutex, thread, time::Duration};

use anyhow::{Result, bail};
use sensor_core::sync::Unpoisoned as _;
use tests::{
    frames, reference,
    scenario::Scenario,
    site::{FAR_LINK, NEAR, NEAR_LINK, Place},
    sockets::{ACK, ALL_FLAGS, FIN, ICMP, PSH, RST, SYN, TCP, UDP, URG, datagram, segment},
};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "SYN flood from 4,096 forged sources",
        traffic: |at| flood(at, 4096, 100_000, TCP, &segment(4000, 80, SYN)),
        hits: &[
            "syn_flood medium dstip=near.1 dstport=80",
            "forged_sources_inbound medium dstip=near.1",
        ],
    },
    Scenario {
        name: "a crowd: 30,000 SYNs from 512 sources",
        traffic: |at| flood(at, 512, 30_000, TCP, &segment(4000, 80, SYN)),
        hits: &[],
    },
    Scenario {
        name: "SYNs with a payload",
        traffic: |at| {
            let segment = [&segment(4000, 80, SYN)[..], &[0x13; 100]].concat();
            flood(at, 512, 20_000, TCP, &segment)
        },
        hits: &["syn_flood_with_payload medium dstip=near.1"],
    },
    Scenario {
        name: "PSH and URG without anything",
        traffic: |at| flood(at, 512, 40_000, TCP, &segment(4000, 80, PSH | URG)),
        hits: &["psh_urg_flood medium dstip=near.1"],
    },
    // A packet or two of each source in a record; who sends more may have reasons.
    Scenario {
        name: "RSTs for connections that there are not",
        traffic: |at| {
            for _ in 0..5 {
                flood(at, 32_768, 20_000, TCP, &segment(4000, 80, RST))?;
                // By then their records have ended.
                thread::sleep(Duration::from_millis(1500));
            }
            Ok(())
        },
        hits: &["rst_fin_flood medium dstip=near.1"],
    },
    // Who is told no by so many must have asked; that others asked in its name is not to be seen.
    Scenario {
        name: "RSTs that refuse what somebody else asked for",
        traffic: |at| flood(at, 1024, 2000, TCP, &segment(80, 4000, RST | ACK)),
        hits: &["scan_refused medium dstip=near.1"],
    },
    Scenario {
        name: "SYN-ACKs that nobody asked for",
        traffic: |at| flood(at, 16_384, 45_000, TCP, &segment(80, 40000, SYN | ACK)),
        hits: &["synack_reflection medium dstip=near.1"],
    },
    Scenario {
        name: "CLDAP from 64 reflectors",
        traffic: |at| flood(at, 64, 10_000, UDP, &datagram(389, 40000, 1400)),
        hits: &["reflection_cldap medium dstip=near.1"],
    },
    Scenario {
        name: "SSDP from 64 reflectors",
        traffic: |at| flood(at, 64, 10_000, UDP, &datagram(1900, 40000, 1400)),
        hits: &["reflection_discovery medium dstip=near.1"],
    },
    Scenario {
        name: "NTP from 64 reflectors",
        traffic: |at| flood(at, 64, 10_000, UDP, &datagram(123, 40000, 1400)),
        hits: &["reflection_ntp medium dstip=near.1"],
    },
    Scenario {
        name: "CharGen from 64 reflectors",
        traffic: |at| flood(at, 64, 10_000, UDP, &datagram(19, 40000, 1400)),
        hits: &["reflection_legacy_services medium dstip=near.1"],
    },
    Scenario {
        name: "answers of 64 time servers",
        traffic: |at| flood(at, 64, 20_000, UDP, &datagram(123, 123, 48)),
        hits: &[],
    },
    Scenario {
        name: "DNS queries from 64 sources",
        traffic: |at| flood(at, 64, 400_000, UDP, &datagram(4000, 53, 40)),
        hits: &["dns_query_flood medium dstip=near.1"],
    },
    Scenario {
        name: "from itself to itself",
        traffic: |at| {
            let land = at.packet("near.1", "near.1", TCP, &segment(139, 139, SYN))?;
            at.raw(FAR_LINK, &[land])
        },
        hits: &[
            "land_attack medium dstip=near.1",
            "privileged_to_privileged low srcip=near.1 dstip=near.1",
        ],
    },
    Scenario {
        name: "forged sources leave",
        traffic: |at| {
            let from =
                |n| at.packet(&format!("silent.{n}"), "outside.1", UDP, &datagram(4000, 4000, 20));
            at.raw("near.1", &(1..=25).map(from).collect::<Result<Vec<_>>>()?)
        },
        hits: &["forged_sources_leaving medium interface=vb"],
    },
    Scenario {
        name: "our own address comes in",
        traffic: |at| {
            let forged = at.packet(NEAR_LINK, "near.1", UDP, &datagram(4000, 4000, 20))?;
            at.raw(FAR_LINK, &vec![forged; 12])
        },
        hits: &["own_address_arrives medium srcip=10.255.0.2 interface=vb"],
    },
    Scenario {
        name: "all flags at once",
        traffic: |at| {
            let packet = at.packet("outside.1", "near.1", TCP, &segment(4000, 80, ALL_FLAGS))?;
            at.raw("outside.1", &[packet])
        },
        hits: &["tcp_all_flags low srcip=outside.1"],
    },
    // And is told that the port is closed.
    Scenario {
        name: "an address that nobody can have comes in",
        traffic: |at| {
            let bogon = at.packet("198.18.0.7", "near.1", UDP, &datagram(4000, 4000, 20))?;
            at.raw(FAR_LINK, &vec![bogon; 12])
        },
        hits: &["bogon_source low srcip=198.18.0.7 input=2", "bogon_destination low srcip=near.1"],
    },
    Scenario {
        name: "to an address that nobody can have",
        traffic: |at| {
            let bogon = at.packet("near.1", "198.18.0.8", UDP, &datagram(4000, 4000, 20))?;
            at.raw("near.1", &vec![bogon; 12])
        },
        hits: &["bogon_destination low srcip=near.1"],
    },
    Scenario {
        name: "a router that there is not bids another way",
        traffic: |at| icmp(at, [5, 1], 1),
        hits: &["icmp_redirect medium srcip=inside.1"],
    },
    Scenario {
        name: "parameters that are problems",
        traffic: |at| icmp(at, [12, 0], 12),
        hits: &["icmp_parameter_problem low dstip=near.1"],
    },
    Scenario { name: "a few such parameters", traffic: |at| icmp(at, [12, 0], 5), hits: &[] },
    Scenario {
        name: "SYN and FIN",
        traffic: |at| {
            let packet = at.packet("outside.1", "near.1", TCP, &segment(4000, 80, SYN | FIN))?;
            at.raw("outside.1", &[packet])
        },
        hits: &["tcp_syn_fin low srcip=outside.1"],
    },
];

/// Packets from as many sources outside (a power of two), until `count` of them have arrived: a receiver that is busy
/// drops some, and so one flood is made at a time.
fn flood(at: Place<'_>, sources: u32, count: u32, protocol: u8, payload: &[u8]) -> Result<()> {
    static ONE: Mutex<()> = Mutex::new(());
    let frame = frames::ipv4(&at.packet("outside.1", "near.1", protocol, payload)?);
    let _one = ONE.lock().unpoisoned();
    let (far, device) = at.end("outside.1");
    let goal = received(at)? + u64::from(count);
    for _ in 0..ROUNDS {
        let missing = goal.saturating_sub(received(at)?);
        if missing == 0 {
            return Ok(());
        }
        reference::flood(far, device, &frame, sources, missing as u32)?;
    }
    bail!("most of the flood is lost")
}

/// How often a flood is tried.
const ROUNDS: usize = 20;

/// Frames that the near end has received.
fn received(at: Place<'_>) -> Result<u64> {
    let line = format!("cat /sys/class/net/{NEAR}/statistics/rx_packets");
    Ok(at.run("near.1", &line)?.trim().parse()?)
}

/// ICMP messages of a type and code, about a packet of which they show the beginning.
fn icmp(at: Place<'_>, kind: [u8; 2], times: usize) -> Result<()> {
    let about = at.packet("near.1", "outside.1", UDP, &datagram(4000, 4000, 0))?;
    let message = [&kind[..], &[0; 6], &about].concat();
    at.raw("inside.1", &vec![at.packet("inside.1", "near.1", ICMP, &message)?; times])
}
