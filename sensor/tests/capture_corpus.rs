//! Every capture of the traffic corpus is read to its end: as many frames, octets and the same times as Wireshark finds.
//!
//! The corpus is optional: it lies where `SENSOR_CORPORA` says, else beside the workspace in `../shared/corpora`.

mod corpora;

use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
    process::Command,
};

use sensor::replay::capture::{CaptureFault, CaptureReader};

/// Captures made by fuzzers, where octets or times differ by right: their fractions of a second exceed a second (Wireshark
/// prints them as they are), or an ATM pseudo header is in the length (Wireshark takes it off).
const FUZZED: [&str; 9] = [
    "atm-heapoverflow.pcap",
    "atm-oam-heapoverflow.pcap",
    "atm-oam-loopback-print-overrun.pcap",
    "bgp_vpn_rt-oobr.pcap",
    "fuzz-2021-06-07-c6c72a0a56.pcap",
    "fuzz-2021-10-13.pcap",
    "rx_serviceid_oobr.pcap",
    "timestamp_invalid_micro.pcap",
    "timestamp_invalid_nano.pcap",
];

fn is_fuzzed(path: &Path) -> bool {
    FUZZED.iter().any(|name| path.ends_with(name))
}

/// What is compared of a capture.
#[derive(Debug, Default, PartialEq, Eq)]
struct Summary {
    frames: u64,
    /// Sum of the lengths on the wire.
    octets: u64,
    /// Earliest and latest, in nanoseconds; 0 without frames.
    times: (u64, u64),
}

/// All frames, and the fault that ended them.
fn read(path: &Path) -> (Summary, Option<CaptureFault>) {
    let mut summary = Summary::default();
    let mut reader = match CaptureReader::open(path) {
        Ok(reader) => reader,
        Err(error) => return (summary, Some(error.fault)),
    };
    loop {
        let frame = match reader.next() {
            Ok(Some(frame)) => frame,
            Ok(None) => return (summary, None),
            Err(error) => return (summary, Some(error.fault)),
        };
        let time = frame.timestamp_ns;
        let (earliest, latest) = if summary.frames == 0 { (time, time) } else { summary.times };
        summary.times = (earliest.min(time), latest.max(time));
        summary.frames += 1;
        summary.octets += u64::from(frame.wire_length);
    }
}

/// What `capinfos` of Wireshark finds; files that it cannot open are left out.
fn capinfos(files: &[PathBuf]) -> Option<BTreeMap<PathBuf, Summary>> {
    let mut command = Command::new("capinfos");
    let output = command.args("-T -M -r -S -c -d -a -e".split(' ')).args(files).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    Some(text.lines().filter_map(capinfos_line).collect())
}

fn capinfos_line(line: &str) -> Option<(PathBuf, Summary)> {
    let [path, frames, octets, earliest, latest] = *line.split('\t').collect::<Vec<_>>() else {
        return None;
    };
    Some((
        PathBuf::from(path),
        Summary {
            frames: frames.parse().ok()?,
            octets: octets.parse().ok()?,
            times: (nanoseconds(earliest), nanoseconds(latest)),
        },
    ))
}

/// Reads seconds with a fraction; `n/a` stands where there is no frame.
fn nanoseconds(seconds: &str) -> u64 {
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    format!("{seconds}{fraction:0<9}").parse().unwrap_or_default()
}

#[test]
fn every_capture_is_read_as_wireshark_reads_it() {
    let Some(traffic) = corpora::folder("traffic") else { return };
    let files = corpora::files_below(&traffic);
    assert!(files.len() > 1000, "{} files below {}", files.len(), traffic.display());

    let counts = capinfos(&files);
    if counts.is_none() {
        assert!(env::var_os("CI").is_none_or(|ci| ci != "true"), "capinfos is needed");
        eprintln!("not compared: capinfos is not there; `apt-get install tshark` brings it");
    }
    let mut differences = Vec::new();
    for path in &files {
        let (ours, fault) = read(path);
        let name = path.strip_prefix(&traffic).unwrap_or(path).display();
        if let Some(fault) = &fault {
            println!("{name}: {} frames, then: {fault}", ours.frames);
        }
        if let Some(theirs) = counts.as_ref().and_then(|counts| counts.get(path))
            && (theirs.frames != ours.frames || *theirs != ours && !is_fuzzed(path))
        {
            differences.push(format!("{name}:\n  ours   {ours:?}, {fault:?}\n  theirs {theirs:?}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    // Wireshark refuses the few captures whose link type it does not know.
    let compared = counts.map_or(files.len(), |counts| counts.len());
    assert!(compared * 100 > files.len() * 99, "capinfos counted only {compared} files");
}
