//! Signals: what a reload takes over and what it refuses, while the agent runs.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, ChildStderr, Command, Stdio},
};

use super::{command, listener, sensor};

/// An agent that listens to routers, which needs no privileges.
pub struct Agent {
    child: Child,
    stderr: BufReader<ChildStderr>,
}

impl Agent {
    pub fn start(arguments: &[&str]) -> Self {
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

    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status().expect("kill runs");
        assert!(sent.success(), "{name}");
    }

    /// What it says up to a line with `part`.
    pub fn wait_for(&mut self, part: &str) -> String {
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
    pub fn end(mut self) -> (Option<i32>, String) {
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
    // Another agent may have the default socket, which would be warned of.
    let last = "[control]\nenabled = false\n";
    let with =
        |more: &str| write("sensor.toml", &format!("policies.paths = ['p.toml']\n{more}\n{last}"));
    let config = with("");
    let mut agent = Agent::start(&["--config", &config]);

    agent.signal("HUP");
    let said = agent.wait_for("configuration reloaded");
    assert!(said.contains("applied=\"none\" restart=\"none\""), "{said}");
    assert!(said.contains("policies=1 policies_changed=0"), "{said}");
    assert!(!said.contains("WARN"), "{said}");
    assert_eq!(said.lines().count(), 1, "one line says it all: {said}");

    // Faults of a file that it names: all of it stays as it was.
    write("p.toml", &policy("srcprt == 1"));
    with("[engine]\nthreads = 2\n[networks]\nprivate = false");
    agent.signal("HUP");
    let said = agent.wait_for("did you mean `srcport`?");
    assert!(said.contains("ERROR reload refused, the old configuration stays in force"), "{said}");
    assert!(said.contains("p.toml:3:10"), "{said}");

    write("p.toml", &policy("srcport == 2"));
    agent.signal("HUP");
    let said = agent.wait_for("configuration reloaded; restart the sensor");
    assert!(said.contains("WARN"), "{said}");
    assert!(said.contains("applied=\"networks.private\" restart=\"engine.threads\""), "{said}");
    assert!(said.contains("policies=1 policies_changed=1"), "{said}");

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
    let said = agent.wait_for("configuration reloaded");
    assert!(
        said.contains("applied=\"networks.private, log.level\" restart=\"none\""),
        "what needed a restart is as it was at the start: {said}"
    );
    agent.signal("TERM");
    let (code, said) = agent.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("6 reloads (3 refused): flows waited"), "{said}");
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

    for (text, applied, changed) in [
        (format!("# Moved.\n\n{paths}{over}"), "none", "policies=2 policies_changed=0"),
        (
            format!("{paths}{}", over.replace("1h", "2h")),
            "policies.override",
            "policies=2 policies_changed=1",
        ),
        (
            format!("{paths}disable = ['b']\n"),
            "policies.disable, policies.override",
            "policies=1 policies_changed=1",
        ),
    ] {
        write("sensor.toml", &text);
        agent.signal("HUP");
        let said = agent.wait_for("configuration reloaded");
        assert!(said.contains(&format!("applied=\"{applied}\"")), "{said}");
        assert!(said.contains(changed), "{text}: {said}");
    }
    write("sensor.toml", &format!("{paths}disable = ['c']\n"));
    agent.signal("HUP");
    let said = agent.wait_for("sensor.toml:3:12");
    assert!(said.contains("reload refused"), "{said}");
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
    let running = write("running.toml", "engine.threads = 2\n");
    let new = write("new.toml", "[log]\nlevel = 'warn'\n[[collector]]\nurl = 'udp://a'\n");
    let outcome = sensor(&["check", "--config", &new, "--against", &running]);
    let expected = format!(
        "{new}: no fault\n[[collector]]: collector: applied on reload\n[log]: log.level: applied on reload\n\
         [engine]: engine.threads: needs a restart\n"
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
    assert!(said.contains("applied=\"collector\""), "{said}");
    let _ = message(&comes);
    // What came before that says nothing.
    let next = || {
        stays.set_nonblocking(true).expect("set");
        while stays.recv_from(&mut [0; 1]).is_ok() {}
        stays.set_nonblocking(false).expect("set");
        message(&stays)
    };
    let after = next();
    assert_eq!(after.0, before.0, "it keeps its socket");
    assert!(after.1 > before.1, "and its sequence numbers: {before:?}, {after:?}");
    // Keys of [export] hold within its session, but for the one that identifies it.
    let export = |keys: &str| {
        let text = format!("export.statistics_interval = '1s'\n{keys}{stays_as}{comes_as}");
        fs::write(&config, text).expect("written");
    };
    export("export.queue = 2048\nexport.template_messages = 1\n");
    agent.signal("HUP");
    let said = agent.wait_for("configuration reloaded");
    assert!(said.contains("applied=\"export.template_messages, export.queue\""), "{said}");
    let tuned = next();
    assert_eq!(tuned.0, before.0, "it keeps its socket");
    assert!(tuned.1 > after.1, "and its sequence numbers: {after:?}, {tuned:?}");
    export("export.observation_domain = 7\n");
    agent.signal("HUP");
    agent.wait_for("configuration reloaded");
    assert_ne!(next().0, before.0, "another session");
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
    let said = agent.wait_for("labels.csv:2:1");
    assert!(said.contains("ERROR reload refused, the old configuration stays"), "{said}");
    write("labels.csv", "10.0.0.1,role,web\n10.0.0.2,role,web\n");
    agent.signal("HUP");
    agent.wait_for(" INFO configuration reloaded");
    agent.signal("TERM");
    let (code, said) = agent.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("2 reloads (1 refused)"), "{said}");
}
