//! Too much of something, by programs that flood.

use anyhow::Result;
use tests::{scenario::Scenario, site::Place};

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
        name: "ping flood from outside",
        traffic: |at| at.run("outside.1", "ping -q -f -c 40000 -I outside.1 near.1").map(drop),
        hits: &["icmp_flood medium dstip=near.1"],
    },
    Scenario {
        name: "a fast ping from outside",
        traffic: |at| at.run("outside.1", "ping -q -f -c 10000 -I outside.1 near.1").map(drop),
        hits: &[],
    },
    // Who pings that fast is flooded by the answers, and may hide something in three megabytes.
    Scenario {
        name: "ping flood to outside",
        traffic: |at| at.run("near.1", "ping -q -f -c 40000 -I near.1 outside.1").map(drop),
        hits: &[
            "flood_leaving medium srcip=near.1 dstip=outside.1",
            "icmp_flood medium dstip=near.1",
            "icmp_tunnel medium srcip=near.1 dstip=outside.1",
        ],
    },
    // What others asked for, with somebody else's address.
    Scenario {
        name: "45 MB of answers from our port 53",
        traffic: |at| answers(at, 32_000),
        hits: &["amplifier_dns_ntp medium srcip=near.1 dstip=outside.1"],
    },
    Scenario {
        name: "20 MB of answers from our port 53",
        traffic: |at| answers(at, 14_000),
        hits: &[],
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

/// Answers of a name server of ours, large ones, which nobody reads.
fn answers(at: Place<'_>, count: usize) -> Result<()> {
    let (server, victim) = (at.udp("near.1:53")?, at.udp("outside.1:40000")?);
    let address = victim.local_addr()?;
    for _ in 0..count {
        server.send_to(&[0x53; 1400], address)?;
    }
    Ok(())
}
