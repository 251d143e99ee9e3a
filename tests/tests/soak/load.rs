//! The load, and who counts what comes of it. The same flows again and again: what is known of them reaches its size early, so that
//! what grows later is a leak.

use std::{
    io::Read as _,
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};
use sensor_wire::ipfix::decode::{MessageDecoder, split_message};
use tests::{intake::netflow5, netns::Netns};

/// The port that the agent receives NetFlow at.
pub const INTAKE: u16 = 2055;

/// Between two bursts.
const PERIOD: Duration = Duration::from_millis(10);
/// Datagrams of the router in a burst, each of 30 flows: 6,000 flows a second.
const DATAGRAMS: u32 = 2;
/// Packets over the wire in a burst: 3,000 a second.
const PACKETS: u32 = 30;
/// Source ports of the router's flows, and of packets.
const ROUTED: u32 = 6_000;
const CAPTURED: u16 = 500;

/// What was sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sent {
    /// Packets over the wire.
    pub packets: u64,
    /// Datagrams of the router.
    pub datagrams: u64,
    /// Flows in them.
    pub flows: u64,
}

/// Those who send.
pub struct Load {
    stop: Arc<AtomicBool>,
    packets: JoinHandle<Result<u64>>,
    datagrams: JoinHandle<Result<u64>>,
}

impl Load {
    /// Sends packets from `far` to `near`, and flow exports within `near`.
    pub fn start(near: &Netns, far: &Netns) -> Result<Self> {
        let stop = Arc::<AtomicBool>::default();
        let router = near.enter(|| UdpSocket::bind("127.0.0.1:0"))??;
        router.connect(("127.0.0.1", INTAKE))?;
        let sockets = far.enter(|| -> Result<Vec<UdpSocket>> {
            (0..CAPTURED).map(|n| Ok(UdpSocket::bind(("192.0.2.1", 20_000 + n))?)).collect()
        })??;
        let sink = near.enter(|| UdpSocket::bind("192.0.2.2:5000"))??;
        let (until, mut sequence) = (stop.clone(), 0);
        let datagrams = thread::spawn(move || {
            paced(&until, DATAGRAMS, |_| {
                let ports = (0..30).map(|n| 1024 + ((sequence + n) % ROUTED) as u16);
                router.send(&netflow5(sequence, &ports.collect::<Vec<_>>()))?;
                sequence = sequence.wrapping_add(30);
                Ok(())
            })
        });
        let until = stop.clone();
        let packets = thread::spawn(move || {
            // Somebody has the port, so that the host does not answer.
            let _sink = sink;
            paced(&until, PACKETS, |n| {
                let socket = &sockets[n as usize % sockets.len()];
                socket.send_to(&vec![0; 20 + n as usize % 1000], "192.0.2.2:5000")?;
                Ok(())
            })
        });
        Ok(Self { stop, packets, datagrams })
    }

    /// Ends it, and says what there was.
    pub fn stop(self) -> Result<Sent> {
        self.stop.store(true, Relaxed);
        let end = |thread: JoinHandle<Result<u64>>| {
            thread.join().map_err(|_| anyhow!("a sender has panicked"))?
        };
        let (packets, datagrams) = (end(self.packets)?, end(self.datagrams)?);
        Ok(Sent { packets, datagrams, flows: datagrams * 30 })
    }
}

/// Does something this many times in each period, until it is to stop; how many times in all. What a busy machine keeps from its turn
/// is left out rather than made up for.
fn paced(stop: &AtomicBool, burst: u32, mut one: impl FnMut(u64) -> Result<()>) -> Result<u64> {
    let (mut count, mut next) = (0, Instant::now());
    while !stop.load(Relaxed) {
        for _ in 0..burst {
            one(count)?;
            count += 1;
        }
        next = (next + PERIOD).max(Instant::now());
        thread::sleep(next.saturating_duration_since(Instant::now()).max(PERIOD / 2));
    }
    Ok(count)
}

/// A collector that counts flow records, and keeps none.
pub struct Counter {
    /// Where it listens.
    pub address: SocketAddr,
    flows: Arc<AtomicU64>,
}

impl Counter {
    /// Listens in `netns`, for one connection.
    pub fn start(netns: &Netns) -> Result<Self> {
        let listener = netns.enter(|| TcpListener::bind("127.0.0.1:0"))??;
        let (address, flows) = (listener.local_addr()?, Arc::<AtomicU64>::default());
        let counted = flows.clone();
        // It ends with the agent's connection.
        thread::spawn(move || -> Result<()> { count(listener.accept()?.0, &counted) });
        Ok(Self { address, flows })
    }

    /// Flow records received.
    pub fn flows(&self) -> u64 {
        self.flows.load(Relaxed)
    }
}

fn count(mut stream: TcpStream, flows: &AtomicU64) -> Result<()> {
    let (mut decoder, mut unread) = (MessageDecoder::default(), Vec::new());
    let mut chunk = [0; 1 << 16];
    loop {
        match stream.read(&mut chunk)? {
            0 => return Ok(()),
            length => unread.extend_from_slice(&chunk[..length]),
        }
        let mut rest = &unread[..];
        while let Some((message, behind)) = split_message(rest) {
            let records = decoder.decode(message)?.records;
            let count = records.iter().filter(|record| record.scope == 0).count();
            flows.fetch_add(count as u64, Relaxed);
            rest = behind;
        }
        unread = rest.to_vec();
    }
}
