//! `--quiet`: standard error is empty where all goes well, and says what was lost where it does not.

#[path = "support/ports.rs"]
mod ports;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use self::ports::free_port;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/json");

struct Outcome {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn sensor(arguments: &[&str]) -> Outcome {
    let output = Command::new(env!("CARGO_BIN_EXE_sensor"))
        .args(arguments)
        .current_dir(GOLDEN)
        .env_remove("CLICOLOR_FORCE")
        .env_remove("SENSOR_LOG")
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Outcome { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// A capture of raw IP packets, `kept` octets of each.
fn capture(name: &str, packets: &[Vec<u8>], kept: usize) -> PathBuf {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 4 << 16 | 2, 0, 0, 65_535, 101] {
        file.extend(word.to_le_bytes());
    }
    for packet in packets {
        let part = &packet[..packet.len().min(kept)];
        for word in [1_700_000_000, 0, part.len() as u32, packet.len() as u32] {
            file.extend(word.to_le_bytes());
        }
        file.extend(part);
    }
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, file).expect("the capture can be written");
    path
}

/// UDP from 10.0.0.1 to port 2055 of 192.0.2.1.
fn packet(payload: &[u8]) -> Vec<u8> {
    let length = payload.len() as u16 + 28;
    let mut packet = vec![0x45, 0];
    packet.extend(length.to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 192, 0, 2, 1, 0x30, 0x39, 8, 7]);
    packet.extend((length - 20).to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(payload);
    packet
}

/// NetFlow 5 with one record, and `more` behind it.
fn export(more: &[u8]) -> Vec<u8> {
    let mut datagram = vec![0, 5, 0, 1, 0, 0, 0, 0];
    datagram.extend(1_700_000_000_u32.to_be_bytes());
    datagram.extend([0; 12]);
    datagram.extend([10, 0, 0, 1, 192, 0, 2, 1, 0, 0, 0, 0, 0, 1, 0, 2]);
    datagram.extend([0, 0, 0, 1, 0, 0, 0, 64, 0, 0, 0, 0, 0, 0, 0, 0]);
    datagram.extend([0x30, 0x39, 0, 53, 0, 0, 17, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    datagram.extend(more);
    packet(&datagram)
}

/// The same with and without `--quiet`: results and exit code stay. What stderr says of each.
#[track_caller]
fn both(arguments: &[&str], code: i32) -> (String, String) {
    let loud = sensor(arguments);
    let quiet = sensor(&[&["--quiet"], arguments].concat());
    assert_eq!(loud.code, Some(code), "{arguments:?}: {}", loud.stderr);
    assert_eq!((quiet.code, &quiet.stdout), (loud.code, &loud.stdout), "{arguments:?}");
    (loud.stderr, quiet.stderr)
}

#[test]
fn a_good_run_says_nothing() {
    let traffic = capture("quiet-traffic.pcap", &[packet(b"query")], 65_535);
    let exports = capture("quiet-exports.pcap", &[export(&[])], 65_535);
    let (traffic, exports) = (traffic.to_string_lossy(), exports.to_string_lossy());
    for arguments in [
        &["replay", &*traffic] as &[&str],
        &["replay", "--as", "exports", &*exports],
        &["decode", &*exports],
    ] {
        let (loud, quiet) = both(arguments, 0);
        assert!(!loud.is_empty(), "{arguments:?} has a summary");
        assert_eq!(quiet, "", "{arguments:?}");
    }
    for arguments in [
        &["check", "--config", "sound.toml"] as &[&str],
        &["policy", "check", "policies"],
        &["policy", "list", "policies"],
        &["policy", "explain", "telnet", "policies"],
        &["policy", "test"],
        &["labels", "check", "labels.csv"],
        &["fields"],
        &["labels", "import", "aws", "../import/aws-instances.json"],
    ] {
        assert_eq!(both(arguments, 0).1, "", "{arguments:?}");
    }
}

/// On loopback, where no root is needed.
#[test]
fn a_good_run_of_the_agent_says_nothing() {
    let listen = format!("netflow://127.0.0.1:{}", free_port().expect("loopback has ports"));
    let run = ["run", "--listen", &listen, "--print", "flows", "--duration", "1s"];
    let loud = sensor(&run);
    assert_eq!(loud.code, Some(0), "{}", loud.stderr);
    assert!(loud.stderr.contains("received from routers"), "{}", loud.stderr);
    let quiet = sensor(&[&run[..], &["-q"]].concat());
    assert_eq!((quiet.code, quiet.stderr.as_str()), (Some(0), ""));
}

#[test]
fn what_is_lost_is_told() {
    let cut = capture("quiet-cut.pcap", &[packet(b"query"), packet(b"query")], 18);
    let (_, quiet) = both(&["replay", &cut.to_string_lossy()], 0);
    assert_eq!(quiet, "warning: 2 frames truncated\n");
    let odd = capture("quiet-odd.pcap", &[export(b"odd")], 65_535);
    let odd = odd.to_string_lossy();
    for arguments in [&["decode", &*odd] as &[&str], &["replay", "--as", "exports", &*odd]] {
        let (loud, quiet) = both(arguments, 0);
        assert!(loud.contains("skipped"), "{loud}");
        assert!(
            quiet.starts_with("warning: 3 octets skipped: ") && quiet.lines().count() == 1,
            "{quiet}"
        );
    }
}

#[test]
fn warnings_and_errors_stay() {
    let (loud, quiet) = both(&["policy", "check", "warned.toml"], 0);
    assert!(quiet.starts_with("warning[N504]: "), "{quiet}");
    assert_eq!(quiet, loud);
    for arguments in [
        &["policy", "check", "../policies"] as &[&str],
        &["check", "--config", "../config/many-faults.toml"],
        &["labels", "check", "absent.csv"],
    ] {
        let (loud, quiet) = both(arguments, 64);
        assert!(quiet.contains("error"), "{arguments:?}: {quiet}");
        assert_eq!(quiet, loud);
    }
    let both_ways = sensor(&["replay", "-q", "-v", "absent.pcap"]);
    assert_eq!(both_ways.code, Some(64));
    assert!(both_ways.stderr.contains("cannot be used with"), "{}", both_ways.stderr);
}

#[test]
fn what_has_no_effect_without_policies_is_told() {
    let traffic = capture("quiet-without-policies.pcap", &[packet(b"query")], 65_535);
    let traffic = traffic.to_string_lossy();
    for (flags, warning) in [
        (&["--print", "hits"] as &[&str], "no policies: no hit will be written"),
        (&["--lenient"], "no policies: `--lenient` has no effect"),
    ] {
        let (loud, quiet) = both(&[&["replay", &*traffic], flags].concat(), 0);
        assert!(loud.contains(warning) && quiet.contains(warning), "{flags:?}: {loud}");
        let stock = [&["replay", &*traffic, "--policies", "stock"], flags].concat();
        let (loud, _) = both(&stock, 0);
        assert!(!loud.contains("no policies"), "{flags:?}: {loud}");
    }
}
