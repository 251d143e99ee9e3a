//! What happens beside the ordinary traffic, so that policies have something to find: a port scan, a connection between
//! two groups that must not talk, a tunnel to the Internet, and a datagram from one low port to another.
//!
//! [`EXPECTED`] is the list of it: what a newcomer is told to look for, and what must have been seen at the end.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, TcpStream, UdpSocket},
    ops::RangeInclusive,
    thread,
    time::Duration,
};

use super::{
    network::{DEVELOPMENT, FAR, NEAR, OUTSIDE},
    traffic::{self, UDP_PORT},
    wireguard,
};

/// A policy that must hit, and the traffic for it.
pub struct Expected {
    /// Name of the policy.
    pub policy: &'static str,
    /// What the demonstration does.
    pub what: &'static str,
}

/// Every policy that must hit. The last two are of `site/policies.toml`, the others of the stock library.
pub const EXPECTED: [Expected; 6] = [
    Expected {
        policy: "scan_vertical_internal",
        what: "192.0.2.2 tries 80 TCP ports of 192.0.2.1",
    },
    Expected {
        policy: "production_development_traffic",
        what: "10.0.0.1 (production) connects to 10.0.0.2 (development)",
    },
    Expected { policy: "vpn_client_leaving", what: "192.0.2.1 speaks WireGuard to 192.175.48.112" },
    Expected { policy: "privileged_to_privileged", what: "a datagram from port 600 to port 7" },
    Expected { policy: "forbidden_connection", what: "10.0.0.1 again, by a policy of our own" },
    Expected { policy: "low_port_to_low_port", what: "port 600 again, by a policy of our own" },
];

/// Before the first round: the sensor needs a moment to attach.
const START: Duration = Duration::from_secs(2);

/// Between rounds. They are repeated, for the sensor may have missed the beginning of the first.
const PAUSE: Duration = Duration::from_secs(5);

/// The ports that are scanned. Nobody listens there, so the kernel answers each SYN with a reset.
const SCANNED: RangeInclusive<u16> = 1..=80;

/// How long a port may take to answer.
const PATIENCE: Duration = Duration::from_millis(200);

/// A port that root alone may bind, of no service that is known for it.
const LOW_PORT: u16 = 600;

/// Does all of this again and again. Ends with its process.
pub fn repeat(incidents: &[fn() -> io::Result<()>]) {
    thread::sleep(START);
    loop {
        for incident in incidents {
            // The other end may not be there yet: the next round comes.
            let _ = incident();
        }
        thread::sleep(PAUSE);
    }
}

/// From the far end: which TCP ports of the near one are open?
pub fn scan() -> io::Result<()> {
    for port in SCANNED {
        // That it is refused is the answer.
        let _ = TcpStream::connect_timeout(&(NEAR, port).into(), PATIENCE);
    }
    Ok(())
}

/// From production to development. The kernel takes the source address of the same network.
pub fn cross_groups() -> io::Result<()> {
    traffic::download(IpAddr::V4(DEVELOPMENT), 4096)
}

/// A handshake and some data.
pub fn open_tunnel() -> io::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    for message in wireguard::session() {
        socket.send_to(&message, (OUTSIDE, wireguard::PORT))?;
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// One datagram, and its echo.
pub fn talk_between_low_ports() -> io::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, LOW_PORT))?;
    socket.send_to(b"who is there?", (FAR, UDP_PORT))?;
    Ok(())
}
