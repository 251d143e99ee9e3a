//! Verbs, flags and help.

use super::sensor;

#[test]
fn bad_usage_exits_64() {
    for (arguments, part) in [
        (&[] as &[&str], "Usage: sensor [OPTIONS] <COMMAND>"),
        (&["fly"], "unrecognized subcommand 'fly'"),
        (&["run", "--colector", "udp://a"], "a similar argument exists: '--collector'"),
        (&["run", "--interval", "soon"], "invalid value 'soon' for '--interval <TIME>'"),
        (&["run", "--print", "everything"], "[possible values: flows, hits, none]"),
        (&["replay"], "<FILE>..."),
        (&["check"], "--config <F>"),
    ] {
        let outcome = sensor(arguments);
        assert_eq!(outcome.code, Some(64), "{arguments:?}");
        assert!(outcome.stderr.contains(part), "{arguments:?}: {}", outcome.stderr);
        assert_eq!(outcome.stdout, "", "{arguments:?}");
    }
}

#[test]
fn help_and_version_exit_0() {
    for arguments in [&["--help"] as &[&str], &["run", "-h"], &["replay", "--help"], &["-V"]] {
        let outcome = sensor(arguments);
        assert_eq!(outcome.code, Some(0), "{arguments:?}");
        assert_eq!(outcome.stderr, "", "{arguments:?}");
        assert!(outcome.stdout.contains("sensor"), "{arguments:?}: {}", outcome.stdout);
    }
}

/// The flags are a contract.
#[test]
fn help_names_every_flag() {
    let run = sensor(&["run", "--help"]).stdout;
    for flag in [
        "--config",
        "-i, --interface",
        "--collector",
        "--ipfix-file",
        "--print",
        "--active-timeout",
        "--idle-timeout",
        "--interval",
        "--duration",
        "--generic-xdp",
        "--observation-domain",
        "--flow-log",
        "--listen",
        "--allow",
        "--forward",
        "--keep-source",
        "--list",
        "-v, --verbose",
        "-q, --quiet",
        "--color",
    ] {
        assert!(run.contains(flag), "{flag} is missing in:\n{run}");
    }
}
