//! What a healthy host does all day. None of it is a hit, but for what shows that somebody looks.

use std::time::Duration;

use anyhow::{Result, ensure};
use tests::{
    frames,
    scenario::Scenario,
    site::{FAR_LINK, NEAR, NEAR_LINK, Place},
    sockets::{Sessions, UDP},
};

const IP_IN_IP: u8 = 4;

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "one packet that is not ordinary",
        traffic: |at| at.raw("near.1", &[at.packet("near.1", "outside.1", IP_IN_IP, &[0x45; 60])?]),
        hits: &["tunnel_ip_in_ip medium srcip=near.1 dstip=outside.1"],
    },
    quiet("web pages for visitors", |at| {
        at.sessions("outside.1", "near.1:80", PAGE)?;
        at.sessions("outside.2", "near.1:443", PAGE)?;
        at.sessions("outside::1", "[near::1]:443", PAGE)
    }),
    quiet("web pages from outside", |at| {
        for host in 1..=20 {
            let few = Sessions { count: 3, ..PAGE };
            at.sessions("near.1", &format!("outside.{host}:443"), few)?;
            at.sessions("near::1", &format!("[outside::{host}]:443"), few)?;
        }
        Ok(())
    }),
    quiet("shells, files, directory", |at| {
        let lasting = Sessions { count: 3, rounds: 60, question: 90, answer: 140 };
        at.sessions("inside.1", "near.1:22", lasting)?;
        at.sessions("near.1", "inside.2:22", lasting)?;
        at.sessions("near.1", "outside.1:22", lasting)?;
        let files = Sessions { count: 5, rounds: 30, question: 300, answer: 30_000 };
        at.sessions("inside.1", "near.1:445", files)?;
        for port in [88, 135, 389, 3268] {
            at.sessions("inside.1", &format!("near.1:{port}"), Sessions { count: 5, ..PAGE })?;
        }
        at.sessions("near.1", "inside.3:5432", Sessions { count: 10, rounds: 40, ..PAGE })
    }),
    quiet("mail", |at| {
        let mail = Sessions { count: 4, rounds: 8, question: 400, answer: 90 };
        at.sessions("outside.1", "near.1:25", mail)?;
        at.sessions("near.1", "outside.2:587", mail)?;
        at.sessions("near.1", "outside.2:993", mail)
    }),
    quiet("names", |at| {
        for _ in 0..80 {
            at.datagrams("near.1:0", "inside.53:53", &[(45, 140), (45, 160)])?;
            at.datagrams("[near::1]:0", "[inside::53]:53", &[(45, 140)])?;
        }
        at.sessions("near.1", "inside.53:53", Sessions { count: 3, rounds: 1, ..PAGE })
    }),
    quiet("time", |at| {
        for server in 1..=4 {
            at.datagrams("near.1:123", &format!("outside.{server}:123"), &[(48, 48); 3])?;
        }
        Ok(())
    }),
    // QUIC, also from ports that services elsewhere are known by.
    quiet("web over UDP", |at| {
        for port in [51820, 47808, 44818, 41641, 50050, 45700, 51413] {
            let course = [(1200, 1200); 60];
            at.datagrams(&format!("near.1:{port}"), "outside.1:443", &course)?;
            at.datagrams(&format!("outside.2:{port}"), "near.2:443", &course)?;
        }
        Ok(())
    }),
    quiet("echo", |at| {
        at.run("near.1", "ping -q -i 0.05 -c 20 -I near.1 outside.1")?;
        at.run("outside.1", "ping -q -i 0.05 -c 20 -I outside.1 near.1")?;
        at.run("near.1", "ping -q -i 0.05 -c 10 fd00:ff::1")?;
        for host in 1..=10 {
            at.run("inside.1", &format!("ping -q -c 1 -I inside.1 near.{host}"))?;
        }
        Ok(())
    }),
    // Neighbours looked for that are not there, and what is said to all.
    quiet("chatter of the segment", |at| {
        for (from, gone) in [("near.1", "10.255.0.9:7"), ("near::1", "[fd00:ff::9]:7")] {
            let found = at.connect_within(from, gone, Duration::from_millis(300));
            ensure!(found.is_err(), "who answered?");
        }
        for (from, port, to) in [
            (NEAR_LINK, 5353, "224.0.0.251:5353"),
            (FAR_LINK, 5353, "224.0.0.251:5353"),
            (NEAR_LINK, 40000, "239.255.255.250:1900"),
            (FAR_LINK, 40000, "239.255.255.250:1900"),
            (NEAR_LINK, 40001, "224.0.0.252:5355"),
            (NEAR_LINK, 137, "10.255.0.255:137"),
            (FAR_LINK, 138, "10.255.0.255:138"),
        ] {
            let socket = at.udp(&format!("{from}:{port}"))?;
            for _ in 0..4 {
                socket.send_to(&[0x11; 120], to)?;
            }
        }
        Ok(())
    }),
    quiet("an address by DHCP", |at| {
        let ports = [0, 68, 0, 67, 1, 52, 0, 0];
        let ask =
            at.packet("0.0.0.0", "255.255.255.255", UDP, &[&ports[..], &[1; 300]].concat())?;
        let directory = tempfile::tempdir()?;
        let capture = directory.path().join("ask.pcap");
        frames::write_capture(&capture, &[frames::ipv4(&ask)])?;
        // No socket may send from this address.
        at.run(NEAR_LINK, &format!("tcpreplay -q -i {NEAR} {}", capture.display())).map(drop)
    }),
    quiet("a download and an upload", |at| {
        at.iperf("near.1", "outside.1", 443, "-w 64K -n 40M -R")?;
        at.iperf("near.1", "inside.1", 5201, "-w 64K -n 40M")?;
        at.iperf("inside.1", "near.2", 5201, "-w 64K -n 40M")
    }),
    quiet("servers that are gone", |at| {
        for host in 1..=4 {
            let gone = at.connect_within(
                "near.1",
                &format!("silent.{host}:443"),
                Duration::from_millis(1200),
            );
            ensure!(gone.is_err(), "who answered?");
        }
        for host in 1..=10 {
            ensure!(at.connect("near.1", &format!("outside.{host}:443")).is_err(), "it was closed");
        }
        Ok(())
    }),
    quiet("printers asked how they are", |at| {
        for printer in 1..=12 {
            at.datagrams("near.1:0", &format!("inside.{printer}:161"), &[(70, 90); 4])?;
        }
        Ok(())
    }),
    quiet("a call", |at| at.datagrams("near.1:40000", "outside.1:3478", &[(180, 180); 1500])),
];

const fn quiet(name: &'static str, traffic: fn(Place<'_>) -> Result<()>) -> Scenario {
    Scenario { name, traffic, hits: &[] }
}

const PAGE: Sessions = Sessions { count: 20, rounds: 4, question: 500, answer: 8000 };
