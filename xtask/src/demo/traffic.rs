//! The traffic of the demonstration: TCP and UDP by the standard library's sockets, ICMP by `ping`.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, Ipv6Addr, Shutdown, TcpListener, TcpStream, UdpSocket},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context, Result};

/// The alternative port of HTTP, for the downloads.
const TCP_PORT: u16 = 8080;

/// The echo protocol (RFC 862), for the datagrams.
const UDP_PORT: u16 = 7;

/// The far end: sends back the number of octets asked for, and answers each datagram. Ends with its process.
///
/// # Errors
/// When a port cannot be bound.
pub fn serve() -> Result<()> {
    // The IPv6 wildcard takes IPv4 as well.
    let any = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    let datagrams = UdpSocket::bind((any, UDP_PORT)).context("bind the UDP port")?;
    let listener = TcpListener::bind((any, TCP_PORT)).context("bind the TCP port")?;
    thread::spawn(move || -> io::Result<()> {
        let mut buffer = [0; 1500];
        loop {
            let (length, peer) = datagrams.recv_from(&mut buffer)?;
            datagrams.send_to(&buffer[..length], peer)?;
        }
    });
    for stream in listener.incoming() {
        // A connection that breaks off is part of the demonstration, not the end of it.
        let _ = stream.and_then(answer);
    }
    Ok(())
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

/// The near end: a round of TCP, UDP and ICMP with each server, again and again. Ends with its process.
///
/// # Errors
/// When `ping` cannot be started.
pub fn drive(servers: &[IpAddr]) -> Result<()> {
    for round in 0_u32.. {
        for &server in servers {
            // The server may not listen yet, and a round that fails is no harm: the next one comes.
            let _ = download(server, 4096 << (round % 9));
            let _ = question(server);
            ping(server)?;
        }
        thread::sleep(Duration::from_millis(300));
    }
    Ok(())
}

fn download(server: IpAddr, octets: u32) -> io::Result<()> {
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
