//! A collector within the test: TCP or TLS, which reads and takes apart what it is sent, or misbehaves as told.

use std::{
    io::Read,
    net::{SocketAddr, TcpListener},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use anyhow::Result;
use sensor::wire::ipfix::decode::{Decoder, Record, split_message};

/// What a collector does with a connection.
#[derive(Clone)]
pub enum Manner {
    /// Reads to the end.
    Reads,
    /// Never reads.
    Sleeps,
    /// Resets the first connection once it has read so many octets; reads the later ones.
    Resets(usize),
    /// Speaks TLS, then reads to the end.
    Tls(Arc<rustls::ServerConfig>),
}

/// What it has received.
#[derive(Clone, Debug, Default)]
pub struct Received {
    /// Connections accepted.
    pub connections: usize,
    /// Records of all connections, those of options templates included.
    pub records: Vec<Record>,
    /// What was wrong with the messages or the connections.
    pub faults: Vec<String>,
}

impl Received {
    /// Flow records, packets and octets.
    pub fn totals(&self) -> (u64, u64, u64) {
        let flows = || self.records.iter().filter(|record| record.scope == 0);
        let sum =
            |element| flows().filter_map(|record| record.number(element)).sum::<u128>() as u64;
        (flows().count() as u64, sum(2), sum(1))
    }
}

/// A listening collector; stops when dropped.
pub struct Collector {
    /// Where it listens.
    pub address: SocketAddr,
    received: Arc<Mutex<Received>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Collector {
    /// Starts listening on a free port of 127.0.0.1. Connections are served one after the other.
    pub fn start(manner: Manner) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (received, stop): (Arc<Mutex<Received>>, Arc<AtomicBool>) = Default::default();
        let thread = std::thread::spawn({
            let (received, stop) = (Arc::clone(&received), Arc::clone(&stop));
            move || serve(&listener, &manner, &received, &stop)
        });
        Ok(Self { address, received, stop, thread: Some(thread) })
    }

    /// What it has received so far.
    pub fn received(&self) -> Received {
        self.received.lock().unwrap().clone()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(listener: &TcpListener, manner: &Manner, received: &Mutex<Received>, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let Ok((stream, _)) = listener.accept() else {
            std::thread::sleep(Duration::from_millis(5));
            continue;
        };
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let first = {
            let mut received = received.lock().unwrap();
            received.connections += 1;
            received.connections == 1
        };
        match manner {
            Manner::Reads => read(stream, None, received, stop),
            Manner::Resets(octets) => read(stream, first.then_some(*octets), received, stop),
            Manner::Sleeps => {
                while !stop.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
            Manner::Tls(config) => {
                let session = rustls::ServerConnection::new(Arc::clone(config)).unwrap();
                read(rustls::StreamOwned::new(session, stream), None, received, stop);
            }
        }
    }
}

/// Reads messages until the other end closes. After `limit` octets the connection is dropped with octets unread,
/// by which the kernel resets it.
fn read(
    mut stream: impl Read,
    limit: Option<usize>,
    received: &Mutex<Received>,
    stop: &AtomicBool,
) {
    let mut decoder = Decoder::default();
    let mut sequence = 0;
    let (mut unread, mut total) = (Vec::new(), 0);
    let mut chunk = [0; 1000];
    while !stop.load(Ordering::Relaxed) && limit.is_none_or(|limit| total < limit) {
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(length) => {
                unread.extend(&chunk[..length]);
                total += length;
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
            Err(error) => return received.lock().unwrap().faults.push(error.to_string()),
        }
        while let Some((message, rest)) = split_message(&unread) {
            let mut received = received.lock().unwrap();
            match decoder.decode(message) {
                Ok(message) => {
                    if message.sequence != sequence {
                        received.faults.push(format!("{} follows {sequence}", message.sequence));
                    }
                    sequence = message.sequence.wrapping_add(message.records.len() as u32);
                    received.records.extend(message.records);
                }
                Err(error) => received.faults.push(error.to_string()),
            }
            unread = rest.to_vec();
        }
    }
    if !unread.is_empty() && limit.is_none() {
        received.lock().unwrap().faults.push(format!("{} octets of half a message", unread.len()));
    }
}
