//! Verbs, flags and help.

use super::sensor;

#[test]
fn bad_usage_exits_64() {
    for (arguments, part) in [
        (&[] as &[&str], "Usage: sensor [OPTIONS] <COMMAND>"),
        (&["fly"], "unrecognized subcommand 'fly'"),
        (&["run", "--colector", "udp://a"], "a similar argument exists: '--collector'"),
        (&["run", "--interval", "soon"], "invalid value 'soon' for '--interval <TIME>'"),
        (&["run", "--print", "everything"], "[possible values: flows, dns, hits, none]"),
        (&["replay"], "<FILE>..."),
        (&["check"], "--config <F>"),
    ] {
        let outcome = sensor(arguments);
        assert_eq!(outcome.code, Some(64), "{arguments:?}");
        assert!(outcome.stderr.contains(part), "{arguments:?}: {}", outcome.stderr);
        assert_eq!(outcome.stdout, "", "{arguments:?}");
    }
}

/// Whoever reads the log of an agent learns from it why there is no agent.
#[test]
fn what_keeps_an_agent_from_its_start_is_told_in_the_form_that_a_flag_chose() {
    let run = |config: &str, more: &[&str]| {
        sensor(&[&["run", "--config", config, "--log-format", "json"], more].concat())
    };
    for (outcome, told) in [
        (run("many-faults.toml", &[]), "the configuration has "),
        (run("absent.toml", &[]), "cannot read absent.toml: "),
        (run("many-faults.toml", &["--quiet"]), "the configuration has "),
        (run("absent.toml", &["--verbose"]), "cannot read absent.toml: "),
    ] {
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(64), ""), "{}", outcome.stderr);
        let entries: Vec<serde_json::Value> =
            outcome.stderr.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let [entry] = entries.as_slice() else { panic!("one entry: {}", outcome.stderr) };
        assert_eq!(entry["level"], "ERROR", "{entry}");
        assert!(entry["message"].as_str().is_some_and(|text| text.contains(told)), "{entry}");
    }
    let text = sensor(&["run", "--config", "absent.toml", "--log-format", "text"]).stderr;
    assert!(text.starts_with("sensor: cannot read absent.toml: "), "{text}");
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
