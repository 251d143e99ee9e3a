//! Sessions that should not be: services that the Internet reaches, what leaves in clear, who tries passwords, who visits
//! everybody.

use anyhow::Result;
use tests::{scenario::Scenario, site::Place, sockets::Sessions};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "a database that the Internet reaches",
        traffic: |at| at.sessions("outside.1", "near.1:6379", ONE),
        hits: &["datastore_or_api_open_to_internet high srcip=near.1 srcport=6379"],
    },
    Scenario {
        name: "a database that we reach",
        traffic: |at| at.sessions("inside.1", "near.1:6379", ONE),
        hits: &[],
    },
    Scenario {
        name: "a console that the Internet reaches",
        traffic: |at| at.sessions("outside.1", "near.1:10000", ONE),
        hits: &["console_open_to_internet medium srcip=near.1 srcport=10000"],
    },
    Scenario {
        name: "a directory that the Internet reaches",
        traffic: |at| at.sessions("outside.1", "near.1:389", ONE),
        hits: &["directory_open_to_internet high srcip=near.1 srcport=389"],
    },
    // A connection alone says nothing.
    Scenario {
        name: "services that the Internet knocks at",
        traffic: |at| {
            for port in [22, 389, 6379, 10000] {
                at.sessions("outside.1", &format!("near.1:{port}"), Sessions { rounds: 0, ..ONE })?;
            }
            Ok(())
        },
        hits: &[],
    },
    Scenario {
        name: "SNMP that the Internet reaches",
        traffic: |at| at.datagrams("outside.1:40000", "near.1:161", &[(60, 400); 25]),
        hits: &["amplifier_participation low srcip=near.1 srcport=161"],
    },
    Scenario {
        name: "FTP and Telnet leave",
        traffic: |at| {
            at.sessions("near.1", "outside.1:21", ONE)?;
            at.sessions("near.1", "outside.1:23", ONE)
        },
        hits: &[
            "cleartext_leaving low srcip=near.1 dstip=outside.1 dstport=21",
            "cleartext_leaving low srcip=near.1 dstip=outside.1 dstport=23",
        ],
    },
    Scenario {
        name: "what belongs inside leaves",
        traffic: |at| {
            at.sessions("near.1", "outside.1:445", ONE)?;
            at.sessions("near.1", "outside.2:9100", ONE)?;
            at.sessions("near.1", "outside.3:502", ONE)?;
            at.datagrams("near.1:40000", "outside.4:161", &[(60, 90); 5])?;
            at.datagrams("near.1:40001", "outside.5:1900", &[(100, 0)])
        },
        hits: &[
            "smb_leaving medium srcip=near.1 dstip=outside.1",
            "printing_across_border medium srcip=near.1 dstip=outside.2 dstport=9100",
            "ics_protocol_across_border high srcip=near.1 dstip=outside.3 dstport=502",
            "management_protocol_leaving low srcip=near.1 dstip=outside.4 dstport=161",
            "name_resolution_leaving low srcip=near.1 dstport=1900",
        ],
    },
    Scenario {
        name: "the same inside",
        traffic: |at| {
            at.sessions("near.1", "inside.1:21", ONE)?;
            at.sessions("near.1", "inside.1:445", ONE)?;
            at.sessions("near.1", "inside.2:9100", ONE)?;
            at.sessions("near.1", "inside.3:502", ONE)?;
            at.datagrams("near.1:40000", "inside.4:161", &[(60, 90); 5])?;
            at.datagrams("near.1:40001", "inside.5:1900", &[(100, 0)])
        },
        hits: &[],
    },
    Scenario {
        name: "a shell that calls back",
        traffic: |at| at.sessions("near.1", "outside.1:4444", ONE),
        hits: &["shell_callback_port medium srcip=near.1 dstip=outside.1 dstport=4444"],
    },
    // Who opened a connection is seen, whatever its ports.
    Scenario {
        name: "a shell that calls back from the port of a web server",
        traffic: |at| at.sessions("near.1:443", "outside.1:4444", ONE),
        hits: &["shell_callback_port medium srcip=near.1 dstip=outside.1 dstport=4444"],
    },
    Scenario {
        name: "a service of ours at a high port, and a client with the port of a shell",
        traffic: |at| at.sessions("outside.1:50050", "near.1:40443", ONE),
        hits: &[],
    },
    Scenario {
        // One host on 9001 is no sign of Tor, which takes several.
        name: "IRC, mining, Tor, remote support",
        traffic: |at| {
            at.sessions("near.1", "outside.1:6667", LONG)?;
            at.sessions("near.1", "outside.2:3333", LONG)?;
            at.sessions("near.1", "outside.3:9001", LONG)?;
            at.sessions("near.1", "outside.4:5938", LONG)
        },
        hits: &[
            "irc_leaving low srcip=near.1 dstip=outside.1",
            "mining_pool_client low srcip=near.1 dstip=outside.2 dstport=3333",
            "remote_support_tool low srcip=near.1 dstport=5938",
        ],
    },
    Scenario {
        name: "a SOCKS proxy that nobody knows of",
        traffic: |at| at.sessions("near.1", "inside.1:1080", LONG),
        hits: &["socks_proxy_use low srcip=near.1 dstip=inside.1"],
    },
    Scenario {
        name: "TCP to the port of NTP",
        traffic: |at| at.sessions("near.1", "outside.1:123", ONE),
        hits: &["tcp_on_ntp_port medium srcip=near.1 dstip=outside.1"],
    },
    Scenario {
        name: "a service of ours at an odd port",
        traffic: |at| each(at, "outside", 4, |at, host| at.sessions(host, "near.1:28999", ONE)),
        hits: &["service_on_odd_port low srcip=near.1 srcport=28999"],
    },
    Scenario {
        name: "mail to eight servers",
        traffic: |at| each(at, "outside", 8, |at, host| visit(at, host, 25)),
        hits: &["direct_smtp_fanout medium srcip=near.1"],
    },
    Scenario {
        name: "mail to five servers",
        traffic: |at| each(at, "outside", 5, |at, host| visit(at, host, 25)),
        hits: &[],
    },
    Scenario {
        name: "a node of a blockchain",
        traffic: |at| each(at, "outside", 9, |at, host| visit(at, host, 8333)),
        hits: &["blockchain_node low srcip=near.1 dstport=8333"],
    },
    Scenario {
        name: "30 hosts inside visited over SMB",
        traffic: |at| each(at, "inside", 30, |at, host| visit(at, host, 445)),
        hits: &["lateral_smb_fanout low srcip=near.1 dstport=445"],
    },
    Scenario {
        name: "25 hosts inside visited over SSH",
        traffic: |at| each(at, "inside", 25, |at, host| visit(at, host, 22)),
        hits: &["lateral_ssh_fanout low srcip=near.1 dstport=22"],
    },
    Scenario {
        name: "12 desktops inside visited",
        traffic: |at| each(at, "inside", 12, |at, host| visit(at, host, 3389)),
        hits: &["lateral_remote_admin_fanout low srcip=near.1 dstport=3389"],
    },
    Scenario {
        name: "a few hosts inside visited",
        traffic: |at| {
            each(at, "inside", 9, |at, host| {
                visit(at, host, 445)?;
                visit(at, host, 22)?;
                visit(at, host, 3389)
            })
        },
        hits: &[],
    },
    Scenario {
        name: "passwords tried at a desktop, shares, a terminal",
        traffic: |at| {
            at.sessions("inside.1", "near.1:3389", Sessions { count: 25, ..LOGIN })?;
            at.sessions("inside.1", "near.2:445", Sessions { count: 55, ..LOGIN })?;
            at.sessions("inside.1", "near.3:23", Sessions { count: 12, ..LOGIN })
        },
        hits: &[
            "rdp_brute_force medium srcip=inside.1 dstip=near.1",
            "smb_brute_force medium srcip=inside.1 dstip=near.2",
            "telnet_vnc_brute_force medium srcip=inside.1 dstip=near.3 dstport=23",
        ],
    },
    Scenario {
        name: "passwords tried at a database and at mail, from outside",
        traffic: |at| {
            at.sessions("outside.1", "near.1:3306", Sessions { count: 25, ..LOGIN })?;
            at.sessions("outside.1", "near.2:993", Sessions { count: 65, ..LOGIN })
        },
        hits: &[
            "database_brute_force medium srcip=outside.1 dstip=near.1 dstport=3306",
            "datastore_or_api_open_to_internet high srcip=near.1 srcport=3306",
            "mail_ftp_brute_force medium srcip=outside.1 dstip=near.2 dstport=993",
        ],
    },
    Scenario {
        name: "people who mistype",
        traffic: |at| {
            for (server, port) in [(1, 3389), (2, 445), (3, 23), (4, 22), (5, 993)] {
                let few = Sessions { count: 8, ..LOGIN };
                at.sessions("inside.1", &format!("near.{server}:{port}"), few)?;
            }
            at.sessions("outside.1", "near.6:993", Sessions { count: 50, ..LOGIN })
        },
        hits: &[],
    },
    Scenario {
        name: "a cloud's metadata asked again and again",
        traffic: |at| at.sessions("near.1", "169.254.169.254:80", Sessions { count: 35, ..ONE }),
        hits: &["metadata_service_access low srcip=near.1 dstip=169.254.169.254"],
    },
];

const ONE: Sessions = Sessions { count: 1, rounds: 5, question: 80, answer: 300 };
const LONG: Sessions = Sessions { count: 1, rounds: 60, question: 80, answer: 120 };
/// Greetings and a password.
const LOGIN: Sessions = Sessions { count: 1, rounds: 6, question: 120, answer: 200 };

/// A session of a host of ours with a named address.
fn visit(at: Place<'_>, host: &str, port: u16) -> Result<()> {
    at.sessions("near.1", &format!("{host}:{port}"), ONE)
}

/// The first `count` hosts of a named network, one after the other.
fn each(
    at: Place<'_>,
    network: &str,
    count: usize,
    work: fn(Place<'_>, &str) -> Result<()>,
) -> Result<()> {
    (1..=count).try_for_each(|host| work(at, &format!("{network}.{host}")))
}
