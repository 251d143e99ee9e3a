//! The threads that receive datagrams.
//!
//! A worker serves its sockets in turn, a batch of each, so that a flood at one does not starve another, and sleeps when
//! none has anything. When a reload has changed sockets or receivers it takes the new ones, and lets go of those that are to end: what
//! waits there is decoded first.

use std::{
    io::{self, ErrorKind},
    os::fd::AsFd as _,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use super::{
    admission::Verdict,
    parts::Parts,
    relay::{Packet, Relay},
    shard::{DecoderShard, SharedDecoder, Sink, lock},
    socket::Port,
    steer,
    sys::{self, Arrived, Inbox, SLOTS},
};
use crate::clock;

/// How long it sleeps at most: so long may a stop or a half-full batch wait.
const SLEEP: Duration = Duration::from_millis(200);

/// How long it lets datagrams gather once some have come, where the sockets' buffers allow it: waking up for each of them
/// costs more than decoding it.
const GATHER: Duration = Duration::from_millis(1);

/// Buffers of this size hold what 10 Gbit/s bring within [`GATHER`] twice.
const ROOMY: usize = 4 << 20;

/// How long decoding what waits at the end may take; the rest is counted.
const LAST: Duration = Duration::from_secs(3);

/// How long counting the rest may take, where the kernel does not keep more from coming.
const COUNTING: Duration = Duration::from_secs(1);

/// Receives until `stop` is true and the sockets, which then take nothing more, are empty.
pub(super) fn run(index: usize, parts: &Parts, sink: &Sink, stop: &AtomicBool) {
    let mut worker = Worker {
        desk: &parts.desks[index],
        index,
        desks: &parts.desks,
        sink,
        inbox: Inbox::new(),
        packet: Packet::default(),
        trouble: false,
        done: Vec::new(),
    };
    let mut end: Option<Instant> = None;
    loop {
        // First the number: what changes meanwhile is seen the next time round.
        let changes = parts.changes();
        let (ports, relay) = (parts.ports(index), parts.relay());
        let sockets: Vec<_> = ports.iter().map(|port| port.as_fd()).collect();
        let roomy = ports.iter().all(|port| port.holds(ROOMY));
        while parts.changes() == changes {
            if end.is_none() && stop.load(Ordering::Relaxed) {
                ports.iter().for_each(|port| port.close());
                end = Some(Instant::now() + LAST);
            }
            let (came, more) = worker.receive(&ports, &relay);
            if end.is_none() {
                worker.done.drain(..).for_each(|port| parts.retire(index, &port));
            }
            match end {
                Some(_) if came == 0 => return lock(worker.desk).hand_on_all(sink),
                Some(end) if Instant::now() >= end => {
                    count_rest(&mut worker.inbox, &ports, worker.desk);
                    return lock(worker.desk).hand_on_all(sink);
                }
                _ if more || end.is_some() => {}
                _ if came != 0 && roomy => std::thread::sleep(GATHER),
                _ => {
                    lock(worker.desk).hand_on_due(sink);
                    let ending = ports.iter().any(|port| port.ends());
                    sys::wait(&sockets, if ending { GATHER } else { SLEEP });
                }
            }
        }
    }
}

/// What receiving needs.
struct Worker<'a> {
    desk: &'a SharedDecoder,
    /// Its place among all.
    index: usize,
    /// The decoders of all workers.
    desks: &'a [SharedDecoder],
    sink: &'a Sink,
    inbox: Box<Inbox>,
    packet: Packet,
    trouble: bool,
    /// Sockets that were found empty long enough after they had been closed.
    done: Vec<Arc<Port>>,
}

impl Worker<'_> {
    /// Takes a batch of each socket, and all of those that end: what their listeners' successors got came later. Returns how many
    /// datagrams came, and whether more may wait.
    fn receive(&mut self, ports: &[Arc<Port>], relay: &Relay) -> (usize, bool) {
        let (mut came, mut more) = (0, false);
        for port in ports {
            loop {
                let is_done = port.is_done();
                let count = match self.inbox.receive(port.as_fd()) {
                    Ok(count) => count,
                    Err(error) => {
                        self.not_received(port, &error, is_done);
                        break;
                    }
                };
                came += count;
                self.take(port, count, relay);
                if count < SLOTS || !port.ends() {
                    more |= count == SLOTS;
                    break;
                }
            }
        }
        (came, more)
    }

    /// Takes what is in the inbox, which came to `port`.
    fn take(&mut self, port: &Port, count: usize, relay: &Relay) {
        let (now, listener) = (clock::now(), port.listener());
        let is_sorted = port.is_sorted();
        let workers = self.desks.len();
        let owner = |arrived: &Arrived<'_>| steer::worker(arrived.from.ip(), workers);
        let mut desk = lock(self.desk);
        for slot in 0..count {
            if let Some(arrived) = self.inbox.arrived(slot)
                && (is_sorted || owner(&arrived) == self.index)
            {
                take(&mut desk, listener, &arrived, now, relay, &mut self.packet);
                desk.hand_on_full(self.sink);
            }
        }
        desk.hand_on_due(self.sink);
        drop(desk);
        if is_sorted {
            return;
        }
        // One decoder is locked at a time.
        for arrived in (0..count).filter_map(|slot| self.inbox.arrived(slot)) {
            let owner = owner(&arrived);
            if owner != self.index {
                let mut desk = lock(&self.desks[owner]);
                take(&mut desk, listener, &arrived, now, relay, &mut self.packet);
                desk.hand_on_full(self.sink);
            }
        }
        if count < SLOTS {
            port.be_sorted();
        }
    }

    /// Nothing waits at `port`, which is the end of one that was closed before it was asked, or there is trouble.
    fn not_received(&mut self, port: &Arc<Port>, error: &io::Error, is_done: bool) {
        if is_done {
            self.done.push(port.clone());
        }
        if error.kind() == ErrorKind::WouldBlock {
            port.be_sorted();
        }
        let wait = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted);
        if !wait && !std::mem::replace(&mut self.trouble, true) {
            tracing::error!("{}: cannot receive: {error}", port.name);
        }
    }
}

/// Counts what the sockets hold as received and left: receiving takes a fraction of the time of decoding.
fn count_rest(inbox: &mut Inbox, ports: &[Arc<Port>], desk: &SharedDecoder) {
    let end = Instant::now() + COUNTING;
    for port in ports {
        while let Ok(count @ 1..) = inbox.receive(port.as_fd()) {
            let (mut desk, listener) = (lock(desk), port.listener());
            for arrived in (0..count).filter_map(|slot| inbox.arrived(slot)) {
                arrived.datagrams().for_each(|datagram| desk.leave(listener, datagram.len()));
            }
            if Instant::now() >= end {
                return;
            }
        }
    }
}

/// Takes the datagrams of one buffer.
fn take(
    desk: &mut DecoderShard,
    listener: usize,
    arrived: &Arrived<'_>,
    now: u64,
    relay: &Relay,
    packet: &mut Packet,
) {
    for datagram in arrived.datagrams() {
        let verdict = desk.datagram(listener, arrived.from, now, datagram);
        if let Verdict::Admitted | Verdict::Limited = verdict {
            relay.send(arrived.from, datagram, packet);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::UdpSocket,
        sync::{Arc, Mutex},
    };

    use super::*;
    use crate::intake::{
        admission::Rules,
        options::{Listener, Transport},
        report::Count,
        socket::{self, Binding},
    };

    fn port(parts: &Parts) -> Arc<Port> {
        let listener = Listener {
            name: "netflow://127.0.0.1".to_owned(),
            address: "127.0.0.1:0".parse().unwrap(),
            transport: Transport::Udp,
        };
        let binding = Binding { workers: 1, buffer: 1 << 20, only_v6: false, shared: false };
        let ports = socket::open(&listener, binding).unwrap();
        parts.add(&ports, parts.number(&listener.name));
        ports[0].clone()
    }

    fn parts() -> Parts {
        let desk = DecoderShard::new(&Arc::new(Rules::default()), 4 << 20, false);
        Parts::new(vec![Arc::new(Mutex::new(desk))])
    }

    /// What waits at the stop and is not decoded in time is counted, and so is what comes behind the door.
    #[test]
    fn the_rest_is_counted() {
        let parts = parts();
        let port = port(&parts);
        let address = port.address().unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let send = |octets: usize| {
            sender.send_to(&vec![7; octets], address).unwrap();
        };
        (0..100).for_each(|n| send(n * 3));
        port.close();
        (0..10).for_each(|_| send(50));
        count_rest(&mut Inbox::new(), &parts.ports(0), &parts.desks[0]);
        let report = parts.report().unwrap();
        assert_eq!(report.left, Count { messages: 100, octets: 3 * 99 * 50 });
        let listener = report.listeners.values().next().unwrap();
        assert_eq!((listener.received, listener.dropped, listener.too_late), (report.left, 0, 10));
        assert!(report.balances());
    }

    /// A socket that a reload ends is emptied, and what came there stays counted.
    #[test]
    fn what_ends_is_emptied_and_remembered() {
        let parts = parts();
        let port = port(&parts);
        let address = port.address().unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..1000 {
            sender.send_to(&[0, 5, 0, 0], address).unwrap();
        }
        parts.close(0);
        port.end();
        let stop = AtomicBool::new(false);
        let sink: Sink = Arc::new(|_| None);
        std::thread::scope(|scope| {
            scope.spawn(|| run(0, &parts, &sink, &stop));
            while parts.serves(std::slice::from_ref(&port)) {
                std::thread::yield_now();
            }
            stop.store(true, Ordering::Relaxed);
        });
        let report = parts.report().unwrap();
        let listener = &report.listeners["netflow://127.0.0.1 (until a reload)"];
        assert_eq!((listener.received.messages, listener.dropped), (1000, 0));
        assert!(report.balances());
        // It comes back, and goes on where it was.
        assert_eq!(parts.number("netflow://127.0.0.1"), 0);
        let report = parts.report().unwrap();
        assert_eq!(report.listeners["netflow://127.0.0.1"].received.messages, 1000);
    }

    /// What came while the kernel had no choice yet goes to the decoder of its device: another knows none of its templates.
    #[test]
    fn what_waits_from_before_the_choice_reaches_its_own_decoder() {
        let desk = || DecoderShard::new(&Arc::new(Rules::default()), 4 << 20, false);
        let parts = Parts::new(vec![Arc::new(Mutex::new(desk())), Arc::new(Mutex::new(desk()))]);
        let listener = Listener {
            name: "netflow://127.0.0.1".to_owned(),
            address: "127.0.0.1:0".parse().unwrap(),
            transport: Transport::Udp,
        };
        // Two sockets of the system's choice would have different ports.
        let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let listener = Listener { address: free, ..listener };
        let binding = Binding { workers: 2, buffer: 1 << 20, only_v6: false, shared: false };
        let mut ports = socket::open(&listener, binding).unwrap();
        // As if each had what is the other's.
        ports.reverse();
        parts.add(&ports, parts.number(&listener.name));
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let own = steer::worker(sender.local_addr().unwrap().ip(), 2);
        let sink: Sink = Arc::new(|_| None);
        let index = 1 - own;
        let mut worker = Worker {
            desk: &parts.desks[index],
            index,
            desks: &parts.desks,
            sink: &sink,
            inbox: Inbox::new(),
            packet: Packet::default(),
            trouble: false,
            done: Vec::new(),
        };
        let received = |desk: usize| lock(&parts.desks[desk]).received[0].messages;
        let mut send_and_receive = || {
            sender.send_to(&[0, 5, 0, 0], free).unwrap();
            worker.receive(&parts.ports(index), &parts.relay());
            (received(own), received(index))
        };
        assert_eq!(send_and_receive(), (1, 0));
        // It was found empty: from now on the kernel's choice is relied on.
        assert_eq!(send_and_receive(), (1, 1));
    }
}
