//! A collector of datagrams that decodes each session by itself, as a stranger would: what comes before its templates is a fault.

use std::{
    collections::HashMap,
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use anyhow::{Context as _, Result};
use sensor_wire::ipfix::decode::MessageDecoder;
use tests::netns::Netns;

/// What it has received.
#[derive(Clone, Debug, Default)]
pub struct Received {
    /// Flow records.
    pub flows: u64,
    /// What was wrong.
    pub faults: Vec<String>,
}

/// It listens until it is dropped.
pub struct Datagrams {
    received: Arc<Mutex<Received>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Datagrams {
    /// Listens in `netns`.
    pub fn start(netns: &Netns, address: SocketAddr) -> Result<Self> {
        let socket = netns.enter(|| UdpSocket::bind(address))?;
        let socket = socket.with_context(|| address.to_string())?;
        socket.set_read_timeout(Some(Duration::from_millis(20)))?;
        let (received, stop) = (Arc::<Mutex<Received>>::default(), Arc::<AtomicBool>::default());
        let (theirs, end) = (received.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            let mut sessions = HashMap::<SocketAddr, (MessageDecoder, u32)>::new();
            let mut buffer = vec![0; 1 << 16];
            while !end.load(Ordering::Relaxed) {
                let Ok((length, peer)) = socket.recv_from(&mut buffer) else { continue };
                let (decoder, next) = sessions.entry(peer).or_default();
                let decoded = decoder.decode(&buffer[..length]);
                let mut received = theirs.lock().unwrap();
                match decoded {
                    Ok(message) => {
                        if message.sequence != *next {
                            let sequence = message.sequence;
                            received.faults.push(format!("{peer}: {sequence} follows {next}"));
                        }
                        *next = message.sequence.wrapping_add(message.records.len() as u32);
                        let flows = message.records.iter().filter(|record| record.scope == 0);
                        received.flows += flows.count() as u64;
                    }
                    Err(error) => received.faults.push(error.to_string()),
                }
            }
        });
        Ok(Self { received, stop, thread: Some(thread) })
    }

    /// What it has received so far.
    pub fn received(&self) -> Received {
        self.received.lock().unwrap().clone()
    }
}

impl Drop for Datagrams {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
