//! An agent that receives flows from a router, and is asked how it stands.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::UdpSocket,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;
use tests::{
    agent::{Agent, Outcome, binary},
    intake::netflow5,
    netns::Netns,
    peers::{free_port, is_udp_port_open, wait_until},
};

/// Flows of a datagram.
const MOST: u16 = 30;

/// The agent and its router.
pub struct Site {
    pub directory: TempDir,
    pub agent: Agent,
    text: String,
    router: UdpSocket,
    /// Flows that the router has sent; each has a source port of its own.
    pub fed: u64,
}

/// An agent that is not started yet.
pub struct Plan {
    pub directory: TempDir,
    port: u16,
}

impl Plan {
    /// A directory and a free port.
    pub fn new() -> Result<Self> {
        Ok(Self { directory: tempfile::tempdir()?, port: free_port()? })
    }

    /// The command that starts it with `text` as its configuration.
    pub fn command(&self, netns: Option<&Netns>, text: &str, line: &str) -> Result<Command> {
        write_config(self.directory.path(), self.port, text)?;
        let binary = binary()?;
        let mut command = match netns {
            Some(netns) => netns.command(binary.to_str().context("the path is text")?),
            None => Command::new(binary),
        };
        command.arg("run").arg("--config").arg(self.directory.path().join("sensor.toml"));
        command.args(line.split_whitespace());
        Ok(command)
    }

    /// The site of an agent that `command` has started.
    pub fn site(self, netns: Option<&Netns>, mut agent: Agent, text: &str) -> Result<Site> {
        agent.wait_for(": listening")?;
        self.router(netns, agent, text)
    }

    /// The same of an agent that listens already, and whose log nobody reads.
    pub fn deaf_site(self, agent: Agent, text: &str) -> Result<Site> {
        wait_until("it listens", || is_udp_port_open(self.port))?;
        self.router(None, agent, text)
    }

    fn router(self, netns: Option<&Netns>, agent: Agent, text: &str) -> Result<Site> {
        let router = || -> Result<UdpSocket> {
            let router = UdpSocket::bind("127.0.0.1:0")?;
            router.connect(("127.0.0.1", self.port))?;
            Ok(router)
        };
        let router = netns.map_or_else(|| Ok(router()), |netns| netns.enter(router))??;
        Ok(Site { directory: self.directory, agent, text: text.to_owned(), router, fed: 0 })
    }
}

fn write_config(directory: &Path, port: u16, text: &str) -> Result<()> {
    let own = format!(
        "control.socket = '{}'\n{text}\n[[listen]]\nurl = 'netflow://127.0.0.1:{port}'\n",
        socket(directory).display()
    );
    Ok(fs::write(directory.join("sensor.toml"), own)?)
}

/// Where an agent with its configuration in `directory` is asked.
pub fn socket(directory: &Path) -> PathBuf {
    directory.join("control.sock")
}

impl Site {
    /// Starts an agent with `text` as its configuration, beside its listener and its control socket.
    pub fn start(netns: Option<&Netns>, text: &str, line: &str) -> Result<Self> {
        let plan = Plan::new()?;
        let agent = Agent::spawn(&mut plan.command(netns, text, line)?)?;
        plan.site(netns, agent, text)
    }

    /// Has the router send this many flows.
    pub fn feed(&mut self, flows: u16) -> Result<()> {
        let (mut left, first) = (flows, self.fed);
        while left > 0 {
            let some = left.min(MOST);
            let ports: Vec<u16> = (0..some).map(|n| (self.fed + u64::from(n)) as u16).collect();
            self.router.send(&netflow5(self.fed as u32, &ports))?;
            self.fed += u64::from(some);
            left -= some;
        }
        ensure!(self.fed == first + u64::from(flows));
        Ok(())
    }

    /// Runs a verb of the sensor that asks this agent.
    pub fn ask(&self, verb: &str) -> Result<Output> {
        let mut command = Command::new(binary()?);
        command.args([verb, "--json", "--socket"]).arg(socket(self.directory.path()));
        Ok(command.output()?)
    }

    /// What `sensor status --json` tells.
    pub fn status(&self) -> Result<Value> {
        let output = self.ask("status")?;
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        serde_json::from_slice(&output.stdout).context(told)
    }

    /// The part of the status, `sinks` or `hits`, that is about the output whose name begins with `name`.
    pub fn output(&self, part: &str, name: &str) -> Result<Value> {
        let status = self.status()?;
        let mut all = status[part].as_array().into_iter().flatten();
        let is_it = |output: &&Value| output["name"].as_str().is_some_and(|n| n.starts_with(name));
        all.find(is_it).cloned().with_context(|| format!("no {name} in {}", status[part]))
    }

    /// Waits until that part is as it should be.
    pub fn wait_for(&self, part: &str, name: &str, is: impl Fn(&Value) -> bool) -> Result<Value> {
        let mut last = Value::Null;
        let waited = wait_until(&format!("{name} is as it should be"), || {
            self.output(part, name).is_ok_and(|output| {
                let done = is(&output);
                last = output;
                done
            })
        });
        waited.with_context(|| format!("{last:#}\n{}", self.agent.said()))?;
        Ok(last)
    }

    /// Waits until all that the router has sent is in the account of the output, and none of it waits.
    pub fn wait_for_all(&self, part: &str, name: &str) -> Result<Value> {
        self.wait_for(part, name, |output| output["queued"] == 0 && offered(output) == self.fed)
    }

    /// The value of a metric, with its labels.
    pub fn metric(&self, name: &str) -> Result<Option<f64>> {
        let mut stream = UnixStream::connect(socket(self.directory.path()))?;
        write!(stream, "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.map(|value| Ok(value.parse()?)).transpose()
    }

    /// Reloads; what came of it.
    pub fn reload(&self) -> Result<Value> {
        let output = self.ask("reload")?;
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        serde_json::from_slice(&output.stdout).context(told)
    }

    /// Reloads with `text` as the configuration.
    pub fn reload_with(&self, text: &str) -> Result<Value> {
        let port = self.router.peer_addr()?.port();
        write_config(self.directory.path(), port, text)?;
        self.reload()
    }

    /// Reloads what must be refused, for a reason that has these parts; everything is as before.
    pub fn refuses(&self, parts: &[&str]) -> Result<()> {
        let text = self.text.clone();
        self.refuses_with(&text, parts)
    }

    /// The same with `text` as the configuration, which is then as it was.
    pub fn refuses_with(&self, text: &str, parts: &[&str]) -> Result<()> {
        let before = self.status()?;
        let answer = self.reload_with(text)?;
        let kept = &answer["kept"][0];
        ensure!(answer["complete"] == false && kept["what"] == "configuration", "{answer:#}");
        let why = kept["why"].as_str().unwrap_or_default();
        for part in parts {
            ensure!(why.contains(part), "no `{part}`: {why}");
            wait_until("it is logged", || self.agent.said().contains(part))
                .with_context(|| format!("no `{part}`: {}", self.agent.said()))?;
        }
        let after = self.status()?;
        for part in ["listeners", "sinks", "hits"] {
            let names = |status: &Value| -> Vec<Value> {
                let all = status[part].as_array().into_iter().flatten();
                all.map(|output| output["name"].clone()).collect()
            };
            ensure!(names(&before) == names(&after), "{part}: {after:#}");
        }
        ensure!(before["policies"]["count"] == after["policies"]["count"], "{after:#}");
        write_config(self.directory.path(), self.router.peer_addr()?.port(), &self.text)
    }

    /// Lines of the log that have all of `parts`.
    pub fn said(&self, parts: &[&str]) -> Vec<String> {
        lines(&self.agent.said(), parts)
    }

    /// Stops it. It ends well, and its books balance.
    pub fn stop(self) -> Result<(Outcome, TempDir)> {
        Ok((self.agent.stop("TERM")?, self.directory))
    }
}

/// Lines that have all of `parts`.
pub fn lines(text: &str, parts: &[&str]) -> Vec<String> {
    let has_all = |line: &&str| parts.iter().all(|part| line.contains(part));
    text.lines().filter(has_all).map(str::to_owned).collect()
}

/// What an output in the status was offered: all that it has an account of.
pub fn offered(output: &Value) -> u64 {
    let parts = ["sent", "queued", "spooled", "not_sent"];
    parts.iter().filter_map(|part| output[*part].as_u64()).sum()
}

/// A figure of an output.
pub fn figure(output: &Value, key: &str) -> u64 {
    output[key].as_u64().unwrap_or_default()
}
