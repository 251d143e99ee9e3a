//! `sensor decode --raw`: what another decoder sees, as text and as JSON lines; and no datagram, whole or broken, ends it.

#[expect(dead_code, reason = "others need more of them")]
mod captured;
mod corpora;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use captured::{
    capture, ipfix, ipfix_with_an_empty_text, netflow5, netflow9, netflow9_late, sflow, words,
};
use serde_json::Value;

fn raw(arguments: &[&str], files: &[PathBuf]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sensor"));
    command.args(["decode", "--raw"]).args(arguments).args(files);
    command.output().expect("the binary runs")
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

fn compare(arguments: &[&str], files: &[PathBuf]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sensor"));
    command.args(["decode", "--compare"]).args(arguments).args(files);
    command.output().expect("the binary runs")
}

#[test]
fn decoders_that_agree_are_one_line() {
    let datagrams = [netflow5(), netflow9(), ipfix(), sflow()];
    let file = file("compare-agree.pcap", &capture(&datagrams));
    let output = compare(&[], std::slice::from_ref(&file));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(
        String::from_utf8(output.stdout).expect("text"),
        format!(
            "{}: 4 datagrams, 8 sets, 4 records, 26 fields, 20 of them in flows: the decoders agree; \
             1 datagram of sFlow, which netflow_parser does not read\n",
            file.display()
        )
    );
}

#[test]
fn differences_name_datagram_set_and_both_values() {
    let datagrams = [netflow5(), ipfix_with_an_empty_text(), netflow9_late()];
    let file = file("compare-differ.pcap", &capture(&datagrams));
    let output = compare(&[], std::slice::from_ref(&file));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    let lines: Vec<&str> =
        text.lines().map(|line| line.rsplit_once(".pcap: ").expect("its name").1).collect();
    assert_eq!(
        lines,
        [
            "datagram 2, set 2 (identifier 258): records: ours 2, netflow_parser 1",
            "datagram 3, set of identifier 260: records decoded when their template came: ours 2, netflow_parser 0",
            "3 datagrams, 5 sets, 2 records, 21 fields, 18 of them in flows: 2 differences",
        ]
    );
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(said, "sensor: the decoders differ in 2 places\n");
}

#[test]
fn no_cut_datagram_ends_a_comparison() {
    let whole =
        [netflow5(), netflow9(), ipfix(), ipfix_with_an_empty_text(), netflow9_late(), sflow()];
    let cuts = whole.iter().flat_map(|whole| (0..whole.len()).map(|end| whole[..end].to_vec()));
    let payloads: Vec<_> = cuts.collect();
    let file = file("compare-cut.pcap", &capture(&payloads));
    let output = compare(&["--json"], &[file]);
    assert!(matches!(output.status.code(), Some(0 | 1)), "{output:?}");
    let document: Value = serde_json::from_slice(&output.stdout).expect("a document");
    assert_eq!(document["captures"][0]["datagrams"], payloads.len());
    let listed = document["differences"].as_array().expect("a list");
    assert!(listed.iter().all(|difference| difference["what"] != "flow"), "{document}");
}

#[test]
fn json_is_the_document_of_a_comparison_only() {
    let output = Command::new(env!("CARGO_BIN_EXE_sensor"))
        .args(["decode", "--json", "-"])
        .output()
        .expect("the binary runs");
    assert_eq!(output.status.code(), Some(64), "{output:?}");
}
