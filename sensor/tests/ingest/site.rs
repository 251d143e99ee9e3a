//! An agent of its own for each test, with a certificate, and a client that trusts it.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::ports::free_port;

/// Looks until something is so; a minute is longer than anything takes.
const LOOKS: u32 = 1200;
const PAUSE: Duration = Duration::from_millis(50);

pub fn line(port: u16) -> String {
    format!(
        "2 123456789010 eni-1 10.0.0.1 10.0.0.2 1 {port} 6 20 4249 1418530010 1418530070 ACCEPT OK\n"
    )
}

/// An agent; killed when dropped.
pub struct Site {
    child: Option<Child>,
    directory: TempDir,
    client: Client,
}

/// Whoever pushes to it.
#[derive(Clone)]
pub struct Client {
    port: u16,
    tls: Arc<rustls::ClientConfig>,
}

impl Site {
    /// Starts an agent with these `clouds`; the token is `s3cret`.
    pub fn start(clouds: &str) -> Self {
        let mut site = Self::prepare(clouds);
        site.run();
        site
    }

    /// Everything but the start.
    pub fn prepare(clouds: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let port = free_port().expect("a port");
        let tls = certificate(&directory);
        let site = Self { child: None, directory, client: Client { port, tls } };
        fs::write(site.path("token"), "s3cret\n").expect("a file");
        site.configure(clouds);
        site
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn port(&self) -> u16 {
        self.client.port
    }

    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Writes the configuration.
    pub fn configure(&self, clouds: &str) {
        let clouds = clouds.replace("\npush", "\nstate = 'NAME.state'\npush");
        let named: Vec<String> = clouds
            .split("[[cloud]]\n")
            .filter(|cloud| !cloud.is_empty())
            .map(|cloud| {
                let name = cloud.split('\'').nth(1).expect("a name");
                format!("[[cloud]]\n{}", cloud.replace("NAME", name))
            })
            .collect();
        let text = format!(
            "[control]\nsocket = 'control.sock'\n[log]\nflows = 'flows.json'\ndns = 'dns.json'\n\
             [ingest]\nlisten = '127.0.0.1:{}'\ncertificate = 'own.pem'\nkey = 'own.key'\nmax_body = '1MiB'\n{}",
            self.client.port,
            named.concat()
        );
        fs::write(self.path("sensor.toml"), text).expect("a file");
    }

    /// Starts the agent, once more.
    pub fn run(&mut self) {
        let stderr = fs::File::create(self.path("stderr")).expect("a file");
        let child = Command::new(env!("CARGO_BIN_EXE_sensor"))
            .args(["run", "--config"])
            .arg(self.path("sensor.toml"))
            .env_remove("SENSOR_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn();
        self.child = Some(child.expect("the binary runs"));
        let mut waiting = self.names();
        for _ in 0..LOOKS {
            let child = self.child.as_mut().expect("it was started");
            let ended = child.try_wait().expect("its state");
            assert!(ended.is_none(), "it has ended: {}", self.said());
            let clouds = self.ask("status", &["--json"]);
            if clouds.0 == Some(0) {
                self.wait_for(&mut waiting);
            }
            if waiting.is_empty() {
                return;
            }
            thread::sleep(PAUSE);
        }
        panic!("waited in vain: {}", self.said());
    }

    /// Of the sources that wait, those that take no requests stay: they say that they are starting. Each that takes them has
    /// refused one then, for its method.
    fn wait_for(&self, waiting: &mut Vec<String>) {
        waiting.retain(|name| self.send("GET", name, "", b"").0 != 405);
    }

    /// The names of all its sources.
    fn names(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("sensor.toml")).expect("it was written");
        let names = text.split("name = '").skip(1).filter_map(|rest| rest.split('\'').next());
        names.map(str::to_owned).collect()
    }

    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("it runs");
            child.wait().expect("it ends");
        }
    }

    /// A certificate of another authority in place of its own; it alone is trusted from now on.
    pub fn renew_certificate(&mut self) {
        self.client.tls = certificate(&self.directory);
    }

    pub fn reload(&self) -> (Option<i32>, String) {
        let told = self.ask("reload", &[]);
        // Sources that are new have begun.
        let mut waiting = self.names();
        for _ in 0..LOOKS {
            if told.0 == Some(0) {
                self.wait_for(&mut waiting);
            }
            if told.0 != Some(0) || waiting.is_empty() {
                break;
            }
            thread::sleep(PAUSE);
        }
        told
    }

    fn ask(&self, verb: &str, arguments: &[&str]) -> (Option<i32>, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_sensor"))
            .arg(verb)
            .args(arguments)
            .arg("--socket")
            .arg(self.path("control.sock"))
            .stdin(Stdio::null())
            .output()
            .expect("the binary runs");
        (output.status.code(), String::from_utf8(output.stdout).expect("text"))
    }

    pub fn document(&self) -> Value {
        serde_json::from_str(&self.ask("status", &["--json"]).1).expect("JSON")
    }

    /// Requests that were refused, by reason, without those by which the site looks whether its sources have begun.
    pub fn refused(&self) -> BTreeMap<String, u64> {
        let document = self.document();
        let rows = document["ingest"]["refused"].as_array().expect("a list").iter();
        let row =
            |row: &Value| Some((row["reason"].as_str()?.to_owned(), row["requests"].as_u64()?));
        let rows = rows.map(|given| row(given).expect("a reason and a number"));
        rows.filter(|(reason, _)| reason != "method").collect()
    }

    /// The only log of the source has so many records, and each of them became a flow record.
    #[track_caller]
    pub fn assert_ledger(&self, name: &str, records: u64) {
        let document = self.document();
        let mut clouds = document["clouds"].as_array().expect("a list").iter();
        let logs = &clouds.find(|cloud| cloud["name"] == name).expect("it is followed")["logs"];
        let log = &logs["top"][0];
        let found =
            ["records", "flow_records", "errors", "duplicates"].map(|key| log[key].as_u64());
        assert_eq!(
            (logs["count"].as_u64(), found),
            (Some(1), [Some(records), Some(records), Some(0), Some(0)]),
            "{logs}"
        );
    }

    pub fn wait_until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        for _ in 0..LOOKS {
            if is_so() {
                return;
            }
            thread::sleep(PAUSE);
        }
        panic!("waited in vain: {what}; {}", self.said());
    }

    pub fn said(&self) -> String {
        fs::read_to_string(self.path("stderr")).unwrap_or_default()
    }

    pub fn metrics(&self) -> String {
        let stream = std::os::unix::net::UnixStream::connect(self.path("control.sock"));
        exchange(stream.expect("it listens"), "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", b"").1
    }

    /// Destination ports of the flows put out.
    pub fn ports(&self) -> Vec<u64> {
        let text = fs::read_to_string(self.path("flows.json")).unwrap_or_default();
        let flow = |line: &str| serde_json::from_str::<Value>(line).expect("JSON");
        let ports = text.lines().map(|line| flow(line)["dstport"].as_u64().expect("a port"));
        ports.collect()
    }

    /// Names that were asked for in the DNS records put out.
    pub fn queries(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("dns.json")).unwrap_or_default();
        let query = |line: &str| serde_json::from_str::<Value>(line).expect("JSON");
        let names = text.lines().map(|line| query(line)["query.name"].as_str().map(str::to_owned));
        names.map(|name| name.expect("a name")).collect()
    }

    pub fn post(&self, target: &str, headers: &str, body: &[u8]) -> (u16, String) {
        self.client.post(target, headers, body)
    }

    pub fn send(&self, method: &str, target: &str, headers: &str, body: &[u8]) -> (u16, String) {
        self.client.send(method, target, headers, body)
    }

    /// The status of a request without TLS.
    pub fn in_plain_text(&self) -> u16 {
        let stream = TcpStream::connect(("127.0.0.1", self.client.port)).expect("it listens");
        exchange(stream, "POST /ingest/aws HTTP/1.1\r\nHost: a\r\n\r\n", b"").0
    }
}

impl Client {
    pub fn post(&self, target: &str, headers: &str, body: &[u8]) -> (u16, String) {
        let headers = format!("{headers}Content-Length: {}\r\n", body.len());
        self.send("POST", target, &headers, body)
    }

    /// Status and body of the answer to a request; 0 where there is no connection.
    pub fn send(&self, method: &str, target: &str, headers: &str, body: &[u8]) -> (u16, String) {
        let Ok(stream) = TcpStream::connect(("127.0.0.1", self.port)) else {
            return (0, String::new());
        };
        let head = format!(
            "{method} /ingest/{target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{headers}\r\n"
        );
        exchange(self.over(stream), &head, body)
    }

    /// A connection on which nothing was said so far.
    pub fn connect(&self) -> Connection {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        Connection(self.over(stream))
    }

    fn over(&self, stream: TcpStream) -> Tls {
        let name = "localhost".try_into().expect("a name");
        let connection = rustls::ClientConnection::new(self.tls.clone(), name).expect("TLS");
        rustls::StreamOwned::new(connection, stream)
    }
}

type Tls = rustls::StreamOwned<rustls::ClientConnection, TcpStream>;

/// A connection to say things on one after the other.
pub struct Connection(Tls);

impl Connection {
    pub fn write(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).and_then(|()| self.0.flush()).expect("it is read");
    }

    /// Status and body of the answer to what was written.
    pub fn answer(&mut self) -> (u16, String) {
        exchange(&mut self.0, "", b"")
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.kill();
    }
}

fn exchange(mut stream: impl Read + Write, head: &str, body: &[u8]) -> (u16, String) {
    // Whoever is refused by the head need not read the body.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    let _ = stream.flush();
    let mut answer = Vec::new();
    // A server that closes a TLS connection without a word has said all it had to.
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.split(' ').next());
    let status = status.and_then(|status| status.parse().ok());
    let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    (status.unwrap_or(0), body.to_owned())
}

/// Writes a certificate and its key, and makes clients that trust it alone.
fn certificate(directory: &TempDir) -> Arc<rustls::ClientConfig> {
    let key = rcgen::KeyPair::generate().expect("a key");
    let parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()]);
    let certificate = parameters.expect("parameters").self_signed(&key).expect("a certificate");
    let path = |name: &str| directory.path().join(name);
    fs::write(path("own.pem"), certificate.pem()).expect("a file");
    fs::write(path("own.key"), key.serialize_pem()).expect("a file");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.der().clone()).expect("an authority");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}
