//! The threads that receive datagrams.
//!
//! A worker serves its sockets in turn, a batch of each, so that a flood at one does not starve another, and sleeps when
//! none has anything.

use std::{
    net::SocketAddr,
    os::fd::AsFd,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use super::{
    Parts, Sink,
    admission::Verdict,
    desk::Desk,
    lock, now,
    relay::{Packet, Relay},
    sys::{self, Arrived, Inbox, SLOTS},
};

/// How long it sleeps at most: so long may a stop or a half-full batch wait.
const SLEEP: Duration = Duration::from_millis(200);

/// How long it lets datagrams gather once some have come, where the sockets' buffers allow it: waking up for each of them
/// costs more than decoding it.
const GATHER: Duration = Duration::from_millis(1);

/// Buffers of this size hold what 10 Gbit/s bring within [`GATHER`] twice.
const ROOMY: usize = 4 << 20;

/// How long the end may take while senders go on.
const LAST: Duration = Duration::from_secs(1);

/// Receives until `stop` is true and the sockets are empty.
pub(super) fn run(index: usize, parts: &Parts, sink: &Sink, stop: &AtomicBool) {
    let (desk, ports) = (&parts.desks[index], &parts.ports[index]);
    let sockets: Vec<_> = ports.iter().map(AsFd::as_fd).collect();
    let roomy = ports.iter().all(|port| port.buffer >= ROOMY);
    let mut inbox = Inbox::new();
    let mut packet = Packet::default();
    let mut end: Option<Instant> = None;
    let mut trouble = false;
    loop {
        if stop.load(Ordering::Relaxed) {
            end.get_or_insert_with(|| Instant::now() + LAST);
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
            let now = now();
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
            Some(end) if came == 0 || Instant::now() >= end => break,
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

/// Takes the datagrams of one buffer.
fn take(
    desk: &mut Desk,
    listener: usize,
    arrived: &Arrived<'_>,
    now: u64,
    relay: Option<&Relay>,
    packet: &mut Packet,
) {
    let mut each = |from: SocketAddr, datagram: &[u8]| {
        let verdict = desk.datagram(listener, from, now, datagram);
        if let (Some(relay), Verdict::Admitted | Verdict::Limited) = (relay, verdict) {
            relay.send(from, datagram, packet);
        }
    };
    if arrived.octets.is_empty() {
        // A datagram without octets is one all the same.
        return each(arrived.from, &[]);
    }
    for datagram in arrived.octets.chunks(arrived.segment) {
        each(arrived.from, datagram);
    }
}
