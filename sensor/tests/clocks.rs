//! Routers whose clocks are wrong: policies find in their flows what they find in those of a router whose clock is right.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

/// When the capture begins, seconds since the epoch.
const BEGIN: u64 = 1_767_225_600;
/// How long the router has been up by then, milliseconds.
const UPTIME: u32 = 50_000_000;
const HOUR: i64 = 3600;

/// A NetFlow 5 datagram, exported `second` seconds after the begin by a clock that is `skew` seconds ahead.
fn netflow5(second: u32, sequence: u32, skew: i64, flows: &[(u8, u16)]) -> Vec<u8> {
    let uptime = UPTIME + second * 1000;
    let export = (BEGIN + u64::from(second)).saturating_add_signed(skew) as u32;
    let mut datagram = vec![0, 5, 0, flows.len() as u8];
    datagram.extend([uptime, export, 0, sequence].map(u32::to_be_bytes).concat());
    datagram.extend([0; 4]);
    for &(host, port) in flows {
        datagram.extend([10, 0, 0, host, 192, 168, 7, 2, 0, 0, 0, 0, 0, 1, 0, 2]);
        datagram.extend([1, 44, uptime - 900, uptime - 800].map(u32::to_be_bytes).concat());
        datagram.extend(40_000_u16.to_be_bytes());
        datagram.extend(port.to_be_bytes());
        // SYN, TCP.
        datagram.extend([0, 2, 6, 0, 0, 0, 0, 0, 24, 24, 0, 0]);
    }
    datagram
}

/// The same as an IPFIX message with its template, and absolute times.
fn ipfix(second: u32, sequence: u32, skew: i64, flows: &[(u8, u16)]) -> Vec<u8> {
    let milliseconds = (BEGIN + u64::from(second)).saturating_add_signed(skew) * 1000;
    let fields =
        [(8, 4), (12, 4), (1, 4), (2, 4), (7, 2), (11, 2), (6, 1), (4, 1), (152, 8), (153, 8)];
    let mut sets = vec![0, 2, 0, 8 + 4 * fields.len() as u8, 1, 0, 0, fields.len() as u8];
    for (element, length) in fields {
        sets.extend([u16::to_be_bytes(element), u16::to_be_bytes(length)].concat());
    }
    let mut records = Vec::new();
    for &(host, port) in flows {
        records.extend([10, 0, 0, host, 192, 168, 7, 2, 0, 0, 0, 44, 0, 0, 0, 1]);
        records.extend([40_000, port].map(u16::to_be_bytes).concat());
        records.extend([2, 6]);
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

type Encode = fn(u32, u32, i64, &[(u8, u16)]) -> Vec<u8>;

/// Ten minutes of a router: a scan of 60 ports in the first minute, and a connection a second all the time. `skew` says how
/// many seconds its clock is ahead, second by second.
fn capture(path: &Path, encode: Encode, skew: impl Fn(u32) -> i64) {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 4 << 16 | 2, 0, 0, 65_535, 101] {
        file.extend(word.to_le_bytes());
    }
    let mut sequence = 0;
    for second in 0..600_u32 {
        let mut flows = vec![(9, 443)];
        if second < 60 {
            flows.push((1, 1000 + second as u16));
        }
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

fn replay(path: &Path, print: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sensor"))
        .args(["replay", "--as", "exports", "--policies", "stock", "--print", print])
        .arg(path)
        .output()
        .expect("the binary runs")
}

/// How often each policy has said what, and when: policy and kind to the times, milliseconds since the epoch.
fn hits(output: &Output) -> BTreeMap<(String, String), Vec<u64>> {
    let text = String::from_utf8_lossy(&output.stdout);
    let mut hits = BTreeMap::<_, Vec<u64>>::new();
    for line in text.lines() {
        let hit: Value = serde_json::from_str(line).expect("a JSON object");
        let word = |key: &str| hit[key].as_str().unwrap_or_default().to_owned();
        let time = hit["timestamp"].as_u64().expect("a time");
        hits.entry((word("algorithm"), word("alerttype"))).or_default().push(time);
    }
    hits
}

#[test]
fn policies_find_the_same_whatever_the_clock_of_the_router() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let path = directory.path().join("exports.pcap");
    for encode in [netflow5 as Encode, ipfix] {
        capture(&path, encode, |_| 0);
        let output = replay(&path, "hits");
        let right = hits(&output);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!stderr.contains("its clock is"), "{stderr}");
        for kind in ["start", "end"] {
            let scans = right.get(&("scan_vertical_internal".to_owned(), kind.to_owned()));
            assert_eq!(scans.map(Vec::len), Some(1), "{right:?}");
        }
        let wrong: [(&dyn Fn(u32) -> i64, &str); 7] = [
            (&|_| -HOUR - 60, "1 h 1 min behind ours"),
            (&|_| -22_800, "6 h 20 min behind ours"),
            (&|_| -400 * 24 * HOUR, "400 d behind ours"),
            (&|_| 90, "1 min 30 s ahead of ours"),
            (&|_| 5 * HOUR, "5 h ahead of ours"),
            // Set back and forward in the midst of the scan.
            (&|second| if second < 20 { 0 } else { -2 * HOUR }, "2 h behind ours"),
            (&|second| if second < 20 { -HOUR } else { HOUR }, "1 h ahead of ours"),
        ];
        for (skew, told) in wrong {
            capture(&path, encode, skew);
            let output = replay(&path, "hits");
            assert_eq!(hits(&output), right, "{told}");
            let stderr = String::from_utf8_lossy(&output.stderr);
            let line = format!("device 198.51.100.7: its clock is {told}");
            assert_eq!(stderr.matches(&line).count(), 1, "{line}: {stderr}");
        }
    }
}

#[test]
fn records_keep_the_times_of_their_router() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let path = directory.path().join("exports.pcap");
    capture(&path, netflow5, |_| -22_800);
    let output = replay(&path, "flows");
    let text = String::from_utf8_lossy(&output.stdout);
    let first: Value = serde_json::from_str(text.lines().next().expect("a flow")).expect("JSON");
    assert_eq!(first["end"], (BEGIN - 22_800) * 1000 - 800);
}
