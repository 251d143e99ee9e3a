//! Too much of something, and what is forged.

use anyhow::Result;
use tests::{
    frames, reference,
    scenario::Scenario,
    site::{FAR_LINK, NEAR_LINK, Place},
    sockets::{SYN, TCP, UDP, segment},
};

const ALL_FLAGS: u8 = 0x3f;

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "UDP flood by iperf3 from 24 hosts",
        traffic: iperf_flood,
        hits: &["udp_flood medium dstip=near.1"],
    },
    // As memcached answers who never asked.
    Scenario {
        name: "10 MB of UDP by iperf3 from port 11211",
        traffic: |at| at.iperf("outside.1", "near.1", 5201, "-u -b 0 -l 1400 -n 10M --cport 11211"),
        hits: &["reflection_memcached medium dstip=near.1"],
    },
    Scenario {
        name: "5 MB of UDP by iperf3 from port 11211",
        traffic: |at| at.iperf("outside.1", "near.1", 5201, "-u -b 0 -l 1400 -n 5M --cport 11211"),
        hits: &[],
    },
    Scenario {
        name: "SYN flood from 4,096 forged sources",
        traffic: |at| syn_flood(at, 4096, 400_000),
        hits: &[
            "syn_flood medium dstip=near.1 dstport=80",
            "forged_sources_inbound medium dstip=near.1",
        ],
    },
    Scenario {
        name: "a crowd: 30,000 SYNs from 512 sources",
        traffic: |at| syn_flood(at, 512, 30_000),
        hits: &[],
    },
    Scenario {
        name: "ping flood from outside",
        traffic: |at| at.run("outside.1", "ping -q -f -c 40000 -I outside.1 near.1").map(drop),
        hits: &["icmp_flood medium dstip=near.1"],
    },
    Scenario {
        name: "a fast ping from outside",
        traffic: |at| at.run("outside.1", "ping -q -f -c 10000 -I outside.1 near.1").map(drop),
        hits: &[],
    },
    Scenario {
        name: "from itself to itself",
        traffic: |at| {
            let land = at.packet("near.1", "near.1", TCP, &segment(139, 139, SYN))?;
            at.raw(FAR_LINK, &[land])
        },
        hits: &[
            "land_attack medium dstip=near.1",
            "privileged_to_privileged low srcip=near.1 dstip=near.1 dstport=139",
        ],
    },
    Scenario {
        name: "forged sources leave",
        traffic: |at| {
            let from = |n| at.packet(&format!("silent.{n}"), "outside.1", UDP, &[0x13; 20]);
            at.raw("near.1", &(1..=25).map(from).collect::<Result<Vec<_>>>()?)
        },
        hits: &["forged_sources_leaving medium interface=vb"],
    },
    Scenario {
        name: "our own address comes in",
        traffic: |at| {
            let forged = at.packet(NEAR_LINK, "near.1", UDP, &[0x13; 20])?;
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
        hits: &["tcp_all_flags low srcip=outside.1 dstip=near.1"],
    },
];

/// Packets of each source, and octets of payload in each: 1.44 million packets in all.
const SHARE: usize = 60_000;
const PAYLOAD: usize = 32;

fn iperf_flood(at: Place<'_>) -> Result<()> {
    let arguments = format!("-u -b 0 -l {PAYLOAD} -n {}", SHARE * PAYLOAD);
    std::thread::scope(|scope| {
        let flood = |n: u16| {
            let arguments = &arguments;
            scope.spawn(move || at.iperf(&format!("outside.{n}"), "near.1", 5200 + n, arguments))
        };
        let threads: Vec<_> = (1..=24).map(flood).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("no panic"))
    })
}

/// SYNs from as many sources (a power of two). Of each hundred, some fifteen must arrive, and may be all.
fn syn_flood(at: Place<'_>, sources: u32, count: u32) -> Result<()> {
    let packet = at.packet("outside.1", "near.1", TCP, &segment(4000, 80, SYN))?;
    let (netns, device) = at.end("outside.1");
    reference::flood(netns, device, &frames::ipv4(&packet), sources, count)
}
