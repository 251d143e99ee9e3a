//! How flows are shown: labels in JSON lines, CSV, largest groups; and queries over what was written.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;

const SEED: &str = "label.ip.securitygroup == production && label.ip.securitygroup == development";

fn sensor(arguments: &[&str], stdin: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sensor"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut input = child.stdin.take().expect("piped");
    std::thread::scope(|scope| {
        // Whoever does not read is told by what comes out.
        scope.spawn(move || input.write_all(stdin).is_ok());
        child.wait_with_output().expect("it ends")
    })
}

fn text(output: &Output) -> (&str, &str) {
    let text = |bytes| str::from_utf8(bytes).expect("text");
    (text(&output.stdout), text(&output.stderr))
}

/// A file, and the directory that it goes with.
struct Capture(PathBuf, tempfile::TempDir);

impl Capture {
    fn path(&self) -> &str {
        self.0.to_str().expect("text")
    }

    /// A further file beside it.
    fn beside(&self, name: &str, content: &str) -> String {
        let path = self.1.path().join(name);
        fs::write(&path, content).expect("it can be written");
        path.to_str().expect("text").to_owned()
    }
}

/// One packet from 10.0.0.1 to 192.0.2.1, three from 10.0.0.2 to 192.0.2.1, one from 10.0.0.1 to 192.0.2.2; UDP to port 53.
fn capture() -> Capture {
    let directory = tempfile::tempdir().expect("a directory");
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 4 << 16 | 2, 0, 0, 65_535, 1] {
        file.extend(word.to_le_bytes());
    }
    for (source, destination) in [(1, 1), (2, 1), (2, 1), (2, 1), (1, 2)] {
        let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 28, 0, 0, 0, 0];
        frame.extend([64, 17, 0, 0, 10, 0, 0, source, 192, 0, 2, destination]);
        frame.extend([0xc0, 0, 0, 53, 0, 8, 0, 0]);
        for word in [1_700_000_000, 0, frame.len() as u32, frame.len() as u32] {
            file.extend(word.to_le_bytes());
        }
        file.extend(frame);
    }
    let path = directory.path().join("input.pcap");
    fs::write(&path, file).expect("it can be written");
    Capture(path, directory)
}

const LABELS: &str = "\
10.0.0.1,securitygroup,production
192.0.2.0/24,securitygroup,development
53/udp,name,dns
";

fn json(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn records_carry_their_labels_and_can_be_queried_by_them() {
    let capture = capture();
    let labels = capture.beside("labels.csv", LABELS);
    let config = capture.beside("sensor.toml", &format!("[labels]\nfiles = ['{labels}']\n"));
    let output = sensor(&["replay", "--config", &config, "--print", "flows", capture.path()], b"");
    let (lines, said) = text(&output);
    let records = json(lines);
    assert_eq!(records.len(), 3, "{said}");
    for record in &records {
        let production = record["srcip"] == "10.0.0.1";
        let expected = if production { serde_json::json!(["production"]) } else { Value::Null };
        assert_eq!(record["label.src.securitygroup"], expected, "{record}");
        assert_eq!(record["label.dst.securitygroup"], serde_json::json!(["development"]));
        assert_eq!(record["label.port.udp"], serde_json::json!(["dns"]));
    }
    // As written, on what was written.
    let output = sensor(&["nql", "filter", SEED, "-"], lines.as_bytes());
    let found = json(text(&output).0);
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|record| record["srcip"] == "10.0.0.1"));
    // A filter with a configuration that prints nothing shows what it finds all the same.
    let output = sensor(&["replay", "--config", &config, "--filter", SEED, capture.path()], b"");
    assert_eq!(json(text(&output).0).len(), 2);
}

#[test]
fn records_without_labels_are_looked_up() {
    let capture = capture();
    let labels = capture.beside("labels.csv", LABELS);
    let lines = sensor(&["replay", capture.path()], b"").stdout;
    let mut compressed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    compressed.write_all(&lines).expect("into memory");
    let compressed = compressed.finish().expect("into memory");
    for input in [&lines, &compressed, &zstd::encode_all(&*lines, 1).expect("into memory")] {
        let found = sensor(&["nql", "filter", SEED, "--labels", &labels, "-"], input);
        assert_eq!(json(text(&found).0).len(), 2);
    }
    let found = sensor(&["nql", "filter", SEED], &lines);
    assert_eq!(text(&found), ("", ""));
    assert_eq!(found.status.code(), Some(0));
}

#[test]
fn a_file_without_a_record_is_an_error() {
    let nothing = sensor(&["nql", "filter", "dstport == 53"], b"srcip,dstip\n10.0.0.1,10.0.0.2\n");
    assert_eq!(nothing.status.code(), Some(1));
    assert!(text(&nothing).1.contains("none of 2 lines is a record"), "{}", text(&nothing).1);
    let some =
        sensor(&["nql", "filter", "dstport == 53"], b"no record\n\xef\xbb\xbf{\"dstport\":53}\r\n");
    assert_eq!(some.status.code(), Some(0));
    assert_eq!(text(&some).0, "{\"dstport\":53}\r\n");
}

#[test]
fn csv_has_the_columns_that_were_asked_for() {
    let capture = capture();
    let output = sensor(&["replay", "--columns", "srcip,dstport,packets", capture.path()], b"");
    let mut lines: Vec<&str> = text(&output).0.lines().collect();
    assert_eq!(lines.remove(0), "srcip,dstport,packets");
    lines.sort_unstable();
    assert_eq!(lines, ["10.0.0.1,53,1", "10.0.0.1,53,1", "10.0.0.2,53,3"]);
    let output = sensor(&["replay", "--format", "csv", capture.path()], b"");
    let cells: Vec<usize> = text(&output).0.lines().map(|line| line.split(',').count()).collect();
    assert_eq!(cells.len(), 4);
    assert!(cells.iter().all(|count| *count == cells[0]), "{cells:?}");
}

#[test]
fn the_largest_groups_are_in_order() {
    let capture = capture();
    let top = |arguments: &str| {
        let arguments: Vec<&str> = ["replay", "--top"]
            .into_iter()
            .chain(arguments.split(' '))
            .chain([capture.path()])
            .collect();
        let output = sensor(&arguments, b"");
        assert_eq!(output.status.code(), Some(0), "{}", text(&output).1);
        json(text(&output).0)
    };
    let by_source: Vec<_> = top("10 --by srcip --metric packets")
        .iter()
        .map(|group| group["packets"].clone())
        .collect();
    assert_eq!(by_source, [3, 2]);
    let flows = top("1 --by srcip --metric flows");
    assert_eq!((&flows[0]["srcip"], &flows[0]["flows"]), (&"10.0.0.1".into(), &2.into()));
    let one = top("1 --metric bits");
    assert_eq!(one.len(), 1);
    assert_eq!((&one[0]["dstip"], &one[0]["bits"]), (&"192.0.2.1".into(), &(28 * 8 * 3).into()));
    for (arguments, what) in [
        (["--by", "srcpi"], "did you mean `srcip`?"),
        (["--by", "bytes"], "is `octets` here"),
        (["--by", "IN_BYTES"], "what others call `IN_BYTES` is `octets` here"),
        (["--by", "sourceIPv4Address"], "what others call `sourceIPv4Address` is `srcip` here"),
        (["--by", "octetDeltaCount"], "what others call `octetDeltaCount` is `octets` here"),
        (["--by", "host"], "what others call `host` is `srcip` or `dstip` here"),
        (["--columns", "host"], "what others call `host` is `srcip` or `dstip` here"),
        (["--by", "ip"], "`ip` is an alias of `srcip` and `dstip`; use one"),
        (["--columns", "ip"], "`ip` is an alias of `srcip` and `dstip`; use one"),
        (["--by", "port"], "`port` is an alias of `srcport` and `dstport`; use one"),
        (
            ["--by", "label.ip.role"],
            "a group has one label: use `label.src.NAME` or `label.dst.NAME`",
        ),
        (["--by", "srcip,dstip,SRCIP"], "--by names `srcip` twice"),
        (["--columns", "srcip,srcip"], "--columns names `srcip` twice"),
        (["--metric", "IN_PKTS"], "is `packets` here; metrics are octets, packets"),
        (["--metric", "bytes"], "is `octets` here; metrics are octets, packets, flows, bits"),
        (["--metric", "size"], "octets, packets, flows, bits"),
    ] {
        let refused =
            sensor(&[&["replay", "--top", "3"], &arguments[..], &[capture.path()]].concat(), b"");
        assert_eq!(refused.status.code(), Some(64));
        assert!(text(&refused).1.contains(what), "{}", text(&refused).1);
    }
}

/// A metric that flows have in common has a key of its own beside the sum: of three flows, two have one packet, one has three.
#[test]
fn no_key_stands_twice() {
    let capture = capture();
    let top = |format: &str, by: &str| {
        let arguments = ["replay", "--top", "9", "--metric", "flows", "--format", format];
        let output = sensor(&[&arguments[..], &["--by", by, capture.path()]].concat(), b"");
        assert_eq!(output.status.code(), Some(0), "{}", text(&output).1);
        text(&output).0.to_owned()
    };
    for (by, one, three) in [
        ("packets", 1, 3),
        ("octets", 28, 3 * 28),
        ("bits", 8 * 28, 3 * 8 * 28),
        ("packetsxrate", 1, 3),
        ("bitsxrate", 8 * 28, 3 * 8 * 28),
    ] {
        let lines = top("json", by);
        let key = format!("\"{by}\":");
        assert!(lines.lines().all(|line| line.matches(&key).count() == 1), "{lines}");
        let key = format!("by.{by}");
        let groups: Vec<_> = json(&lines)
            .iter()
            .map(|group| [&key, by, "flows"].map(|key| group[key].as_u64().expect("a number")))
            .collect();
        assert_eq!(groups, [[one, 2 * one, 2], [three, three, 1]], "{by}");
        let csv = top("csv", by);
        let columns: Vec<&str> = csv.lines().next().expect("a heading").split(',').collect();
        assert_eq!(columns[0], key);
        assert_eq!(columns.iter().filter(|column| **column == by).count(), 1, "{csv}");
    }
}

#[test]
fn no_groups_at_all_are_refused() {
    for count in ["0", "-1", "ten"] {
        let refused = sensor(&["replay", &format!("--top={count}"), "absent.pcap"], b"");
        assert_eq!(refused.status.code(), Some(64));
        assert!(text(&refused).1.contains("must be at least 1"), "{}", text(&refused).1);
    }
}

#[test]
fn flags_that_would_do_nothing_are_refused() {
    let cases: [(&[&str], &str); 9] = [
        (&["replay", "--top", "3", "--columns", "srcip"], "with --top, use --by"),
        (&["replay", "--format", "json", "--columns", "srcip"], "--columns requires CSV"),
        (&["replay", "--format", "text", "--columns", "srcip"], "--columns requires CSV"),
        (&["replay", "--print", "flows,none"], "--print combines `none`"),
        (&["replay", "--out-counters", "same"], "add --as exports"),
        (&["decode", "--ledger", "--format", "csv"], "which --ledger replaces"),
        (&["decode", "--options", "--columns", "srcip"], "which --options replaces"),
        (&["decode", "--options", "--top", "3"], "which --options replaces"),
        (&["decode", "--columns", "srcip", "--format", "json"], "--columns requires CSV"),
    ];
    for (arguments, what) in cases {
        let refused = sensor(&[arguments, &["absent.pcap"]].concat(), b"");
        assert_eq!(refused.status.code(), Some(64), "{arguments:?}");
        assert!(text(&refused).1.contains(what), "{arguments:?}: {}", text(&refused).1);
    }
}

/// What `--top` says is what the records add up to.
#[test]
fn groups_add_up_to_the_records() {
    let capture = capture();
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    for record in json(text(&sensor(&["replay", capture.path()], b"")).0) {
        *sums.entry(record["dstip"].to_string()).or_default() += record["octets"].as_u64().unwrap();
    }
    let groups =
        json(text(&sensor(&["replay", "--top", "9", "--by", "dstip", capture.path()], b"")).0);
    let found: BTreeMap<String, u64> = groups
        .iter()
        .map(|group| (group["dstip"].to_string(), group["octets"].as_u64().unwrap()))
        .collect();
    assert_eq!(found, sums);
}

#[test]
fn a_file_that_is_not_there_is_all_that_is_told() {
    let output = sensor(&["replay", "absent.pcap"], b"");
    assert_eq!((output.status.code(), text(&output).0), (Some(1), ""));
    assert_eq!(text(&output).1.lines().count(), 1, "{}", text(&output).1);
}

#[test]
fn who_prints_nothing_is_told() {
    let capture = capture();
    let config = capture.beside("sensor.toml", "");
    assert!(Path::new(&config).exists());
    let output = sensor(&["replay", "--config", &config, "--print", "none", capture.path()], b"");
    let (printed, said) = text(&output);
    assert_eq!(printed, "");
    assert!(said.contains("no output selected for flows or hits"), "{said}");
}
