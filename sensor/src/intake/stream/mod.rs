//! IPFIX over TCP and TLS: one thread for all connections, with a decoder of its own.
//!
//! A connection is a transport session (RFC 7011 section 10.4): its templates end with it.

mod connection;
mod framing;
mod service;
mod slots;
mod tls;

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::Duration,
};

use sensor_wire::device::state;
use socket2::{Domain, SockAddr, SockRef, Socket, TcpKeepalive, Type};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

pub(super) use self::service::Service;
use self::slots::{Full, Slots};
use super::{
    error::IntakeError,
    options::{Listener, Options, Tls, Transport},
    shard::{SharedDecoder, Sink, lock},
    thread::thread,
};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 128;

/// How often it is looked whether batches have waited long enough.
const TICK: Duration = Duration::from_millis(250);

/// How long accepting rests when the system has no descriptor left.
const REST: Duration = Duration::from_millis(100);

/// Idle connections are asked for a sign of life after this time.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Reads the files that `tls` names.
pub(super) fn check_tls(tls: &Tls) -> Result<(), IntakeError> {
    tls::acceptor(tls).map(drop)
}

/// Listening sockets.
pub(super) struct Listeners(Vec<Open>);

struct Open {
    /// Place among all listeners.
    index: usize,
    name: String,
    socket: Socket,
    tls: Option<TlsAcceptor>,
}

impl Listeners {
    /// Opens those of `listeners` that are for streams; none when there are none.
    pub(super) fn open(listeners: &[Listener]) -> Result<Option<Self>, IntakeError> {
        let mut all = Vec::new();
        for (index, listener) in listeners.iter().enumerate() {
            let tls = match &listener.transport {
                Transport::Udp => continue,
                Transport::Tcp => None,
                Transport::Tls(tls) => Some(tls::acceptor(tls)?),
            };
            let name = listener.name.clone();
            let failed = |source| IntakeError::Listen { listener: name.clone(), source };
            let has_v4 = |other: &Listener| {
                let port = listener.address.port();
                other.transport != Transport::Udp
                    && other.address.is_ipv4()
                    && other.address.port() == port
            };
            let only_v6 = listeners.iter().any(has_v4);
            let socket = listening(listener.address, only_v6).map_err(failed)?;
            all.push(Open { index, name, socket, tls });
        }
        Ok((!all.is_empty()).then_some(Self(all)))
    }
}

/// A listening socket at `address`; an IPv6 one with `only_v6` leaves IPv4 to another.
fn listening(address: SocketAddr, only_v6: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(only_v6)?;
    }
    socket.bind(&SockAddr::from(address))?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// The thread of all connections.
pub(super) struct Streams {
    shared: Arc<Service>,
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl Streams {
    /// Starts to accept connections.
    pub(super) fn start(
        listeners: Listeners,
        desk: SharedDecoder,
        options: &Options,
        sink: Sink,
    ) -> Result<Self, IntakeError> {
        let shared = Arc::new(Service {
            desk,
            rules: options.rules.clone(),
            sink,
            idle: options.idle_timeout,
            first: options.first_message_timeout.min(options.idle_timeout),
            names: listeners.0.iter().map(|open| (open.index, open.name.clone())).collect(),
            slots: Slots::new(options.max_connections, options.max_connections_per_address),
            counts: Mutex::default(),
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|source| IntakeError::Thread { source })?;
        let mut sockets = Vec::new();
        for open in listeners.0 {
            let _inside = runtime.enter();
            let failed = |source| IntakeError::Listen { listener: open.name.clone(), source };
            let socket = TcpListener::from_std(open.socket.into()).map_err(failed)?;
            sockets.push((socket, open.index, open.tls));
        }
        let (stop, stopped) = watch::channel(false);
        let work = {
            let shared = shared.clone();
            move || runtime.block_on(serve(sockets, shared, stopped))
        };
        Ok(Self { shared, stop, thread: thread("intake-streams", work)? })
    }

    pub(super) fn shared(&self) -> Arc<Service> {
        self.shared.clone()
    }

    pub(super) fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Reads what has arrived, and ends.
    pub(super) fn stop(self) {
        self.stop.send_replace(true);
        let _ = self.thread.join();
    }
}

type Acceptor = (TcpListener, usize, Option<TlsAcceptor>);

async fn serve(sockets: Vec<Acceptor>, shared: Arc<Service>, mut stopped: watch::Receiver<bool>) {
    let mut listening = JoinSet::new();
    for (socket, index, tls) in sockets {
        listening.spawn(accept(socket, index, tls, shared.clone(), stopped.clone()));
    }
    let mut tick = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => break,
            _ = tick.tick() => lock(&shared.desk).hand_on_due(&shared.sink),
        }
    }
    while listening.join_next().await.is_some() {}
    lock(&shared.desk).hand_on_all(&shared.sink);
}

/// Accepts connections until told to stop, those that wait by then included, and then waits for theirs to end.
async fn accept(
    socket: TcpListener,
    index: usize,
    tls: Option<TlsAcceptor>,
    shared: Arc<Service>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => break,
            // What has ended is not kept.
            Some(_) = connections.join_next() => continue,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((stream, from)) => {
                take(&mut connections, stream, from, (index, &tls), &shared, &stopped);
            }
            Err(error) => {
                tracing::warn!("cannot accept a connection: {error}");
                tokio::time::sleep(REST).await;
            }
        }
    }
    // Whoever has connected before the stop is heard.
    for _ in 0..BACKLOG {
        let Ok(Ok((stream, from))) = timeout(Duration::ZERO, socket.accept()).await else { break };
        take(&mut connections, stream, from, (index, &tls), &shared, &stopped);
    }
    drop(socket);
    while connections.join_next().await.is_some() {}
}

/// Serves a connection, if there is room for it and its sender is listened to.
fn take(
    connections: &mut JoinSet<()>,
    stream: TcpStream,
    from: SocketAddr,
    (index, tls): (usize, &Option<TlsAcceptor>),
    shared: &Arc<Service>,
    stopped: &watch::Receiver<bool>,
) {
    let address = state::address(from);
    if !shared.rules.allows(address) {
        shared.count(|counts| counts.refused += 1);
        shared.warn(
            from,
            "refused a connection: its address is neither in intake.allow nor a [[device]]",
        );
        return;
    }
    let slot = match Slots::take(&shared.slots, address) {
        Ok(slot) => slot,
        Err(Full::All) => {
            shared.count(|counts| counts.too_many += 1);
            shared.warn(from, "refused a connection: intake.max_connections reached");
            return;
        }
        Err(Full::OfOne) => {
            shared.count(|counts| counts.too_many_of_one += 1);
            shared.warn(from, "refused a connection: intake.max_connections_per_address reached");
            return;
        }
    };
    // Only found out by those who never speak again.
    let _ = SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE));
    shared.count(|counts| counts.accepted += 1);
    let (shared, tls, stopped) = (shared.clone(), tls.clone(), stopped.clone());
    connections.spawn(async move {
        let end = connection::serve(stream, from, index, tls, &shared, stopped).await;
        lock(&shared.desk).decoder.end_stream(from);
        drop(slot);
        if let Err(error) = end {
            shared.count(|counts| error.count(&mut counts.broken));
            shared.warn(from, &format!("the connection has ended: {error}"));
        }
    });
}
