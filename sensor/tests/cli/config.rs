//! `sensor check`: what is wrong with a configuration and the files it names, in messages pinned by files.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use super::{GOLDEN, sensor};

fn golden_configs() -> Vec<PathBuf> {
    let entries = fs::read_dir(GOLDEN).expect("the golden files are there");
    let paths = entries.map(|entry| entry.expect("the directory can be read").path());
    let mut configs: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
    configs.sort();
    configs
}

#[test]
fn faulty_configs_are_explained() {
    let configs = golden_configs();
    assert!(configs.len() >= 6, "golden files are missing: {configs:?}");
    for config in configs {
        let name = config.file_name().and_then(|name| name.to_str()).expect("a plain name");
        let outcome = sensor(&["check", "--config", name]);
        assert_eq!(outcome.code, Some(64), "{name}: {}", outcome.stderr);
        assert_eq!(outcome.stdout, "", "{name}");
        let golden = config.with_extension("stderr");
        if env::var_os("UPDATE_EXPECT").is_some() {
            fs::write(&golden, &outcome.stderr).expect("the golden file can be written");
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        assert_eq!(outcome.stderr, expected, "{name}; shown:\n{}", outcome.stderr);
    }
}

#[test]
fn the_shipped_config_has_no_fault() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/sensor.toml");
    let outcome = sensor(&["check", "--config", shipped.to_str().expect("the path is text")]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    assert!(outcome.stdout.ends_with("sensor.toml: no fault\n"), "{}", outcome.stdout);
}

#[test]
fn a_config_that_is_not_there() {
    let outcome = sensor(&["check", "--config", "absent.toml"]);
    assert_eq!(outcome.code, Some(64));
    assert_eq!(
        outcome.stderr,
        "sensor: cannot read absent.toml: No such file or directory (os error 2)\n"
    );
}

#[test]
fn lists_of_the_configuration_are_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let (config, list) = (folder.path().join("sensor.toml"), folder.path().join("ports"));
    fs::write(&config, format!("[lists]\nports = {list:?}\nhosts = '/nonexistent'\n"))
        .expect("written");
    let config = config.to_str().expect("a plain path");
    let outcome = sensor(&["check", "--config", config]);
    assert_eq!(outcome.code, Some(64), "{}", outcome.stderr);
    for name in ["`hosts` from /nonexistent: No such file", "`ports` from /"] {
        assert!(outcome.stderr.contains(name), "all at once: {}", outcome.stderr);
    }
    fs::write(&list, "22\n").expect("written");
    let list = format!("hosts={}", list.display());
    let replay = ["replay", "--config", config, "--list", &list, "--filter"];
    let outcome = sensor(&[&replay[..], &["dstport in $prots", "/nonexistent"]].concat());
    assert_eq!(outcome.code, Some(64), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("did you mean `$ports`?"), "{}", outcome.stderr);
    let outcome = sensor(&[&replay[..], &["dstport in $ports", "/nonexistent"]].concat());
    assert!(outcome.stderr.contains("/nonexistent"), "the query has no fault: {}", outcome.stderr);
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
}

/// Lists, labels, reputation, databases, tags and policies: what each of them has wrong, at once.
#[test]
fn a_check_reads_all_that_the_configuration_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).expect("it can be written");
        folder.path().join(name)
    };
    write("labels.csv", "10.0.0.1,role,web\n10.0.0.x,role,web\n");
    write("bad.txt", "203.0.113.7\n203.0.113.777\n");
    write("asn.mmdb", "no database");
    write("ports.txt", "443\n");
    write("p.toml", "[[policy]]\nname = 'p'\nmatch = 'dstprt in $ports || srcip in $gone'\n");
    let text = "\
lists = { ports = 'ports.txt', gone = 'gone.txt' }
labels.files = ['labels.csv', 'absent.json']
reputation = [{ file = 'bad.txt' }]
geo.asn = 'asn.mmdb'
policies.paths = ['p.toml']
tag = [{ name = 't', match = 'dstport in $prots' }]
";
    let paths = |text: &str| {
        let path = |name: &str| format!("'{}", folder.path().join(name).display());
        ["ports.txt", "gone.txt", "labels.csv", "absent.json", "bad.txt", "asn.mmdb", "p.toml"]
            .iter()
            .fold(text.to_owned(), |text, name| text.replace(&format!("'{name}"), &path(name)))
    };
    let config = write("sensor.toml", &paths(text));
    let config = config.to_str().expect("a plain path");
    let outcome = sensor(&["check", "--config", config]);
    assert_eq!(outcome.code, Some(64), "{}", outcome.stderr);
    for part in [
        "error: cannot read the list `gone` from ",
        "labels.csv:2:1",
        "absent.json: No such file",
        "bad.txt:2:1",
        "asn.mmdb",
        "sensor.toml:6:",
        "did you mean `$ports`?",
        "p.toml:3:10",
        "did you mean `dstport`?",
    ] {
        assert!(outcome.stderr.contains(part), "{part} is not in:\n{}", outcome.stderr);
    }
    assert!(!outcome.stderr.contains("no list `gone`"), "told once: {}", outcome.stderr);

    let sound = "labels.files = ['labels.csv']\npolicies.paths = ['p.toml']\nlists.ports = 'ports.txt'\n\
                 tag = [{ name = 't', match = 'dstport in $ports' }]\nhits = [{ url = 'stdout' }]\n";
    write("labels.csv", "10.0.0.1,role,web\n");
    write("p.toml", "[[policy]]\nname = 'p'\nmatch = 'dstport in $ports && tags == t'\n");
    write("sensor.toml", &paths(sound));
    let outcome = sensor(&["check", "--config", config]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
}

/// What cannot be sent from is told before a file is read, with the place where it was written.
#[test]
fn a_source_address_that_is_not_there_ends_a_replay_at_its_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("sensor.toml");
    fs::write(&config, "[[collector]]\nurl = 'udp://192.0.2.1'\nsource = 'nosuch0'\n")
        .expect("written");
    let config = config.display().to_string();
    for (arguments, place) in [
        (
            ["--collector", "udp://192.0.2.1?source=nosuch0"],
            "1 | udp://192.0.2.1?source=nosuch0\n  | ^^^^",
        ),
        (["--config", &config], "3 | source = 'nosuch0'\n  |          ^^^^^^^^^"),
    ] {
        let outcome = sensor(&[&["replay", "/nonexistent"], &arguments[..]].concat());
        assert_eq!(outcome.code, Some(64), "{}", outcome.stderr);
        for part in [
            place,
            "must name a source address of this host",
            "no interface named `nosuch0`; available: ",
        ] {
            assert!(outcome.stderr.contains(part), "no `{part}`: {}", outcome.stderr);
        }
        assert!(!outcome.stderr.contains("/nonexistent"), "{}", outcome.stderr);
    }
    // A service waits for it.
    let outcome = sensor(&["check", "--config", &config]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert_eq!(outcome.stderr, "");
}

/// Files as editors of another system leave them lose neither their first line nor anything else.
#[test]
fn byte_order_marks_and_carriage_returns_are_no_values() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, format!("\u{feff}{}", text.replace('\n', "\r\n"))).expect("written");
        path.display().to_string()
    };
    let list = write("list.txt", "192.0.2.1\n192.0.2.2\n");
    let record = write("flows.json", "{\"srcip\": \"192.0.2.1\"}\n");
    let given = format!("ours={list}");
    let outcome = sensor(&["nql", "filter", "--list", &given, "srcip in $ours", &record]);
    assert_eq!((outcome.code, outcome.stdout.lines().count()), (Some(0), 1), "{}", outcome.stderr);

    for (name, text) in [
        ("labels.csv", "10.0.0.5,role,web\n"),
        ("labels.json", "{\"10.0.0.5\": {\"role\": \"web\"}}\n"),
        ("labels.toml", "[\"10.0.0.5\"]\nrole = \"web\"\n"),
    ] {
        let labels = write(name, text);
        let outcome = sensor(&["labels", "show", "--labels", &labels, "10.0.0.5"]);
        assert!(outcome.stdout.contains("web"), "{name}: {} {}", outcome.stdout, outcome.stderr);
        assert_eq!(outcome.stderr, "", "{name}");
    }
    let bad = write("bad.txt", "203.0.113.7\n");
    let policies = write("p.toml", "[[policy]]\nname = 'p'\nmatch = 'srcport == 1'\n");
    let config = write(
        "sensor.toml",
        &format!(
            "policies.paths = ['{policies}']\nreputation = [{{ file = '{bad}' }}]\nhits = [{{ url = 'stdout' }}]\n"
        ),
    );
    let outcome = sensor(&["check", "--config", &config]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
}
