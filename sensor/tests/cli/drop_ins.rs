//! Drop-ins: what every verb reads beside its configuration file.

use std::{fs, path::Path};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{reload::Agent, sensor};

const POLICIES: &str = "[[policy]]\nname = 'web'\nmatch = 'dstport == 443'\n\
                        track_by = [['srcip']]\nwindow = '1m'\nseverity = { high = 'count() > 9' }\n";

/// A directory with a configuration, two drop-ins and what must not be read; it is named without a trailing slash.
fn installed() -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    fs::create_dir(directory.path().join("conf.d")).expect("made");
    for (name, text) in [
        ("p.toml", POLICIES),
        (
            "sensor.toml",
            "policies.paths = ['p.toml']\nhits = [{ url = 'stdout' }]\ncontrol.enabled = false\n",
        ),
        (
            "conf.d/10-quiet.toml",
            "\n[[policies.override]]\nmatch = 'web'\nseverity = { high = 'count() > 99' }\n",
        ),
        ("conf.d/20-times.toml", "[flow]\nidle_timeout = '5s'\n"),
        ("conf.d/20-times.toml~", "[broken"),
        ("conf.d/.#20-times.toml", "[broken"),
    ] {
        write(&directory, name, text);
    }
    directory
}

fn write(directory: &TempDir, name: &str, text: &str) {
    fs::write(directory.path().join(name), text).expect("written");
}

fn path(directory: &TempDir, name: &str) -> String {
    directory.path().join(name).display().to_string()
}

#[test]
fn check_names_what_it_has_read() {
    let directory = installed();
    let main = path(&directory, "sensor.toml");
    let drop_ins =
        ["conf.d/10-quiet.toml", "conf.d/20-times.toml"].map(|name| path(&directory, name));
    let outcome = sensor(&["check", "--config", &main]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let [quiet, times] = &drop_ins;
    let expected = format!("{main}: no fault\n{quiet}: no fault\n{times}: no fault\n");
    assert_eq!(outcome.stdout, expected);
    let outcome = sensor(&["check", "--json", "--config", &main]);
    let document: Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    assert_eq!((&document["file"], &document["drop_ins"]), (&json!(main), &json!(drop_ins)));

    // A staged copy against what runs.
    let staged = installed();
    write(&staged, "conf.d/20-times.toml", "[flow]\nidle_timeout = '6s'\n");
    let new = path(&staged, "sensor.toml");
    let outcome = sensor(&["check", "--config", &new, "--against", &main]);
    let changes: Vec<_> = outcome.stdout.lines().filter(|line| line.starts_with('[')).collect();
    // Relative paths lead to another directory.
    let expected = [
        "[flow]: flow.idle_timeout: applied on reload",
        "[policies]: policies.paths: applied on reload",
    ];
    assert_eq!(changes, expected, "{}", outcome.stdout);

    write(&directory, "conf.d/20-times.toml", "[flow]\nidle_timeout = 5\n");
    let outcome = sensor(&["check", "--config", &main]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(64), ""));
    assert!(outcome.stderr.contains(&format!("--> {times}:2:16\n")), "{}", outcome.stderr);
    fs::write(path(&directory, "conf.d/30-bytes.toml"), b"\xff").expect("written");
    let outcome = sensor(&["check", "--config", &main]);
    let bytes = path(&directory, "conf.d/30-bytes.toml");
    assert_eq!(outcome.code, Some(64));
    assert_eq!(outcome.stderr, format!("sensor: cannot read {bytes}: it is not UTF-8\n"));
}

/// What a site changes of policies has its place in the drop-in.
#[test]
fn overrides_of_drop_ins_are_told_where_they_are() {
    let directory = installed();
    let main = path(&directory, "sensor.toml");
    let outcome = sensor(&["policy", "explain", "web", "--config", &main]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let place = format!("{}:4", path(&directory, "conf.d/10-quiet.toml"));
    assert!(outcome.stdout.contains(&place), "no {place}:\n{}", outcome.stdout);
    let faulty = "[[policies.override]]\nmatch = 'web'\nseverity = { high = 'cuont() > 99' }\n";
    write(&directory, "conf.d/10-quiet.toml", faulty);
    let outcome = sensor(&["policy", "check", "--config", &main]);
    let place = format!("--> {}:3:22\n", path(&directory, "conf.d/10-quiet.toml"));
    assert!(outcome.stderr.contains(&place), "no {place}:\n{}", outcome.stderr);
}

#[test]
fn a_reload_reads_them_too() {
    let directory = installed();
    let main = path(&directory, "sensor.toml");
    let mut agent = Agent::start(&["--config", &main]);
    write(&directory, "conf.d/30-more.toml", "[flow]\nidle_timeout = '7s'\n");
    agent.signal("HUP");
    let said = agent.wait_for("configuration reloaded");
    assert!(said.contains("applied=\"flow.idle_timeout\""), "{said}");
    write(&directory, "conf.d/30-more.toml", "[flow]\nidle_timeout = '7h'\n");
    agent.signal("HUP");
    let said = agent.wait_for("this is 7h");
    assert!(said.contains("reload refused"), "{said}");
    assert!(said.contains("conf.d/30-more.toml:2:16"), "{said}");
    fs::remove_dir_all(Path::new(&main).with_file_name("conf.d")).expect("removed");
    agent.signal("HUP");
    let said = agent.wait_for("configuration reloaded");
    assert!(said.contains("applied=\"flow.idle_timeout, policies.override\""), "{said}");
    agent.signal("TERM");
    assert_eq!(agent.end().0, Some(0));
}
