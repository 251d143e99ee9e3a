//! One session: a connection to a collector, or a file. The ways a message can go, behind one face.

use std::time::Duration;

use futures_util::FutureExt;
use tokio::{
    io::AsyncWriteExt,
    time::{Instant, timeout},
};
use tokio_rustls::client::TlsStream;

use super::{error::ExportError, file::IpfixFile};
use crate::export::{
    files::retention::Deleted,
    net::{
        connect::end_of,
        connection::Connection,
        error::NetError,
        pace::Pace,
        udp::{Change, UdpPath},
    },
};

/// How long a collector may take to close its end once everything has been sent.
const CLOSING: Duration = Duration::from_millis(500);
/// An open session.
pub enum Session {
    /// Datagrams to a collector.
    Udp(Datagrams),
    /// A connection.
    Tcp(Connection),
    /// A connection behind a handshake.
    Tls(Box<TlsStream<Connection>>),
    /// A file.
    File(IpfixFile),
}

/// The way to a collector and what was sent on it.
pub struct Datagrams {
    path: UdpPath,
    pace: Pace,
    /// Octets of all of them.
    written: u64,
    /// Octets of the last one.
    last: u64,
}

impl Datagrams {
    /// Nothing sent yet on `path`.
    pub fn new(path: UdpPath) -> Self {
        Self { path, pace: Pace::default(), written: 0, last: 0 }
    }

    async fn send(&mut self, message: &[u8]) -> Result<(), ExportError> {
        self.pace.turn().await;
        self.path.socket().send(message).await.map_err(NetError::of_datagram)?;
        self.last = message.len() as u64;
        self.written += self.last;
        Ok(())
    }
}

impl Session {
    /// Sends `message` whole. After an error the session is of no more use.
    pub async fn send(&mut self, message: &[u8]) -> Result<(), ExportError> {
        match self {
            Self::Udp(datagrams) => datagrams.send(message).await?,
            Self::Tcp(stream) => stream.write_all(message).await.map_err(NetError::Send)?,
            Self::Tls(stream) => {
                stream.write_all(message).await.map_err(NetError::Send)?;
                stream.flush().await.map_err(NetError::Send)?;
            }
            Self::File(file) => {
                // Writing to a file never waits here, but the deadline of the stop must get its turn.
                tokio::task::coop::consume_budget().await;
                file.write(message)?;
            }
        }
        Ok(())
    }

    /// Returns when the other end is gone, and why. What it says meanwhile is thrown away: IPFIX has no replies.
    pub async fn lost(&mut self) -> ExportError {
        match self {
            Self::Udp(datagrams) => loop {
                if let Err(error) = datagrams.path.socket().recv(&mut [0; 1]).await {
                    return NetError::of_datagram(error).into();
                }
            },
            Self::Tcp(stream) => end_of(stream).await.into(),
            Self::Tls(stream) => end_of(stream).await.into(),
            Self::File(_) => std::future::pending().await,
        }
    }

    /// An error if the other end is known to be gone, without waiting.
    pub fn check(&mut self) -> Result<(), ExportError> {
        if let Self::Udp(datagrams) = self {
            return match datagrams.path.socket().take_error() {
                Ok(Some(error)) | Err(error) => Err(NetError::of_datagram(error).into()),
                Ok(None) => Ok(()),
            };
        }
        self.lost().now_or_never().map_or(Ok(()), Err)
    }

    /// Files that were deleted to make room for this one.
    pub fn take_deleted(&mut self) -> Deleted {
        match self {
            Self::File(file) => file.take_deleted(),
            _ => Deleted::default(),
        }
    }

    /// Looks whether datagrams should go another way by now, where it is time for that.
    pub fn look(&mut self) -> Result<Option<Change>, ExportError> {
        match self {
            Self::Udp(datagrams) => Ok(datagrams.path.look(Instant::now())?),
            _ => Ok(None),
        }
    }

    /// When it is time for [`Self::look`]; None for never.
    pub fn look_at(&self) -> Option<Instant> {
        match self {
            Self::Udp(datagrams) => Some(datagrams.path.look_at()),
            _ => None,
        }
    }

    /// Octets written so far, headers of the transport's own not counted, framing by TLS counted.
    pub fn written(&self) -> u64 {
        match self {
            Self::Udp(datagrams) => datagrams.written,
            Self::Tcp(stream) => stream.written(),
            Self::Tls(stream) => stream.get_ref().0.written(),
            Self::File(file) => file.octets(),
        }
    }

    /// How many of these are known to have arrived or can no longer be told to be lost. Of datagrams, the last one
    /// may yet be refused.
    pub fn arrived(&self) -> u64 {
        match self {
            Self::Udp(datagrams) => datagrams.written - datagrams.last,
            Self::Tcp(stream) => stream.acknowledged(),
            Self::Tls(stream) => stream.get_ref().0.acknowledged(),
            Self::File(file) => file.octets(),
        }
    }

    /// When this session should end and another follow, in milliseconds since the epoch; None for never.
    pub fn ends_at(&self) -> Option<u64> {
        match self {
            Self::File(file) => Some(file.ends_at()),
            _ => None,
        }
    }

    /// True once another session should follow this one.
    pub fn is_complete(&self, now: u64) -> bool {
        match self {
            Self::File(file) => file.is_complete(now),
            _ => false,
        }
    }

    /// Ends the session in order.
    pub async fn close(&mut self) -> Result<(), ExportError> {
        let lost = match self {
            Self::Udp(_) => return self.check(),
            Self::File(file) => return file.complete(),
            Self::Tcp(stream) => {
                stream.shutdown().await.map_err(NetError::Send)?;
                timeout(CLOSING, end_of(stream)).await
            }
            Self::Tls(stream) => {
                stream.shutdown().await.map_err(NetError::Send)?;
                timeout(CLOSING, end_of(stream)).await
            }
        };
        // A reset while we wait for the other end means that it threw away what it had not read yet.
        match lost {
            Ok(error @ NetError::Lost(_)) => Err(error.into()),
            _ => Ok(()),
        }
    }
}
