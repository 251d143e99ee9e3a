//! `sensor hunt --policy`: what policies would have reported.

use std::{collections::BTreeSet, fs};

use sensor_core::flow::{
    batch::{FlowBatch, Source},
    profile::{Profile, Profiles},
    testing::push,
};
use sensor_store::{
    journal::Sync,
    store::{self, Options},
};

use crate::support::{hunt, sensor, store};

/// Hits for whoever sends to SSH, once for each address.
const POLICY: &str = r#"
[[policy]]
name = "ssh_seen"
description = "SSH is in use."
match = "dstport == 22"
track_by = [["srcip"]]
suppress = "1d"
severity = "medium"

[[policy]]
name = "never"
description = "Nothing has this port and protocol."
match = "dstport == 22 && protocol == icmp"
severity = "low"
"#;

#[test]
fn hits_are_those_that_a_loop_finds_and_the_same_each_time() {
    let made = store();
    let file = made.path.with_file_name("ssh.toml");
    fs::write(&file, POLICY).unwrap();
    let file = file.to_str().unwrap();
    let clients: BTreeSet<&str> = made
        .flows
        .iter()
        .filter(|flow| flow.ports.1 == 22)
        .map(|flow| flow.source.as_str())
        .collect();
    let first = made.hunt(&["--policy", file]).well();
    let hits = first.lines();
    assert!(hits.iter().all(|hit| hit["algorithm"] == "ssh_seen"), "{}", first.stdout);
    let found: BTreeSet<&str> =
        hits.iter().map(|hit| hit["srcip"].as_str().expect("an address")).collect();
    assert_eq!(found, clients);
    assert_eq!(hits.len(), clients.len());
    assert!(first.stderr.contains("12.0 k records passed the policies"), "{}", first.stderr);
    assert_eq!(made.hunt(&["--policy", file, "--threads", "1"]).well().stdout, first.stdout);
    // Compaction changes files, not hits.
    let path = made.path.to_str().unwrap();
    sensor(&["store", "compact", "--store", path]).well();
    assert_eq!(made.hunt(&["--policy", file]).well().stdout, first.stdout);
    // A query and a range leave out what they leave out.
    let half = &made.flows[made.flows.len() / 2];
    let to = half.received.to_string();
    let early: BTreeSet<&str> = made
        .flows
        .iter()
        .filter(|flow| flow.ports.1 == 22 && flow.protocol == 6 && flow.received < half.received)
        .map(|flow| flow.source.as_str())
        .collect();
    let found = made.hunt(&["protocol == tcp", "--policy", file, "--to", &to]).well();
    assert_eq!(found.lines().len(), early.len());
}

/// Flows keep the context that they are stored with: a policy sees what it would have seen then.
#[test]
fn labels_are_those_of_then() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flows");
    let options = Options { sync: Sync::Never, ..Options::default() };
    let (mut appender, _keeper, _) = store::open(&path, options).unwrap();
    let mut batch = FlowBatch::v4(Source::Host);
    (1..4).for_each(|host| push(&mut batch, host, 1000, 2000, 100));
    let profiles = Profiles::default();
    let labels = [("role".to_owned(), vec!["printer".to_owned()])].into();
    let printer = profiles.intern(Profile { labels, ..Profile::default() });
    batch.profiles = profiles.into();
    batch.source_profile = vec![0, printer, 0];
    batch.destination_profile = vec![0; 3];
    appender.append(&batch, 5000).unwrap();
    drop(appender);
    let file = folder.path().join("printer.toml");
    let text = "[[policy]]\nname = \"printer_talks\"\ndescription = \"A printer talks.\"\n\
                match = \"label.src.role == printer\"\ntrack_by = [[\"srcip\"]]\nsuppress = \"1d\"\nseverity = \"low\"\n";
    fs::write(&file, text).unwrap();
    let found = hunt(&path, &["--policy", file.to_str().unwrap()]).well();
    let hits = found.lines();
    assert_eq!(hits.len(), 1, "{}", found.stdout);
    assert_eq!(hits[0]["srcip"], "10.0.0.2");
    // So do questions.
    let found = hunt(&path, &["label.src.role == printer", "--fields", "srcip"]).well();
    assert_eq!(found.stdout, "{\"srcip\":\"10.0.0.2\"}\n");
    // By labels of now, there are no printers.
    let config = folder.path().join("sensor.toml");
    fs::write(&config, "").unwrap();
    let config = config.to_str().unwrap();
    let now = ["label.src.role == printer", "--labels", "now", "--config", config];
    assert_eq!(hunt(&path, &now).well().stdout, "");
}

#[test]
fn a_policy_is_named_or_in_a_file() {
    let made = store();
    let unknown = made.hunt(&["--policy", "prot_scan"]);
    assert_eq!(unknown.code, Some(64), "{}", unknown.stderr);
    assert!(unknown.stderr.contains("no policy is named `prot_scan`"), "{}", unknown.stderr);
    // One of the stock library, alone.
    let named = made.hunt(&["--policy", "bogon_source"]).well();
    assert!(named.stderr.contains("bogon_source"), "{}", named.stderr);
    assert!(!named.stderr.contains("bogon_destination"), "{}", named.stderr);
    let clash = made.hunt(&["--policy", "x", "--top", "3"]);
    assert_eq!(clash.code, Some(64));
}
