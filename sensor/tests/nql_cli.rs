//! `sensor nql` as a user types it.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

struct Outcome {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn sensor_nql(arguments: &[&str], stdin: &[u8]) -> Outcome {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sensor"))
        .arg("nql")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut input = child.stdin.take().expect("piped");
    std::thread::scope(|scope| {
        // A query that is refused ends the program before it reads.
        scope.spawn(move || input.write_all(stdin).is_ok());
        let output = child.wait_with_output().expect("it ends");
        Outcome {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("stdout is text"),
            stderr: String::from_utf8(output.stderr).expect("stderr is text"),
        }
    })
}

#[test]
fn check_accepts() {
    let outcome = sensor_nql(&["check", "dstport < 1024"], b"");
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), "no fault\n"));
    assert_eq!(outcome.stderr, "");
    let outcome = sensor_nql(&["check", "srcip == 10.0.0.1/8"], b"");
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), "no fault, 1 warning\n"));
    assert!(outcome.stderr.starts_with("warning[N501]"), "{}", outcome.stderr);
}

#[test]
fn check_tells_every_fault() {
    let outcome = sensor_nql(&["check", "dstprt == 22 && protocol = tcp"], b"");
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(64), ""));
    assert_eq!(
        outcome.stderr,
        "\
sensor: the query has 2 faults

error[N201]: the flow context has no field `dstprt`
 --> query:1:1
  |
1 | dstprt == 22 && protocol = tcp
  | ^^^^^^ did you mean `dstport`?

error[N105]: `=` is not an operator
 --> query:1:26
  |
1 | dstprt == 22 && protocol = tcp
  |                          ^
  = help: write `==`
"
    );
}

#[test]
fn context_and_strictness() {
    assert_eq!(sensor_nql(&["check", "query.name =~ *at"], b"").code, Some(64));
    assert_eq!(sensor_nql(&["check", "--context", "dns", "query.name =~ *at"], b"").code, Some(0));
    assert_eq!(sensor_nql(&["check", "dstport in (1, 2)"], b"").code, Some(0));
    assert_eq!(sensor_nql(&["check", "--strict", "dstport in (1, 2)"], b"").code, Some(64));
}

const RECORDS: &str = r#"{"srcip": "10.0.0.1",  "dstport": 53, "protocol": "udp"}
{"srcip": "10.0.0.2", "dstport": 443, "protocol": "tcp", "label": {"src": {"role": "web"}}}
no record
{"srcip": "2001:db8::1", "dstport": 70000, "protocol": "tcp"}

{"dstport": 22, "protocolint": 6, "é": "\u00e9"}"#;

#[test]
fn filter_passes_lines_on_unchanged() {
    let outcome = sensor_nql(&["filter", "protocol == tcp"], RECORDS.as_bytes());
    assert_eq!(outcome.code, Some(0));
    let lines: Vec<&str> = RECORDS.split_inclusive('\n').collect();
    assert_eq!(outcome.stdout, [lines[1], lines[3], lines[5]].concat());
    assert_eq!(
        outcome.stderr,
        "sensor: line 3: not JSON: expected ident at line 1 column 2\n\
         sensor: 1 of 6 lines is not a record and was skipped\n"
    );
}

#[test]
fn filter_names_values_of_another_type() {
    let outcome = sensor_nql(&["filter", "dstport < 1024"], RECORDS.as_bytes());
    assert_eq!(outcome.stdout.lines().count(), 3);
    assert!(outcome.stderr.contains("line 4: `dstport` is of type int, and 70000 is not\n"));
    assert!(outcome.stderr.ends_with("sensor: 2 of 6 lines are not records and were skipped\n"));
}

#[test]
fn filter_reads_files_and_lists() {
    let folder = tempfile::tempdir().expect("a folder");
    let (records, list) = (folder.path().join("flows.json"), folder.path().join("list"));
    std::fs::write(&records, RECORDS).expect("written");
    std::fs::write(&list, "# ours\n10.0.0.2\n192.0.2.0/24\n").expect("written");
    let list = format!("ours={}", list.display());
    let records = records.to_str().expect("a plain path");
    let outcome = sensor_nql(&["filter", "--list", &list, "srcip in $ours", records], b"");
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert_eq!(outcome.stdout.lines().collect::<Vec<_>>(), [RECORDS.lines().nth(1).unwrap()]);

    let outcome = sensor_nql(&["filter", "srcip in $ours", "/nonexistent"], b"");
    assert_eq!(outcome.code, Some(64), "the query is judged first: {}", outcome.stderr);
    let outcome = sensor_nql(&["filter", "srcport == 1", "/nonexistent"], b"");
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("cannot open /nonexistent"), "{}", outcome.stderr);
}

#[test]
fn an_endless_line_is_passed_over() {
    let mut records = vec![b'x'; 9 << 20];
    records.extend_from_slice(b"\n{\"dstport\": 1}\n");
    let outcome = sensor_nql(&["filter", "dstport == 1"], &records);
    assert_eq!(outcome.stdout, "{\"dstport\": 1}\n");
    assert!(outcome.stderr.contains("line 1: longer than"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("1 of 2 lines"), "{}", outcome.stderr);
}

#[test]
fn explain_shows_one_set_for_a_chain() {
    let outcome = sensor_nql(&["explain", "dstport == 81 || dstport == 80 || dstport == 443"], b"");
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let (query, tests) = outcome.stdout.split_once('\n').expect("two lines");
    assert_eq!(query, "dstport == 81 || dstport == 80 || dstport == 443");
    assert!(tests.starts_with("# dstport in (80..81, 443) "), "{tests}");
    // All of it is a query, ranges and comments included.
    assert_eq!(sensor_nql(&["check", &outcome.stdout], b"").code, Some(0), "{}", outcome.stdout);
    let range = sensor_nql(&["explain", "srcport < 32768"], b"").stdout;
    assert!(range.contains("# srcport in (0..32767) "), "{range}");
    let outcome = sensor_nql(&["explain", "--context", "dns", "query.name == a"], b"");
    assert_eq!(outcome.code, Some(64));
    assert!(outcome.stderr.contains("only flow queries"), "{}", outcome.stderr);
}
