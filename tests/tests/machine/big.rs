//! BIG TCP: super-packets larger than an IP header can say count as the packets that are on the wire.

use std::{
    io::{self, Read, Write},
    mem::MaybeUninit,
    net::{IpAddr, Shutdown, TcpStream},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use socket2::Type;
use tests::{
    agent::{Agent, sum},
    peers::{PATIENCE, wait_until},
};

use crate::{
    flows, in_a_machine_of_its_own,
    network::Network,
    raw,
    sys::{self, set_option},
    traffic::{End, payload},
};

const PORT: u16 = 7201;
const STREAM: usize = 6_000_000;

/// More than the length field of IPv4 can say.
const LIMIT: usize = 0xffff;

/// Octets of a TCP header with time stamps, and how much larger that of a SYN is.
const TCP_HEADER: u64 = 32;
const SYN: u64 = 8;

/// Room for some super-packets at once.
const BUFFER: i32 = 8 << 20;
const SO_SNDBUFFORCE: i32 = 32;
const SO_RCVBUFFORCE: i32 = 33;

/// What the sender's kernel says of a session.
#[derive(Debug)]
struct Session {
    /// Packets that it has sent.
    packets: u64,
    /// Octets that it has sent again.
    repeated: u64,
    /// Octets of the largest frame that came to the far end.
    largest: usize,
}

/// `struct tcp_info` (linux/tcp.h), of which these are read.
fn tcp_info(socket: &TcpStream) -> Result<[u8; 232]> {
    let mut info = [0; 232];
    sys::get_option(socket, libc::IPPROTO_TCP, libc::TCP_INFO, &mut info).context("TCP_INFO")?;
    Ok(info)
}

fn word(info: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(info[at..at + 4].try_into().expect("four octets"))
}

/// A stream over the path `big`, once it has arrived.
fn session(network: &Network, (from, to): (IpAddr, IpAddr)) -> Result<Session> {
    let near = End { netns: &network.near, address: from, bound: None };
    let far = End { netns: &network.far, address: to, bound: None };
    let listener = far.socket(Type::STREAM, None, PORT)?;
    set_option(&listener, libc::SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)?;
    listener.listen(1)?;
    let client = near.socket(Type::STREAM, None, 0)?;
    set_option(&client, libc::SOL_SOCKET, SO_SNDBUFFORCE, BUFFER)?;
    client.connect(&listener.local_addr()?).context("connect")?;
    let mut client = TcpStream::from(client);
    let (mut server, _) = listener.accept()?;
    server.set_read_timeout(Some(PATIENCE))?;
    let tap = raw::socket(&network.far, "big")?;
    set_option(&tap, libc::SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)?;
    tap.set_read_timeout(Some(Duration::from_millis(200)))?;
    let (largest, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| -> Result<Session> {
        scope.spawn(|| {
            let mut start = [MaybeUninit::uninit(); 64];
            while !done.load(Ordering::Relaxed) {
                // With the flag it is the length of the frame that is returned.
                if let Ok(length) = tap.recv_with_flags(&mut start, libc::MSG_TRUNC) {
                    largest.fetch_max(length, Ordering::Relaxed);
                }
            }
        });
        let receiver = scope.spawn(move || -> io::Result<Vec<u8>> {
            let mut received = Vec::new();
            server.read_to_end(&mut received)?;
            Ok(received)
        });
        let result = (|| {
            let sent = payload(0, STREAM);
            client.write_all(&sent).context("send")?;
            let arrived = || {
                let info = tcp_info(&client);
                // Neither unacknowledged nor not yet sent.
                info.is_ok_and(|info| word(&info, 24) == 0 && word(&info, 144) == 0)
            };
            wait_until("all is acknowledged", arrived)?;
            let info = tcp_info(&client)?;
            client.shutdown(Shutdown::Write)?;
            let received = receiver.join().expect("the receiver does not panic")?;
            ensure!(received == sent, "{} octets of {STREAM}, or damaged", received.len());
            Ok(info)
        })();
        done.store(true, Ordering::Relaxed);
        let info = result?;
        // Behind those counted come the FIN, and the acknowledgement of that of the other end.
        Ok(Session {
            packets: u64::from(word(&info, 136)) + 2,
            repeated: u64::from_ne_bytes(info[208..216].try_into()?),
            largest: largest.load(Ordering::Relaxed),
        })
    })
}

#[test]
fn super_packets_larger_than_64_kilobytes_count_as_on_the_wire() -> Result<()> {
    in_a_machine_of_its_own();
    let network = Network::shared()?;
    // A far end with XDP would have the frames cut on their way.
    let near = Agent::watching(&network.near, "big", "--print flows --ingress xdp")?;
    let far = Agent::watching(&network.far, "big", "--print flows --ingress tc")?;
    let mut sessions = Vec::new();
    for &ends in &network.path("big").ends {
        sessions.push((ends, session(network, ends)?));
    }
    let (near, far) = (near.stop("INT")?.flows()?, far.stop("INT")?.flows()?);
    for ((from, to), session) in sessions {
        println!("{from} > {to}: {session:?}");
        let is_big = from.is_ipv6() || network.big_tcp_v4;
        ensure!(!is_big || session.largest > LIMIT, "no super-packet is BIG: {session:?}");
        let ip = if from.is_ipv6() { 40 } else { 20 };
        let octets = STREAM as u64 + session.repeated + session.packets * (ip + TCP_HEADER) + SYN;
        let (from, to) = (from.to_string(), to.to_string());
        for (flows, direction) in [(&near, "egress"), (&far, "ingress")] {
            let rows = flows::between(flows, "big", direction, (&from, &to)).into_iter();
            let rows: Vec<_> = rows.filter(|flow| flow["dstport"] == PORT).cloned().collect();
            let counted = (sum(&rows, "packets"), sum(&rows, "octets"));
            ensure!(
                counted == (session.packets, octets),
                "{direction} {from} > {to}: {counted:?}, not {:?}; {session:?}",
                (session.packets, octets)
            );
        }
    }
    Ok(())
}
