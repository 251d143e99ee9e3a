//! From a browser of this host to the console of a sensor in a namespace: a socket that was opened here is given to a process that is there.

use std::{
    io,
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    os::fd::{AsFd, OwnedFd},
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::process;

/// Where the console is, inside and outside.
const PORT: u16 = 8686;

/// How long the sensor may take to start.
const PATIENCE: Duration = Duration::from_secs(15);

/// The socket, in the namespace of whoever calls.
///
/// # Errors
/// When the port is taken.
pub fn open() -> Result<OwnedFd> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, PORT));
    let listener = listener.with_context(|| {
        format!(
            "listen at 127.0.0.1:{PORT} for the page: another sensor may have its console there"
        )
    })?;
    Ok(listener.into())
}

/// Leads every connection of the socket on standard input to the console of this namespace.
///
/// # Errors
/// When standard input is no such socket.
pub fn lead() -> Result<()> {
    let listener = TcpListener::from(io::stdin().as_fd().try_clone_to_owned()?);
    loop {
        let (browser, _) = listener.accept().context("standard input is no listening socket")?;
        thread::spawn(move || {
            let Ok(console) = TcpStream::connect((Ipv4Addr::LOCALHOST, PORT)) else { return };
            let (Ok(mut from), Ok(mut to)) = (console.try_clone(), browser.try_clone()) else {
                return;
            };
            let answers = thread::spawn(move || {
                let _ = io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Write);
            });
            let (mut from, mut to) = (&browser, &console);
            let _ = io::copy(&mut from, &mut to);
            let _ = console.shutdown(Shutdown::Write);
            let _ = answers.join();
        });
    }
}

/// The address that the sensor lets a browser in by.
///
/// # Errors
/// When it does not answer.
pub fn invitation(agent: &Path, config: &Path) -> Result<String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let output = Command::new(agent).args(["page", "--config"]).arg(config).output()?;
        if output.status.success() {
            return Ok(String::from_utf8(output.stdout)?.trim().to_owned());
        }
        if Instant::now() > deadline {
            let agent = process::short(agent);
            bail!("{agent} page: {}", String::from_utf8_lossy(&output.stderr));
        }
        thread::sleep(Duration::from_millis(100));
    }
}
