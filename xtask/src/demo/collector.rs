//! nfcapd behind the sensor, and what nfdump reads back from its files.

use std::{
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::{Guard, Network};
use crate::process;

/// Port of IPFIX (RFC 7011 section 10.3.4), where `site/sensor.toml` sends to; the namespace is ours, so it is free.
const PORT: u16 = 4739;

/// A running nfcapd with a directory of its own.
pub struct Collector {
    nfcapd: Guard,
    directory: TempDir,
}

impl Collector {
    /// Starts nfcapd in the near namespace and waits until it listens.
    ///
    /// # Errors
    /// When it does not start or does not come to listen.
    pub fn start(network: &Network) -> Result<Self> {
        let directory = tempfile::tempdir().context("make a directory for nfcapd")?;
        let mut command = network.near(Path::new("nfcapd"));
        command
            .args(["-b", "127.0.0.1", "-p", &PORT.to_string(), "-w"])
            .arg(directory.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut nfcapd = Guard::start(&mut command)?;
        let deadline = Instant::now() + Duration::from_secs(5);
        while !listens(network)? {
            if let Some(status) = nfcapd.0.try_wait()? {
                bail!("nfcapd ended at once: {status}");
            }
            if Instant::now() > deadline {
                bail!("nfcapd does not listen on UDP port {PORT} after 5 s");
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(Self { nfcapd, directory })
    }

    /// Stops nfcapd, which writes its last file then, and returns nfdump's account of all files.
    ///
    /// # Errors
    /// When nfdump cannot read them.
    pub fn finish(mut self) -> Result<String> {
        self.nfcapd.stop().context("stop nfcapd")?;
        let account = process::capture(
            Command::new("nfdump").arg("-R").arg(self.directory.path()).arg("-I"),
        )?;
        Ok(selected(&account))
    }
}

/// Whether something in the namespace is bound to [`PORT`].
fn listens(network: &Network) -> Result<bool> {
    let sockets = process::capture(network.near(Path::new("cat")).arg("/proc/net/udp"))?;
    let port = format!(":{PORT:04X} ");
    Ok(sockets.lines().any(|line| line.split_once(": ").is_some_and(|(_, s)| s.contains(&port))))
}

/// The lines of nfdump's statistics that the demonstration is about.
fn selected(account: &str) -> String {
    const KEPT: [&str; 4] = ["Flows", "Packets", "Bytes", "Sequence failures"];
    let kept = account.lines().filter_map(|line| {
        let (name, value) = line.split_once(": ")?;
        KEPT.iter()
            .any(|kept| name.starts_with(kept))
            .then(|| format!("  {name:<20} {value:>14}\n"))
    });
    kept.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_and_sequence_failures_are_kept() {
        let account = "Ident: none\nFlows: 12\nFlows_tcp: 8\nPackets: 300\nBytes: 4000\n\
                       First: 1700000000\nSequence failures: 0\n";
        let selected = selected(account);
        assert_eq!(selected.lines().count(), 5);
        assert!(selected.contains("Packets") && selected.contains("300"));
        assert!(!selected.contains("First"));
    }
}
