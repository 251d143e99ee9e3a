//! Replaying captures: the same input gives the same bytes, every file ends well or with one message, and what is
//! printed adds up to what was read.
//!
//! The corpus is optional: it lies where `SENSOR_CORPORA` says, else beside the workspace in `../shared/corpora`.

mod corpora;

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    thread,
};

use serde_json::Value;

fn replay(arguments: &[&str], files: &[PathBuf]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sensor"))
        .arg("replay")
        .args(arguments)
        .args(files)
        .output()
        .expect("the binary runs")
}

/// A UDP packet in an Ethernet frame, from a host and port that `flow` chooses.
fn frame(flow: u32, payload: u16) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
    frame.extend([0x45, 0]);
    frame.extend((28 + payload).to_be_bytes());
    frame.extend([0, 0, 0, 0, 64, 17, 0, 0]);
    frame.extend((0x0a00_0000 + flow).to_be_bytes());
    frame.extend([192, 0, 2, 1]);
    frame.extend((1024 + flow as u16).to_be_bytes());
    frame.extend([0, 53]);
    frame.extend((8 + payload).to_be_bytes());
    frame.extend([0, 0]);
    frame.resize(frame.len() + usize::from(payload), 0);
    frame
}

/// Two minutes of 700 flows: some go idle, some outlast the active timeout. Packets, and octets of the frames.
fn write_capture(path: &Path) -> (u64, u64) {
    let mut file = Vec::new();
    // Magic, version 2.4, two unused words, longest frame, Ethernet.
    for word in [0xa1b2_c3d4_u32, 4 << 16 | 2, 0, 0, 65_535, 1] {
        file.extend(word.to_le_bytes());
    }
    let (mut packets, mut octets) = (0, 0);
    for millisecond in (0..120_000_u32).step_by(12) {
        let flow = if millisecond % 5 == 0 { millisecond / 1000 % 7 } else { millisecond / 180 };
        let frame = frame(flow, (millisecond % 1400) as u16);
        let length = frame.len() as u32;
        let time = [1_700_000_000 + millisecond / 1000, millisecond % 1000 * 1000];
        for word in [time[0], time[1], length, length] {
            file.extend(word.to_le_bytes());
        }
        file.extend(frame);
        packets += 1;
        octets += u64::from(length);
    }
    fs::write(path, file).expect("the capture can be written");
    (packets, octets)
}

/// Names and contents of the files in a directory.
fn contents(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(directory).expect("the directory can be read");
    entries
        .map(|entry| {
            let path = entry.expect("the directory can be read").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, fs::read(&path).expect("the file can be read"))
        })
        .collect()
}

/// The flows on standard output.
fn flows(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| serde_json::from_str(line).expect("a JSON object")).collect()
}

fn sum(flows: &[Value], key: &str) -> u64 {
    flows.iter().filter_map(|flow| flow[key].as_u64()).sum()
}

/// Replays `files` several times, on different numbers of threads, through the stock policies: flows into standard output,
/// flows and hits into IPFIX files, hits into a file. Compares all octets.
fn same_each_time(files: &[PathBuf]) -> Output {
    let once = |threads: usize| {
        let [ipfix, hits] = [(); 2].map(|()| tempfile::tempdir().expect("a directory can be made"));
        let config = hits.path().join("sensor.toml");
        let text = format!(
            "[engine]\nthreads = {threads}\n[policies]\npaths = ['stock']\n\
             [ipfix_file]\ndirectory = '{}'\n[[hits]]\nurl = 'file://{}/hits.json'\n",
            ipfix.path().display(),
            hits.path().display()
        );
        fs::write(&config, text).expect("the configuration can be written");
        let config = config.to_str().expect("the path is text");
        let output = replay(&["--config", config, "--print", "flows"], files);
        let hits = fs::read(hits.path().join("hits.json")).unwrap_or_default();
        (output, contents(ipfix.path()), hits)
    };
    let (first, first_files, first_hits) = once(1);
    for threads in [1, 2, 5] {
        let (second, second_files, second_hits) = once(threads);
        let differ = |what: &str| format!("{files:?}: {what} differ with {threads} threads");
        assert!(first.stdout == second.stdout, "{}", differ("flows"));
        assert!(first_files == second_files, "{}", differ("IPFIX files"));
        assert!(first_hits == second_hits, "{}", differ("hits"));
    }
    assert_eq!(first_files.is_empty(), first.stdout.is_empty(), "{files:?}");
    first
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let path = directory.path().join("synthetic.pcap");
    let (packets, octets) = write_capture(&path);
    let output = same_each_time(&[path]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let flows = flows(&output);
    assert_eq!((sum(&flows, "packets"), sum(&flows, "layer2octets")), (packets, octets));
    for reason in [1, 2, 4] {
        assert!(flows.iter().any(|flow| flow["flowendreason"] == reason), "no reason {reason}");
    }
}

/// A collector that nobody answers for: the flush deadline passes, the exit code tells.
#[test]
fn a_collector_that_takes_nothing_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let capture = directory.path().join("made.pcap");
    write_capture(&capture);
    // A port that was free a moment ago.
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("tcp://{}", listener.local_addr().unwrap());
    drop(listener);
    let output = replay(&["--print", "none", "--collector", &url], &[capture]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains(&format!("not all flow records reached {url}")), "{stderr}");
}

/// The store of a configuration is that of the agent: a replay writes to one where a flag says so, and then all that was read is there.
#[test]
fn what_is_replayed_is_stored_where_a_flag_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let [capture, of_agent, own, config] =
        ["made.pcap", "agent", "own", "sensor.toml"].map(|name| directory.path().join(name));
    write_capture(&capture);
    let text = format!(
        "[policies]\npaths = ['stock']\n[store]\nfolder = '{}'\nretention.age = '10m'\n",
        of_agent.display()
    );
    fs::write(&config, text).unwrap();
    let (config, store) = (config.to_str().unwrap(), own.to_str().unwrap());
    let output = replay(&["--config", config, "--print", "flows"], &[capture.clone()]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!of_agent.exists());
    let printed = flows(&output).len() as u64;
    let arguments = ["--config", config, "--print", "none", "--store", store];
    let output = replay(&arguments, &[capture]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(!of_agent.exists());
    let library = sensor_store::library::Library::open(&own).unwrap();
    let holdings = library.holdings(0, u64::MAX).unwrap();
    let sealed: u64 = holdings.segments.iter().map(|own| own.rows()).sum();
    let journaled: u64 = holdings.journals.iter().map(|own| own.rows()).sum();
    assert_eq!(sealed + journaled, printed);
    assert!(stderr.contains(&format!("store {store}: {printed} flow records sent, 0 not sent")));
}

fn corpus() -> Option<Vec<PathBuf>> {
    let traffic = corpora::folder("traffic")?;
    let files = corpora::files_below(&traffic);
    assert!(files.len() > 1000, "{} files below {}", files.len(), traffic.display());
    Some(files)
}

/// Packets and octets of a row of the ledger on standard error.
fn ledger(stderr: &str, row: &str) -> (u64, u64) {
    let find = |line: &str| {
        let (packets, rest) = line.trim().strip_prefix(row)?.split_once("packets")?;
        let (octets, _) = rest.split_once("octets")?;
        Some((packets.trim().parse().ok()?, octets.trim().parse().ok()?))
    };
    stderr.lines().find_map(find).unwrap_or_default()
}

/// What is wrong with the replay of a file, if anything. Sets `failed` where the file itself is at fault.
fn fault(path: &PathBuf, failed: &mut usize) -> Option<String> {
    let output = replay(&["--print", "flows"], std::slice::from_ref(path));
    let stderr = String::from_utf8_lossy(&output.stderr);
    let messages = stderr.lines().filter(|line| line.starts_with("sensor: ")).count();
    match (output.status.code(), messages) {
        (Some(0), 0) => {}
        (Some(1), 1) => *failed += 1,
        (code, _) => return Some(format!("exit code {code:?}: {stderr}")),
    }
    let flows = flows(&output);
    let printed = (sum(&flows, "packets"), sum(&flows, "layer2octets"));
    let recorded = ledger(&stderr, "= in flow records");
    (printed != recorded).then(|| format!("printed {printed:?}: {stderr}"))
}

#[test]
fn every_capture_is_replayed_or_refused_in_one_message() {
    let Some(files) = corpus() else { return };
    let halves = files.split_at(files.len() / 2);
    let check = |files: &[PathBuf]| {
        let (mut faults, mut failed) = (Vec::new(), 0);
        for path in files {
            if let Some(fault) = fault(path, &mut failed) {
                faults.push(format!("{}: {fault}", path.display()));
            }
        }
        (faults, failed)
    };
    let (first, second) = thread::scope(|scope| {
        let first = scope.spawn(|| check(halves.0));
        (check(halves.1), first.join().expect("no panic"))
    });
    let faults = [first.0, second.0].concat();
    let failed = first.1 + second.1;
    println!("{} files, {failed} of them refused or broken", files.len());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(failed * 10 < files.len(), "{failed} of {} files cannot be read", files.len());
}

#[test]
fn captures_of_all_kinds_give_the_same_bytes_each_time() {
    let Some(files) = corpus() else { return };
    for path in files.iter().step_by(40) {
        same_each_time(std::slice::from_ref(path));
    }
    // Several files in one run: one after the other, whatever their times.
    let readable = |path: &&PathBuf| {
        let name = path.to_string_lossy();
        [".pcap", ".pcapng"].iter().any(|end| name.ends_with(end)) && name.contains("nDPI")
    };
    let several: Vec<_> = files.iter().filter(readable).step_by(25).cloned().collect();
    assert!(several.len() > 5, "{several:?}");
    let output = same_each_time(&several);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}
