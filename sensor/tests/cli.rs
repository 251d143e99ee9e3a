//! The program as a user types it: exit codes, and messages pinned by files.
//!
//! `UPDATE_EXPECT=1 cargo test -p sensor --test cli` writes the golden files anew; read the difference before you commit it.

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::UdpSocket,
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Stdio},
};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/config");

struct Outcome {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// The program in the directory of the golden files, so that messages show file names without a path.
fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sensor"));
    command.args(arguments).current_dir(GOLDEN);
    command
}

fn sensor(arguments: &[&str]) -> Outcome {
    let output = command(arguments).output().expect("the binary runs");
    Outcome {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("stdout is text"),
        stderr: String::from_utf8(output.stderr).expect("stderr is text"),
    }
}

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

/// A listener at a port of this host that is free.
fn listener() -> String {
    let free = UdpSocket::bind("127.0.0.1:0").expect("a port");
    format!("netflow://{}", free.local_addr().expect("its address"))
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

/// An agent that listens to routers, which needs no privileges.
struct Agent {
    child: Child,
    stderr: BufReader<ChildStderr>,
}

impl Agent {
    fn start(arguments: &[&str]) -> Self {
        let mut command = command(&["run", "--print", "none", "--listen", &listener()]);
        let mut child = command
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let stderr = BufReader::new(child.stderr.take().expect("stderr is a pipe"));
        let mut agent = Self { child, stderr };
        agent.wait_for(": listening");
        agent
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status().expect("kill runs");
        assert!(sent.success(), "{name}");
    }

    /// What it says up to a line with `part`.
    fn wait_for(&mut self, part: &str) -> String {
        let mut said = String::new();
        loop {
            let before = said.len();
            let length = self.stderr.read_line(&mut said).expect("stderr is text");
            assert!(length > 0, "it ended without `{part}`: {said}");
            if said[before..].contains(part) {
                return said;
            }
        }
    }

    /// Its exit code, and the rest of what it says.
    fn end(mut self) -> (Option<i32>, String) {
        let mut said = String::new();
        self.stderr.read_to_string(&mut said).expect("stderr is text");
        (self.child.wait().expect("it ends").code(), said)
    }
}

#[test]
fn a_signal_has_a_meaning_or_none() {
    let mut agent = Agent::start(&[]);
    // 34 and 64: the first and the last of the real-time signals.
    for name in ["USR2", "ALRM", "VTALRM", "PROF", "IO", "PWR", "XFSZ", "PIPE", "34", "64"] {
        agent.signal(name);
    }
    agent.signal("USR1");
    agent.wait_for("summary so far");
    agent.wait_for("received from routers");
    agent.wait_for("balanced: every datagram and octet received is accounted for");
    agent.signal("QUIT");
    let (code, said) = agent.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("balanced: every datagram"), "the last summary: {said}");
    assert!(!said.contains("summary so far"), "{said}");
}

/// A reload says what it took over and what it did not: what is refused, and what needs a restart.
#[test]
fn a_reload_says_what_holds() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("written");
        path.display().to_string()
    };
    let policy = |query: &str| format!("[[policy]]\nname = 'p'\nmatch = '{query}'\n");
    write("p.toml", &policy("srcport == 1"));
    // Relative to the file.
    let with = |more: &str| write("sensor.toml", &format!("policies.paths = ['p.toml']\n{more}"));
    let config = with("");
    let mut agent = Agent::start(&["--config", &config]);

    agent.signal("HUP");
    let said = agent.wait_for("configuration reloaded");
    assert!(said.contains("reloaded: 1 policies active, 0 of them new or changed"), "{said}");
    assert!(said.contains("sections=\"none\""), "{said}");
    assert!(!said.contains("WARN") && !said.contains("restart"), "{said}");

    write("p.toml", &policy("srcprt == 1"));
    with("[flow]\nidle_timeout = '9s'\n[networks]\nprivate = false");
    agent.signal("HUP");
    let said = agent.wait_for("configuration reloaded, but for what is named above");
    assert!(said.contains("reload incomplete: keeping the old tags and policies"), "{said}");
    assert!(said.contains("section=\"[flow]\" key=\"flow.idle_timeout\""), "{said}");
    assert!(said.contains("restart the sensor"), "{said}");
    assert!(said.contains("did you mean `srcport`?"), "{said}");
    assert!(said.contains("sections=\"[networks]\""), "{said}");

    // All faults, with their places, and nothing of it in force.
    with("[flow]\nidle_timeout = '9h'\nactive = 1\n[[collector]]\nurl = 'upd://a'\n");
    agent.signal("HUP");
    let said = agent.wait_for("did you mean `udp`?");
    assert!(said.contains("ERROR reload refused, the old configuration stays in force"), "{said}");
    assert!(said.contains("sensor.toml:3:16") && said.contains("unknown key `active`"), "{said}");

    // So are faults of what it names.
    with("[[collector]]\nurl = 'tls://127.0.0.1:1'\ntls.ca = 'missing.pem'\n");
    agent.signal("HUP");
    let missing = folder.path().join("missing.pem");
    agent.wait_for(&format!("cannot read {}", missing.display()));

    write("p.toml", &policy("srcport == 1"));
    with("log.level = 'debug'");
    agent.signal("HUP");
    let said = agent.wait_for("sections=\"[networks], [log]\"");
    assert!(!said.contains("WARN"), "what needed a restart is as it was at the start: {said}");
    agent.signal("TERM");
    let (code, said) = agent.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("5 reloads (3 refused): flows waited"), "{said}");
}

/// A policy whose values stay the same keeps its state, wherever an override of it is written; one with faults changes nothing.
#[test]
fn a_reload_applies_overrides() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("written");
        path.display().to_string()
    };
    let policy = |name: &str| {
        format!("[[policy]]\nname = '{name}'\nmatch = ''\nseverity.low = 'count() > 9'\n")
    };
    write("p.toml", &format!("{}{}", policy("a"), policy("b")));
    let paths = "[policies]\npaths = ['p.toml']\n";
    let over = "[[policies.override]]\nmatch = 'a'\nwindow = '1h'\n";
    let config = write("sensor.toml", &format!("{paths}{over}"));
    let mut agent = Agent::start(&["--config", &config]);

    for (text, sections, changed) in [
        (format!("# Moved.\n\n{paths}{over}"), "none", "2 policies active, 0 of them"),
        (
            format!("{paths}{}", over.replace("1h", "2h")),
            "[policies]",
            "2 policies active, 1 of them",
        ),
        (format!("{paths}disable = ['b']\n"), "[policies]", "1 policies active, 1 of them"),
    ] {
        write("sensor.toml", &text);
        agent.signal("HUP");
        let said = agent.wait_for(&format!("sections=\"{sections}\""));
        assert!(said.contains(changed), "{text}: {said}");
    }
    write("sensor.toml", &format!("{paths}disable = ['c']\n"));
    agent.signal("HUP");
    let said = agent.wait_for("configuration reloaded, but for what is named above");
    assert!(said.contains("sensor.toml:3:12"), "{said}");
    agent.signal("TERM");
    assert_eq!(agent.end().0, Some(0));
}

#[test]
fn check_tells_what_a_reload_would_apply() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("written");
        path.display().to_string()
    };
    let running = write("running.toml", "flow.idle_timeout = '9s'\n");
    let new = write("new.toml", "[log]\nlevel = 'warn'\n[[collector]]\nurl = 'udp://a'\n");
    let outcome = sensor(&["check", "--config", &new, "--against", &running]);
    let expected = format!(
        "{new}: no fault\n[[collector]]: collector: applied on reload\n[log]: log.level: applied on reload\n\
         [flow]: flow.idle_timeout: needs a restart\n"
    );
    assert_eq!((outcome.code, outcome.stdout), (Some(0), expected), "{}", outcome.stderr);
}

/// A collector that is added gets flows from then on, one that stays goes on where it was, and what one has got that is
/// taken away is told at the end.
#[test]
fn a_reload_adds_and_removes_collectors() {
    use std::{net::UdpSocket, time::Duration};

    /// The port that the next message comes from, and its sequence number (RFC 7011 section 3.1).
    fn message(collector: &UdpSocket) -> (u16, u32) {
        let mut datagram = [0; 65_536];
        let (_, from) = collector.recv_from(&mut datagram).expect("a message");
        let sequence = datagram[8..12].try_into().expect("four octets");
        (from.port(), u32::from_be_bytes(sequence))
    }

    let decoder = || {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
        let port = socket.local_addr().expect("an address").port();
        (socket, format!("[[collector]]\nurl = 'udp://127.0.0.1:{port}'\n"), port)
    };
    let (stays, stays_as, _) = decoder();
    let (goes, goes_as, gone) = decoder();
    let (comes, comes_as, _) = decoder();
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("sensor.toml");
    let write = |more: &str| {
        let text = format!("export.statistics_interval = '1s'\n{stays_as}{more}");
        fs::write(&config, text).expect("written");
    };
    write(&goes_as);
    let mut agent = Agent::start(&["--config", config.to_str().expect("UTF-8")]);
    // Statistics come without any flow, and are counted as records are.
    let before = loop {
        match message(&stays) {
            (_, 0) => {}
            counted => break counted,
        }
    };
    let _ = message(&goes);
    write(&comes_as);
    agent.signal("HUP");
    let said = agent.wait_for("configuration reloaded");
    assert!(said.contains("sections=\"[[collector]]\""), "{said}");
    let _ = message(&comes);
    // What came before that says nothing.
    stays.set_nonblocking(true).expect("set");
    while stays.recv_from(&mut [0; 1]).is_ok() {}
    stays.set_nonblocking(false).expect("set");
    let after = message(&stays);
    assert_eq!(after.0, before.0, "it keeps its socket");
    assert!(after.1 > before.1, "and its sequence numbers: {before:?}, {after:?}");
    agent.signal("TERM");
    let (code, said) = agent.end();
    assert_eq!(code, Some(0), "{said}");
    let ended = format!("udp://127.0.0.1:{gone} (until a reload)");
    assert_eq!(said.matches(&ended).count(), 1, "{said}");
}

/// What keeps an agent from starting does not spoil what is in force when it is read anew.
#[test]
fn a_reload_with_a_faulty_label_leaves_the_old_in_force() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("written");
        path.display().to_string()
    };
    let labels = write("labels.csv", "10.0.0.1,role,web\n");
    let config = write("sensor.toml", &format!("labels.files = ['{labels}']\n"));
    let mut agent = Agent::start(&["--config", &config]);
    write("labels.csv", "10.0.0.1,role,web\n10.0.0.x,role,web\n");
    agent.signal("HUP");
    let said = agent.wait_for("reload incomplete: keeping the old labels, networks and locations");
    assert!(said.contains("labels.csv:2:1"), "{said}");
    assert!(
        said.contains("ERROR") && said.contains("location files: keeping the old labels"),
        "{said}"
    );
    write("labels.csv", "10.0.0.1,role,web\n10.0.0.2,role,web\n");
    agent.signal("HUP");
    agent.wait_for(" INFO configuration reloaded");
    agent.signal("TERM");
    let (code, said) = agent.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("2 reloads (1 refused)"), "{said}");
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
