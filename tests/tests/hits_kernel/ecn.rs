//! Explicit congestion notification changes bits of headers, and nothing that policies say.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::{
    agent::Agent,
    scenario::Scenario,
    site::{NEAR, Site},
    sockets::Sessions,
};

/// Connections that the kernel makes.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "connect scan of 60 ports, one of them open",
        traffic: |at| {
            let _open = at.listen("near.1:22")?;
            at.nmap("outside.1", "-sT -p 1-60 near.1").map(drop)
        },
        hits: &["scan_vertical medium srcip=outside.1 dstip=near.1"],
    },
    Scenario {
        name: "connect scan of 120 ports by a host inside",
        traffic: |at| at.nmap("inside.1", "-sT -p 1-120 near.1").map(drop),
        hits: &[
            "scan_vertical_internal medium srcip=inside.1",
            "scan_refused medium dstip=inside.1",
        ],
    },
    Scenario {
        name: "connect sweep of 30 hosts that answer",
        traffic: |at| {
            let _web = (1..=30)
                .map(|n| at.listen(&format!("near.{n}:80")))
                .collect::<Result<Vec<_>, _>>()?;
            at.nmap("inside.1", "-sT -p 80 near.1-30").map(drop)
        },
        hits: &["scan_connect_internal low srcip=inside.1 dstport=80"],
    },
    Scenario {
        name: "25 short SSH sessions, by a host inside",
        traffic: |at| at.sessions("inside.1", "near.1:22", Sessions { count: 25, ..LOGIN }),
        hits: &["ssh_brute_force medium srcip=near.1 dstip=inside.1"],
    },
    Scenario {
        name: "a shell that calls back from the port of a web server",
        traffic: |at| at.sessions("near.1:443", "outside.1:4444", LOGIN),
        hits: &["shell_callback_port medium srcip=near.1 dstip=outside.1 dstport=4444"],
    },
    Scenario {
        name: "a service of ours at a high port, and a client with the port of a shell",
        traffic: |at| at.sessions("outside.1:50050", "near.1:40443", LOGIN),
        hits: &[],
    },
    Scenario {
        name: "web pages over IPv6",
        traffic: |at| at.sessions("outside::1", "[near::1]:443", LOGIN),
        hits: &[],
    },
];

const LOGIN: Sessions = Sessions { count: 1, rounds: 6, question: 120, answer: 200 };
/// Many segments each way, beside acknowledgements that carry no data and no codepoint.
const BULK: Sessions = Sessions { count: 3, rounds: 30, question: 300, answer: 30_000 };

/// The records of a few connections whose hosts negotiate ECN, or not, by address and port of both ends, and how often the ECE
/// flag is among theirs.
pub fn records(ecn: bool) -> Result<(BTreeMap<String, u64>, u64)> {
    let site = Site::new()?;
    site.negotiate_ecn(ecn)?;
    let agent = Agent::watching(site.near(), NEAR, "--ingress xdp --print flows")?;
    let at = site.place(1);
    at.sessions("outside.1", "near.1:443", BULK)?;
    at.sessions("near.1:4001", "outside.1:80", Sessions { count: 1, ..BULK })?;
    at.sessions("[near::1]:4001", "[outside::1]:80", Sessions { count: 1, ..BULK })?;
    let mut records = BTreeMap::new();
    let mut echoes = 0;
    for flow in agent.stop("INT")?.flows()? {
        if flow["protocol"] != "tcp" {
            continue;
        }
        echoes += u64::from(flow["tcpflags.ece"] == Value::Bool(true));
        let text = |key: &str| flow[key].as_str().map(str::to_owned).context("an address");
        let (client, server) = (text("clientip")?, text("serverip")?);
        ensure!(flow["initiatorguessed"] == Value::Bool(false), "guessed: {flow}");
        let key = format!(
            "{client} {server} {} {} {}",
            flow["serverport"], flow["initiator"], flow["tos"]
        );
        *records.entry(key).or_default() += 1;
    }
    Ok((records, echoes))
}
