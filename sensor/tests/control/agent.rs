//! An agent of its own for each test, and the ways to ask it.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpStream, UdpSocket},
    os::unix::net::UnixStream,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    thread,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

use super::{captured, ports::free_port};

/// Looks until something is so; a minute is longer than anything takes.
const LOOKS: u32 = 1200;
const PAUSE: Duration = Duration::from_millis(50);

pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..LOOKS {
        if is_so() {
            return;
        }
        thread::sleep(PAUSE);
    }
    panic!("waited in vain: {what}");
}

/// What it evaluates.
pub const POLICY: &str =
    "[[policy]]\nname = 'dns'\nmatch = 'dstport == 53'\ntrack_by = [['srcip']]\nsuppress = '0s'\n";

/// An agent with a directory of its own; killed when dropped.
pub struct Agent {
    pub child: Child,
    pub directory: TempDir,
    pub exports: u16,
    pub metrics: u16,
}

impl Agent {
    /// Starts it, with `more` in its configuration; `[metrics]` comes last.
    pub fn start(more: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let (exports, metrics) = (free_port().expect("a port"), free_port().expect("a port"));
        fs::write(directory.path().join("policy.toml"), POLICY).expect("the policy is written");
        let text = format!(
            "[control]\nsocket = 'control.sock'\n[[listen]]\nurl = 'netflow://127.0.0.1:{exports}'\n\
             [policies]\npaths = ['policy.toml']\n[[hits]]\nurl = 'file:hits.json'\n\
             [metrics]\nlisten = '127.0.0.1:{metrics}'\n{more}"
        );
        let text = text
            .replace("file:hits.json", &format!("file://{}/hits.json", directory.path().display()));
        fs::write(directory.path().join("sensor.toml"), text)
            .expect("the configuration is written");
        let stderr = fs::File::create(directory.path().join("stderr")).expect("a file");
        let child = Command::new(env!("CARGO_BIN_EXE_sensor"))
            .args(["run", "--config"])
            .arg(directory.path().join("sensor.toml"))
            .env_remove("SENSOR_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .expect("the binary runs");
        let mut agent = Self { child, directory, exports, metrics };
        wait_until("the agent is ready", || {
            let ended = agent.child.try_wait().expect("its state");
            assert!(ended.is_none(), "it has ended: {}", agent.said());
            // The socket is there before everything else is; who asks early gets an answer when it is.
            let ready = |stream| request(stream, "/readyz", "").0 == 200;
            UnixStream::connect(agent.socket()).is_ok_and(ready)
        });
        agent
    }

    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("control.sock")
    }

    pub fn said(&self) -> String {
        fs::read_to_string(self.directory.path().join("stderr")).unwrap_or_default()
    }

    pub fn command(&self, verb: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sensor"));
        command.arg(verb).args(arguments).arg("--socket").arg(self.socket());
        command.stdin(Stdio::null()).env_remove("CLICOLOR_FORCE");
        command
    }

    /// Exit code, standard output, standard error of a verb that asks it.
    pub fn ask(&self, verb: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
        texts(self.command(verb, arguments).output().expect("the binary runs"))
    }

    pub fn document(&self, verb: &str) -> (Option<i32>, Value) {
        let (code, stdout, stderr) = self.ask(verb, &["--json"]);
        assert_eq!(stderr, "", "{stdout}");
        (code, serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}")))
    }

    /// Status and body of a request to the endpoint.
    pub fn get(&self, path: &str, header: &str) -> (u16, String) {
        let stream = TcpStream::connect(("127.0.0.1", self.metrics)).expect("the endpoint listens");
        request(stream, path, header)
    }

    pub fn send(&self) {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.send_to(&captured::netflow5(), ("127.0.0.1", self.exports)).expect("it is sent");
    }

    /// Tells it to stop; its exit code.
    pub fn stop(mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").arg(&id).status().expect("kill runs").success());
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn texts(output: Output) -> (Option<i32>, String, String) {
    let text = |octets| String::from_utf8(octets).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

pub fn request(mut stream: impl Read + Write, path: &str, header: &str) -> (u16, String) {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: a\r\n{header}\r\n").expect("it is sent");
    let mut answer = Vec::new();
    // A server that closes a TLS connection without a word has said all it had to.
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).expect("text");
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    (status.unwrap_or(0), body.to_owned())
}

/// The value of a series of an exposition.
pub fn series<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
}
