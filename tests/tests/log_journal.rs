//! The agent's log to a journal that is missing, comes, is restarted and goes, in a mount namespace where there is no journal of the
//! system: all of it is in the journal or on standard error.

use std::{
    fs,
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use tests::{
    agent::{Agent, binary},
    peers::{free_port, wait_until},
    root,
};

/// A directory for the journal's socket, and nothing there.
const PRIVATE: &str =
    "mount -t tmpfs run /run && mkdir -p /run/systemd/journal && exec \"$0\" \"$@\"";

const RELOADED: &str = "configuration reloaded";

/// What stands in for journald.
struct Journal {
    path: PathBuf,
    socket: Option<UnixDatagram>,
    received: Vec<String>,
}

impl Journal {
    fn start(&mut self) -> Result<()> {
        let socket = UnixDatagram::bind(&self.path)
            .with_context(|| format!("bind {}", self.path.display()))?;
        socket.set_nonblocking(true)?;
        self.socket = Some(socket);
        Ok(())
    }

    fn stop(&mut self) -> Result<()> {
        self.receive();
        self.socket = None;
        Ok(fs::remove_file(&self.path)?)
    }

    fn receive(&mut self) {
        let mut entry = vec![0; 1 << 20];
        while let Some(length) = self.socket.as_ref().and_then(|own| own.recv(&mut entry).ok()) {
            self.received.push(String::from_utf8_lossy(&entry[..length]).into_owned());
        }
    }

    /// How many entries have `part`.
    fn count(&mut self, part: &str) -> usize {
        self.receive();
        self.received.iter().filter(|entry| entry.contains(part)).count()
    }
}

#[test]
fn a_log_is_in_the_journal_or_on_standard_error() -> Result<()> {
    if !root("a mount namespace") {
        return Ok(());
    }
    let program = binary()?;
    let listener = format!("netflow://127.0.0.1:{}", free_port()?);
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", PRIVATE]).arg(program).args([
        "run",
        "--log-format",
        "journal",
        "--print",
        "none",
        "--listen",
        &listener,
    ]);
    let mut agent = Agent::spawn(&mut command)?;
    agent.wait_for(": listening")?;
    let said = agent.said();
    let warning = "WARN the journal takes no entries at /run/systemd/journal/socket";
    ensure!(said.matches(warning).count() == 1, "{said}");

    let path = Path::new("/proc").join(agent.id().to_string());
    let path = path.join("root/run/systemd/journal/socket");
    let mut journal = Journal { path, socket: None, received: Vec::new() };
    journal.start()?;
    wait_until("the log goes there", || journal.count("the log goes to the journal again") == 1)?;
    agent.signal("HUP")?;
    wait_until("it hears of a reload", || journal.count(RELOADED) == 1)?;
    let [notice, .., reloaded] = &journal.received[..] else { anyhow::bail!("two entries") };
    ensure!(notice.contains("entries that went to standard error instead: "), "{notice}");
    ensure!(reloaded.contains("\nSENSOR_POLICIES=0\n"), "{reloaded}");
    ensure!(!agent.said().contains(RELOADED));

    // Whether the journal is back in time or not.
    for restart in 2..6 {
        journal.stop()?;
        agent.signal("HUP")?;
        if restart % 2 == 0 {
            journal.start()?;
        } else {
            wait_until("patience is at its end", || {
                agent.said().matches("the journal takes no entries").count() == restart / 2 + 1
            })?;
            journal.start()?;
        }
        wait_until("it is told somewhere", || {
            journal.count(RELOADED) + agent.said().matches(RELOADED).count() >= restart
        })?;
    }
    let told = journal.count(RELOADED) + agent.said().matches(RELOADED).count();
    ensure!(told == 5, "each reload once: {told}");

    // The last words go where somebody hears them.
    wait_until("it is heard", || journal.count("the log goes to the journal again") == 3)?;
    journal.stop()?;
    let outcome = agent.stop("TERM")?;
    ensure!(outcome.code == Some(0), "{outcome:?}");
    ensure!(outcome.stderr.contains("balanced: every datagram"), "{}", outcome.stderr);
    Ok(())
}
