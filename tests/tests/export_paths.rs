//! Which way datagrams go to a collector, and from which own address, while addresses and routes change.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use sensor::export::{
    hits::options::{Destination as HitDestination, SyslogOptions, SyslogTransport},
    ipfix::{
        IpfixSink,
        options::{CollectorOptions, Destination, Transport},
    },
    net::{
        connect::Peer,
        source::{InterfaceAddress, Source},
    },
    sink::Sink as _,
};
use sensor_kernel::addresses;
use sensor_wire::ipfix::decode::MessageDecoder;
use tests::{
    export::{DEADLINE, finish, start},
    flows,
    hits::{self, event, output},
    log,
    netns::Netns,
    root,
};

/// Two namespaces; messages go from `near` to `far`.
fn pair() -> Result<(Netns, Netns)> {
    let (near, far) = (Netns::new("xp-near")?, Netns::new("xp-far")?);
    far.veth("va", &near, "vb")?;
    Ok((near, far))
}

/// A collector that decodes each session by itself.
struct Collector {
    socket: UdpSocket,
    sessions: HashMap<SocketAddr, MessageDecoder>,
    /// Flow records received.
    records: u64,
}

impl Collector {
    fn new(netns: &Netns, address: &str) -> Result<Self> {
        Ok(Self { socket: bind(netns, address)?, sessions: HashMap::new(), records: 0 })
    }

    /// An IPFIX sink in `netns` to this collector.
    fn sink(&self, netns: &Netns, source: Source) -> Result<IpfixSink> {
        let to = self.socket.local_addr()?;
        let (host, port) = (to.ip().to_string(), to.port());
        let options = CollectorOptions { transport: Transport::udp(), host, port, source };
        netns.enter(|| start(Destination::Collector(options), Default::default()))?
    }

    /// Offers flows until some come from `from`, and all that were sent have come.
    fn until_from(&mut self, sink: &IpfixSink, from: &str) -> Result<()> {
        let (wanted, deadline): (IpAddr, _) = (from.parse()?, Instant::now() + DEADLINE);
        let (mut seed, mut buffer, mut came) = (0, vec![0; 1 << 16], false);
        loop {
            ensure!(Instant::now() < deadline, "not from {from}: {:?}", sink.status());
            seed += 1;
            sink.offer(&flows::ipv4(seed, 10));
            while let Ok((length, peer)) = self.socket.recv_from(&mut buffer) {
                let decoded = self.sessions.entry(peer).or_default().decode(&buffer[..length])?;
                let flows = decoded.records.iter().filter(|record| record.scope == 0).count();
                self.records += flows as u64;
                came |= flows > 0 && peer.ip() == wanted;
                let account = sink.account();
                if came && account.queued.flows == 0 && account.sent.flows == self.records {
                    return Ok(());
                }
            }
        }
    }
}

fn bind(netns: &Netns, address: &str) -> Result<UdpSocket> {
    let socket = netns.enter(|| UdpSocket::bind((address, 0)))??;
    socket.set_read_timeout(Some(Duration::from_millis(100)))?;
    Ok(socket)
}

#[test]
fn an_own_address_that_is_gone_is_not_used_on() -> Result<()> {
    if !root("changing addresses") {
        return Ok(());
    }
    for (there, old, new, length) in [
        ("192.0.2.1", "192.0.2.2", "192.0.2.3", 24),
        ("2001:db8::1", "2001:db8::2", "2001:db8::3", 64),
    ] {
        let (near, far) = pair()?;
        near.run("sysctl -q net.ipv4.conf.vb.promote_secondaries=1")?;
        let mut collector = Collector::new(&far, there)?;
        let sink = collector.sink(&near, Source::Any)?;
        collector.until_from(&sink, old)?;
        let nodad = if length == 64 { "nodad" } else { "" };
        near.run(&format!("ip address add {new}/{length} dev vb {nodad}"))?;
        near.run(&format!("ip address delete {old}/{length} dev vb"))?;
        collector.until_from(&sink, new)?;
        let account = finish(sink, DEADLINE)?;
        // IPv4 refuses to send from the old address, if that is tried before it is noticed.
        ensure!(account.not_sent.totals.flows <= 20, "{account:?}");
        if length == 64 {
            let told = log::lines(&["the source address is now", new, old]);
            ensure!(!told.is_empty(), "it is logged");
        }
    }
    Ok(())
}

#[test]
fn messages_follow_a_route_that_moves() -> Result<()> {
    if !root("changing routes") {
        return Ok(());
    }
    let (near, far) = pair()?;
    far.run("ip link add vc type veth peer name vd")?;
    far.run(&format!("ip link set vd netns {}", near.name()))?;
    for (netns, device, host) in [(&far, "vc", 1), (&near, "vd", 2)] {
        netns.run(&format!("ip address add 198.51.100.{host}/24 dev {device}"))?;
        netns.run(&format!("ip link set {device} up"))?;
    }
    far.run("ip address add 203.0.113.1/32 dev lo")?;
    near.run("ip route add default via 192.0.2.1")?;
    let mut collector = Collector::new(&far, "203.0.113.1")?;
    let sink = collector.sink(&near, Source::Any)?;
    collector.until_from(&sink, "192.0.2.2")?;
    near.run("ip route replace default via 198.51.100.1")?;
    collector.until_from(&sink, "198.51.100.2")?;
    let account = finish(sink, DEADLINE)?;
    ensure!(account.not_sent.totals.flows == 0, "{account:?}");
    Ok(())
}

#[test]
fn messages_leave_from_where_they_are_told_to() -> Result<()> {
    if !root("choosing an own address") {
        return Ok(());
    }
    let (near, far) = pair()?;
    near.run("ip address add 203.0.113.5/32 dev lo")?;
    near.run("ip address add 192.0.2.9/24 dev vb")?;
    far.run("ip route add 203.0.113.5 via 192.0.2.2")?;
    let mut collector = Collector::new(&far, "192.0.2.1")?;
    let chosen = Source::Address([192, 0, 2, 9].into());
    let by_address = collector.sink(&near, chosen)?;
    collector.until_from(&by_address, "192.0.2.9")?;
    // Without its address it waits; flows do as well.
    near.run("ip address delete 192.0.2.9/24 dev vb")?;
    tests::peers::wait_until("it is noticed", || by_address.status().outages == 1)?;
    let error = by_address.status().error.context("an error")?;
    ensure!(error.starts_with("cannot send from 192.0.2.9: "), "{error}");
    near.run("ip address add 192.0.2.9/24 dev vb")?;
    let account = finish(by_address, DEADLINE)?;
    ensure!(account.not_sent.totals.flows == 0, "{account:?}");

    let mut collector = Collector::new(&far, "192.0.2.1")?;
    let source = Source::Interface(InterfaceAddress {
        name: "lo".into(),
        addresses: |name| addresses::of(name).map_err(std::io::Error::other),
    });
    near.run("ip address delete 127.0.0.1/8 dev lo")?;
    let by_interface = collector.sink(&near, source)?;
    collector.until_from(&by_interface, "203.0.113.5")?;
    near.run("ip address add 203.0.113.6/32 dev lo")?;
    near.run("ip address delete 203.0.113.5/32 dev lo")?;
    collector.until_from(&by_interface, "203.0.113.6")?;
    finish(by_interface, DEADLINE)?;
    Ok(())
}

#[test]
fn hits_to_syslog_leave_an_address_that_is_gone() -> Result<()> {
    if !root("changing addresses") {
        return Ok(());
    }
    let (near, far) = pair()?;
    let socket = bind(&far, "2001:db8::1")?;
    let destination = HitDestination::Syslog(SyslogOptions {
        transport: SyslogTransport::Udp,
        peer: Peer {
            host: "2001:db8::1".into(),
            port: socket.local_addr()?.port(),
            source: Source::Any,
        },
        facility: 3,
        tag: "sensor".into(),
        enterprise: 32_473,
    });
    let hits = near.enter(|| hits::start(output(destination)))??;
    let deadline = Instant::now() + DEADLINE;
    let (mut number, mut buffer) = (0, [0; 4096]);
    let mut until_from = |from: &str| -> Result<()> {
        let wanted: IpAddr = from.parse()?;
        loop {
            ensure!(Instant::now() < deadline, "nothing came from {from}");
            hits.offer(&event(number));
            number += 1;
            if let Ok((_, peer)) = socket.recv_from(&mut buffer)
                && peer.ip() == wanted
            {
                return Ok(());
            }
        }
    };
    until_from("2001:db8::2")?;
    near.run("ip address add 2001:db8::3/64 dev vb nodad")?;
    near.run("ip address delete 2001:db8::2/64 dev vb")?;
    until_from("2001:db8::3")
}
