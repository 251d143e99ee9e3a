//! Which sockets stay, come and go when other listeners are configured.
//!
//! A socket stays for a listener at the same address, whatever the new one is called and whoever certifies it: what waits
//! in it, and connections that came by it, are not touched. Addresses that overlap with one that goes (`0.0.0.0` and `127.0.0.1`)
//! are bound while the old one still receives, so that either all new ones are there, or nothing has changed.

use std::{mem, sync::Arc, time::Duration};

use tokio_rustls::TlsAcceptor;

use super::{
    error::IntakeError,
    options::{Listener, Options},
    parts::Parts,
    socket::{self, Binding, Port},
    stream::{self, Accepting, Open, Ready, Streams},
};

/// How long is waited for the sockets that go to be empty and closed.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two looks at that.
const LOOK: Duration = Duration::from_millis(2);

/// All sockets, by listener.
#[derive(Default)]
pub(super) struct Sockets(Vec<Socket>);

/// A listener that there is.
struct Socket {
    listener: Listener,
    only_v6: bool,
    number: usize,
    at: At,
}

/// Where it is served.
enum At {
    /// A socket of each worker.
    Workers(Vec<Arc<Port>>),
    /// The thread of connections.
    Streams(Accepting),
}

/// The sockets of other options, ready to take over.
pub(super) struct Planned(Vec<Plan>);

struct Plan {
    listener: Listener,
    only_v6: bool,
    from: From,
}

enum From {
    /// The one at this place goes on; how connections are accepted is read anew.
    Kept(usize, Option<TlsAcceptor>),
    Opened(Vec<Arc<Port>>),
    Ready(Ready),
}

/// Names of the listeners that have come and gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Those that have come.
    pub opened: Vec<String>,
    /// Those that have gone.
    pub closed: Vec<String>,
}

impl Socket {
    /// Whether it is good for `listener`.
    fn serves(&self, listener: &Listener, only_v6: bool) -> bool {
        self.listener.address == listener.address
            && self.listener.is_stream() == listener.is_stream()
            && self.only_v6 == only_v6
    }

    /// Whether their addresses may have something in common.
    fn overlaps(&self, listener: &Listener) -> bool {
        self.listener.address.port() == listener.address.port()
            && self.listener.is_stream() == listener.is_stream()
    }

    fn share_address(&self, share: bool) -> Result<(), IntakeError> {
        let shared = match &self.at {
            At::Workers(ports) => ports.iter().try_for_each(|port| port.share_address(share)),
            At::Streams(accepting) => accepting.share_address(share),
        };
        let failed = |source| IntakeError::Listen { listener: self.listener.name.clone(), source };
        shared.map_err(failed)
    }
}

impl Sockets {
    /// Opens what `options` ask for beyond what there is. Nothing has changed so far.
    pub(super) fn plan(
        &self,
        options: &Options,
        workers: usize,
        streams: Option<&Streams>,
    ) -> Result<Planned, IntakeError> {
        let all = &options.listeners;
        let mut plans: Vec<Plan> = Vec::with_capacity(all.len());
        let mut stays = vec![false; self.0.len()];
        let mut new = Vec::new();
        for listener in all {
            let only_v6 = listener.address.is_ipv6() && leaves_v4(listener, all);
            match self.0.iter().position(|socket| socket.serves(listener, only_v6)) {
                Some(place) => {
                    stays[place] = true;
                    let from = From::Kept(place, stream::acceptor(listener)?);
                    plans.push(Plan { listener: listener.clone(), only_v6, from });
                }
                None => new.push((listener, only_v6)),
            }
        }
        let going: Vec<&Socket> = self
            .0
            .iter()
            .zip(&stays)
            .filter(|(_, stays)| !**stays)
            .map(|(socket, _)| socket)
            .collect();
        let overlapping = |listener: &Listener| -> Vec<&Socket> {
            going.iter().filter(|socket| socket.overlaps(listener)).copied().collect()
        };
        // Those last that take datagrams from one that goes as soon as they are there.
        new.sort_by_key(|(listener, _)| !overlapping(listener).is_empty());
        for (listener, only_v6) in new {
            let beside = overlapping(listener);
            beside.iter().try_for_each(|socket| socket.share_address(true))?;
            let shared = !beside.is_empty();
            let opened = if listener.is_stream() {
                Open::at(listener, only_v6, shared).map(Opened::Stream)
            } else {
                let buffer = options.receive_buffer;
                let binding = Binding { workers, buffer, only_v6, shared };
                socket::open(listener, binding).map(Opened::Ports)
            };
            beside.iter().try_for_each(|socket| socket.share_address(false))?;
            let from = match (opened?, streams) {
                (Opened::Ports(ports), _) => From::Opened(ports),
                (Opened::Stream(open), Some(streams)) => From::Ready(streams.prepare(open)?),
                // The thread is there before the first listener is.
                (Opened::Stream(_), None) => continue,
            };
            plans.push(Plan { listener: listener.clone(), only_v6, from });
        }
        Ok(Planned(plans))
    }

    /// Goes on with the sockets of `planned`: those that go are emptied, closed, and remembered in `parts`.
    pub(super) fn change(
        &mut self,
        planned: Planned,
        buffer: Option<usize>,
        parts: &Parts,
        streams: Option<&Streams>,
    ) -> Changed {
        let mut changed = Changed::default();
        let mut old: Vec<Option<Socket>> = mem::take(&mut self.0).into_iter().map(Some).collect();
        let mut kept: Vec<(Plan, Socket)> = Vec::new();
        let mut new = Vec::new();
        for plan in planned.0 {
            match &plan.from {
                From::Kept(place, _) => {
                    kept.extend(old[*place].take().map(|socket| (plan, socket)));
                }
                From::Opened(_) | From::Ready(_) => new.push(plan),
            }
        }
        let going: Vec<Socket> = old.into_iter().flatten().collect();
        // First who has gone: who comes may have the number of one of them.
        going.iter().for_each(|socket| parts.close(socket.number));
        let others =
            kept.iter().filter(|(plan, socket)| plan.listener.name != socket.listener.name);
        others.for_each(|(_, socket)| parts.close(socket.number));
        for (Plan { listener, only_v6, from }, Socket { listener: before, at, .. }) in kept {
            let number = parts.number(&listener.name);
            match (&at, from) {
                (At::Workers(ports), _) => {
                    for port in ports {
                        if listener.name != before.name {
                            parts.rename(port, number);
                        }
                        buffer.into_iter().for_each(|octets| port.set_buffer(octets));
                    }
                }
                (At::Streams(accepting), From::Kept(_, tls)) => accepting.change(number, tls),
                (At::Streams(_), _) => {}
            }
            if listener.name != before.name {
                changed.closed.push(before.name);
                changed.opened.push(listener.name.clone());
            }
            self.0.push(Socket { listener, only_v6, number, at });
        }
        // What they have waiting is older than what comes to the new ones, and is decoded before it.
        changed.closed.extend(going.iter().map(|socket| socket.listener.name.clone()));
        let leaving = Leaving::new(going);
        for Plan { listener, only_v6, from } in new {
            let number = parts.number(&listener.name);
            let at = match (from, streams) {
                (From::Opened(ports), _) => {
                    parts.add(&ports, number);
                    At::Workers(ports)
                }
                (From::Ready(ready), Some(streams)) => At::Streams(streams.accept(ready, number)),
                (From::Ready(_) | From::Kept(..), _) => continue,
            };
            changed.opened.push(listener.name.clone());
            self.0.push(Socket { listener, only_v6, number, at });
        }
        leaving.end(parts);
        changed
    }

    /// The listeners for connections, which end with whoever takes them.
    pub(super) fn accepting(&mut self) -> Vec<Accepting> {
        let all = mem::take(&mut self.0).into_iter();
        all.filter_map(|socket| match socket.at {
            At::Streams(accepting) => Some(accepting),
            At::Workers(_) => None,
        })
        .collect()
    }
}

/// What is open and not planned for yet.
enum Opened {
    Ports(Vec<Arc<Port>>),
    Stream(Open),
}

/// Whether an IPv4 listener of `all` has the port of `listener`.
pub(super) fn leaves_v4(listener: &Listener, all: &[Listener]) -> bool {
    all.iter().any(|other| {
        other.address.is_ipv4()
            && other.address.port() == listener.address.port()
            && other.is_stream() == listener.is_stream()
    })
}

/// Sockets that take nothing more.
struct Leaving {
    ports: Vec<Arc<Port>>,
    accepting: Vec<Accepting>,
}

impl Leaving {
    fn new(going: Vec<Socket>) -> Self {
        let mut leaving = Self { ports: Vec::new(), accepting: Vec::new() };
        for socket in going {
            match socket.at {
                At::Workers(group) => leaving.ports.extend(group),
                At::Streams(accepting) => leaving.accepting.push(accepting),
            }
        }
        leaving.ports.iter().for_each(|port| port.leave());
        leaving.ports.iter().for_each(|port| port.end());
        leaving
    }

    /// Has what waits decoded; returns when all are closed, so that their addresses can be had again.
    fn end(self, parts: &Parts) {
        let Self { ports, accepting } = self;
        accepting.into_iter().for_each(|accepting| accepting.end(PATIENCE));
        if ports.is_empty() {
            return;
        }
        parts.look_again();
        let looks = PATIENCE.as_millis() / LOOK.as_millis();
        for _ in 0..looks {
            if !parts.serves(&ports) {
                return;
            }
            std::thread::sleep(LOOK);
        }
        tracing::warn!("a listener that has ended is still being emptied");
    }
}
