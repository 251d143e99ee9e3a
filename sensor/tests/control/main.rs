//! A running agent, asked by its users: an agent that only receives exports, on loopback, needs no root.

mod agent;
#[path = "../captured/mod.rs"]
#[expect(dead_code, reason = "other tests use the other datagrams")]
mod captured;
#[path = "../support/ports.rs"]
mod ports;

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::net::UnixStream,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    thread,
};

use serde_json::Value;

use self::agent::{Agent, POLICY, request, series, texts, wait_until};

#[test]
fn figures_are_the_same_wherever_somebody_asks() {
    let agent = Agent::start("");
    for _ in 0..3 {
        agent.send();
    }
    let messages = format!(
        "sensor_listener_messages_total{{listener=\"netflow://127.0.0.1:{}\"}}",
        agent.exports
    );
    wait_until("the datagrams are counted", || {
        let (status, text) = agent.get("/metrics", "");
        assert_eq!(status, 200, "{text}");
        assert!(text.ends_with("# EOF\n"), "{text}");
        series(&text, &messages) == Some("3")
            && series(&text, "sensor_policy_events_total{policy=\"dns\"}")
                .is_some_and(|events| events != "0")
    });
    assert_eq!(agent.get("/healthz", ""), (200, "ok\n".to_owned()));
    assert_eq!(agent.get("/readyz", ""), (200, "ready\n".to_owned()));
    for private in ["/v1/status", "/v1/tap", "/v1/reload", "/"] {
        assert_eq!(
            agent.get(private, "").0,
            404,
            "{private}: the endpoint has metrics and health alone"
        );
    }
    let (code, document) = agent.document("status");
    assert_eq!((code, &document["health"]["healthy"]), (Some(0), &Value::Bool(true)), "{document}");
    assert_eq!(document["listeners"][0]["messages"], 3);
    assert_eq!(document["devices"]["top"][0]["id"], "127.0.0.1");
    assert_eq!(document["policies"]["top"][0]["name"], "dns");
    assert_eq!(document["last_hits"][0]["policy"], "dns");
    assert_eq!(document["schema"], 1);
    let sha256 = document["configuration"]["sha256"].as_str().expect("a hash");
    let (_, metrics) = agent.get("/metrics", "");
    assert_eq!(
        series(&metrics, &format!("sensor_configuration_info{{sha256=\"{sha256}\"}}")),
        Some("1")
    );
    assert_eq!(request(UnixStream::connect(agent.socket()).unwrap(), "/metrics", "").0, 200);
    let (code, screen, stderr) = agent.ask("status", &[]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert!(screen.starts_with("health      healthy\nagent       sensor "), "{screen}");
    assert!(screen.contains(": 3 datagrams, "), "{screen}");
    let socket = agent.socket();
    assert_eq!(agent.stop(), Some(0));
    assert!(!socket.exists(), "the socket goes with the agent");
}

#[test]
fn a_tap_shows_live_flows_that_match() {
    let agent = Agent::start("");
    let (code, stdout, stderr) = agent.ask("tap", &["dstprot == 53"]);
    assert_eq!((code, stdout.as_str()), (Some(64), ""), "{stderr}");
    assert!(stderr.contains("did you mean `dstport`?"), "{stderr}");
    // One that matches nothing, which ends with the agent; one that matches each flow.
    let idle = agent
        .command("tap", &["dstport == 54"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut idle = idle.expect("the binary runs");
    let tap = agent.command("tap", &["dstport == 53 && srcip == 10.0.0.0/8", "--count", "2"]);
    let mut tap =
        { tap }.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    wait_until("the tap has seen two flows", || {
        agent.send();
        tap.try_wait().expect("its state").is_some()
    });
    let (code, stdout, stderr) = texts(tap.wait_with_output().expect("it has ended"));
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    let flows: Vec<Value> =
        stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(flows.len(), 2);
    assert!(
        flows.iter().all(|flow| flow["srcip"] == "10.0.0.1" && flow["dstport"] == 53),
        "{stdout}"
    );
    assert!(idle.try_wait().expect("its state").is_none(), "it waits");
    let text = agent.command("tap", &["--format", "text", "--count", "1"]);
    let mut text =
        { text }.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    wait_until("a line", || {
        agent.send();
        text.try_wait().expect("its state").is_some()
    });
    let (_, stdout, stderr) = texts(text.wait_with_output().expect("it has ended"));
    assert!(
        stdout.contains("10.0.0.1:12345") && stderr.starts_with("LAST SEEN"),
        "{stdout}{stderr}"
    );
    assert_eq!(agent.stop(), Some(0));
    let (code, stdout, stderr) = texts(idle.wait_with_output().expect("it ends"));
    assert_eq!((code, stdout.as_str()), (Some(1), ""), "{stderr}");
    assert!(stderr.contains("the sensor has stopped"), "{stderr}");
}

#[test]
fn taps_are_few_and_their_places_come_free() {
    let agent = Agent::start("");
    let open = || {
        let mut stream = UnixStream::connect(agent.socket()).expect("it listens");
        stream.write_all(b"GET /v1/tap HTTP/1.1\r\nHost: a\r\n\r\n").expect("it is sent");
        let mut status = [0; 12];
        stream.read_exact(&mut status).expect("an answer");
        (stream, String::from_utf8_lossy(&status[9..]).into_owned())
    };
    let mut taps: Vec<_> = (0..8).map(|_| open()).collect();
    assert!(taps.iter().all(|(_, status)| status == "200"));
    assert_eq!(open().1, "429");
    let (code, _, stderr) = agent.ask("tap", &[]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("8 taps are open already"), "{stderr}");
    taps.pop();
    wait_until("a place is free", || open().1 == "200");
}

#[test]
fn whoever_asks_wrongly_reads_why() {
    let agent = Agent::start("");
    let ask = |target: &str| {
        request(UnixStream::connect(agent.socket()).expect("it listens"), target, "")
    };
    for (target, status, text) in [
        ("/v2/status", 404, "/v2/status is not served here\n"),
        ("/v1/reload", 405, "/v1/reload does not allow GET\n"),
        ("/v1/status?form=json", 400, "unknown parameter `form`: /v1/status takes format\n"),
        ("/v1/tap?rate=0", 400, "rate is 1 to 10000 records a second\n"),
    ] {
        assert_eq!(ask(target), (status, text.to_owned()), "{target}");
    }
}

#[test]
fn a_log_for_programs_has_objects_and_nothing_else() {
    let agent = Agent::start("[log]\nformat = 'json'\n");
    agent.send();
    wait_until("the flow is counted", || {
        agent.document("status").1["listeners"][0]["messages"] == 1
    });
    let path = agent.directory.path().join("sensor.toml");
    let text = fs::read_to_string(&path).expect("the configuration");
    fs::write(&path, text.replace("'policy.toml'", "'no.toml'")).expect("it is written");
    assert_eq!(agent.ask("reload", &[]).0, Some(1));
    let stderr = agent.directory.path().join("stderr");
    let said = move || fs::read_to_string(&stderr).expect("the log");
    let id = agent.child.id().to_string();
    assert!(Command::new("kill").args(["-USR1", &id]).status().expect("kill runs").success());
    wait_until("the summary so far", || said().contains("summary so far"));
    // Its directory lasts until the agent has ended.
    let mut agent = agent;
    assert!(Command::new("kill").arg(&id).status().expect("kill runs").success());
    assert_eq!(agent.child.wait().expect("it ends").code(), Some(0));
    let lines: Vec<Value> = said()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    for line in &lines {
        for key in ["timestamp", "level", "target", "message"] {
            assert!(line[key].is_string(), "{key} in {line}");
        }
    }
    let level = |text: &str| {
        let line = lines.iter().find(|line| line["message"].as_str().expect("text").contains(text));
        line.unwrap_or_else(|| panic!("{text} in {lines:?}"))["level"].clone()
    };
    assert_eq!(
        [level("listening"), level("1 datagram"), level("no.toml")],
        ["INFO", "INFO", "ERROR"]
    );
}

#[test]
fn a_client_too_many_is_told_so() {
    let agent = Agent::start("");
    let connect = || UnixStream::connect(agent.socket()).expect("it listens");
    let idle: Vec<_> = (0..24).map(|_| connect()).collect();
    let (code, _, stderr) = agent.ask("status", &[]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("too many clients"), "{stderr}");
    wait_until("the log says so", || agent.said().contains("too many clients"));
    drop(idle);
    wait_until("there is room again", || agent.ask("status", &[]).0 == Some(0));
}

#[test]
fn a_reload_says_what_it_has_done() {
    let agent = Agent::start("");
    let path = agent.directory.path().join("sensor.toml");
    let text = fs::read_to_string(&path).expect("the configuration");
    let (code, stdout, _) = agent.ask("reload", &[]);
    assert_eq!(code, Some(0), "{stdout}");
    assert!(
        stdout.starts_with("reloaded in ") && stdout.contains(" 1 policies active, 0 of them new"),
        "{stdout}"
    );
    fs::write(&path, format!("{text}[log]\nlevel = 'warn'\n[engine]\nthreads = 2\n")).unwrap();
    let (code, document) = agent.document("reload");
    assert_eq!(code, Some(0), "{document}");
    assert_eq!(document["applied"], serde_json::json!(["log.level"]));
    assert_eq!(document["restart"], serde_json::json!(["engine.threads"]));
    let status = agent.document("status").1;
    assert_eq!(status["configuration"]["restart"], document["restart"], "{status}");
    let (_, metrics) = agent.get("/metrics", "");
    assert_eq!(series(&metrics, "sensor_configuration_keys_pending_restart"), Some("1"));
    let in_force = status["configuration"]["sha256"].clone();
    // A fault: nothing changes, and everybody says so.
    fs::write(&path, format!("{text}[log]\nlevel = 'loud'\n")).unwrap();
    let (code, stdout, stderr) = agent.ask("reload", &[]);
    assert_eq!(code, Some(1));
    // Whatever is wrong with the file, the agent that runs with what it said before is reached by it.
    let by_file =
        Command::new(env!("CARGO_BIN_EXE_sensor")).args(["status", "--config"]).arg(&path).output();
    assert_eq!(texts(by_file.expect("the binary runs")).0, Some(0));
    assert!(stdout.contains("sensor.toml:") && stdout.contains("'loud'"), "{stdout}");
    assert!(stderr.contains("reload refused: nothing was changed"), "{stderr}");
    let (code, document) = agent.document("status");
    assert_eq!(code, Some(0), "an old configuration is no illness");
    let configuration = &document["configuration"];
    assert_eq!(
        (&configuration["complete"], &configuration["sha256"]),
        (&Value::Bool(false), &in_force)
    );
    assert_eq!(document["reloads"]["count"], 3);
    let (_, document) = agent.document("reload");
    assert_eq!((&document["policies"], &document["complete"]), (&1.into(), &false.into()));
    let (_, metrics) = agent.get("/metrics", "");
    assert_eq!(series(&metrics, "sensor_last_reload_complete"), Some("0"));
    // A policy with a fault: all stays as it was.
    fs::write(&path, &text).unwrap();
    fs::write(agent.directory.path().join("policy.toml"), POLICY.replace("dstport", "dstprot"))
        .unwrap();
    let (code, document) = agent.document("reload");
    assert_eq!(
        (code, &document["kept"][0]["what"]),
        (Some(1), &Value::from("configuration")),
        "{document}"
    );
    assert!(
        document["kept"][0]["why"].as_str().is_some_and(|why| why.contains("dstprot")),
        "{document}"
    );
    fs::write(agent.directory.path().join("policy.toml"), POLICY.replace("53", "54")).unwrap();
    let (code, document) = agent.document("reload");
    assert_eq!((code, &document["policies_changed"]), (Some(0), &Value::from(1)), "{document}");
}

#[test]
fn hostile_clients_are_cut_off_and_hold_nobody_up() {
    let agent = Agent::start("");
    // More connections than there are places, none of which asks anything.
    let idle: Vec<_> =
        (0..60).map(|_| UnixStream::connect(agent.socket()).expect("it listens")).collect();
    let silent: Vec<_> = (0..40)
        .map(|_| TcpStream::connect(("127.0.0.1", agent.metrics)).expect("it listens"))
        .collect();
    for _ in 0..5 {
        agent.send();
    }
    drop((idle, silent));
    wait_until("there are places again", || {
        TcpStream::connect(("127.0.0.1", agent.metrics))
            .is_ok_and(|stream| request(stream, "/healthz", "").0 == 200)
    });
    wait_until("flows went on meanwhile", || {
        agent.document("status").1["listeners"][0]["messages"] == 5
    });
    let huge = format!("X-A: {}\r\n", "a".repeat(64 << 10));
    let many: String = (0..100).map(|number| format!("X-{number}: a\r\n")).collect();
    for header in [huge, many, "\0\r\n".to_owned(), "no colon\r\n".to_owned()] {
        let mut stream = UnixStream::connect(agent.socket()).expect("it listens");
        let head = format!("GET /metrics HTTP/1.1\r\nHost: a\r\n{header}\r\n");
        // It may be cut off before it has said all.
        let _ = stream.write_all(head.as_bytes());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    for (path, status) in [
        ("/v1/tap?rate=0", 400),
        ("/v1/tap?rate=10001", 400),
        ("/v1/tap?format=xml", 400),
        ("/v1/tap?filter=%ff%00((", 400),
        ("/v1/status?format=xml", 400),
        ("/v1/reload", 405),
    ] {
        let stream = UnixStream::connect(agent.socket()).expect("it listens");
        assert_eq!(request(stream, path, "").0, status, "{path}");
    }
    assert_eq!(agent.ask("status", &[]).0, Some(0));
    assert!(!agent.said().contains("panicked"), "{}", agent.said());
}

#[test]
fn a_token_and_tls_guard_the_endpoint() {
    let files = tempfile::tempdir().expect("a directory");
    let path = |name: &str| files.path().join(name);
    let key = rcgen::KeyPair::generate().expect("a key");
    let certificate =
        rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
    let certificate = certificate.self_signed(&key).expect("a certificate");
    fs::write(path("token"), "secret\n").expect("it is written");
    fs::write(path("own.pem"), certificate.pem()).expect("it is written");
    fs::write(path("own.key"), key.serialize_pem()).expect("it is written");
    let setting = |name: &str, file: &str| format!("{name} = '{}'\n", path(file).display());
    let agent = Agent::start(
        &[
            setting("token_file", "token"),
            setting("certificate", "own.pem"),
            setting("key", "own.key"),
        ]
        .concat(),
    );
    assert_eq!(agent.get("/metrics", "").0, 0, "plain text is no TLS");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.der().clone()).expect("an authority");
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let config = Arc::new(config);
    let get = |path: &str, header: &str| {
        let name = "localhost".try_into().expect("a name");
        let connection = rustls::ClientConnection::new(config.clone(), name).expect("a connection");
        let stream =
            TcpStream::connect(("127.0.0.1", agent.metrics)).expect("the endpoint listens");
        request(rustls::StreamOwned::new(connection, stream), path, header)
    };
    for path in ["/metrics", "/healthz", "/readyz"] {
        assert_eq!(get(path, "").0, 401, "{path}");
        assert_eq!(get(path, "Authorization: Bearer wrong\r\n").0, 401, "{path}");
        assert_eq!(get(path, "Authorization: Bearer secret\r\n").0, 200, "{path}");
    }
    fs::write(path("token"), "other\n").expect("it is written");
    assert_eq!(get("/healthz", "Authorization: Bearer secret\r\n").0, 401, "it is read anew");
    fs::remove_file(path("token")).expect("it is there");
    assert_eq!(
        get("/healthz", "Authorization: Bearer other\r\n").0,
        503,
        "without a token nobody is let in"
    );
}

#[test]
fn a_check_looks_at_the_files_of_the_endpoint() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("sensor.toml");
    let text =
        "[metrics]\nlisten = '0.0.0.0:9477'\ntoken_file = 'token'\ncertificate = 'c'\nkey = 'k'\n";
    fs::write(&path, text).expect("it is written");
    fs::write(directory.path().join("token"), "\n").expect("it is written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_sensor"));
    let (code, _, stderr) =
        texts(command.args(["check", "--config"]).arg(&path).output().expect("it runs"));
    assert_eq!(code, Some(64), "{stderr}");
    assert!(stderr.contains("cannot read ") && stderr.contains("/c: No such file"), "{stderr}");
    fs::write(&path, "[metrics]\nlisten = '127.0.0.1:9477'\ntoken_file = 'token'\n")
        .expect("it is written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_sensor"));
    let (code, _, stderr) =
        texts(command.args(["check", "--config"]).arg(&path).output().expect("it runs"));
    assert_eq!(code, Some(64), "{stderr}");
    assert!(stderr.contains("it contains no token"), "{stderr}");
}

#[test]
fn a_check_looks_at_the_control_socket() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("sensor.toml");
    let check = |control: &str| {
        fs::write(&path, format!("[control]\n{control}\n")).expect("it is written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_sensor"));
        texts(command.args(["check", "--config"]).arg(&path).output().expect("it runs"))
    };
    fs::write(directory.path().join("file"), "precious").expect("it is written");
    for (control, fault) in [
        ("socket = 'file'", "exists and is not a socket"),
        ("socket = 'file/control.sock'", "not a directory"),
        ("group = 'nobody-has-this'", "no group is named `nobody-has-this`"),
    ] {
        let (code, _, stderr) = check(control);
        assert_eq!(code, Some(64), "{control}: {stderr}");
        assert!(stderr.contains(fault), "{control}: {stderr}");
    }
    let (code, _, stderr) = check("socket = 'control.sock'\ngroup = 'root'");
    assert_eq!(code, Some(0), "{stderr}");
    assert!(!directory.path().join("control.sock").exists());
    // The agent that runs with it is asked by nobody, and no fault.
    let _listener = std::os::unix::net::UnixListener::bind(directory.path().join("control.sock"));
    assert_eq!(check("socket = 'control.sock'").0, Some(0));
}

#[test]
fn who_asks_nobody_is_told_so() {
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("control.sock");
    let ask = |verb: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sensor"));
        command.arg(verb).arg("--socket").arg(&socket).stdin(Stdio::null());
        texts(command.output().expect("the binary runs"))
    };
    for verb in ["status", "tap", "reload"] {
        let (code, stdout, stderr) = ask(verb);
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{stderr}");
        assert!(stderr.contains("no sensor is running at "), "{stderr}");
    }
    // What answers, but is no agent.
    let listener = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
    let other = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody asks");
        let _ = stream.read(&mut [0; 100]);
        stream.write_all(b"220 mail\r\n").expect("it is sent");
    });
    let (code, _, stderr) = ask("status");
    assert_eq!(code, Some(1));
    assert!(stderr.contains("is no sensor"), "{stderr}");
    other.join().expect("no panic");
}

#[test]
fn an_agent_does_not_start_without_a_socket_that_was_chosen() {
    let agent = Agent::start("");
    let text =
        fs::read_to_string(agent.directory.path().join("sensor.toml")).expect("its configuration");
    let run = |text: &str, directory: &Path| {
        fs::write(directory.join("sensor.toml"), text).expect("it is written");
        fs::write(directory.join("policy.toml"), POLICY).expect("it is written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_sensor"));
        command.args(["run", "--config"]).arg(directory.join("sensor.toml")).stdin(Stdio::null());
        texts(command.output().expect("the binary runs"))
    };
    let other = tempfile::tempdir().expect("a directory");
    let taken = text.replace("'control.sock'", &format!("'{}'", agent.socket().display()));
    let (code, _, stderr) = run(&taken, other.path());
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("control.sock is in use: another sensor answers there"), "{stderr}");
    // The port of the endpoint is another's as well.
    let (code, _, stderr) = run(&text, other.path());
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("(metrics.listen)"), "{stderr}");
    assert_eq!(agent.ask("status", &[]).0, Some(0), "the first one is well");
}
