//! `sensor decode --raw`: what another decoder sees, as text and as JSON lines; and no datagram, whole or broken, ends it.

mod corpora;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

fn raw(arguments: &[&str], files: &[PathBuf]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sensor"));
    command.args(["decode", "--raw"]).args(arguments).args(files);
    command.output().expect("the binary runs")
}

fn words(words: &[u16]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// A capture of UDP datagrams, from 198.51.100.7:2055 to 198.51.100.8:9995.
fn capture(payloads: &[Vec<u8>]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 4 << 16 | 2, 0, 0, 65_535, 101] {
        file.extend(word.to_le_bytes());
    }
    for payload in payloads {
        let length = payload.len() as u32 + 28;
        for word in [1_700_000_001, 0, length, length] {
            file.extend(word.to_le_bytes());
        }
        file.extend(words(&[0x4500, length as u16, 0, 0, 0x4011, 0]));
        file.extend([198, 51, 100, 7, 198, 51, 100, 8]);
        file.extend(words(&[2055, 9995, payload.len() as u16 + 8, 0]));
        file.extend(payload);
    }
    file
}

fn netflow5() -> Vec<u8> {
    let mut datagram = words(&[5, 1, 0, 9000]);
    datagram.extend(1_700_000_000_u32.to_be_bytes());
    datagram.extend(words(&[0, 0, 0, 77, 0, 0]));
    datagram.extend([10, 0, 0, 1, 192, 0, 2, 1, 0, 0, 0, 0]);
    datagram.extend(words(&[1, 2, 0, 3, 0, 180, 0, 1000, 0, 2000, 12345, 53, 0, 0x1100]));
    datagram.extend([0; 8]);
    datagram
}

/// A template, a record by it with two octets of padding, and a set whose template is missing.
fn netflow9() -> Vec<u8> {
    let mut datagram = words(&[9, 3, 0, 9000]);
    datagram.extend(1_700_000_000_u32.to_be_bytes());
    datagram.extend(words(&[0, 5, 0, 6]));
    datagram.extend(words(&[0, 20, 256, 3, 8, 4, 1, 4, 7, 2]));
    datagram.extend(words(&[256, 16, 0x0a00, 1, 0, 1500, 443, 0]));
    datagram.extend(words(&[300, 8, 1, 2]));
    datagram
}

/// A template with a text of variable length and one of an enterprise, a record; an options template and its record.
fn ipfix() -> Vec<u8> {
    let mut sets = words(&[2, 24, 256, 3, 27, 16, 82, 65_535, 0x8000 | 7, 2, 0, 64_000]);
    sets.extend(words(&[256, 28, 0x2001, 0xdb8, 0, 0, 0, 0, 0, 1]));
    sets.extend(b"\x05eth\x1b0");
    sets.extend(words(&[9]));
    sets.extend(words(&[3, 18, 257, 2, 1, 149, 4, 34, 4]));
    sets.extend(words(&[257, 12, 0, 8, 0, 100]));
    let mut message = words(&[10, 16 + sets.len() as u16]);
    message.extend(1_700_000_002_u32.to_be_bytes());
    message.extend(words(&[0, 7, 0, 8]));
    message.extend(sets);
    message
}

/// A file of this name for one test.
fn file(name: &str, octets: &[u8]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, octets).expect("written");
    path
}

#[test]
fn text_is_as_pinned() {
    let file = file("raw-text.pcap", &capture(&[netflow5(), netflow9(), ipfix(), b"no".to_vec()]));
    let output = raw(&[], &[file]);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/decode-raw.txt");
    if env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&golden, &text).expect("written");
    }
    assert_eq!(text, fs::read_to_string(&golden).expect("the golden file"));
}

fn documents(output: &Output) -> Vec<Value> {
    let text = std::str::from_utf8(&output.stdout).expect("text");
    text.lines().map(|line| serde_json::from_str(line).expect("a document")).collect()
}

#[test]
fn json_has_the_keys_that_are_described() {
    let file = file("raw-json.pcap", &capture(&[netflow5(), netflow9(), ipfix()]));
    let output = raw(&["--format", "json"], &[file]);
    assert!(output.status.success(), "{output:?}");
    let all = documents(&output);
    assert_eq!(all.len(), 3);
    assert_eq!(all[0]["received_ms"], 1_700_000_001_000_u64);
    assert_eq!(all[0]["from"], "198.51.100.7:2055");
    assert_eq!(all[0]["to"], "198.51.100.8:9995");
    let sets = &all[1]["messages"][0]["sets"];
    assert_eq!(sets[0]["templates"][0]["fields"][1]["name"], "octetDeltaCount");
    assert_eq!(sets[1]["records"][0][1]["value"], 1500);
    assert_eq!(sets[1]["rest_octets"], 2);
    let sets = &all[2]["messages"][0]["sets"];
    assert_eq!(sets[1]["records"][0][1]["name"], "interfaceName");
    assert_eq!(sets[2]["kind"], "options templates");
    assert_eq!(sets[2]["templates"][0]["fields"][0]["scope"], true);
    assert_eq!(sets[3]["records"][0][1]["value"], 100);
}

#[test]
fn what_is_cut_off_is_told() {
    let whole = ipfix();
    let cuts = (0..whole.len()).map(|end| whole[..end].to_vec());
    let payloads: Vec<_> = cuts.chain([whole.clone(), netflow9()[..20].to_vec()]).collect();
    let file = file("raw-cut.pcap", &capture(&payloads));
    let output = raw(&["--format", "json"], &[file]);
    assert!(output.status.success(), "{output:?}");
    let all = documents(&output);
    assert_eq!(all.len(), payloads.len());
    let cut = &all[..whole.len()];
    let silent = |document: &&Value| {
        document["octets"] != 0 && document["fault"].is_null() && document["undecoded_octets"] == 0
    };
    assert_eq!(cut.iter().filter(silent).count(), 0, "what is cut off is told");
    let said = String::from_utf8(output.stderr).expect("text");
    let unread = all
        .iter()
        .filter(|document| !document["fault"].is_null() || document["undecoded_octets"] != 0);
    let (datagrams, unread) = (payloads.len(), unread.count());
    assert_eq!(
        said,
        format!("1 file, {datagrams} datagrams; {unread} datagrams only partly decoded\n")
    );
}

#[test]
fn templates_hold_for_the_datagrams_behind_them() {
    let (first, mut second) = (netflow9(), words(&[9, 1, 0, 9500]));
    second.extend(1_700_000_001_u32.to_be_bytes());
    second.extend(words(&[0, 6, 0, 6]));
    second.extend(words(&[256, 16, 0x0a00, 2, 0, 700, 80, 0]));
    let file = file("raw-templates.pcap", &capture(&[second.clone(), first, second]));
    let output = raw(&["--format", "json"], &[file]);
    let all = documents(&output);
    let records = |at: usize| all[at]["messages"][0]["sets"][0]["records"].clone();
    assert_eq!(records(0), serde_json::json!([]), "no template yet: {}", all[0]);
    assert_eq!(records(2)[0][1]["value"], 700, "{}", all[2]);
}

#[test]
fn forms_that_it_has_not_are_refused() {
    for arguments in [["--format", "csv"], ["--top", "3"], ["--columns", "srcip"]] {
        let output = raw(&arguments, &[PathBuf::from("-")]);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
    }
}

#[test]
fn every_case_of_the_corpus_is_shown() {
    let Some(exports) = corpora::folder("exports") else { return };
    let files: Vec<_> = corpora::files_below(&exports)
        .into_iter()
        .filter(|path| path.file_name().is_some_and(|name| name == "input.pcap"))
        .collect();
    assert!(files.len() > 100, "{} cases", files.len());
    let output = raw(&["--format", "json"], &files);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let all = documents(&output);
    let records = |document: &Value| -> usize {
        let messages = document["messages"].as_array().into_iter().flatten();
        let sets = messages.flat_map(|message| message["sets"].as_array().into_iter().flatten());
        sets.map(|set| set["records"].as_array().map_or(0, Vec::len)).sum()
    };
    let records: usize = all.iter().map(records).sum();
    assert!(records > 10_000, "{records} records of {} datagrams", all.len());
}
