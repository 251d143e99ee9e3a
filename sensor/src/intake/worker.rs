//! The threads that receive datagrams.
//!
//! A worker serves its sockets in turn, a batch of each, so that a flood at one does not starve another, and sleeps when
//! none has anything.

use std::{
    os::fd::{AsFd, BorrowedFd},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use super::{
    admission::Verdict,
    parts::Parts,
    relay::{Packet, Relay},
    shard::{DecoderShard, SharedDecoder, Sink, lock},
    socket::Port,
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
    let (desk, ports) = (&parts.desks[index], &parts.ports[index]);
    let sockets: Vec<_> = ports.iter().map(AsFd::as_fd).collect();
    let roomy = ports.iter().all(|port| port.buffer >= ROOMY);
    let mut inbox = Inbox::new();
    let mut packet = Packet::default();
    let mut end: Option<Instant> = None;
    let mut trouble = false;
    loop {
        if end.is_none() && stop.load(Ordering::Relaxed) {
            ports.iter().for_each(Port::close);
            end = Some(Instant::now() + LAST);
        }
        let (mut came, mut more) = (0, false);
        for (listener, socket) in sockets.iter().enumerate() {
            let count = match inbox.receive(*socket) {
                Ok(count) => count,
                Err(error) => {
                    let wait = error.kind() == std::io::ErrorKind::WouldBlock
                        || error.kind() == std::io::ErrorKind::Interrupted;
                    if !wait && !std::mem::replace(&mut trouble, true) {
                        tracing::error!("{}: cannot receive: {error}", ports[listener].name);
                    }
                    continue;
                }
            };
            came += count;
            more |= count == SLOTS;
            let now = clock::now();
            let mut desk = lock(desk);
            for slot in 0..count {
                if let Some(arrived) = inbox.arrived(slot) {
                    take(&mut desk, listener, &arrived, now, parts.relay.as_ref(), &mut packet);
                    desk.hand_on_full(sink);
                }
            }
            desk.hand_on_due(sink);
        }
        match end {
            Some(_) if came == 0 => break,
            Some(end) if Instant::now() >= end => {
                count_rest(&mut inbox, &sockets, desk);
                break;
            }
            _ if more || end.is_some() => {}
            _ if came != 0 && roomy => std::thread::sleep(GATHER),
            _ => {
                lock(desk).hand_on_due(sink);
                sys::wait(&sockets, SLEEP);
            }
        }
    }
    lock(desk).hand_on_all(sink);
}

/// Counts what the sockets hold as received and left: receiving takes a fraction of the time of decoding.
fn count_rest(inbox: &mut Inbox, sockets: &[BorrowedFd<'_>], desk: &SharedDecoder) {
    let end = Instant::now() + COUNTING;
    for (listener, socket) in sockets.iter().enumerate() {
        while let Ok(count @ 1..) = inbox.receive(*socket) {
            let mut desk = lock(desk);
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
    relay: Option<&Relay>,
    packet: &mut Packet,
) {
    for datagram in arrived.datagrams() {
        let verdict = desk.datagram(listener, arrived.from, now, datagram);
        if let (Some(relay), Verdict::Admitted | Verdict::Limited) = (relay, verdict) {
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
        report::{Count, Report},
        socket,
    };

    /// What waits at the stop and is not decoded in time is counted, and so is what comes behind the door.
    #[test]
    fn the_rest_is_counted() {
        let listener = Listener {
            name: "netflow://127.0.0.1".to_owned(),
            address: "127.0.0.1:0".parse().unwrap(),
            transport: Transport::Udp,
        };
        let ports = socket::open(&listener, &[&listener], 1, 1 << 20).unwrap();
        let address = ports[0].address().unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let send = |octets: usize| {
            sender.send_to(&vec![7; octets], address).unwrap();
        };
        (0..100).for_each(|n| send(n * 3));
        ports[0].close();
        (0..10).for_each(|_| send(50));
        let desk =
            Arc::new(Mutex::new(DecoderShard::new(Arc::new(Rules::default()), 1, 4 << 20, false)));
        count_rest(&mut Inbox::new(), &[ports[0].as_fd()], &desk);
        let mut report = Report::default();
        report.add_desk(&lock(&desk));
        report.add_ports(&lock(&desk), &ports);
        assert_eq!(report.left, Count { messages: 100, octets: 3 * 99 * 50 });
        let listener = report.listeners.values().next().unwrap();
        assert_eq!((listener.received, listener.dropped, listener.too_late), (report.left, 0, 10));
        assert!(report.balances());
    }
}
