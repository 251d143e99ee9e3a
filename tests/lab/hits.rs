//! Outputs of hits under test, and the receivers of others that take them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use sensor::export::hits::{
    Hits, Report, Way,
    options::{Destination, OutputOptions},
    render::Format,
    trial,
};
use sensor_core::policy::alert::Alert;
use serde_json::Value;

use crate::{
    log,
    peers::{Peer, free_port, is_tcp_port_open, is_udp_port_open},
    pki::Pki,
};

/// An output that takes everything, as JSON.
pub fn output(destination: Destination) -> OutputOptions {
    OutputOptions {
        destination,
        selection: Default::default(),
        format: Format::Json,
        queue: 1000,
        spool: None,
    }
}

/// Starts the output, with a log of it.
pub fn start(options: OutputOptions) -> Result<Hits> {
    log::keep();
    Ok(Hits::start(vec![Way::own(options)], &Default::default())?)
}

/// An event that is told from others by its number.
pub fn event(number: u64) -> Arc<Alert> {
    Arc::new(Alert { incident: number, ..trial::event(1_700_000_000_000) })
}

/// Offers the events of these numbers.
pub fn offer(hits: &Hits, numbers: std::ops::Range<u64>) {
    for number in numbers {
        hits.offer(&event(number));
    }
}

/// Stops within `deadline`. The final account must balance.
pub fn finish(hits: Hits, deadline: Duration) -> Result<Report> {
    let report = hits.finish(deadline).pop().context("one output")?;
    ensure!(report.account.balances(), "does not balance: {report:?}");
    ensure!(report.account.queued == 0, "forgotten: {report:?}");
    Ok(report)
}

/// The numbers of the events in lines or lists of JSON.
pub fn numbers<'t>(texts: impl IntoIterator<Item = &'t str>) -> Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for text in texts {
        let value: Value = serde_json::from_str(text).with_context(|| text.to_owned())?;
        let list = value.as_array().cloned().unwrap_or_else(|| vec![value]);
        for event in list {
            let incident = event["incident"].as_str().context("an incident")?;
            numbers.push(u64::from_str_radix(incident, 16)?);
        }
    }
    Ok(numbers)
}

/// rsyslogd, with one input on 127.0.0.1.
#[derive(Debug)]
pub struct Rsyslog {
    peer: Peer,
    directory: PathBuf,
    /// Where it listens.
    pub port: u16,
}

/// What rsyslogd listens for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Datagrams.
    Udp,
    /// Connections.
    Tcp,
    /// Connections in TLS, from those that have a certificate.
    Tls,
}

impl Rsyslog {
    /// Starts it and waits until it listens. `directory` may be one that an earlier one worked in.
    pub fn start(input: Input, port: u16, directory: &Path, pki: &Pki) -> Result<Self> {
        let own = |name: &str| directory.join(name).display().to_string();
        let file = |name: &str| pki.directory.path().join(name).display().to_string();
        let listen = match input {
            Input::Udp => format!(
                "module(load=\"imudp\")\ninput(type=\"imudp\" address=\"127.0.0.1\" port=\"{port}\")"
            ),
            Input::Tcp => format!(
                "module(load=\"imtcp\")\ninput(type=\"imtcp\" address=\"127.0.0.1\" port=\"{port}\")"
            ),
            Input::Tls => format!(
                "global(defaultNetstreamDriverCAFile=\"{}\" defaultNetstreamDriverCertFile=\"{}\" \
                 defaultNetstreamDriverKeyFile=\"{}\")\n\
                 module(load=\"imtcp\" streamDriver.name=\"gtls\" streamDriver.mode=\"1\" \
                 streamDriver.authMode=\"x509/certvalid\")\n\
                 input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{port}\")",
                file("ca.pem"),
                file("server.pem"),
                file("server.key"),
            ),
        };
        let configuration = format!(
            "global(workDirectory=\"{}\")\n{listen}\n\
             template(name=\"parts\" type=\"string\" string=\"%pri%|%timestamp:::date-rfc3339%|%hostname%|%app-name%|\
             %procid%|%msgid%|%structured-data%|%msg%\\n\")\n\
             *.* action(type=\"omfile\" file=\"{}\" template=\"parts\")\n",
            directory.display(),
            own("received"),
        );
        fs::write(own("rsyslog.conf"), configuration)?;
        let said = fs::File::create(own("said"))?;
        let mut command = Command::new("/usr/sbin/rsyslogd");
        command.args(["-n", "-f", &own("rsyslog.conf"), "-i", &own("pid")]);
        command.stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said);
        let peer = Peer::start_until(&mut command, "rsyslogd listens", || match input {
            Input::Udp => is_udp_port_open(port),
            Input::Tcp | Input::Tls => is_tcp_port_open(port),
        })?;
        Ok(Self { peer, directory: directory.to_owned(), port })
    }

    /// What it has received: the parts of each message, but for those about itself.
    pub fn received(&self) -> Vec<Vec<String>> {
        let text = fs::read_to_string(self.directory.join("received")).unwrap_or_default();
        let lines = text.lines().filter(|line| line.contains("|[hit@32473 "));
        lines.map(|line| line.splitn(8, '|').map(str::to_owned).collect()).collect()
    }

    /// The numbers of the events that it has received.
    pub fn numbers(&self) -> Result<Vec<u64>> {
        let received = self.received();
        numbers(received.iter().filter_map(|parts| parts.last()).map(String::as_str))
    }

    /// Ends it.
    pub fn stop(mut self) -> Result<()> {
        self.peer.stop()
    }
}

/// An HTTPS server of another hand, which wants to see a certificate.
#[derive(Debug)]
pub struct WebServer {
    _peer: Peer,
    directory: PathBuf,
    /// Where it listens.
    pub port: u16,
}

impl WebServer {
    /// Starts it and waits until it listens. `directory` may be one that an earlier one worked in.
    pub fn start(port: u16, directory: &Path, pki: &Pki) -> Result<Self> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/lab/webhook.py");
        let mut command = Command::new("python3");
        command.arg(script).arg(port.to_string());
        for name in ["server.pem", "server.key", "ca.pem"] {
            command.arg(pki.directory.path().join(name));
        }
        command.arg(directory).stdin(Stdio::null());
        let ready = || is_tcp_port_open(port);
        let peer = Peer::start_until(&mut command, "the web server listens", ready)?;
        Ok(Self { _peer: peer, directory: directory.to_owned(), port })
    }

    /// What it answers from now on.
    pub fn set_mode(&self, mode: &str) -> Result<()> {
        // By a new name, so that no request finds half of it.
        fs::write(self.directory.join("mode.new"), mode)?;
        Ok(fs::rename(self.directory.join("mode.new"), self.directory.join("mode"))?)
    }

    /// All requests so far.
    pub fn requests(&self) -> Result<Vec<Value>> {
        let text = fs::read_to_string(self.directory.join("requests")).unwrap_or_default();
        // The last line may be half written.
        let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        lines.map(|line| Ok(serde_json::from_str(line)?)).collect()
    }

    /// The numbers of the events in requests that it has taken.
    pub fn numbers(&self) -> Result<Vec<u64>> {
        let requests = self.requests()?;
        let taken = requests.iter().filter(|request| request["status"] == 200);
        numbers(taken.filter_map(|request| request["body"].as_str()))
    }
}

/// A port that was free a moment ago, an authority that has signed `server.pem` for 127.0.0.1, and a directory.
pub fn surroundings() -> Result<(u16, Pki, tempfile::TempDir)> {
    let pki = Pki::new()?;
    pki.issue("127.0.0.1", "server")?;
    Ok((free_port()?, pki, tempfile::tempdir()?))
}
