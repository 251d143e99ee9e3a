//! Syslog over UDP (RFC 5426), TCP (RFC 6587) and TLS (RFC 5425).
//!
//! Over TCP and TLS a batch counts as delivered when the other end's kernel has acknowledged it; what it has not is sent
//! again over the next connection, so that the receiver may see it twice, but does not miss it.

use std::{io, time::Duration};

use futures_util::FutureExt as _;
use tokio::{
    io::AsyncWriteExt,
    time::{Instant, sleep, timeout},
};
use tokio_rustls::client::TlsStream;

use super::outcome::{Failure, Message};
use crate::export::{
    hits::{
        options::{SyslogOptions, SyslogTransport},
        render::syslog::frame,
    },
    net::{
        connect::{PROBATION, Peer, end_of},
        connection::Connection,
        error::NetError,
        pace::Pace,
        tls::TlsClient,
        udp::UdpPath,
    },
};

/// Between two looks at what has been acknowledged: at first, and at most.
const FIRST_LOOK: Duration = Duration::from_millis(1);
const LONGEST_LOOK: Duration = Duration::from_millis(50);

/// How long the other end may take to close.
const CLOSING: Duration = Duration::from_millis(500);

/// The way to a receiver.
pub struct Syslog {
    peer: Peer,
    transport: Transport,
}

enum Transport {
    Udp(Datagrams),
    Stream { tls: Option<TlsClient>, stream: Option<Stream>, frames: Vec<u8> },
}

enum Stream {
    Tcp(Connection),
    Tls(Box<TlsStream<Connection>>),
}

#[derive(Default)]
struct Datagrams {
    path: Option<UdpPath>,
    attempts: usize,
    pace: Pace,
    /// The last one sent: it may yet be refused.
    unsure: Option<Message>,
}

impl Syslog {
    /// Reads the certificates.
    pub fn new(options: SyslogOptions) -> Result<Self, NetError> {
        let tls = match &options.transport {
            SyslogTransport::Udp => {
                let transport = Transport::Udp(Datagrams::default());
                return Ok(Self { peer: options.peer, transport });
            }
            SyslogTransport::Tcp => None,
            SyslogTransport::Tls(tls) => Some(TlsClient::new(tls, &options.peer.host)?),
        };
        let transport = Transport::Stream { tls, stream: None, frames: Vec::new() };
        Ok(Self { peer: options.peer, transport })
    }

    /// Sends the batch.
    pub async fn deliver(&mut self, batch: &[Message]) -> Result<usize, Failure> {
        match &mut self.transport {
            Transport::Udp(datagrams) => datagrams.deliver(&self.peer, batch).await,
            Transport::Stream { tls, stream, frames } => {
                frames.clear();
                for message in batch {
                    frame(frames, message);
                }
                let delivered = send(stream, &self.peer, tls.as_ref(), frames).await;
                delivered.map(|()| frames.len()).map_err(|error| {
                    *stream = None;
                    Failure::retry(0, &error)
                })
            }
        }
    }

    /// Says good-bye, so that the other end reads to the end.
    pub async fn close(&mut self) {
        let Transport::Stream { stream: Some(stream), .. } = &mut self.transport else { return };
        // All is acknowledged; what else may fail here concerns nobody.
        let _ = match stream {
            Stream::Tcp(stream) => stream.shutdown().await,
            Stream::Tls(stream) => stream.shutdown().await,
        };
        let _ = timeout(CLOSING, stream.end()).await;
    }
}

impl Datagrams {
    async fn deliver(&mut self, peer: &Peer, batch: &[Message]) -> Result<usize, Failure> {
        let mut octets = 0;
        for (delivered, message) in batch.iter().enumerate() {
            self.send(peer, message).await.map_err(|error| {
                self.path = None;
                Failure::retry(delivered, &error)
            })?;
            octets += message.len();
        }
        Ok(octets)
    }

    async fn send(&mut self, peer: &Peer, message: &[u8]) -> Result<(), NetError> {
        self.pace.turn().await;
        if let Some(path) = &mut self.path
            && let Some(change) = path.look(Instant::now())?
        {
            tracing::info!(output = %format_args!("syslog+udp://{peer}"), "{change}");
            self.path = None;
            self.unsure = None;
            self.attempts = self.attempts.saturating_sub(1);
        }
        let socket = match &self.path {
            Some(path) => {
                if let Ok(Some(error)) | Err(error) = path.socket().take_error() {
                    return Err(NetError::of_datagram(error));
                }
                path.socket()
            }
            None => {
                let path = UdpPath::open(peer, self.attempts).await?;
                let socket = path.socket();
                self.attempts += 1;
                // The first datagram tells whether somebody is there: the one that was refused, or this one.
                let first = self.unsure.as_deref().unwrap_or(message);
                socket.send(first).await.map_err(NetError::of_datagram)?;
                if let Ok(Err(error)) = timeout(PROBATION, socket.recv(&mut [0; 1])).await {
                    return Err(NetError::of_datagram(error));
                }
                let was_this = self.unsure.replace(message.to_vec()).is_none();
                let path = self.path.insert(path);
                if was_this {
                    return Ok(());
                }
                path.socket()
            }
        };
        socket.send(message).await.map_err(NetError::of_datagram)?;
        self.unsure = Some(message.to_vec());
        Ok(())
    }
}

/// Sends `frames` and waits until they have arrived.
async fn send(
    stream: &mut Option<Stream>,
    peer: &Peer,
    tls: Option<&TlsClient>,
    frames: &[u8],
) -> Result<(), NetError> {
    // A receiver that was started anew has closed the connection; that is no outage.
    if stream.as_mut().is_some_and(|stream| stream.end().now_or_never().is_some()) {
        *stream = None;
    }
    let stream = match stream {
        Some(stream) => stream,
        none => none.insert(match tls {
            Some(client) => Stream::Tls(Box::new(peer.tls(client).await?)),
            None => Stream::Tcp(peer.tcp().await?.0),
        }),
    };
    stream.write(frames).await.map_err(NetError::Send)?;
    let mut look = FIRST_LOOK;
    while !stream.has_arrived() {
        tokio::select! {
            error = stream.end() => return Err(error),
            () = sleep(look) => {}
        }
        look = (look * 2).min(LONGEST_LOOK);
    }
    Ok(())
}

impl Stream {
    async fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.write_all(octets).await,
            Self::Tls(stream) => {
                stream.write_all(octets).await?;
                stream.flush().await
            }
        }
    }

    /// Returns when the other end is gone, and why. Syslog has no replies.
    async fn end(&mut self) -> NetError {
        match self {
            Self::Tcp(stream) => end_of(stream).await,
            Self::Tls(stream) => end_of(stream.as_mut()).await,
        }
    }

    fn has_arrived(&self) -> bool {
        let connection = match self {
            Self::Tcp(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        };
        connection.acknowledged() >= connection.written()
    }
}
