//! IPFIX over TCP and TLS into the agent: our own sink read back, files sent down a connection, and peers that
//! misbehave.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use anyhow::{Result, ensure};
use sensor::export::{
    ipfix::options::{Destination, FileOptions, Transport},
    net::tls::TlsOptions,
    sink::Sink,
};
use tests::{
    agent::sum,
    export::{DEADLINE, SHORT_DEADLINE, finish, start, to},
    flows,
    intake::{collect, collect_configured, ipfix, wait_for_flows},
    peers::{free_port, wait_until},
    pki::Pki,
};

#[test]
fn what_we_export_over_tcp_is_what_we_read() -> Result<()> {
    let port = free_port()?;
    let agent = collect(&format!("--listen tcp://127.0.0.1:{port}"))?;
    let sink = start(to(Transport::Tcp, "127.0.0.1", port), Default::default())?;
    for seed in 0..5 {
        ensure!(sink.offer(&flows::ipv4(seed, 2000)));
    }
    let sent = finish(sink, DEADLINE)?.sent;
    let flows = wait_for_flows(&agent, 10_000)?;
    let got = (flows.len() as u64, sum(&flows, "packets"), sum(&flows, "octets"));
    ensure!(got == (sent.flows, sent.packets, sent.octets), "{got:?}, not {sent:?}");
    let outcome = agent.stop("TERM")?;
    let told = "connections: 1 accepted, 0 refused, 0 too many at once, 0 broken";
    ensure!(outcome.stderr.contains(told), "{}", outcome.stderr);
    Ok(())
}

#[test]
fn a_file_is_a_stream() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let files = FileOptions::new(directory.path().to_owned());
    let sink = start(Destination::Files(files), Default::default())?;
    ensure!(sink.offer(&flows::ipv6(1, 3000)));
    let sent = finish(sink, DEADLINE)?.sent;
    let port = free_port()?;
    let agent = collect(&format!("--listen tcp://127.0.0.1:{port}"))?;
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    for entry in fs::read_dir(directory.path())? {
        // In pieces that have nothing to do with messages.
        for piece in fs::read(entry?.path())?.chunks(777) {
            stream.write_all(piece)?;
        }
    }
    let flows = wait_for_flows(&agent, 3000)?;
    let got = (flows.len() as u64, sum(&flows, "packets"), sum(&flows, "octets"));
    ensure!(got == (sent.flows, sent.packets, sent.octets), "{got:?}, not {sent:?}");
    agent.stop("TERM").map(drop)
}

#[test]
fn templates_end_with_their_connection() -> Result<()> {
    let port = free_port()?;
    let agent = collect(&format!("--listen tcp://127.0.0.1:{port}"))?;
    let mut first = TcpStream::connect(("127.0.0.1", port))?;
    first.write_all(&ipfix(1, 0, true, &[1, 2]))?;
    wait_for_flows(&agent, 2)?;
    drop(first);
    let mut second = TcpStream::connect(("127.0.0.1", port))?;
    second.write_all(&ipfix(1, 0, false, &[3]))?;
    second.write_all(&ipfix(2, 0, true, &[4]))?;
    wait_for_flows(&agent, 3)?;
    let outcome = agent.stop("TERM")?;
    ensure!(outcome.flows()?.iter().all(|flow| flow["srcport"] != 3), "{}", outcome.stdout);
    ensure!(outcome.stderr.contains("octets without a template"), "{}", outcome.stderr);
    Ok(())
}

/// True when the other end closes, which it must within the read's time.
fn is_closed(stream: &mut TcpStream) -> Result<bool> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    // A reset is an end as well.
    Ok(match stream.read(&mut [0; 1]) {
        Ok(count) => count == 0,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    })
}

#[test]
fn peers_that_misbehave_are_left() -> Result<()> {
    let (port, directory) = (free_port()?, tempfile::tempdir()?);
    let text = format!(
        "
        listen = [{{ url = 'tcp://127.0.0.1:{port}' }}]
        intake.max_connections = 2
        intake.idle_timeout = '1s'
        "
    );
    let agent = collect_configured(directory.path(), &text)?;
    let mut foreign = TcpStream::connect(("127.0.0.1", port))?;
    foreign.write_all(b"GET / HTTP/1.1\r\n\r\n")?;
    ensure!(is_closed(&mut foreign)?);
    wait_until("it is told", || agent.said().contains("other than an IPFIX message"))?;
    let mut cut = TcpStream::connect(("127.0.0.1", port))?;
    cut.write_all(&ipfix(1, 0, true, &[1])[..30])?;
    drop(cut);
    wait_until("it is told", || agent.said().contains("ended within a message"))?;
    let mut idle = [
        TcpStream::connect(("127.0.0.1", port))?,
        TcpStream::connect(("127.0.0.1", port))?,
        TcpStream::connect(("127.0.0.1", port))?,
    ];
    idle[1].write_all(&ipfix(1, 0, true, &[1])[..10])?;
    for stream in &mut idle {
        ensure!(is_closed(stream)?);
    }
    let outcome = agent.stop("TERM")?;
    let told = "connections: 4 accepted, 0 refused, 1 too many at once, 4 broken (2 without a first \
                message in time, 1 no IPFIX, 1 ended within a message); 40 octets outside complete messages";
    ensure!(outcome.stderr.contains(told), "{}", outcome.stderr);
    Ok(())
}

/// One that opens all connections it can, with an octet in each, leaves room for others and does not keep them.
#[test]
fn one_address_does_not_hold_all_connections() -> Result<()> {
    let (port, directory) = (free_port()?, tempfile::tempdir()?);
    let text = format!(
        "
        listen = [{{ url = 'tcp://127.0.0.1:{port}' }}]
        intake.max_connections = 8
        intake.max_connections_per_address = 5
        intake.first_message_timeout = '1s'
        "
    );
    let agent = collect_configured(directory.path(), &text)?;
    let mut greedy = Vec::new();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        // Whom there is no place for is turned away, perhaps before this.
        let _ = stream.write_all(&[0]);
        greedy.push(stream);
    }
    let mut other = connect_from("127.0.0.2:0", port)?;
    other.write_all(&ipfix(1, 0, true, &[1, 2]))?;
    wait_for_flows(&agent, 2)?;
    for stream in &mut greedy {
        ensure!(is_closed(stream)?);
    }
    // One that has spoken may be silent for longer.
    other.write_all(&ipfix(1, 2, false, &[3]))?;
    wait_for_flows(&agent, 3)?;
    // The places are free again.
    let mut late = TcpStream::connect(("127.0.0.1", port))?;
    late.write_all(&ipfix(1, 0, true, &[4]))?;
    wait_for_flows(&agent, 4)?;
    let outcome = agent.stop("TERM")?;
    let told = "connections: 7 accepted, 0 refused, 0 too many at once, 5 broken (5 without a first \
                message in time), 15 too many of one address; 5 octets outside complete messages";
    ensure!(outcome.stderr.contains(told), "{}", outcome.stderr);
    // Of twenty connections the log has told five times.
    let lines = outcome.stderr.matches("from=127.0.0.1:").count();
    ensure!(lines == 5, "{lines} lines: {}", outcome.stderr);
    Ok(())
}

fn connect_from(from: &str, port: u16) -> Result<TcpStream> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    socket.bind(&from.parse::<std::net::SocketAddr>()?.into())?;
    socket.connect(&std::net::SocketAddr::from(([127, 0, 0, 1], port)).into())?;
    Ok(socket.into())
}

fn tls_config(pki: &Pki, port: u16) -> String {
    let directory = pki.directory.path().display();
    format!(
        "
        [[listen]]
        url = 'tls://127.0.0.1:{port}'
        certificate = '{directory}/server.pem'
        key = '{directory}/server.key'
        ca = '{directory}/ca.pem'
        "
    )
}

#[test]
fn tls_lets_in_whom_it_knows() -> Result<()> {
    let (ours, theirs, port) = (Pki::new()?, Pki::new()?, free_port()?);
    let agent = collect_configured(ours.directory.path(), &tls_config(&ours, port))?;
    let sink = start(to(Transport::Tls(ours.client()), "127.0.0.1", port), Default::default())?;
    for seed in 0..5 {
        ensure!(sink.offer(&flows::ipv6(seed, 1000)));
    }
    let sent = finish(sink, DEADLINE)?.sent;
    let flows = wait_for_flows(&agent, 5000)?;
    let got = (flows.len() as u64, sum(&flows, "packets"), sum(&flows, "octets"));
    ensure!(got == (sent.flows, sent.packets, sent.octets), "{got:?}, not {sent:?}");

    let known = ours.client();
    let (certificate, key) = (theirs.file("client.pem"), theirs.file("client.key"));
    for stranger in [
        TlsOptions { certificate, key, ..known.clone() },
        TlsOptions { certificate: None, key: None, ..known },
    ] {
        let before = agent.said().matches("TLS handshake failed").count();
        let sink = start(to(Transport::Tls(stranger), "127.0.0.1", port), Default::default())?;
        ensure!(sink.offer(&flows::ipv4(9, 10)));
        wait_until("it is told", || agent.said().matches("TLS handshake failed").count() > before)?;
        let account = finish(sink, SHORT_DEADLINE)?;
        ensure!(account.sent.flows == 0, "{account:?}");
    }
    let outcome = agent.stop("TERM")?;
    ensure!(outcome.flows()?.len() == 5000, "strangers got something in");
    Ok(())
}
