//! Sessions and datagrams between named addresses of a site, through the sockets of both ends.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    time::Duration,
};

use anyhow::{Context, Result};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::site::Place;

/// How long a packet may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a datagram is sent within that: receivers that are busy drop some.
const TRIES: u32 = 10;

/// TCP sessions of one client with one server, one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Sessions {
    /// How many.
    pub count: usize,
    /// Questions, each with its answer, in each session.
    pub rounds: usize,
    /// Octets of a question.
    pub question: usize,
    /// Octets of an answer; what fits into the sockets' buffers.
    pub answer: usize,
}

impl Place<'_> {
    /// TCP sessions from a named address, with or without a port, to another with a port. The client closes.
    ///
    /// # Errors
    /// When one fails.
    pub fn sessions(&self, from: &str, to: &str, sessions: Sessions) -> Result<()> {
        let listener = self.listen(to)?;
        let (mut question, mut answer) =
            (vec![0x51; sessions.question], vec![0x41; sessions.answer]);
        for _ in 0..sessions.count {
            // The kernel answers before the connection is accepted.
            let mut client = self.connect(from, to)?;
            let (mut server, _) = listener.accept()?;
            server.set_read_timeout(Some(PATIENCE))?;
            for _ in 0..sessions.rounds {
                client.write_all(&question)?;
                server.read_exact(&mut question)?;
                server.write_all(&answer)?;
                client.read_exact(&mut answer)?;
            }
            drop(client);
            server.read_to_end(&mut Vec::new())?;
        }
        Ok(())
    }

    /// Listens at a named address with a port.
    ///
    /// # Errors
    /// When it is taken.
    pub fn listen(&self, at: &str) -> Result<TcpListener> {
        let address = self.socket(at)?;
        self.end(at).0.enter(|| TcpListener::bind(address))?.with_context(|| at.to_owned())
    }

    /// Connects from a named address, with or without a port, to another with a port.
    ///
    /// # Errors
    /// When it is refused, or nobody answers in time.
    pub fn connect(&self, from: &str, to: &str) -> Result<TcpStream> {
        self.connect_within(from, to, PATIENCE)
    }

    /// As [`Self::connect`], with less patience.
    ///
    /// # Errors
    /// When it is refused, or nobody answers in time.
    pub fn connect_within(&self, from: &str, to: &str, patience: Duration) -> Result<TcpStream> {
        let source = self.socket(from).or_else(|_| anyhow::Ok((self.address(from)?, 0).into()))?;
        let target = self.socket(to)?;
        let connect = || -> Result<TcpStream> {
            let socket = Socket::new(Domain::for_address(target), Type::STREAM, None)?;
            socket.bind(&source.into())?;
            socket.set_read_timeout(Some(PATIENCE))?;
            socket.connect_timeout(&target.into(), patience)?;
            Ok(socket.into())
        };
        self.end(from).0.enter(connect)?.with_context(|| format!("{from} to {to}"))
    }

    /// A UDP socket at a named address with a port, 0 for any.
    ///
    /// # Errors
    /// When it is taken.
    pub fn udp(&self, at: &str) -> Result<UdpSocket> {
        let address = self.socket(at)?;
        let bind = || -> Result<UdpSocket> {
            let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
            // A program that another scenario just starts holds a copy of an earlier one, until it runs.
            socket.set_reuse_address(true)?;
            socket.set_read_timeout(Some(PATIENCE / TRIES))?;
            socket.set_broadcast(true)?;
            socket.bind(&address.into())?;
            Ok(socket.into())
        };
        self.end(at).0.enter(bind)?.with_context(|| at.to_owned())
    }

    /// Sends datagrams of these sizes from one end, each of which is answered by one of the size beside it; 0 for no
    /// answer.
    ///
    /// # Errors
    /// When one does not arrive.
    pub fn datagrams(&self, from: &str, to: &str, sizes: &[(usize, usize)]) -> Result<()> {
        let made =
            sizes.iter().map(|&(question, answer)| (vec![0x51; question], vec![0x41; answer]));
        self.talk(from, to, made)
    }

    /// Sends datagrams from one end, each of which is answered by the one beside it, unless that is empty. What is lost
    /// is sent again.
    ///
    /// # Errors
    /// When one does not arrive.
    pub fn talk(
        &self,
        from: &str,
        to: &str,
        datagrams: impl Iterator<Item = (Vec<u8>, Vec<u8>)>,
    ) -> Result<()> {
        let (client, server) = (self.udp(from)?, self.udp(to)?);
        let mut buffer = [0; 2048];
        let mut once = |question: &[u8], answer: &[u8]| -> io::Result<()> {
            client.send_to(question, server.local_addr()?)?;
            let (_, peer) = server.recv_from(&mut buffer)?;
            if !answer.is_empty() {
                server.send_to(answer, peer)?;
                client.recv_from(&mut buffer)?;
            }
            Ok(())
        };
        for (question, answer) in datagrams {
            let mut tries = (1..TRIES).filter_map(|_| once(&question, &answer).ok());
            if tries.next().is_none() {
                once(&question, &answer).with_context(|| format!("{from} to {to}"))?;
            }
        }
        Ok(())
    }

    /// Sends IPv4 packets with the headers that they have, where `from` is, which need not be their source.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn raw(&self, from: &str, packets: &[Vec<u8>]) -> Result<()> {
        const IPPROTO_RAW: i32 = 255;
        let open = || Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(IPPROTO_RAW)));
        let socket = self.end(from).0.enter(open)??;
        for packet in packets {
            let octets: [u8; 4] = packet.get(16..20).context("no IPv4 packet")?.try_into()?;
            let to = SockAddr::from(SocketAddr::from((octets, 0)));
            socket.send_to(packet, &to).with_context(|| format!("{packet:02x?}"))?;
        }
        Ok(())
    }

    /// An IPv4 packet between named addresses; raw sockets fill in the checksum.
    ///
    /// # Errors
    /// When one is none.
    pub fn packet(&self, from: &str, to: &str, protocol: u8, payload: &[u8]) -> Result<Vec<u8>> {
        let mut packet = vec![0x45, 0];
        packet.extend((20 + payload.len() as u16).to_be_bytes());
        packet.extend([0, 0, 0, 0, 64, protocol, 0, 0]);
        for name in [from, to] {
            let address: Ipv4Addr = self.text(name).parse().with_context(|| name.to_owned())?;
            packet.extend(address.octets());
        }
        packet.extend(payload);
        Ok(packet)
    }
}

/// IP protocols.
pub const ICMP: u8 = 1;
/// TCP.
pub const TCP: u8 = 6;
/// UDP.
pub const UDP: u8 = 17;

/// Flags of TCP.
pub const FIN: u8 = 0x01;
/// Synchronise.
pub const SYN: u8 = 0x02;
/// Reset.
pub const RST: u8 = 0x04;
/// Push.
pub const PSH: u8 = 0x08;
/// Acknowledge.
pub const ACK: u8 = 0x10;
/// Urgent.
pub const URG: u8 = 0x20;
/// All of these.
pub const ALL_FLAGS: u8 = 0x3f;

/// A TCP header with `flags`. Its checksum is wrong, so that nobody answers.
pub fn segment(from: u16, to: u16, flags: u8) -> Vec<u8> {
    let mut segment = [from.to_be_bytes(), to.to_be_bytes()].concat();
    segment.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags, 4, 0, 0xba, 0xd0, 0, 0]);
    segment
}

/// A UDP datagram of `octets` without a checksum.
pub fn datagram(from: u16, to: u16, octets: usize) -> Vec<u8> {
    let length = 8 + octets as u16;
    let mut datagram =
        [from, to, length, 0].into_iter().flat_map(u16::to_be_bytes).collect::<Vec<_>>();
    datagram.resize(usize::from(length), 0x13);
    datagram
}
