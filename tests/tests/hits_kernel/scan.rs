//! Who looks for ports and hosts, as nmap does it.

use anyhow::Result;
use tests::{
    scenario::Scenario,
    site::Place,
    sockets::{SYN, Sessions, TCP, segment},
};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "SYN scan of 60 ports from outside",
        traffic: |at| at.nmap("outside.1", "-sS -p 1-60 near.1").map(drop),
        hits: &["scan_vertical medium srcip=outside.1 dstip=near.1"],
    },
    Scenario {
        name: "SYN scan of 300 ports, two of them open",
        traffic: |at| {
            let _open = (at.listen("near.1:7")?, at.listen("near.1:250")?);
            at.nmap("outside.1", "-sS -p 1-300 near.1").map(drop)
        },
        hits: &["scan_vertical high srcip=outside.1 dstip=near.1"],
    },
    Scenario {
        name: "SYN scan of 14 ports",
        traffic: |at| at.nmap("outside.1", "-sS -p 1-14 near.1").map(drop),
        hits: &[],
    },
    // Who is refused by so many ports is a scanner, whatever the target is.
    Scenario {
        name: "SYN scan of 120 ports by a host inside",
        traffic: |at| at.nmap("inside.1", "-sS -p 1-120 near.1").map(drop),
        hits: &[
            "scan_vertical_internal medium srcip=inside.1",
            "scan_refused medium dstip=inside.1",
        ],
    },
    Scenario {
        name: "SYN scan of 120 ports of a host outside, by one of ours",
        traffic: |at| at.nmap("near.1", "-sS -p 1-120 outside.1").map(drop),
        hits: &[
            "scan_vertical_outbound medium srcip=near.1 dstip=outside.1",
            "scan_refused medium dstip=near.1",
        ],
    },
    Scenario {
        name: "SYN scan over IPv6",
        traffic: |at| at.nmap("outside::1", "-6 -sS -p 1-60 near::1").map(drop),
        hits: &["scan_vertical medium srcip=outside::1 dstip=near::1"],
    },
    Scenario {
        name: "slow SYN scan of 16 ports",
        traffic: |at| at.nmap("outside.1", "-sS --scan-delay 300ms -p 1-16 near.1").map(drop),
        hits: &["scan_vertical low srcip=outside.1 dstip=near.1"],
    },
    Scenario {
        name: "SYN scan behind decoys",
        traffic: |at| {
            at.nmap("outside.1", "-sS -D outside.2,outside.3,ME -p 1-20 near.1").map(drop)
        },
        hits: &[
            "scan_vertical low srcip=outside.1 dstip=near.1",
            "scan_vertical low srcip=outside.2 dstip=near.1",
            "scan_vertical low srcip=outside.3 dstip=near.1",
        ],
    },
    Scenario {
        name: "SYN scan in fragments of eight octets",
        traffic: |at| at.nmap("outside.1", "-sS -f -p 1-20 near.1").map(drop),
        hits: &["tiny_fragment medium srcip=outside.1 dstip=near.1"],
    },
    Scenario {
        name: "a router prohibits 120 times",
        traffic: |at| prohibit(at, 120),
        hits: &["scan_prohibited low dstip=near.1"],
    },
    Scenario { name: "a router prohibits 80 times", traffic: |at| prohibit(at, 80), hits: &[] },
    Scenario {
        name: "connect scan of 60 ports, one of them open",
        traffic: |at| {
            let _open = at.listen("near.1:22")?;
            at.nmap("outside.1", "-sT -p 1-60 near.1").map(drop)
        },
        hits: &["scan_vertical medium srcip=outside.1 dstip=near.1"],
    },
    Scenario {
        name: "connections to a few closed ports",
        traffic: |at| {
            at.nmap("inside.1", "-sT -p 22,80,135,139,443,445,3389,8080 near.1").map(drop)
        },
        hits: &[],
    },
    Scenario {
        name: "NULL scan of 20 ports",
        traffic: |at| at.nmap("outside.1", "-sN -p 1-20 near.1").map(drop),
        hits: &["tcp_null_scan medium srcip=outside.1"],
    },
    Scenario {
        name: "NULL scan of two ports",
        traffic: |at| at.nmap("outside.1", "-sN -p 1-2 near.1").map(drop),
        hits: &[],
    },
    Scenario {
        name: "FIN scan of 20 ports",
        traffic: |at| at.nmap("outside.1", "-sF -p 1-20 near.1").map(drop),
        hits: &["tcp_fin_scan medium srcip=outside.1"],
    },
    Scenario {
        name: "FIN scan of two ports",
        traffic: |at| at.nmap("outside.1", "-sF -p 1-2 near.1").map(drop),
        hits: &[],
    },
    Scenario {
        name: "Xmas scan of 20 ports",
        traffic: |at| at.nmap("outside.1", "-sX -p 1-20 near.1").map(drop),
        hits: &["tcp_xmas_scan low srcip=outside.1"],
    },
    // What a firewall lets through; no stock policy is about it.
    Scenario {
        name: "ACK and Maimon scan",
        traffic: |at| {
            at.nmap("outside.1", "-sA -p 1-60 near.1")?;
            at.nmap("outside.1", "-sM -p 1-60 near.1").map(drop)
        },
        hits: &[],
    },
    Scenario {
        name: "what system is it?",
        traffic: |at| {
            let _open = at.listen("near.1:80")?;
            at.nmap("outside.1", "-O --max-os-tries 1 -p 80,81 near.1").map(drop)
        },
        hits: &[
            "nmap_fingerprint low srcip=outside.1",
            "tcp_syn_fin low srcip=outside.1",
            "tcp_xmas_scan low srcip=outside.1",
        ],
    },
    Scenario {
        name: "UDP scan of 60 closed ports",
        traffic: |at| at.nmap("outside.1", "-sU -p 1-60 near.1").map(drop),
        hits: &["scan_udp_vertical low srcip=outside.1 dstip=near.1"],
    },
    Scenario {
        name: "UDP scan of 40 closed ports",
        traffic: |at| at.nmap("outside.1", "-sU -p 1-40 near.1").map(drop),
        hits: &[],
    },
    Scenario {
        name: "SNMP sweep of 60 hosts inside, all refuse",
        traffic: |at| at.nmap("inside.1", "-sU -p 161 near.1-60").map(drop),
        hits: &[
            "scan_udp_services low srcip=inside.1 dstport=161",
            "scan_udp_refused low dstip=inside.1",
        ],
    },
    Scenario {
        name: "SNMP sweep of 20 hosts",
        traffic: |at| at.nmap("inside.1", "-sU -p 161 near.1-20").map(drop),
        hits: &[],
    },
    Scenario {
        name: "SSH sweep of 40 hosts inside, all refuse",
        traffic: |at| at.nmap("inside.1", "-sS -p 22 near.1-40").map(drop),
        hits: &[
            "scan_horizontal_internal medium srcip=inside.1",
            "scan_refused low dstip=inside.1",
        ],
    },
    Scenario {
        name: "SSH sweep of 20 hosts",
        traffic: |at| at.nmap("inside.1", "-sS -p 22 near.1-20").map(drop),
        hits: &[],
    },
    // The Internet's noise: there is a policy for it, which is off.
    Scenario {
        name: "SSH sweep of 60 hosts from outside",
        traffic: |at| at.nmap("outside.1", "-sS -p 22 near.1-60").map(drop),
        hits: &[],
    },
    Scenario {
        name: "sweep of 65 hosts outside that are not there",
        traffic: |at| at.nmap("near.1", "-sS -p 443 silent.1-65").map(drop),
        hits: &[
            "scan_horizontal_outbound medium srcip=near.1 dstport=443",
            "scan_slow low srcip=near.1 dstport=443",
        ],
    },
    Scenario {
        name: "40 hosts outside that are not there",
        traffic: |at| at.nmap("near.1", "-sS -p 443 silent.1-40").map(drop),
        hits: &[],
    },
    Scenario {
        name: "Telnet knocked at 30 hosts outside",
        traffic: |at| at.nmap("near.1", "-sS -p 23 silent.1-30").map(drop),
        hits: &["iot_worm_fanout medium srcip=near.1"],
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
        name: "ping sweep of 30 hosts",
        traffic: |at| at.nmap("inside.1", "-sn -PE near.1-30").map(drop),
        hits: &["ping_sweep low srcip=inside.1"],
    },
    Scenario {
        name: "ping sweep of 20 hosts",
        traffic: |at| at.nmap("inside.1", "-sn -PE near.1-20").map(drop),
        hits: &[],
    },
    Scenario {
        name: "25 short SSH sessions, by a host inside",
        traffic: |at| at.sessions("inside.1", "near.1:22", LOGIN),
        hits: &["ssh_brute_force medium srcip=near.1 dstip=inside.1"],
    },
    Scenario {
        name: "15 short SSH sessions, by a host inside",
        traffic: |at| at.sessions("inside.1", "near.1:22", Sessions { count: 15, ..LOGIN }),
        hits: &[],
    },
    // Two things are wrong here: the guessing, and that it can be.
    Scenario {
        name: "25 short SSH sessions from outside",
        traffic: |at| at.sessions("outside.1", "near.1:22", LOGIN),
        hits: &[
            "ssh_brute_force medium srcip=near.1 dstip=outside.1",
            "admin_service_open_to_internet medium srcip=near.1 srcport=22",
        ],
    },
];

/// Key exchange and a few passwords.
const LOGIN: Sessions = Sessions { count: 25, rounds: 6, question: 120, answer: 200 };

/// What a router tells a host of ours that asks for what it must not.
fn prohibit(at: Place<'_>, times: usize) -> Result<()> {
    const ICMP: u8 = 1;
    const PROHIBITED: [u8; 8] = [3, 13, 0xfc, 0xf2, 0, 0, 0, 0];
    let refused = at.packet("near.1", "silent.1", TCP, &segment(40000, 22, SYN)[..8])?;
    let message = [&PROHIBITED[..], &refused].concat();
    at.raw("outside.1", &vec![at.packet("outside.1", "near.1", ICMP, &message)?; times])
}
