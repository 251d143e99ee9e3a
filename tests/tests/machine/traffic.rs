//! What is sent over each path, both ways. All of it must arrive as it was sent.
//!
//! Whatever guarantees order is compared in order; datagrams of one burst may overtake each other. Bursts are acknowledged
//! before the next, so that no queue overflows and nothing that is missing can be a loss by load.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, SocketAddr, TcpStream, UdpSocket},
};

use anyhow::{Context, Result, ensure};
use socket2::{Domain, Protocol, Socket, Type};
use tests::{netns::Netns, peers::PATIENCE};

use crate::{network::Path, sctp, sys::set_option};

/// Ports that tell the kinds apart in flows: each is the destination of what is counted.
pub const SINGLE: u16 = 7001;
/// Datagrams cut from one buffer by the kernel.
const SEGMENTED: u16 = 7002;
/// Datagrams in several fragments.
const FRAGMENTED: u16 = 7003;
/// A TCP session in bulk.
const BULK: u16 = 7004;

/// Octets of single datagrams; the largest fits into the smallest MTU here.
const SIZES: [usize; 5] = [0, 1, 64, 700, 1_200];

/// Octets of datagrams that do not fit into a packet.
const LARGE: [usize; 2] = [4_000, 9_000];

/// Octets of a segment, segments of a buffer, and buffers.
const SEGMENT: usize = 500;
const SEGMENTS: usize = 16;
const BUFFERS: usize = 3;

/// Packets of one path, one protocol and one direction to these ports, each a datagram.
pub const KNOWN: [(u16, u64); 2] =
    [(SINGLE, SIZES.len() as u64), (SEGMENTED, (SEGMENTS * BUFFERS) as u64)];

/// Fragments of one path, IPv4 and one direction that fill an MTU of 1,500, but for its IP header.
pub const FULL_FRAGMENTS: u64 = {
    const UDP_HEADER: usize = 8;
    (((LARGE[0] + UDP_HEADER) / 1_480) + ((LARGE[1] + UDP_HEADER) / 1_480)) as u64
};

/// Octets of a TCP session.
const STREAM: usize = 200_000;

/// linux/udp.h
const UDP_SEGMENT: i32 = 103;

/// One end of a path: where, its address, and the device that its sockets are bound to.
#[derive(Clone, Copy)]
pub struct End<'a> {
    /// Where it is.
    pub netns: &'a Netns,
    /// Its address.
    pub address: IpAddr,
    /// The device that its sockets are bound to.
    pub bound: Option<&'a str>,
}

/// Everything over `path`, and a line for each kind, direction and protocol that says what has arrived.
pub fn everything(near: &Netns, far: &Netns, path: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    for &(here, there) in &path.ends {
        let near = End { netns: near, address: here, bound: path.bound };
        let far = End { netns: far, address: there, bound: None };
        for (from, to) in [(near, far), (far, near)] {
            let kinds: [(&str, Result<&'static str>); 5] = [
                ("datagrams", datagrams(from, to)),
                ("fragments", fragments(from, to)),
                ("segmented datagrams", segmented(from, to)),
                ("TCP", stream(from, to)),
                ("SCTP", sctp(from, to)),
            ];
            lines.extend(kinds.map(|(kind, arrived)| {
                let way = format!("{}, {kind} {} > {}", path.name, from.address, to.address);
                match arrived {
                    Ok(arrived) => format!("{way}: {arrived}"),
                    Err(error) => format!("{way}: {FAILED} {error:#}"),
                }
            }));
        }
    }
    lines
}

/// Stands in the line of what has arrived as it was sent.
const ARRIVED: &str = "arrived";
/// Stands in the line of what has not.
pub const FAILED: &str = "FAILED";

/// Octets of which no two stretches are alike, a prime number of different ones. Made by copies: this runs emulated.
pub fn payload(number: usize, size: usize) -> Vec<u8> {
    let pattern: Vec<u8> = (0..251).map(|at| (at * 7 + number) as u8).collect();
    let mut payload = Vec::with_capacity(size + pattern.len());
    for turn in 0_u32.. {
        if payload.len() >= size {
            break;
        }
        payload.extend(turn.to_be_bytes());
        payload.extend(&pattern);
    }
    payload.truncate(size);
    payload
}

impl End<'_> {
    /// A socket at this end.
    ///
    /// # Errors
    /// When it cannot be made or bound.
    pub fn socket(&self, kind: Type, protocol: Option<i32>, port: u16) -> Result<Socket> {
        self.netns.enter(|| -> Result<Socket> {
            let address = SocketAddr::new(self.address, port);
            let socket =
                Socket::new(Domain::for_address(address), kind, protocol.map(Protocol::from))?;
            socket.bind_device(self.bound.map(str::as_bytes))?;
            socket.set_reuse_address(true)?;
            socket.set_read_timeout(Some(PATIENCE))?;
            socket.set_write_timeout(Some(PATIENCE))?;
            socket.bind(&address.into()).with_context(|| format!("bind to {address}"))?;
            Ok(socket)
        })?
    }

    fn udp(&self, port: u16) -> Result<UdpSocket> {
        Ok(self.socket(Type::DGRAM, None, port)?.into())
    }
}

/// Datagrams one by one.
fn datagrams(from: End<'_>, to: End<'_>) -> Result<&'static str> {
    one_by_one(from, to, SINGLE, &SIZES)
}

/// A datagram that does not fit into a packet.
fn fragments(from: End<'_>, to: End<'_>) -> Result<&'static str> {
    one_by_one(from, to, FRAGMENTED, &LARGE)
}

fn one_by_one(from: End<'_>, to: End<'_>, port: u16, sizes: &[usize]) -> Result<&'static str> {
    let (sender, receiver) = (from.udp(0)?, to.udp(port)?);
    let mut buffer = vec![0; 1 << 16];
    for (number, &size) in sizes.iter().enumerate() {
        let sent = payload(number, size);
        sender.send_to(&sent, receiver.local_addr()?).context("send")?;
        let length = receiver.recv(&mut buffer).with_context(|| format!("{size} octets"))?;
        ensure!(buffer[..length] == sent, "{size} octets arrived as {length}, or damaged");
    }
    Ok(ARRIVED)
}

/// Buffers that the kernel cuts into datagrams, as late as it can (`UDP_SEGMENT`).
fn segmented(from: End<'_>, to: End<'_>) -> Result<&'static str> {
    let (sender, receiver) = (from.udp(0)?, to.udp(SEGMENTED)?);
    set_option(&sender, libc::SOL_UDP, UDP_SEGMENT, SEGMENT as i32)?;
    let mut buffer = vec![0; 1 << 16];
    for number in 0..BUFFERS {
        let sent = payload(number, SEGMENT * SEGMENTS);
        match sender.send_to(&sent, receiver.local_addr()?) {
            // Behind IPsec the kernel does not cut datagrams.
            Err(error) if error.raw_os_error() == Some(libc::EIO) => return Ok("refused"),
            sent => sent.context("send")?,
        };
        let mut missing: Vec<_> = sent.chunks(SEGMENT).collect();
        while !missing.is_empty() {
            let length = receiver.recv(&mut buffer).with_context(|| {
                format!("{} of {SEGMENTS} segments of buffer {number}", missing.len())
            })?;
            let found = missing.iter().position(|segment| **segment == buffer[..length]);
            missing.swap_remove(found.with_context(|| format!("{length} octets, damaged"))?);
        }
    }
    Ok(ARRIVED)
}

/// An SCTP association in bulk.
fn sctp(from: End<'_>, to: End<'_>) -> Result<&'static str> {
    match sctp::bulk(from, to) {
        // It knows of VRFs since Linux 6.2.
        Err(error) if from.bound.or(to.bound).is_some() && is_unknown_address(&error) => {
            Ok("refused")
        }
        result => result.map(|()| ARRIVED),
    }
}

fn is_unknown_address(error: &anyhow::Error) -> bool {
    let error = error.root_cause().downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::AddrNotAvailable)
}

/// A TCP session in bulk.
fn stream(from: End<'_>, to: End<'_>) -> Result<&'static str> {
    let listener = to.socket(Type::STREAM, None, BULK)?;
    listener.listen(1)?;
    let client = from.socket(Type::STREAM, None, 0)?;
    client.connect_timeout(&listener.local_addr()?, PATIENCE).context("connect")?;
    let mut client = TcpStream::from(client);
    let (mut server, _) = listener.accept()?;
    server.set_read_timeout(Some(PATIENCE))?;
    let sent = payload(0, STREAM);
    let received = std::thread::scope(|scope| -> Result<Vec<u8>> {
        let receiver = scope.spawn(move || -> io::Result<Vec<u8>> {
            let mut received = Vec::new();
            server.read_to_end(&mut received)?;
            Ok(received)
        });
        let written = client.write_all(&sent);
        // Its end lets the other read to the end.
        drop(client);
        let received = receiver.join().expect("the receiver does not panic");
        let received = received.context("receive")?;
        written.context("send")?;
        Ok(received)
    })?;
    ensure!(received == sent, "{} octets of {STREAM}, or damaged", received.len());
    Ok(ARRIVED)
}
