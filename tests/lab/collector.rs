//! A collector within the test: TCP or TLS, which reads and takes apart what it is sent, or misbehaves as told.

use std::{
    io::Read,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use anyhow::{Context as _, Result};
use sensor_wire::ipfix::decode::{MessageDecoder, Record, split_message};

/// What a collector does with a connection.
#[derive(Clone)]
pub enum Manner {
    /// Reads to the end.
    Reads,
    /// Never reads.
    Sleeps,
    /// Never reads from the first connection, with a small buffer, and resets it when told to; reads the others.
    Resets,
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
    reset: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Collector {
    /// Starts listening on a free port of 127.0.0.1.
    pub fn start(manner: Manner) -> Result<Self> {
        Self::start_at(0, manner)
    }

    /// As [`Self::start`], at a certain port.
    pub fn start_at(port: u16, manner: Manner) -> Result<Self> {
        Self::start_on(([127, 0, 0, 1], port).into(), manner)
    }

    /// As [`Self::start`], at a certain address.
    pub fn start_on(address: SocketAddr, manner: Manner) -> Result<Self> {
        let listener = TcpListener::bind(address).with_context(|| address.to_string())?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        if matches!(manner, Manner::Resets) {
            socket2::SockRef::from(&listener).set_recv_buffer_size(4096)?;
        }
        let received = Arc::<Mutex<Received>>::default();
        let (stop, reset) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        let thread = std::thread::spawn({
            let (received, stop, reset) =
                (Arc::clone(&received), Arc::clone(&stop), Arc::clone(&reset));
            move || serve(&listener, &manner, &received, &stop, &reset)
        });
        Ok(Self { address, received, stop, reset, thread: Some(thread) })
    }

    /// Tells a collector that resets to do so.
    pub fn reset(&self) {
        self.reset.store(true, Ordering::Relaxed);
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

fn serve(
    listener: &TcpListener,
    manner: &Manner,
    received: &Mutex<Received>,
    stop: &AtomicBool,
    reset: &AtomicBool,
) {
    let wait = |enough: &dyn Fn() -> bool| {
        while !stop.load(Ordering::Relaxed) && !enough() {
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    let one = |stream: TcpStream, first: bool| match manner {
        Manner::Resets if first => wait(&|| reset.load(Ordering::Relaxed)),
        Manner::Reads | Manner::Resets => read(stream, received, stop),
        Manner::Sleeps => wait(&|| false),
        Manner::Tls(config) => {
            let session = rustls::ServerConnection::new(Arc::clone(config)).unwrap();
            read(rustls::StreamOwned::new(session, stream), received, stop);
        }
    };
    // A connection whose other end has fallen silent must not keep the next one waiting.
    std::thread::scope(|scope| {
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
            scope.spawn(move || one(stream, first));
        }
    });
}

/// Reads messages until the other end closes.
fn read(mut stream: impl Read, received: &Mutex<Received>, stop: &AtomicBool) {
    let mut decoder = MessageDecoder::default();
    let mut sequence = 0;
    let mut unread = Vec::new();
    let mut chunk = [0; 1000];
    while !stop.load(Ordering::Relaxed) {
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(length) => unread.extend(&chunk[..length]),
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
    if !unread.is_empty() {
        received.lock().unwrap().faults.push(format!("{} octets of half a message", unread.len()));
    }
}
