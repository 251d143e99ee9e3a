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
    sync::{Arc, Mutex, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use sensor_core::sync::Unpoisoned as _;
use sensor_wire::device::state;
use socket2::{Domain, SockAddr, SockRef, Socket, TcpKeepalive, Type};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Handle,
    sync::{
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
        watch,
    },
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

pub(super) use self::service::{Service, Terms};
use self::slots::{Full, Slots};
use super::{
    error::IntakeError,
    options::{Listener, Tls, Transport},
    shard::lock,
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

/// A listening socket that accepts nothing yet.
pub(super) struct Open {
    name: String,
    socket: Socket,
    tls: Option<TlsAcceptor>,
}

impl Open {
    /// Listens at the address of `listener`. An IPv6 one with `only_v6` leaves IPv4 to another; with `shared`, one that is about to
    /// end may have the address, or a part of it.
    pub(super) fn at(
        listener: &Listener,
        only_v6: bool,
        shared: bool,
    ) -> Result<Self, IntakeError> {
        let (name, tls) = (listener.name.clone(), acceptor(listener)?);
        let failed = |source| IntakeError::Listen { listener: name.clone(), source };
        let socket = listening(listener.address, only_v6, shared).map_err(failed)?;
        Ok(Self { name, socket, tls })
    }
}

/// How connections to `listener` are accepted where they are inside TLS; its files are read.
pub(super) fn acceptor(listener: &Listener) -> Result<Option<TlsAcceptor>, IntakeError> {
    match &listener.transport {
        Transport::Udp | Transport::Tcp => Ok(None),
        Transport::Tls(tls) => tls::acceptor(tls).map(Some),
    }
}

/// Binds a socket as [`Open::at`] would, and closes it before anybody could connect.
pub(super) fn trial(listener: &Listener, only_v6: bool) -> io::Result<()> {
    bound(listener.address, only_v6, false).map(drop)
}

/// A listening socket at `address`.
fn listening(address: SocketAddr, only_v6: bool, shared: bool) -> io::Result<Socket> {
    let socket = bound(address, only_v6, shared)?;
    socket.listen(BACKLOG)?;
    socket.set_reuse_port(false)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn bound(address: SocketAddr, only_v6: bool, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(only_v6)?;
    }
    // Two that listen may only have an address in common if both say so, and both are of one user.
    socket.set_reuse_port(shared)?;
    socket.bind(&SockAddr::from(address))?;
    Ok(socket)
}

/// A listener at work.
pub(super) struct Accepting {
    /// The socket once more, for its options.
    socket: Socket,
    greeting: Arc<Greeting>,
    stop: watch::Sender<bool>,
    closed: mpsc::Receiver<()>,
}

/// What becomes of connections that are accepted.
struct Greeting(Mutex<(usize, Option<TlsAcceptor>)>);

impl Greeting {
    fn get(&self) -> (usize, Option<TlsAcceptor>) {
        self.0.lock().unpoisoned().clone()
    }
}

impl Accepting {
    /// Connections that come from now on are of listener `number`, inside TLS where `tls` says so.
    pub(super) fn change(&self, number: usize, tls: Option<TlsAcceptor>) {
        *self.greeting.0.lock().unpoisoned() = (number, tls);
    }

    /// Lets another of this process, which lets it as well, listen at its address or a part of it: for the moment in which
    /// one takes its place.
    pub(super) fn share_address(&self, share: bool) -> io::Result<()> {
        self.socket.set_reuse_port(share)
    }

    /// Accepts no more, and has the connections that there are end with what has been sent; returns when the socket is closed.
    pub(super) fn end(self, patience: Duration) {
        let Self { socket, stop, closed, .. } = self;
        drop(socket);
        stop.send_replace(true);
        // Either way it is closed, or is about to be.
        let _ = closed.recv_timeout(patience);
    }
}

/// The thread of all connections.
pub(super) struct Streams {
    shared: Arc<Service>,
    runtime: Handle,
    /// Asks the thread to accept at one more socket.
    add: UnboundedSender<Acceptor>,
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl Streams {
    /// Starts the thread, which begins with `first` and waits for listeners.
    pub(super) fn start(shared: Arc<Service>, first: fn()) -> Result<Self, IntakeError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|source| IntakeError::Thread { source })?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = watch::channel(false);
        let (add, added) = unbounded_channel();
        let work = {
            let shared = shared.clone();
            move || runtime.block_on(serve(added, shared, stopped))
        };
        Ok(Self {
            shared,
            runtime: handle,
            add,
            stop,
            thread: thread("intake-streams", first, work)?,
        })
    }

    /// Hands `open` to the thread: nothing is accepted before [`Self::accept`].
    pub(super) fn prepare(&self, open: Open) -> Result<Ready, IntakeError> {
        let Open { name, socket, tls } = open;
        let _inside = self.runtime.enter();
        let failed = |source| IntakeError::Listen { listener: name.clone(), source };
        let again = socket.try_clone().map_err(failed)?;
        let listener = TcpListener::from_std(socket.into()).map_err(failed)?;
        Ok(Ready { socket: again, listener, tls })
    }

    /// Accepts connections from now on, as those of listener `number`.
    pub(super) fn accept(&self, ready: Ready, number: usize) -> Accepting {
        let Ready { socket, listener, tls } = ready;
        let greeting = Arc::new(Greeting(Mutex::new((number, tls))));
        let (stop, stopped) = watch::channel(false);
        let (is_closed, closed) = mpsc::channel();
        let acceptor = Acceptor { listener, greeting: greeting.clone(), stopped, is_closed };
        // A thread that has ended is told of elsewhere.
        let _ = self.add.send(acceptor);
        Accepting { socket, greeting, stop, closed }
    }

    pub(super) fn shared(&self) -> &Arc<Service> {
        &self.shared
    }

    pub(super) fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Reads what has arrived at `listeners`, and ends.
    pub(super) fn stop(self, listeners: impl IntoIterator<Item = Accepting>) {
        for Accepting { socket, stop, .. } in listeners {
            drop(socket);
            stop.send_replace(true);
        }
        self.stop.send_replace(true);
        let _ = self.thread.join();
    }
}

/// A socket at which nothing is accepted yet.
pub(super) struct Ready {
    socket: Socket,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
}

/// A socket at which connections are accepted.
struct Acceptor {
    listener: TcpListener,
    greeting: Arc<Greeting>,
    stopped: watch::Receiver<bool>,
    /// Dropped with the socket.
    is_closed: mpsc::Sender<()>,
}

async fn serve(
    mut added: UnboundedReceiver<Acceptor>,
    shared: Arc<Service>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut listening = JoinSet::new();
    let mut tick = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            // What was added before the stop is stopped as well, and so not forgotten.
            biased;
            Some(acceptor) = added.recv() => {
                listening.spawn(accept(acceptor, shared.clone()));
            }
            _ = stopped.wait_for(|stop| *stop) => break,
            // What has ended is not kept.
            Some(_) = listening.join_next() => {}
            _ = tick.tick() => lock(&shared.desk).hand_on_due(&shared.sink),
        }
    }
    while listening.join_next().await.is_some() {}
    lock(&shared.desk).hand_on_all(&shared.sink);
}

/// Accepts connections until told to stop, those that wait by then included, and then waits for theirs to end.
async fn accept(acceptor: Acceptor, shared: Arc<Service>) {
    let Acceptor { listener: socket, greeting, mut stopped, is_closed } = acceptor;
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
                take(&mut connections, stream, from, greeting.get(), &shared, &stopped);
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
        take(&mut connections, stream, from, greeting.get(), &shared, &stopped);
    }
    drop(socket);
    drop(is_closed);
    while connections.join_next().await.is_some() {}
}

/// Serves a connection, if there is room for it and its sender is listened to.
fn take(
    connections: &mut JoinSet<()>,
    stream: TcpStream,
    from: SocketAddr,
    (index, tls): (usize, Option<TlsAcceptor>),
    shared: &Arc<Service>,
    stopped: &watch::Receiver<bool>,
) {
    let address = state::address(from);
    if !shared.terms().rules.allows(address) {
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
    let (shared, stopped) = (shared.clone(), stopped.clone());
    connections.spawn(async move {
        let end = connection::serve(stream, from, index, tls, &shared, stopped).await;
        lock(&shared.desk).decoder.end_stream(from);
        drop(slot);
        if let Err(error) = end {
            shared.count(|counts| error.count(counts));
            shared.warn(from, &format!("the connection has ended: {error}"));
        }
    });
}
