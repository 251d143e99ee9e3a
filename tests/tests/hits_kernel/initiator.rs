//! Who opened a connection: what the first packets say, whatever the ports suggest.

use std::{thread, time::Duration};

use anyhow::Result;
use tests::{
    scenario::{Conditions, Scenario},
    site::Place,
    sockets::{ACK, RST, SYN, Sessions, TCP, segment},
};

/// A hit for each direction of a connection: as `opened` where it was seen who opened it, as `guessed` where the ports had to
/// do.
pub const CONDITIONS: Conditions = Conditions {
    policies: Some(
        r#"
[[policy]]
name = "opened"
description = "Somebody was seen to open a connection"
match = "(protocol == tcp || protocol == udp) && initiatorguessed == false"
track_by = [["initiator", "clientip", "serverip", "serverport"]]

[[policy]]
name = "guessed"
description = "Nobody was seen to open a connection"
match = "(protocol == tcp || protocol == udp) && initiatorguessed == true"
track_by = [["initiator", "clientip", "serverip", "serverport"]]
"#,
    ),
    ecn: None,
    short_timeouts: true,
};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "a client with the port of a shell, a server at a high port",
        traffic: |at| at.sessions("outside.1:22", "near.1:40443", ONE),
        hits: &[
            "opened medium initiator=src clientip=outside.1 serverip=near.1 serverport=40443",
            "opened medium initiator=dst clientip=outside.1 serverip=near.1 serverport=40443",
        ],
    },
    Scenario {
        name: "the same, from here",
        traffic: |at| at.sessions("near.1:443", "outside.1:50123", ONE),
        hits: &[
            "opened medium initiator=src clientip=near.1 serverip=outside.1 serverport=50123",
            "opened medium initiator=dst clientip=near.1 serverip=outside.1 serverport=50123",
        ],
    },
    Scenario {
        name: "both ports are of services, over IPv6",
        traffic: |at| at.sessions("[outside::1]:80", "[near::1]:443", ONE),
        hits: &[
            "opened medium initiator=src clientip=outside::1 serverip=near::1 serverport=443",
            "opened medium initiator=dst clientip=outside::1 serverip=near::1 serverport=443",
        ],
    },
    Scenario {
        name: "the same port at both ends",
        traffic: |at| at.sessions("near.1:179", "inside.1:179", ONE),
        hits: &[
            "opened medium initiator=src clientip=near.1 serverip=inside.1 serverport=179",
            "opened medium initiator=dst clientip=near.1 serverip=inside.1 serverport=179",
        ],
    },
    Scenario {
        name: "a port that is closed refuses",
        traffic: |at| at.nmap("outside.1", "-sS -g 53 -p 40001 near.1").map(drop),
        hits: &[
            "opened medium initiator=src clientip=outside.1 serverip=near.1 serverport=40001",
            "opened medium initiator=dst clientip=outside.1 serverip=near.1 serverport=40001",
        ],
    },
    Scenario {
        name: "an answer to what nobody here asked, by its first packet",
        traffic: |at| {
            let answer = segment(40002, 22, SYN | ACK);
            at.raw("outside.1", &[at.packet("outside.1", "near.1", TCP, &answer)?])
        },
        hits: &["opened medium initiator=dst clientip=near.1 serverip=outside.1 serverport=40002"],
    },
    // Whose beginning nobody saw: the ports have to do, and that is told.
    Scenario {
        name: "the middle and the end of a connection",
        traffic: |at| {
            let packet = |flags| at.packet("outside.1", "near.1", TCP, &segment(443, 40003, flags));
            at.raw("outside.1", &[packet(ACK)?, packet(RST)?])
        },
        hits: &["guessed medium initiator=dst clientip=near.1 serverip=outside.1 serverport=443"],
    },
    Scenario {
        name: "datagrams from the port of a name server, which are answered",
        traffic: |at| ask(at, "outside.1:53", "near.1:40004"),
        hits: &[
            "opened medium initiator=src clientip=outside.1 serverip=near.1 serverport=40004",
            "opened medium initiator=dst clientip=outside.1 serverip=near.1 serverport=40004",
        ],
    },
    Scenario {
        name: "the same, from here, and nobody answers",
        traffic: |at| {
            settle();
            at.udp("near.1:53")?.send_to(&[0x51; 40], at.socket("silent.1:40005")?)?;
            Ok(())
        },
        hits: &["guessed medium initiator=dst clientip=silent.1 serverip=near.1 serverport=53"],
    },
];

const ONE: Sessions = Sessions { count: 1, rounds: 5, question: 80, answer: 300 };

/// What begins before has been watched for as long as a flow may be silent may have begun earlier.
fn settle() {
    thread::sleep(Duration::from_secs(4));
}

/// A question and, not at the same moment, its answer.
fn ask(at: Place<'_>, from: &str, to: &str) -> Result<()> {
    settle();
    let (client, server) = (at.udp(from)?, at.udp(to)?);
    let mut buffer = [0; 64];
    client.send_to(&[0x51; 40], server.local_addr()?)?;
    server.recv_from(&mut buffer)?;
    thread::sleep(Duration::from_millis(300));
    server.send_to(&[0x41; 60], client.local_addr()?)?;
    client.recv_from(&mut buffer)?;
    Ok(())
}
