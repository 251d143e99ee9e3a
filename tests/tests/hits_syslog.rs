//! Hits to a syslog receiver of another hand, over every transport, with the receiver started anew in between.

use std::time::Duration;

use anyhow::{Result, ensure};
use sensor::export::{
    hits::options::{Destination, SyslogOptions, SyslogTransport},
    net::{connect::Peer, source::Source, tls::TlsOptions},
};
use tests::{
    export::{DEADLINE, SHORT_DEADLINE},
    hits::{Input, Rsyslog, finish, offer, output, start, surroundings},
    log,
    peers::{require, wait_until},
};

fn to(transport: SyslogTransport, port: u16) -> Destination {
    Destination::Syslog(SyslogOptions {
        transport,
        peer: Peer { host: "127.0.0.1".into(), port, source: Source::Any },
        facility: 17,
        tag: "sensor-test".into(),
        enterprise: 32_473,
    })
}

fn has_rsyslog() -> bool {
    // Debian keeps it where not everybody looks.
    std::path::Path::new("/usr/sbin/rsyslogd").is_file() || require("rsyslogd")
}

/// What arrives, and what of it the receiver understood.
fn carries(input: Input) -> Result<()> {
    if !has_rsyslog() {
        return Ok(());
    }
    let (port, pki, directory) = surroundings()?;
    let transport = match input {
        Input::Udp => SyslogTransport::Udp,
        Input::Tcp => SyslogTransport::Tcp,
        Input::Tls => SyslogTransport::Tls(TlsOptions { server_name: None, ..pki.client() }),
    };
    let rsyslog = Rsyslog::start(input, port, directory.path(), &pki)?;
    let hits = start(output(to(transport, port)))?;
    for start in (0..200).step_by(50) {
        // Over UDP, a receiver that falls behind loses what its buffer does not hold.
        offer(&hits, start..start + 50);
        let all = start as usize + 50;
        wait_until("all has arrived", || rsyslog.received().len() >= all)?;
    }
    ensure!(rsyslog.numbers()? == (0..200).collect::<Vec<_>>());
    let parts = rsyslog.received().remove(7);
    ensure!(parts[0] == (17 * 8 + 5).to_string(), "local1.notice: {parts:?}");
    ensure!(parts[1].starts_with("2023-11-14T22:13:20"), "{parts:?}");
    ensure!(parts[3] == "sensor-test" && parts[5] == "hit", "{parts:?}");
    ensure!(parts[4] == std::process::id().to_string(), "{parts:?}");
    let data = "[hit@32473 id=\"0000000000000007-0\" policy=\"trial\" severity=\"low\" \
                categories=\"trial\" track=\"srcip=192.0.2.1\"]";
    ensure!(parts[6] == data, "{parts:?}");

    // Over a connection, what the receiver did not take while it was away comes when it is back.
    if input != Input::Udp {
        rsyslog.stop()?;
        offer(&hits, 200..300);
        let name = format!("127.0.0.1:{port}");
        wait_until("it is noticed", || !log::lines(&["not delivered", &name]).is_empty())?;
        let rsyslog = Rsyslog::start(input, port, directory.path(), &pki)?;
        wait_until("the rest has arrived", || {
            rsyslog.numbers().is_ok_and(|numbers| numbers.contains(&299))
        })?;
        let numbers = rsyslog.numbers()?;
        // What the receiver read, but its kernel had not acknowledged when it ended, comes again: the last batch.
        let repeated = numbers.windows(2).filter(|pair| pair[1] < pair[0]).map(|pair| pair[1]);
        ensure!(
            repeated.clone().all(|number| (150..200).contains(&number)),
            "{:?}",
            repeated.collect::<Vec<_>>()
        );
        let missed: Vec<_> = (0..300).filter(|number| !numbers.contains(number)).collect();
        ensure!(missed.is_empty(), "{missed:?}");
        let report = finish(hits, DEADLINE)?;
        ensure!(report.account.sent == 300 && report.error.is_some(), "{report:?}");
        return rsyslog.stop();
    }
    let report = finish(hits, DEADLINE)?;
    ensure!(report.account.sent == 200 && report.error.is_none(), "{report:?}");
    rsyslog.stop()
}

#[test]
fn syslog_over_udp() -> Result<()> {
    carries(Input::Udp)
}

#[test]
fn syslog_over_tcp() -> Result<()> {
    carries(Input::Tcp)
}

#[test]
fn syslog_over_tls() -> Result<()> {
    carries(Input::Tls)
}

#[test]
fn nobody_at_the_port_is_noticed_even_over_udp() -> Result<()> {
    let (port, ..) = surroundings()?;
    let hits = start(output(to(SyslogTransport::Udp, port)))?;
    offer(&hits, 0..10);
    let error = || hits.reports()[0].error.clone();
    wait_until("it is noticed", || error().is_some())?;
    ensure!(error().is_some_and(|error| error.contains("no process listens")), "{:?}", error());
    let report = finish(hits, SHORT_DEADLINE.max(Duration::from_secs(1)))?;
    ensure!(report.account.sent == 0 && report.account.not_sent.totals == 10, "{report:?}");
    Ok(())
}
