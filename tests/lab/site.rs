//! A site in two namespaces: `near` is the host that the agent runs on, with a network behind it; `far` is everybody else,
//! with a wire between them.
//!
//! Each scenario has addresses of its own in all of these networks, so that many run at once and a hit tells whose it is.
//! They are written by name: `near.7` is host 7 of the scenario on the near side, `near::7` the same in IPv6. None lies in
//! a network for documentation, whose addresses would be hits by themselves.

use std::{
    net::{IpAddr, SocketAddr},
    process::Stdio,
};

use anyhow::{Context, Result};

use crate::{
    netns::Netns,
    peers::{Peer, wait_until},
};

/// The interface that the agent watches, and its other end.
pub const NEAR: &str = "vb";
const FAR: &str = "va";

/// Address of the near end.
pub const NEAR_LINK: &str = "10.255.0.2";
/// Address of the far end.
pub const FAR_LINK: &str = "10.255.0.1";

/// The two namespaces.
#[derive(Debug)]
pub struct Site {
    near: Netns,
    far: Netns,
}

impl Site {
    /// Makes the namespaces and what is between them.
    ///
    /// # Errors
    /// When `ip` or `sysctl` fail.
    pub fn new() -> Result<Self> {
        let (near, far) = (Netns::new("lb-near")?, Netns::new("lb-far")?);
        for netns in [&near, &far] {
            // Neighbours are found by link-local addresses, which would have to wait for their own check.
            netns.run("sysctl -qw net.ipv6.conf.default.dad_transmits=0")?;
        }
        near.run(&format!("ip link add {NEAR} type veth peer name {FAR} netns {}", far.name()))?;
        for (netns, device, host) in [(&near, NEAR, 2), (&far, FAR, 1)] {
            netns.run(&format!("ip address add 10.255.0.{host}/24 dev {device}"))?;
            netns.run(&format!("ip address add fd00:ff::{host}/64 dev {device} nodad"))?;
            netns.run(&format!("ip link set {device} up"))?;
            // Every port that is closed says so, however many are asked.
            netns.run("sysctl -qw net.ipv4.icmp_ratemask=0 net.ipv6.icmp.ratelimit=0")?;
            netns.run("sysctl -qw net.ipv6.ip_nonlocal_bind=1")?;
        }
        // A local route makes every address of a network one of this host's.
        for line in [
            "ip route add local 10.0.0.0/9 dev lo",
            "ip -6 route add local fd00:1::/32 dev lo",
            "ip route add default via 10.255.0.1",
            "ip -6 route add default via fd00:ff::1",
        ] {
            near.run(line)?;
        }
        for line in [
            "ip route add local 10.128.0.0/10 dev lo",
            "ip route add local 45.0.0.0/8 dev lo",
            "ip route add local 169.254.169.254 dev lo",
            "ip route add 10.0.0.0/9 via 10.255.0.2",
            "ip -6 route add local fd00:2::/32 dev lo",
            "ip -6 route add local 2a02::/16 dev lo",
            "ip -6 route add fd00:1::/32 via fd00:ff::2",
        ] {
            far.run(line)?;
        }
        Ok(Self { near, far })
    }

    /// The host that the agent runs on.
    pub fn near(&self) -> &Netns {
        &self.near
    }

    /// Has both hosts negotiate explicit congestion notification (RFC 3168) for connections to come, or none at all.
    ///
    /// # Errors
    /// When `sysctl` fails.
    pub fn negotiate_ecn(&self, ecn: bool) -> Result<()> {
        for netns in [&self.near, &self.far] {
            netns.run(&format!("sysctl -qw net.ipv4.tcp_ecn={}", u8::from(ecn)))?;
        }
        Ok(())
    }

    /// The addresses of scenario `number`, below 128.
    pub fn place(&self, number: usize) -> Place<'_> {
        Place { site: self, number }
    }
}

/// What belongs to one scenario.
#[derive(Clone, Copy, Debug)]
pub struct Place<'s> {
    site: &'s Site,
    number: usize,
}

impl Place<'_> {
    /// `text` with addresses in place of names: `near`, `inside` (internal, on the far side), `outside` (not internal),
    /// `silent` (outside, and nobody is there).
    pub fn text(&self, text: &str) -> String {
        let n = self.number;
        [
            ("near::", format!("fd00:1:{n}::")),
            ("inside::", format!("fd00:2:{n}::")),
            ("outside::", format!("2a02:26f0:{n}::")),
            ("near.", format!("10.{n}.0.")),
            ("inside.", format!("10.{}.0.", 128 + n)),
            ("outside.", format!("45.{n}.0.")),
            ("silent.", format!("46.{n}.0.")),
        ]
        .into_iter()
        .fold(text.to_owned(), |text, (name, prefix)| text.replace(name, &prefix))
    }

    /// A named address.
    ///
    /// # Errors
    /// When it is none.
    pub fn address(&self, name: &str) -> Result<IpAddr> {
        self.text(name).parse().with_context(|| name.to_owned())
    }

    /// A named address with a port.
    ///
    /// # Errors
    /// When it is none.
    pub fn socket(&self, name: &str) -> Result<SocketAddr> {
        self.text(name).parse().with_context(|| name.to_owned())
    }

    /// The namespace of a named address, and its end of the wire.
    pub fn end(&self, name: &str) -> (&Netns, &'static str) {
        let name = name.trim_start_matches('[');
        match name.starts_with("near") || name.starts_with(NEAR_LINK) {
            true => (&self.site.near, NEAR),
            false => (&self.site.far, FAR),
        }
    }

    /// Runs a command line, with named addresses, where `from` is.
    ///
    /// # Errors
    /// When it fails.
    pub fn run(&self, from: &str, line: &str) -> Result<String> {
        self.end(from).0.run(&self.text(line))
    }

    /// nmap with `arguments`, from a named address. Hosts are taken to be up, unless that is all that is asked (`-sn`),
    /// and names are not looked up.
    ///
    /// # Errors
    /// When it fails.
    pub fn nmap(&self, from: &str, arguments: &str) -> Result<String> {
        let (_, device) = self.end(from);
        let up = if arguments.contains("-sn") { "" } else { "-Pn" };
        let line = format!("nmap -n {up} -T4 --max-retries 1 -e {device} -S {from} {arguments}");
        self.run(from, &line)
    }

    /// iperf3 between named addresses, with `arguments` for the client.
    ///
    /// # Errors
    /// When it fails.
    pub fn iperf(&self, from: &str, to: &str, port: u16, arguments: &str) -> Result<()> {
        let (netns, _) = self.end(to);
        let mut server = netns.command("iperf3");
        server.args(["-s", "-1", "-B", &self.text(to), "-p", &port.to_string()]);
        let _server = Peer::start(server.stdout(Stdio::null()))?;
        // A connection would be the session that it waits for.
        wait_until("iperf3 listens", || {
            let line = format!("ss -Hltn src {} and sport = :{port}", self.text(to));
            netns.run(&line).is_ok_and(|sockets| !sockets.is_empty())
        })?;
        self.run(from, &format!("timeout 60 iperf3 -c {to} -p {port} -B {from} {arguments}"))
            .map(drop)
    }
}
