//! `sensor policy` as a user types it, and policies with faults in `sensor run`.
//!
//! `UPDATE_EXPECT=1 cargo test -p sensor --test policy_cli` writes the golden file anew; read the difference before you
//! commit it.

#[expect(dead_code, reason = "each test uses its own part")]
mod captured;
#[path = "support/ports.rs"]
mod ports;

use std::{
    env, fs,
    path::Path,
    process::{Command, Output},
};

use self::ports::free_port;

const GOOD: &str = "[[policy]]\nname = 'scan'\nmatch = 'tcpflags.syn == true'\ntrack_by = [['srcip']]\n\
    window = '60s'\nseverity = { low = 'distinct(dstport) >= 3' }\n";
const BAD: &str = "[[policy]]\nname = 'a'\nmatch = 'dstprt == 1'\n\n[[policy]]\nname = 'scan'\nmatch = ''\n\n\
    [[policy]]\nname = 'b'\nmatch = ''\nwindow = '3s'\nseverity = { low = 'total(bits) > 1' }\n";

/// One mistake of each kind that people make.
const MISTAKES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/policies");

/// Policies, and what sites change of them.
const TUNING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/tuning");

fn sensor_policy(arguments: &[&str], directory: &Path) -> (Option<i32>, String, String) {
    sensor(&[&["policy"], arguments].concat(), directory)
}

fn sensor(arguments: &[&str], directory: &Path) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_sensor"))
        .args(arguments)
        .current_dir(directory)
        .output()
        .expect("the binary runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.code(), text(stdout), text(stderr))
}

fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, text) in files {
        fs::write(directory.path().join(name), text).expect("it can be written");
    }
    directory
}

#[test]
fn check_tells_every_fault_of_every_file() {
    let files = directory(&[("a.toml", GOOD), ("b.toml", BAD)]);
    let (code, out, error) = sensor_policy(&["check", "."], files.path());
    assert_eq!((code, out.as_str()), (Some(64), ""), "{error}");
    assert!(error.starts_with("sensor: the policies have 4 faults\n"), "{error}");
    for part in [
        "b.toml:3:10",
        "did you mean `dstport`?",
        "b.toml:6:9",
        "a.toml:1",
        "b.toml:12:10",
        "b.toml:13:21",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    let files = directory(&[("a.toml", GOOD)]);
    assert_eq!(sensor_policy(&["check", "."], files.path()).0, Some(0));
}

/// A wrong field, an unknown function, a window of 3 s, a name twice, a list as a key, `&&` beside `||`, a slip in TOML.
#[test]
fn every_mistake_is_told_at_once() {
    let (code, out, error) = sensor_policy(&["check", "."], Path::new(MISTAKES));
    assert_eq!((code, out.as_str()), (Some(64), ""), "{error}");
    golden(&Path::new(MISTAKES).join("check.stderr"), &error);
}

#[track_caller]
fn golden(path: &Path, shown: &str) {
    if env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(path, shown).expect("the golden file can be written");
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    assert_eq!(shown, expected, "shown:\n{shown}");
}

#[test]
fn what_a_site_cannot_change_is_told_at_its_place() {
    let (code, out, error) =
        sensor_policy(&["check", "--config", "faulty.toml"], Path::new(TUNING));
    assert_eq!((code, out.as_str()), (Some(64), ""), "{error}");
    golden(&Path::new(TUNING).join("faulty.stderr"), &error);
    // `sensor check` says the same below a heading of its own.
    let (code, _, checked) = sensor(&["check", "--config", "faulty.toml"], Path::new(TUNING));
    let faults = |text: &str| text.split_once("\n\n").map(|(_, faults)| faults.to_owned());
    assert_eq!((code, faults(&checked)), (Some(64), faults(&error)));
}

#[test]
fn what_has_no_fault_and_is_probably_not_meant_is_told() {
    let config = ["check", "--config", "advice.toml"];
    let (code, out, error) = sensor_policy(&config, Path::new(TUNING));
    assert_eq!((code, out.as_str()), (Some(0), "11 policies, 10 of them enabled: no fault\n"));
    golden(&Path::new(TUNING).join("advice.stderr"), &error);
    let (code, _, checked) = sensor(&config, Path::new(TUNING));
    assert_eq!((code, checked), (Some(0), error));
    let (code, _, error) = sensor_policy(&["check", "--config", "site.toml"], Path::new(TUNING));
    assert_eq!(code, Some(0));
    assert!(error.contains("no output: no hit of these policies will be written"), "{error}");
    let (_, _, error) = sensor_policy(&["check", "advised.toml"], Path::new(TUNING));
    assert_eq!(error, "", "without a configuration nothing is known of a site");
}

#[test]
fn what_a_site_changes_is_explained_with_file_and_line() {
    let explain = ["explain", "scan_slow", "--config", "site.toml"];
    let (code, out, error) = sensor_policy(&explain, Path::new(TUNING));
    assert_eq!(code, Some(0), "{error}");
    golden(&Path::new(TUNING).join("explain.txt"), &out);
    let (code, out, error) = sensor_policy(&["list", "--config", "site.toml"], Path::new(TUNING));
    assert_eq!(code, Some(0), "{error}");
    assert!(out.lines().all(|line| line.starts_with("on ")), "{out}");
    let (code, _, error) =
        sensor_policy(&["list", "--config", "site.toml", "."], Path::new(TUNING));
    assert_eq!(code, Some(64), "files of both: {error}");
}

/// On loopback, where no root is needed.
#[test]
fn a_run_refuses_policies_with_faults_unless_it_is_lenient() {
    let listen = format!("netflow://127.0.0.1:{}", free_port().expect("loopback has ports"));
    let run = ["run", "--listen", &listen, "--print", "hits", "--policies", "."];
    let (code, _, refused) = sensor(&run, Path::new(MISTAKES));
    assert_eq!(code, Some(64), "{refused}");
    let golden = fs::read_to_string(Path::new(MISTAKES).join("check.stderr"));
    // What is wrong is told in the same words, below a heading of its own.
    let faults = |text: &str| text.split_once("\n\n").map(|(_, faults)| faults.to_owned());
    assert_eq!(faults(&refused), faults(&golden.expect("the golden file is there")));
    assert!(faults(&refused).is_some_and(|faults| faults.contains("b-mistakes.toml:3:10")));
    let lenient = [&run[..], &["--lenient", "--duration", "1s"]].concat();
    let (code, _, error) = sensor(&lenient, Path::new(MISTAKES));
    assert_eq!(code, Some(0), "{error}");
    assert!(error.contains("b-mistakes.toml:3:10"), "{error}");
    assert!(error.contains("\n2 policies: "), "the sound ones are asked: {error}");
}

#[test]
fn tests_pass_or_show_the_difference() {
    let tests = "[[test]]\nname = 'fires'\nfires = 'low'\n[[test.flow]]\nsrcip = '10.0.0.1'\ntcpflagsint = 2\n\
        repeat = 3\nvary.dstport = 1\n";
    let files = directory(&[("scan.toml", GOOD), ("scan.test.toml", tests)]);
    let (code, out, _) = sensor_policy(&["test", "."], files.path());
    assert_eq!((code, out.as_str()), (Some(0), "1 passed, 0 failed\n"));
    let wrong = tests.replace("'low'", "'nothing'");
    let files = directory(&[("scan.toml", GOOD), ("scan.test.toml", &wrong)]);
    let (code, out, _) = sensor_policy(&["test", ".", "--filter", "scan"], files.path());
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("- nothing\n") && out.contains("+ low\n"), "{out}");
    let (code, ..) = sensor_policy(&["test", ".", "--filter", "else"], files.path());
    assert_eq!(code, Some(64));
}

#[test]
fn explain_shows_query_key_window_and_thresholds() {
    let files = directory(&[("scan.toml", &format!("# Looks alike: nothing.\n{GOOD}"))]);
    let (code, out, error) = sensor_policy(&["explain", "scan", "."], files.path());
    assert_eq!(code, Some(0), "{error}");
    for part in [
        "  Looks alike: nothing.\n",
        "srcip",
        "1m",
        "distinct(dstport) >= 3",
        "tcpflagsint has 0x2",
    ] {
        assert!(out.contains(part), "{part}: {out}");
    }
    let (code, _, error) = sensor_policy(&["explain", "scna", "."], files.path());
    assert_eq!(code, Some(64));
    assert!(error.contains("did you mean `scan`?"), "{error}");
}

/// What is written is the library, and nothing of somebody else is overwritten.
#[test]
fn the_library_is_written_out() {
    let parent = directory(&[]);
    let (code, out, error) = sensor_policy(&["export", "own/library"], parent.path());
    assert_eq!(code, Some(0), "{error}");
    assert!(out.starts_with("own/library: ") && out.ends_with(" files written\n"), "{out}");
    let list = |paths: &[&str]| sensor_policy(&[&["list"], paths].concat(), parent.path());
    assert_eq!(list(&["own/library"]), list(&[]));
    let test = ["test", "own/library", "--filter", "ssh_brute_force"];
    assert_eq!(sensor_policy(&test, parent.path()).0, Some(0));

    let changed = parent.path().join("own/library/syn_flood.toml");
    fs::write(&changed, "").expect("written");
    for kept in fs::read_dir(changed.parent().expect("it has one")).expect("a directory").flatten()
    {
        if kept.path() != changed && kept.path().is_file() {
            fs::remove_file(kept.path()).expect("removed");
        }
    }
    fs::remove_dir_all(parent.path().join("own/library/lists")).expect("removed");
    let (code, _, error) = sensor_policy(&["export", "own/library"], parent.path());
    assert_eq!(code, Some(1), "{error}");
    assert!(error.contains("own/library/syn_flood.toml exists already"), "{error}");
    assert_eq!(fs::read_to_string(&changed).expect("it is there"), "");
    assert!(!parent.path().join("own/library/lists").exists(), "nothing else is written");
}

/// What is proposed is a label file, which then silences what it says.
#[test]
fn a_resolver_is_proposed_for_its_role() {
    let files = directory(&[("labels.toml", "[labels]\nfiles = ['roles.csv']\n")]);
    fs::write(files.path().join("day.pcap"), captured::dns()).expect("written");
    let (code, out, error) = sensor_policy(&["suggest", "day.pcap"], files.path());
    assert_eq!(code, Some(0), "{error}");
    assert!(out.contains("# Proposed from 12 flow records between 2023-11-14T22:13:21Z"), "{out}");
    let evidence = "# 10.0.0.53 answers DNS of 5 internal hosts, and asks 1 name servers\n# no longer evaluated for it: ";
    assert!(out.contains(evidence) && out.contains("dns_"), "{out}");
    assert!(out.ends_with("\n10.0.0.53,role,resolver\n"), "{out}");

    fs::write(files.path().join("roles.csv"), out).expect("written");
    let again = ["suggest", "--config", "labels.toml", "day.pcap"];
    let (code, out, error) = sensor_policy(&again, files.path());
    assert_eq!(code, Some(0), "{error}");
    assert!(out.ends_with("# No host showed a role that it does not have yet.\n"), "{out}");
}

/// What becomes of flows, in the form for people: with the line that decides, and the value.
#[test]
fn why_points_at_the_condition_that_decides() {
    let telnet = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/json");
    let (code, out, error) =
        sensor_policy(&["why", "telnet", "policies", "--flow", "flows.json"], Path::new(telnet));
    assert_eq!((code, error.as_str()), (Some(0), ""));
    golden(&Path::new(TUNING).join("why-flows.txt"), &out);
    let flow = "srcip=10.0.0.9 srcport=53 dstport=53 protocol=tcp";
    let why = ["why", "many_clients", "--config", "why-site.toml", "--flow", flow];
    let (code, out, error) = sensor_policy(&why, Path::new(TUNING));
    assert_eq!((code, error.as_str()), (Some(0), ""));
    golden(&Path::new(TUNING).join("why-unmatched.txt"), &out);
    // The labels of the configuration hold, and what the flow says of itself wins.
    let of = |flow: &str| {
        let why = ["why", "many_clients", "--config", "why-site.toml", "--flow", flow];
        sensor_policy(&why, Path::new(TUNING)).1
    };
    let flow = "srcip=10.0.1.3 dstip=10.0.0.53 dstport=53 protocol=udp";
    assert!(of(flow).contains("exempt by the role scanner"), "{}", of(flow));
    let flow = format!("{flow} label.src.role=web");
    assert!(of(&flow).contains("1 of 25 distinct(srcip)"), "{}", of(&flow));
    for (flow, part) in [
        ("dstprt=1", "did you mean `dstport`?"),
        ("dstport=high", "`dstport` is of type int"),
        ("flowtype=router dstport=1", "host, netflow or sflow"),
        ("absent.json", "cannot open absent.json"),
    ] {
        let (code, _, error) =
            sensor_policy(&["why", "telnet_client", "policies", "--flow", flow], Path::new(telnet));
        assert_ne!(code, Some(0), "{flow}");
        assert!(error.contains(part), "{flow}: {error}");
    }
}

/// How the flows of a capture were divided, and that the summary under `-v` says the same.
#[test]
fn a_replay_accounts_for_the_flows_of_a_policy() {
    let files = directory(&[]);
    for name in ["why.toml", "why-site.toml", "why-labels.csv"] {
        fs::copy(Path::new(TUNING).join(name), files.path().join(name)).expect("copied");
    }
    fs::write(files.path().join("dns.pcap"), captured::dns()).expect("written");
    let why = ["replay", "--why", "many_clients", "--config", "why-site.toml", "dns.pcap"];
    let (code, out, error) = sensor(&why, files.path());
    assert_eq!(code, Some(0), "{error}");
    golden(&Path::new(TUNING).join("why-replay.txt"), &out);
    let summary = ["replay", "-v", "--print", "none", "--config", "why-site.toml", "dns.pcap"];
    let (code, _, error) = sensor(&summary, files.path());
    assert_eq!(code, Some(0), "{error}");
    let line = error.lines().find(|line| line.trim_start().starts_with("many_clients"));
    let words: Vec<&str> = line.expect("a line").split_whitespace().collect();
    let expected = "many_clients 12 tested, 2 discarded, 4 matched, 2 keys, 0 events";
    assert_eq!(words.join(" "), expected);
    let quiet: Vec<&str> = summary.into_iter().filter(|word| *word != "-v").collect();
    assert!(!sensor(&quiet, files.path()).2.contains("many_clients"));
    let unknown = ["replay", "--why", "many_client", "--config", "why-site.toml", "dns.pcap"];
    let (code, _, error) = sensor(&unknown, files.path());
    assert_eq!(code, Some(64));
    assert!(error.contains("did you mean `many_clients`?"), "{error}");
}
