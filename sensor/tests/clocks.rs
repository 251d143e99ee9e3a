//! Routers whose clocks are wrong: policies find in their flows what they find in those of a router whose clock is right.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

/// When the capture begins, seconds since the epoch.
const BEGIN: u64 = 1_767_225_600;
/// How long the router has been up by then, milliseconds.
const UPTIME: u32 = 50_000_000;
const HOUR: i64 = 3600;

/// One of the router's flows: TCP, of 100 ms that ended 800 ms before its export.
#[derive(Clone, Copy)]
struct Flow {
    from: ([u8; 4], u16),
    to: ([u8; 4], u16),
    flags: u8,
    packets: u32,
    octets: u32,
}

const SYN: u8 = 0x02;
/// A whole connection.
const ALL: u8 = 0x1b;

/// A NetFlow 5 datagram, exported `second` seconds after the begin by a clock that is `skew` seconds ahead.
fn netflow5(second: u32, sequence: u32, skew: i64, flows: &[Flow]) -> Vec<u8> {
    let uptime = UPTIME + second * 1000;
    let export = (BEGIN + u64::from(second)).saturating_add_signed(skew) as u32;
    let mut datagram = vec![0, 5, 0, flows.len() as u8];
    datagram.extend([uptime, export, 0, sequence].map(u32::to_be_bytes).concat());
    datagram.extend([0; 4]);
    for flow in flows {
        datagram.extend([flow.from.0, flow.to.0, [0; 4], [0, 1, 0, 2]].concat());
        let numbers = [flow.packets, flow.octets, uptime - 900, uptime - 800];
        datagram.extend(numbers.map(u32::to_be_bytes).concat());
        datagram.extend([flow.from.1, flow.to.1].map(u16::to_be_bytes).concat());
        datagram.extend([0, flow.flags, 6, 0, 0, 0, 0, 0, 24, 24, 0, 0]);
    }
    datagram
}

/// The same as an IPFIX message with its template, and absolute times.
fn ipfix(second: u32, sequence: u32, skew: i64, flows: &[Flow]) -> Vec<u8> {
    let milliseconds = (BEGIN + u64::from(second)).saturating_add_signed(skew) * 1000;
    let fields =
        [(8, 4), (12, 4), (2, 4), (1, 4), (7, 2), (11, 2), (6, 1), (4, 1), (152, 8), (153, 8)];
    let mut sets = vec![0, 2, 0, 8 + 4 * fields.len() as u8, 1, 0, 0, fields.len() as u8];
    for (element, length) in fields {
        sets.extend([u16::to_be_bytes(element), u16::to_be_bytes(length)].concat());
    }
    let mut records = Vec::new();
    for flow in flows {
        records.extend([flow.from.0, flow.to.0].concat());
        records.extend([flow.packets, flow.octets].map(u32::to_be_bytes).concat());
        records.extend([flow.from.1, flow.to.1].map(u16::to_be_bytes).concat());
        records.extend([flow.flags, 6]);
        records.extend([milliseconds - 900, milliseconds - 800].map(u64::to_be_bytes).concat());
    }
    sets.extend([256, 4 + records.len() as u16].map(u16::to_be_bytes).concat());
    sets.extend(records);
    let mut message = [10, 16 + sets.len() as u16].map(u16::to_be_bytes).concat();
    let export = (milliseconds / 1000) as u32;
    message.extend([export, sequence, 1].map(u32::to_be_bytes).concat());
    message.extend(sets);
    message
}

type Encode = fn(u32, u32, i64, &[Flow]) -> Vec<u8>;

/// How many seconds a clock is ahead, second by second.
type Skew<'s> = &'s dyn Fn(u32) -> i64;

/// How long the capture is, seconds.
const LENGTH: u32 = 900;

/// What policies of our own find in the traffic, beside the stock library.
const POLICIES: &str = r#"
[[policy]]
name = "beacon"
description = "A host calls at steady intervals"
match = "protocol == tcp && dstport == 8443 && tcpflags.syn == true"
track_by = [["srcip", "dstip"]]
window = "15m"
severity.medium = "beacon(start) >= 0.9 && distinct(srcport) >= 8"

[[policy]]
name = "volume"
description = "A host sends much in a short time"
match = "dstport == 443"
track_by = [["srcip"]]
window = "1m"
severity.medium = "sum(octets) >= 100000"
"#;

/// What the router sees in a second: a connection every second; a scan of 60 ports in the first minute; passwords tried
/// at an SSH server from 1:40 on, which answers; a sweep of 100 hosts from 3:20 on; and a beacon every 45 seconds.
fn traffic(second: u32) -> Vec<Flow> {
    let (inside, server) = ([10, 0, 0, 2], [192, 168, 7, 2]);
    let port = |base: u16| base + second as u16;
    let connection = |from, to| Flow { from, to, flags: ALL, packets: 14, octets: 2000 };
    let probe = |from, to| Flow { from, to, flags: SYN, packets: 1, octets: 44 };
    let mut flows = vec![connection(([10, 0, 0, 9], 40_000), (server, 443))];
    if second < 60 {
        flows.push(probe(([10, 0, 0, 1], 40_000), (server, port(1000))));
    }
    if (100..220).contains(&second) && second.is_multiple_of(3) {
        let (guesser, shell) = (([192, 168, 7, 5], port(41_000)), (inside, 22));
        flows.extend([connection(guesser, shell), connection(shell, guesser)]);
    }
    if (200..300).contains(&second) {
        let host = (second - 199) as u8;
        flows.push(probe(([10, 0, 0, 3], 40_000), ([192, 168, 8, host], 22)));
    }
    if second % 45 == 7 {
        flows.push(connection(([10, 0, 0, 4], port(30_000)), ([45, 1, 2, 3], 8443)));
    }
    flows
}

/// The traffic as a router exports it. `skew` says how many seconds its clock is ahead, second by second.
fn capture(path: &Path, encode: Encode, skew: impl Fn(u32) -> i64) {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 4 << 16 | 2, 0, 0, 65_535, 101] {
        file.extend(word.to_le_bytes());
    }
    let mut sequence = 0;
    for second in 0..LENGTH {
        let flows = traffic(second);
        let payload = encode(second, sequence, skew(second), &flows);
        sequence += flows.len() as u32;
        let length = payload.len() as u32 + 28;
        for word in [BEGIN as u32 + second, 0, length, length] {
            file.extend(word.to_le_bytes());
        }
        file.extend([0x45, 0]);
        file.extend((length as u16).to_be_bytes());
        file.extend([0, 0, 0, 0, 64, 17, 0, 0, 198, 51, 100, 7, 198, 51, 100, 8, 8, 7, 8, 7]);
        file.extend((payload.len() as u16 + 8).to_be_bytes());
        file.extend([0, 0]);
        file.extend(payload);
    }
    fs::write(path, file).expect("the capture can be written");
}

/// A place for a capture, and the policies beside it.
struct Bench(tempfile::TempDir);

impl Bench {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory can be made");
        fs::write(directory.path().join("own.toml"), POLICIES).expect("policies can be written");
        Self(directory)
    }

    /// What is printed of the exports of a router whose clock is so, and what is said about it.
    fn replay(
        &self,
        encode: Encode,
        skew: impl Fn(u32) -> i64,
        print: &str,
    ) -> (Vec<Value>, String) {
        let [exports, own] = ["exports.pcap", "own.toml"].map(|name| self.0.path().join(name));
        capture(&exports, encode, skew);
        let output = Command::new(env!("CARGO_BIN_EXE_sensor"))
            .args(["replay", "--as", "exports", "--policies", "stock", "--policies"])
            .args([&own, Path::new("--print"), Path::new(print), &exports])
            .output()
            .expect("the binary runs");
        let lines = String::from_utf8_lossy(&output.stdout);
        let values = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        (values, String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// The events, without the records among them, which keep the times of their router.
    fn events(&self, encode: Encode, skew: impl Fn(u32) -> i64) -> (Vec<Value>, String) {
        let (mut events, said) = self.replay(encode, skew, "hits");
        for event in &mut events {
            event.as_object_mut().expect("an object").remove("sample_flows");
        }
        (events, said)
    }
}

/// Policy and kind of an event.
fn what(event: &Value) -> (&str, &str) {
    let word = |key: &str| event[key].as_str().unwrap_or_default();
    (word("algorithm"), word("alerttype"))
}

#[test]
fn policies_find_the_same_whatever_the_clock_of_the_router() {
    let bench = Bench::new();
    for encode in [netflow5 as Encode, ipfix] {
        let (right, said) = bench.events(encode, |_| 0);
        assert!(!said.contains("its clock is"), "{said}");
        let policies = [
            "scan_vertical_internal",
            "ssh_brute_force",
            "scan_horizontal_internal",
            "beacon",
            "volume",
        ];
        for policy in policies {
            for kind in ["start", "end"] {
                let count = right.iter().filter(|event| what(event) == (policy, kind)).count();
                assert_eq!(count, 1, "{policy} {kind}: {right:?}");
            }
        }
        let wrong: [(Skew<'_>, Option<&str>); 12] = [
            (&|_| -HOUR - 60, Some("1 h 1 min behind ours")),
            (&|_| -5 * HOUR, Some("5 h behind ours")),
            (&|_| -22_800, Some("6 h 20 min behind ours")),
            (&|_| -400 * 24 * HOUR, Some("400 d behind ours")),
            // As a router without a battery has it an hour after it was switched on.
            (&|_| HOUR - BEGIN as i64, Some("20453 d 23 h behind ours")),
            (&|_| 90, Some("1 min 30 s ahead of ours")),
            (&|_| 5 * HOUR, Some("5 h ahead of ours")),
            // No reason to complain, and none to be wrong about the time.
            (&|_| -30, None),
            (&|_| 30, None),
            // Set back and forward in the midst of the scan.
            (&|second| if second < 20 { 0 } else { -2 * HOUR }, Some("2 h behind ours")),
            (&|second| if second < 20 { -HOUR } else { HOUR }, Some("1 h ahead of ours")),
            (
                &|second| if second < 150 { -HOUR } else { 45 - HOUR },
                Some("59 min 15 s behind ours"),
            ),
        ];
        for (skew, told) in wrong {
            let (events, said) = bench.events(encode, skew);
            assert_eq!(events, right, "{told:?}");
            let line = "device 198.51.100.7: its clock is ";
            assert_eq!(said.matches(line).count(), usize::from(told.is_some()), "{said}");
            let line = told.map_or_else(String::new, |told| format!("{line}{told}"));
            assert!(said.contains(&line), "{line}: {said}");
        }
    }
}

/// How far a clock that drifts may be off before that shows, milliseconds.
const NOTICED: u64 = 4000;

#[test]
fn a_clock_that_drifts_is_followed() {
    let bench = Bench::new();
    for encode in [netflow5 as Encode, ipfix] {
        let (right, _) = bench.events(encode, |_| 0);
        let drifting: [Skew<'_>; 5] = [
            &|second| i64::from(second / 20),
            &|second| -i64::from(second / 20),
            &|second| i64::from(second / 5),
            &|second| -i64::from(second / 5),
            &|second| -5 * HOUR - i64::from(second / 20),
        ];
        for (number, skew) in drifting.iter().enumerate() {
            let (events, _) = bench.events(encode, skew);
            let all = |events: &[Value]| -> Vec<String> {
                events.iter().map(|event| format!("{:?} {}", what(event), event["track"])).collect()
            };
            assert_eq!(all(&events), all(&right), "{number}");
            for (event, right) in events.iter().zip(&right) {
                for key in ["start", "end", "duration"] {
                    let [time, right] = [event, right].map(|event| event[key].as_u64());
                    let [time, right] = [time, right].map(|time| time.expect("a number"));
                    assert!(time.abs_diff(right) <= NOTICED, "{number}: {event}");
                }
                let has_started = what(event).1 == "start";
                assert!(!has_started || event["records"] == right["records"], "{number}: {event}");
            }
        }
    }
}

#[test]
fn records_keep_the_times_of_their_router() {
    let (flows, _) = Bench::new().replay(netflow5, |_| -22_800, "flows");
    assert_eq!(flows[0]["end"], (BEGIN - 22_800) * 1000 - 800);
}
