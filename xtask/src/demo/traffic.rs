//! The two ends of the demonstration's traffic. Ordinary TCP and UDP by the standard library's sockets and ICMP by
//! `ping`; beside it, on a thread of each end, what policies are to find.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, Ipv6Addr, Shutdown, TcpListener, TcpStream, UdpSocket},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context, Result};

use super::{
    incidents,
    network::{FAR, FAR_V6},
    wireguard,
};

/// The alternative port of HTTP, for the downloads.
const TCP_PORT: u16 = 8080;

/// The echo protocol (RFC 862), for the datagrams.
pub const UDP_PORT: u16 = 7;

/// Between two rounds.
const PAUSE: Duration = Duration::from_secs(1);

/// The far end: sends back the number of octets asked for, answers each datagram, and scans. Ends with its process.
///
/// # Errors
/// When a port cannot be bound.
pub fn serve() -> Result<()> {
    // The IPv6 wildcard takes IPv4 as well.
    let any = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    let echo = UdpSocket::bind((any, UDP_PORT)).context("bind the UDP port")?;
    let tunnel = UdpSocket::bind((any, wireguard::PORT)).context("bind WireGuard's port")?;
    let listener = TcpListener::bind((any, TCP_PORT)).context("bind the TCP port")?;
    thread::spawn(move || reply(&echo, <[u8]>::to_vec));
    thread::spawn(move || reply(&tunnel, wireguard::answer));
    thread::spawn(|| incidents::repeat(&[incidents::scan]));
    for stream in listener.incoming() {
        // A connection that breaks off is part of the demonstration, not the end of it.
        let _ = stream.and_then(answer);
    }
    Ok(())
}

fn reply(socket: &UdpSocket, answer: fn(&[u8]) -> Vec<u8>) -> io::Result<()> {
    let mut buffer = [0; 1500];
    loop {
        let (length, peer) = socket.recv_from(&mut buffer)?;
        socket.send_to(&answer(&buffer[..length]), peer)?;
    }
}

fn answer(mut stream: TcpStream) -> io::Result<()> {
    let mut wanted = [0; 4];
    stream.read_exact(&mut wanted)?;
    let page = [0x2a; 4096];
    for _ in 0..u32::from_be_bytes(wanted) / 4096 {
        stream.write_all(&page)?;
    }
    stream.shutdown(Shutdown::Write)
}

/// The near end: a round of TCP, UDP and ICMP over IPv4 and IPv6, again and again, and what a host must not do. Ends
/// with its process.
///
/// # Errors
/// When `ping` cannot be started.
pub fn drive() -> Result<()> {
    thread::spawn(|| {
        incidents::repeat(&[
            incidents::cross_groups,
            incidents::open_tunnel,
            incidents::talk_between_low_ports,
        ]);
    });
    for round in 0_u32.. {
        for server in [IpAddr::V4(FAR), IpAddr::V6(FAR_V6)] {
            // The server may not listen yet, and a round that fails is no harm: the next one comes.
            let _ = download(server, 4096 << (round % 9));
            let _ = question(server);
            ping(server)?;
        }
        thread::sleep(PAUSE);
    }
    Ok(())
}

/// Has the far end send so many octets, in whole pages of 4,096.
///
/// # Errors
/// When there is no connection, or it breaks off.
pub fn download(server: IpAddr, octets: u32) -> io::Result<()> {
    let mut stream = TcpStream::connect((server, TCP_PORT))?;
    stream.write_all(&octets.to_be_bytes())?;
    io::copy(&mut stream, &mut io::sink())?;
    Ok(())
}

fn question(server: IpAddr) -> io::Result<()> {
    let any: IpAddr = if server.is_ipv4() { [0; 4].into() } else { [0_u16; 8].into() };
    let socket = UdpSocket::bind((any, 0))?;
    socket.set_read_timeout(Some(Duration::from_secs(1)))?;
    socket.send_to(b"who is there?", (server, UDP_PORT))?;
    socket.recv(&mut [0; 64])?;
    Ok(())
}

fn ping(server: IpAddr) -> Result<()> {
    Command::new("ping")
        .args(["-c", "1", "-W", "1", &server.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .context("start ping")?;
    Ok(())
}
