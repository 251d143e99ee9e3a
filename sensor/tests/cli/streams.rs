//! Standard output and standard error that are closed or full.

use std::{fs, io::Write as _};

use super::{command, listener};

/// `sensor check ... | head -0`: the reader has gone before anything was written. Whoever asked for a list has seen enough.
#[test]
fn a_closed_stdout_is_no_error() {
    for arguments in [
        &["check", "--config", "../../../deploy/sensor.toml"] as &[&str],
        &["fields"],
        &["policy", "list"],
        &["policy", "check"],
        &["policy", "test", "--filter", "ssh"],
        &["policy", "explain", "ssh_brute_force"],
        &["labels", "show", "10.0.0.1"],
        &["nql", "check", "srcip == 10.0.0.1"],
        &["nql", "explain", "srcip == 10.0.0.1"],
    ] {
        let (reader, writer) = std::io::pipe().expect("a pipe can be made");
        drop(reader);
        let output = command(arguments).stdout(writer).output().expect("the binary runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), &*stderr), (Some(0), ""), "{arguments:?}");
    }
}

/// A disk that is full is an error, and told once.
#[test]
fn a_full_stdout_is_one() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let output = command(&["fields"]).stdout(full).output().expect("the binary runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    let told = "sensor: cannot write to standard output: No space left on device (os error 28)\n";
    assert_eq!((output.status.code(), &*stderr), (Some(1), told));
}

/// A log pipe whose reader has ended changes nothing: neither warnings, nor faults, nor the log, nor the last summary.
#[test]
fn a_closed_stderr_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let policies = folder.path().join("p.toml");
    let warned = "[[policy]]\nname = 'p'\nmatch = 'srcport != 1 || srcport != 2'\n";
    fs::write(&policies, warned).expect("written");
    let labels = folder.path().join("labels.csv");
    fs::write(&labels, "10.0.0.x,role,web\n").expect("written");
    let (policies, labels) = (policies.display().to_string(), labels.display().to_string());
    for (arguments, code) in [
        (&["policy", "check", &policies] as &[&str], 0),
        (&["labels", "show", "--labels", &labels, "10.0.0.1"], 0),
        (&["labels", "check", &labels], 64),
        (&["check", "--config", "many-faults.toml"], 64),
        (&["fly"], 64),
        (&["replay", "/nonexistent"], 1),
        (&["run", "--listen", &listener(), "--duration", "10ms", "-vv"], 0),
    ] {
        let (reader, writer) = std::io::pipe().expect("a pipe can be made");
        drop(reader);
        let output = command(arguments).stderr(writer).output().expect("the binary runs");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
    }
}

/// Nor does one that is full, which nobody reads: the agent ends when it should.
#[test]
fn a_full_stderr_holds_nobody_up() {
    // What a pipe holds by itself (pipe(7)).
    let (_reader, mut writer) = std::io::pipe().expect("a pipe can be made");
    writer.write_all(&[b'-'; 65_536]).expect("the pipe takes it");
    for (listener, code) in [(listener().as_str(), 0), ("nowhere", 64)] {
        let writer = writer.try_clone().expect("a second end");
        let arguments = ["run", "--listen", listener, "--duration", "10ms", "-vv"];
        let output = command(&arguments).stderr(writer).output().expect("the binary runs");
        assert_eq!(output.status.code(), Some(code), "{listener}");
    }
}
