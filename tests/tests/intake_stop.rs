//! The agent's stop while routers go on sending: what waits is decoded, what is not is counted, and nothing holds it up.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use tests::{
    agent::binary,
    intake::{collect, ipfix, netflow5, sender, wait_for_flows},
    peers::{free_port, wait_until},
};

/// Datagrams that wait in the socket when the signal comes are decoded: the agent sleeps while they are sent.
#[test]
fn what_waits_in_the_socket_is_decoded() -> Result<()> {
    let port = free_port()?;
    let agent = collect(&format!("--listen netflow://127.0.0.1:{port}"))?;
    let socket = sender("127.0.0.1:0", port)?;
    socket.send(&netflow5(0, &[1]))?;
    wait_for_flows(&agent, 1)?;
    agent.signal("STOP")?;
    for sequence in 1..=3000 {
        socket.send(&netflow5(sequence, &[sequence as u16]))?;
    }
    agent.signal("TERM")?;
    let outcome = agent.stop("CONT")?;
    ensure!(outcome.flows()?.len() == 3001, "{}", outcome.stderr);
    ensure!(outcome.stderr.contains("3001 datagrams or messages"), "{}", outcome.stderr);
    ensure!(!outcome.stderr.contains("flows lost"), "{}", outcome.stderr);
    Ok(())
}

/// The same with connections that have not been accepted yet.
#[test]
fn what_waits_in_connections_is_decoded() -> Result<()> {
    let port = free_port()?;
    let agent = collect(&format!("--listen tcp://127.0.0.1:{port}"))?;
    agent.signal("STOP")?;
    let mut streams = Vec::new();
    for domain in 0..10 {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.write_all(&ipfix(domain, 0, true, &[1, 2, 3]))?;
        // The beginning of another.
        stream.write_all(&ipfix(domain, 3, false, &[4])[..7])?;
        streams.push(stream);
    }
    agent.signal("TERM")?;
    let outcome = agent.stop("CONT")?;
    ensure!(outcome.flows()?.len() == 30, "{}", outcome.stderr);
    let told = "connections: 10 accepted, 0 refused, 0 too many at once, 0 broken; 70 octets outside complete messages";
    ensure!(outcome.stderr.contains(told), "{}", outcome.stderr);
    Ok(())
}

/// Nobody reads the pipe that flows and hits are printed to: the agent ends all the same, and counts what it did not write.
#[test]
fn a_pipe_that_nobody_reads_holds_up_no_stop() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let policies = directory.path().join("each.toml");
    let policy = "[[policy]]\nname = 'each'\nmatch = 'srcip == 240.0.0.0/8'\ntrack_by = [['srcip']]\n\
                  severity = 'low'\n";
    std::fs::write(&policies, policy)?;
    for print in ["flows", "hits"] {
        let port = free_port()?;
        let mut agent = Command::new(binary()?)
            .args(["run", "--print", print, "--policies"])
            .arg(&policies)
            .args(["--listen", &format!("netflow://127.0.0.1:{port}")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let pipe = agent.stdout.take().context("a pipe")?;
        let mut stderr = agent.stderr.take().context("a pipe")?;
        let mut said = Vec::new();
        while !String::from_utf8_lossy(&said).contains(": listening") {
            let mut octet = [0];
            ensure!(stderr.read(&mut octet)? == 1, "{}", String::from_utf8_lossy(&said));
            said.push(octet[0]);
        }
        let socket = sender("127.0.0.1:0", port)?;
        // More than a pipe holds, of flows and of hits: each source is one.
        for sequence in 0..2000_u32 {
            let mut datagram = netflow5(sequence, &[1000]);
            datagram[24..28].copy_from_slice(&[240, 0, (sequence >> 8) as u8, sequence as u8]);
            socket.send(&datagram)?;
        }
        let id = agent.id().to_string();
        ensure!(Command::new("kill").args(["-TERM", &id]).status()?.success());
        let mut code = None;
        let waited = wait_until("the agent ends", || {
            code = agent.try_wait().ok().flatten().and_then(|status| status.code());
            code.is_some()
        });
        if waited.is_err() {
            agent.kill()?;
        }
        waited?;
        stderr.read_to_end(&mut said)?;
        let said = String::from_utf8_lossy(&said);
        ensure!(code == Some(0), "{print}: exit code {code:?}: {said}");
        let account =
            said.lines().find(|line| line.contains(" sent, ") && line.contains("not sent"));
        let account = account.with_context(|| format!("{print}: no account: {said}"))?;
        ensure!(!account.contains(" 0 not sent"), "{print}: {account}");
        drop(pipe);
    }
    Ok(())
}
