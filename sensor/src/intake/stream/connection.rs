//! One connection: a handshake where there is TLS, then messages, until it ends.

use std::{
    io,
    net::SocketAddr,
    os::fd::AsFd as _,
    time::{Duration, Instant},
};

use sensor_wire::device::state;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    net::TcpStream,
    sync::watch,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::{
    framing::{Front, front},
    service::Service,
};
use crate::{
    clock,
    intake::{report::ConnectionReport, shard::lock, sys},
};

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Room for the longest message and the beginning of the next.
const ROOM: usize = 2 << 16;

/// How long, at the end, is waited for what is under way ...
const LAST: Duration = Duration::from_millis(100);

/// ... and how long at most.
const VERY_LAST: Duration = Duration::from_secs(1);

/// Why a connection ended that its device did not end.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectionError {
    #[error("the TLS handshake failed: {0}")]
    Handshake(io::Error),
    #[error("no first message within {}", humantime::format_duration(*.0))]
    Silent(Duration),
    #[error("no message for {}", humantime::format_duration(*.0))]
    Idle(Duration),
    #[error("it sent something other than an IPFIX message")]
    Foreign,
    #[error("it ended within a message")]
    Cut,
    #[error("{0}")]
    Lost(io::Error),
    #[error("its address is neither in intake.allow nor a [[device]] any more")]
    Refused,
}

impl ConnectionError {
    /// Adds it to the counts of its reason.
    pub(super) fn count(&self, counts: &mut ConnectionReport) {
        let ConnectionReport { broken, refused, .. } = counts;
        *match self {
            Self::Refused => refused,
            Self::Handshake(_) => &mut broken.handshake,
            Self::Silent(_) => &mut broken.silent,
            Self::Idle(_) => &mut broken.idle,
            Self::Foreign => &mut broken.foreign,
            Self::Cut => &mut broken.cut,
            Self::Lost(_) => &mut broken.lost,
        } += 1;
    }
}

/// Takes what `from` sends to listener `index` until it has no more to send, or `stopped` says so.
pub(super) async fn serve(
    stream: TcpStream,
    from: SocketAddr,
    index: usize,
    tls: Option<TlsAcceptor>,
    shared: &Service,
    mut stopped: watch::Receiver<bool>,
) -> Result<(), ConnectionError> {
    let Some(tls) = tls else {
        let waiting = |stream: &TcpStream| sys::waiting(stream.as_fd());
        return read(stream, from, index, shared, stopped, waiting).await;
    };
    let too_late = async {
        // An error means that nobody is there to stop it.
        let _ = stopped.wait_for(|stop| *stop).await;
        tokio::time::sleep(VERY_LAST).await;
    };
    let handshake = tokio::select! {
        handshake = timeout(HANDSHAKE, tls.accept(stream)) => handshake.ok(),
        () = too_late => None,
    };
    let handshake = handshake.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()));
    let stream = handshake.map_err(ConnectionError::Handshake)?;
    let waiting = |stream: &TlsStream<TcpStream>| sys::waiting(stream.get_ref().0.as_fd());
    read(stream, from, index, shared, stopped, waiting).await
}

/// As [`serve`], behind a handshake; `waiting` tells how many octets can be read.
async fn read<S: AsyncRead + Unpin>(
    mut stream: S,
    from: SocketAddr,
    index: usize,
    shared: &Service,
    stopped: watch::Receiver<bool>,
    waiting: impl Fn(&S) -> usize,
) -> Result<(), ConnectionError> {
    let mut octets: Vec<u8> = Vec::new();
    let end = messages(&mut stream, &mut octets, from, index, shared, stopped).await;
    let unread = octets.len() + waiting(&stream);
    shared.count(|counts| counts.unread += unread as u64);
    end
}

async fn messages(
    mut stream: impl AsyncRead + Unpin,
    octets: &mut Vec<u8>,
    from: SocketAddr,
    index: usize,
    shared: &Service,
    mut stopped: watch::Receiver<bool>,
) -> Result<(), ConnectionError> {
    let mut last: Option<Instant> = None;
    // A message has to be whole in time: one octet now and then is no sign of life.
    let mut heard = Instant::now();
    let mut has_spoken = false;
    loop {
        let terms = shared.terms();
        let longest = if has_spoken { terms.idle } else { terms.first };
        // Grows with what is read: most connections never need it all.
        if octets.capacity() - octets.len() < ROOM / 8 {
            octets.reserve(ROOM / 8);
        }
        let patience = match last {
            None => longest.saturating_sub(heard.elapsed()),
            Some(end) => LAST.min(end.saturating_duration_since(Instant::now())),
        };
        let read = tokio::select! {
            _ = stopped.wait_for(|stop| *stop), if last.is_none() => {
                last = Some(Instant::now() + VERY_LAST);
                continue;
            }
            read = timeout(patience, stream.read_buf(octets)) => read,
        };
        match read {
            Err(_) if last.is_some() => return Ok(()),
            Err(_) if has_spoken => return Err(ConnectionError::Idle(longest)),
            Err(_) => return Err(ConnectionError::Silent(longest)),
            Ok(Ok(0)) if octets.is_empty() => return Ok(()),
            Ok(Ok(0)) => return Err(ConnectionError::Cut),
            // Many devices end a TLS connection without saying so; whole messages are whole all the same.
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof && octets.is_empty() => {
                return Ok(());
            }
            Ok(Err(error)) => return Err(ConnectionError::Lost(error)),
            // Whoever was admitted need not be so for ever.
            Ok(Ok(_)) if !shared.terms().rules.allows(state::address(from)) => {
                return Err(ConnectionError::Refused);
            }
            Ok(Ok(_)) => {}
        }
        if take(octets, from, index, shared)? {
            heard = Instant::now();
            has_spoken = true;
        }
    }
}

/// Decodes the whole messages at the front of `octets` and takes them off; true when there was one.
fn take(
    octets: &mut Vec<u8>,
    from: SocketAddr,
    index: usize,
    shared: &Service,
) -> Result<bool, ConnectionError> {
    let mut taken = 0;
    let mut desk = lock(&shared.desk);
    let now = clock::now();
    let end = loop {
        match front(&octets[taken..]) {
            Front::Message(length) => {
                desk.message(index, from, now, &octets[taken..taken + length]);
                taken += length;
            }
            Front::Part => break Ok(taken != 0),
            Front::Foreign => {
                // The ledger says what it was.
                desk.message(index, from, now, &octets[taken..]);
                taken = octets.len();
                break Err(ConnectionError::Foreign);
            }
        }
    };
    desk.hand_on_due(&shared.sink);
    drop(desk);
    octets.drain(..taken);
    end
}
