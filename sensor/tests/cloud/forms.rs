//! Flow logs of AWS in whatever form they are delivered, as the program reads them: Parquet and envelopes, as files and streams.

use std::fs;

use serde_json::{Value, json};

use crate::{
    packed::gzip,
    program::{errors, lines, piped, sensor},
    testing::{Writing, parquet},
};

const HEADING: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status\n";

fn line(port: u64) -> String {
    format!(
        "2 123456789012 eni-1 10.0.0.1 10.0.{}.{} {port} 22 6 20 4249 1790000000 1790000060 REJECT OK\n",
        port / 256 % 256,
        port % 256
    )
}

fn log(records: u64) -> String {
    HEADING.to_owned() + &(1..=records).map(line).collect::<String>()
}

const JSON: [&str; 3] = ["decode", "--format", "json"];

#[test]
fn parquet_is_read_from_files_streams_and_folders() {
    let folder = tempfile::tempdir().expect("a folder");
    let name = |end: &str| {
        folder
            .path()
            .join(format!("123456789012_vpcflowlogs_eu-west-1_fl-0a_20260921T1410Z_1a.log{end}"))
    };
    let text = log(3000);
    fs::write(name(""), &text).expect("a file");
    let wanted = lines(&sensor(&JSON, &[&name("")]));
    assert_eq!(wanted.len(), 3000);
    fs::remove_file(name("")).expect("a file");
    let octets = parquet(&text, &Writing { rows: [700, 300], ..Writing::default() });
    fs::write(name(".parquet"), &octets).expect("a file");
    fs::write(name(".parquet.gz"), gzip(&octets)).expect("a file");
    for path in [name(".parquet"), name(".parquet.gz")] {
        let output = sensor(&JSON, &[&path]);
        assert!(output.status.success(), "{}", errors(&output));
        assert_eq!(lines(&output), wanted, "{}", path.display());
    }
    let output = sensor(&["replay", "--format", "json"], &[folder.path()]);
    assert!(output.status.success(), "{}", errors(&output));
    assert_eq!(lines(&output).len(), 6000);
    for octets in [octets.clone(), gzip(&octets)] {
        let output = piped(&["decode", "--format", "json", "--as", "aws"], &octets);
        assert!(output.status.success(), "{}", errors(&output));
        assert_eq!(lines(&output).len(), 3000);
    }
    // Without a name for it, standard input is taken for a capture, and the message says what to do.
    let output = piped(&["replay"], &octets);
    assert!(errors(&output).contains("add `--as aws`"), "{}", errors(&output));
}

#[test]
fn a_parquet_file_that_cannot_be_read_is_named_and_in_a_folder_the_others_are_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let whole = parquet(&log(500), &Writing::default());
    fs::write(at("whole.parquet"), &whole).expect("a file");
    fs::write(at("cut.parquet"), &whole[..whole.len() - 100]).expect("a file");
    let output = sensor(&JSON, &[&at("cut.parquet")]);
    assert_eq!(output.status.code(), Some(1));
    let said = errors(&output);
    assert!(said.contains("cut.parquet") && said.contains("is cut short"), "{said}");
    let output = sensor(&JSON, &[folder.path()]);
    assert_eq!((output.status.code(), lines(&output).len()), (Some(1), 500));
    let said = errors(&output);
    assert!(
        said.contains("cut.parquet: cannot be read to its end: the Parquet file is cut short"),
        "{said}"
    );
    // The ledger has it as well.
    let output = sensor(&["decode", "--ledger"], &[folder.path()]);
    let ledger = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(ledger.contains("not in the syntax of the format"), "{ledger}");
    assert!(ledger.contains("balanced: every record is accounted for"), "{ledger}");
}

#[test]
fn a_row_group_that_is_damaged_leaves_the_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("damaged.parquet");
    let mut octets = parquet(&log(3000), &Writing { rows: [1000, 100], ..Writing::default() });
    let middle = octets.len() / 2;
    octets[middle..middle + 2000].fill(0xff);
    fs::write(&path, &octets).expect("a file");
    let output = sensor(&JSON, &[&path]);
    assert_eq!(output.status.code(), Some(1));
    let count = lines(&output).len();
    assert!((2000..3000).contains(&count), "{count}: {}", errors(&output));
    assert!(errors(&output).contains("damaged.parquet"), "{}", errors(&output));
    assert!(!errors(&output).contains("panicked"), "{}", errors(&output));
}

#[test]
fn messages_of_cloudwatch_are_read_as_subscriptions_deliver_them() {
    let events: Vec<Value> = (1..=3)
        .map(|port| json!({"id": "1", "timestamp": 1, "message": line(port).trim()}))
        .collect();
    let message = |kind: &str, events: &[Value]| {
        format!(
            r#"{{"messageType":"{kind}","owner":"123456789012","logGroup":"vpc","logStream":"eni-1-all","subscriptionFilters":[],"logEvents":{}}}"#,
            Value::from(events.to_vec())
        )
    };
    let control = message(
        "CONTROL_MESSAGE",
        &[json!({"id": "", "timestamp": 1, "message": "CWL CONTROL MESSAGE"})],
    );
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("delivery-1-2026-09-21-14-13-20");
    // Firehose puts gzip members one after the other, without anything between what they hold.
    let members =
        [control, message("DATA_MESSAGE", &events[..1]), message("DATA_MESSAGE", &events[1..])];
    fs::write(&path, members.map(|member| gzip(member.as_bytes())).concat()).expect("a file");
    let output = sensor(&JSON, &[folder.path()]);
    assert!(output.status.success(), "{}", errors(&output));
    let found = lines(&output);
    assert_eq!(found.len(), 3);
    for flow in &found {
        assert_eq!(flow["flowsrcname"], "123456789012/vpc");
        assert_eq!(flow["action"], "rejected");
    }
    let output = sensor(&["decode", "--ledger"], &[folder.path()]);
    let ledger = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        ledger.contains("log aws 123456789012/vpc") || ledger.contains("123456789012/vpc"),
        "{ledger}"
    );
    // And as standard input, not compressed.
    let text = message("DATA_MESSAGE", &events);
    let output = piped(&["decode", "--format", "json", "--as", "aws"], text.as_bytes());
    assert_eq!(lines(&output).len(), 3, "{}", errors(&output));
}
