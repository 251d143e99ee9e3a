//! `sensor decode` and `sensor replay --as exports`: every octet of the corpus is accounted for, both find the same flows,
//! and every file ends well or with one message.
//!
//! The corpus is optional: it lies where `SENSOR_CORPORA` says, else beside the workspace in `../shared/corpora`.

mod corpora;

use std::{
    env, fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;

fn sensor(arguments: &[&str], files: &[PathBuf]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sensor"))
        .args(arguments)
        .args(files)
        .output()
        .expect("the binary runs")
}

fn records(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| serde_json::from_str(line).expect("a JSON object")).collect()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A folder for one test.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).expect("a folder");
    path
}

/// A capture with one UDP datagram of NetFlow 5, of three records, and one of DNS.
fn netflow5() -> Vec<u8> {
    let mut datagram = vec![0, 5, 0, 3, 0, 0, 0, 0];
    datagram.extend(1_700_000_000_u32.to_be_bytes());
    // The sampling interval is the last two octets: 1 of 100.
    datagram.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 100]);
    for record in 1..=3_u8 {
        datagram.extend([10, 0, 0, record, 192, 0, 2, record, 0, 0, 0, 0, 0, 1, 0, 2]);
        datagram.extend([0, 0, 0, 1, 0, 0, 0, 64, 0, 0, 0, 0, 0, 0, 0, 0]);
        datagram.extend([0x30, 0x39, 0, 53, 0, 0, 17, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    }
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 4 << 16 | 2, 0, 0, 65_535, 101] {
        file.extend(word.to_le_bytes());
    }
    for payload in [&datagram[..], b"\xab\xcd a query"] {
        let length = payload.len() as u32 + 28;
        for word in [1_700_000_001, 0, length, length] {
            file.extend(word.to_le_bytes());
        }
        file.extend([0x45, 0]);
        file.extend((length as u16).to_be_bytes());
        file.extend([0, 0, 0, 0, 64, 17, 0, 0, 198, 51, 100, 7, 198, 51, 100, 8, 8, 7, 8, 7]);
        file.extend((payload.len() as u16 + 8).to_be_bytes());
        file.extend([0, 0]);
        file.extend(payload);
    }
    file
}

/// An IPFIX file: a template and two records.
fn ipfix() -> Vec<u8> {
    let mut sets = vec![0, 2, 0, 24, 1, 0, 0, 4];
    for (element, length) in [(8_u16, 4_u16), (12, 4), (1, 4), (2, 4)] {
        sets.extend([element.to_be_bytes(), length.to_be_bytes()].concat());
    }
    sets.extend([1, 0, 0, 36]);
    for record in 1..=2 {
        sets.extend([203, 0, 113, record, 192, 0, 2, record, 0, 0, 0, 100, 0, 0, 0, 1]);
    }
    let mut message = vec![0, 10];
    message.extend((16 + sets.len() as u16).to_be_bytes());
    message.extend(1_700_000_002_u32.to_be_bytes());
    message.extend([0; 8]);
    message.extend(sets);
    message
}

#[test]
fn captures_and_files_of_messages_become_json_lines() {
    let folder = folder("decode");
    let (capture, messages) = (folder.join("flows.pcap"), folder.join("flows.ipfix"));
    fs::write(&capture, netflow5()).expect("written");
    fs::write(&messages, ipfix()).expect("written");
    let output = sensor(&["decode"], &[capture.clone(), messages.clone()]);
    assert!(output.status.success(), "{}", errors(&output));
    let flows = records(&output);
    let sources: Vec<_> = flows.iter().map(|flow| flow["srcip"].as_str().unwrap_or("")).collect();
    assert_eq!(sources, ["10.0.0.1", "10.0.0.2", "10.0.0.3", "203.0.113.1", "203.0.113.2"]);
    assert_eq!(flows[0]["flowsrcip"], "198.51.100.7");
    assert_eq!(flows[0]["packetsxrate"], 100);
    assert_eq!(flows[0]["flowrtime"], 1_700_000_001);
    assert_eq!(flows[3]["flowrtime"], 1_700_000_002);
    let said = errors(&output);
    assert!(said.contains("2 files, 3 datagrams of 2 devices: 5 flows"), "{said}");
    assert!(said.contains("octets skipped: 10 version"), "{said}");

    let output = sensor(&["decode", "--ledger"], &[capture.clone(), messages]);
    let text = String::from_utf8_lossy(&output.stdout);
    for line in ["device 198.51.100.7\n", "total\n", "balanced: every octet"] {
        assert!(text.contains(line), "{text}");
    }

    let output = sensor(
        &["replay", "--as", "exports", "--filter", "srcip == 10.0.0.2", "--print", "flows"],
        &[capture],
    );
    assert!(output.status.success(), "{}", errors(&output));
    assert_eq!(records(&output).len(), 1);
    assert!(errors(&output).contains("2 flow records did not match the filter"));
}

/// An IPFIX file: one record that counts 100 octets in and 300 out.
fn both_ways() -> Vec<u8> {
    let fields: [(u16, u16); 6] = [(8, 4), (12, 4), (1, 4), (2, 4), (23, 4), (24, 4)];
    let mut sets = vec![0, 2, 0, 32, 1, 0, 0, 6];
    for (element, length) in fields {
        sets.extend([element.to_be_bytes(), length.to_be_bytes()].concat());
    }
    sets.extend([1, 0, 0, 28, 203, 0, 113, 1, 192, 0, 2, 1]);
    for count in [100_u32, 1, 300, 3] {
        sets.extend(count.to_be_bytes());
    }
    let mut message = vec![0, 10];
    message.extend((16 + sets.len() as u16).to_be_bytes());
    message.extend(1_700_000_002_u32.to_be_bytes());
    message.extend([0; 8]);
    message.extend(sets);
    message
}

/// Source, destination and octets of flows.
fn ends(output: &Output) -> Vec<String> {
    assert!(output.status.success(), "{}", errors(output));
    let shown = |flow: &Value| format!("{} {} {}", flow["srcip"], flow["dstip"], flow["bits"]);
    records(output).iter().map(shown).map(|text| text.replace('"', "")).collect()
}

#[test]
fn devices_of_the_configuration_count_in_captures_as_well() {
    let folder = folder("decode_config");
    let (capture, config) = (folder.join("flows.pcap"), folder.join("sensor.toml"));
    fs::write(&capture, netflow5()).expect("written");
    let text = "\
        [intake]\nallow = []\n\
        [[device]]\naddress = '198.51.100.0/24'\nname = 'the network'\nsample_rate = 7\n\
        [[device]]\naddress = '198.51.100.7'\nname = 'edge'\nsite = 'Graz'\ntags = ['transit']\n\
        sample_rate = 1000\ninterfaces = { 1 = 'uplink', 2 = 'lan' }\nrate_limit = 1\n";
    fs::write(&config, text).expect("written");
    let config = config.to_str().expect("text");
    let decode = ["decode", "--config", config];
    let replay = ["replay", "--as", "exports", "--print", "flows", "--config", config];
    for arguments in [&decode[..], &replay] {
        let output = sensor(arguments, std::slice::from_ref(&capture));
        assert!(output.status.success(), "{}", errors(&output));
        let flows = records(&output);
        assert_eq!(flows.len(), 3, "admission and rate limits do not apply: {}", errors(&output));
        for flow in &flows {
            for (field, value) in [
                ("flowsrcname", Value::from("edge")),
                ("site", "Graz".into()),
                ("tags", vec!["transit"].into()),
                ("samplerate", 1000.into()),
                ("packetsxrate", 1000.into()),
                ("inputname", "uplink".into()),
                ("outputname", "lan".into()),
            ] {
                assert_eq!(flow[field], value, "{field} of {flow}");
            }
        }
    }
    let bad = folder.join("bad.toml");
    fs::write(&bad, "[[device]]\naddress = '198.51.100.7'\nsample_rat = 7\n").expect("written");
    let output = sensor(&["decode", "--config", bad.to_str().expect("text")], &[capture]);
    assert_eq!(output.status.code(), Some(64));
    assert!(errors(&output).contains("bad.toml:3:1"), "{}", errors(&output));
}

#[test]
fn what_out_counters_count_is_said_by_a_flag_or_by_the_configuration() {
    let folder = folder("decode_out");
    let file = [folder.join("flows.ipfix")];
    fs::write(&file[0], both_ways()).expect("written");
    let config = folder.join("sensor.toml");
    // The messages of a file come from the unspecified address.
    fs::write(&config, "[[device]]\naddress = '0.0.0.0'\nout_counters = 'reverse'\n")
        .expect("written");
    let config = config.to_str().expect("text");
    let one = ["203.0.113.1 192.0.2.1 800"];
    let two = ["203.0.113.1 192.0.2.1 800", "192.0.2.1 203.0.113.1 2400"];
    let decode = &["decode"][..];
    let replay = &["replay", "--as", "exports", "--print", "flows"][..];
    for command in [decode, replay] {
        let run = |flags: &[&str]| ends(&sensor(&[command, flags].concat(), &file));
        assert_eq!(run(&[]), one);
        assert_eq!(run(&["--out-counters", "same"]), one);
        assert_eq!(run(&["--out-counters", "reverse"]), two);
        assert_eq!(run(&["--config", config]), two);
        assert_eq!(run(&["--config", config, "--out-counters", "same"]), one, "the flag decides");
        let wrong = sensor(&[command, &["--out-counters", "revers"]].concat(), &file);
        assert_eq!(wrong.status.code(), Some(64));
        let said = errors(&wrong);
        assert!(said.contains("'revers'") && said.contains("'reverse'"), "{said}");
    }
}

#[test]
fn standard_input_compressed() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sensor"))
        .args(["decode", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary runs");
    let compressed = zstd::encode_all(&*ipfix(), 1).expect("compressed");
    child.stdin.take().expect("a pipe").write_all(&compressed).expect("written");
    assert_eq!(records(&child.wait_with_output().expect("it ends")).len(), 2);
}

/// As its help says, like `replay`.
#[test]
fn a_terminal_shows_aligned_lines() {
    let path = folder("decode_terminal").join("exports.pcap");
    fs::write(&path, netflow5()).expect("written");
    let shown = |flags: &str| {
        let program = env!("CARGO_BIN_EXE_sensor");
        let line = format!("'{program}' decode {flags} '{}'", path.display());
        let mut command = Command::new("script");
        let output = command.args(["-qec", &line, "/dev/null"]).output().expect("script(1) runs");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    let text = shown("");
    assert!(text.contains("LAST SEEN") && text.contains("10.0.0.3"), "{text}");
    assert!(!text.contains("\"srcip\""), "{text}");
    assert!(shown("--format json").contains("\"srcip\":\"10.0.0.3\""));
}

#[test]
fn a_file_that_is_cut_short_is_decoded_as_far_as_it_goes() {
    let path = folder("decode_cut").join("cut.ipfix");
    let mut file = [ipfix(), ipfix()].concat();
    file.truncate(file.len() - 1);
    fs::write(&path, file).expect("written");
    let output = sensor(&["decode"], std::slice::from_ref(&path));
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(records(&output).len(), 2);
    let said = errors(&output);
    assert!(said.contains("cut.ipfix is cut short: the block at offset 76"), "{said}");
}

#[test]
fn the_corpus_is_decoded_and_balanced() {
    let Some(exports) = corpora::folder("exports") else { return };
    let cases = corpora::entries(&exports);
    let files: Vec<_> = cases.iter().map(|case| case.join("input.pcap")).collect();
    // All in one run: whatever one case leaves behind, the ledger balances and the others are read.
    let decoded = sensor(&["decode"], &files);
    assert!(decoded.status.success(), "{}", errors(&decoded));
    let flows = records(&decoded).len();
    assert!(flows > 14_500, "{flows}");
    let replayed = sensor(&["replay", "--as", "exports", "--print", "flows"], &files);
    assert!(replayed.status.success(), "{}", errors(&replayed));
    assert_eq!(records(&replayed).len(), flows);
    let ledger = sensor(&["decode", "--ledger"], &files);
    let text = String::from_utf8_lossy(&ledger.stdout);
    assert!(text.ends_with("balanced: every octet is accounted for\n"), "{text}");
    let options = sensor(&["decode", "--options"], &files);
    assert!(records(&options).iter().all(|record| record["options"].is_object()));
}
