//! The system's journal: a datagram a hit (systemd, Native Journal Protocol).

use std::{io::ErrorKind, path::PathBuf};

use tokio::net::UnixDatagram;

use super::outcome::{Failure, Message, Verdict};

/// The way to the journal.
pub struct Journal {
    path: PathBuf,
    socket: Option<UnixDatagram>,
}

impl Journal {
    /// To the socket at `path`, which need not be there yet.
    pub fn new(path: PathBuf) -> Self {
        Self { path, socket: None }
    }

    /// Sends the batch.
    pub async fn deliver(&mut self, batch: &[Message]) -> Result<usize, Failure> {
        let mut octets = 0;
        for (delivered, message) in batch.iter().enumerate() {
            octets += self.send(message).await.map_err(|error| {
                self.socket = None;
                let path = self.path.display();
                let mut failure = Failure::retry(delivered, &format!("{path}: {error}"));
                if error.raw_os_error() == Some(libc::EMSGSIZE)
                    || error.kind() == ErrorKind::InvalidInput
                {
                    failure.verdict = Verdict::Refused;
                }
                failure
            })?;
        }
        Ok(octets)
    }

    async fn send(&mut self, message: &[u8]) -> std::io::Result<usize> {
        let socket = match &self.socket {
            Some(socket) => socket,
            None => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(&self.path)?;
                self.socket.insert(socket)
            }
        };
        socket.send(message).await
    }
}
