//! Exporting over TLS: with both ends known everything arrives; who is not known is refused, and told once.

use std::fs;

use anyhow::{Context, Result, ensure};
use sensor::export::{ipfix::options::Transport, net::tls::TlsOptions, sink::Sink};
use tests::{
    export::{DEADLINE, finish, start, to},
    flows, log,
    peers::wait_until,
    pki::Pki,
};

#[test]
fn tls_with_both_ends_known_carries_everything() -> Result<()> {
    let pki = Pki::new()?;
    let collector = pki.collector()?;
    let transport = Transport::Tls(pki.client());
    let sink = start(to(transport, "127.0.0.1", collector.address.port()), Default::default())?;
    for seed in 0..5 {
        ensure!(sink.offer(&flows::ipv4(seed, 2000)));
    }
    let account = finish(sink, DEADLINE)?;
    ensure!(account.sent.flows == 10_000, "{account:?}");
    wait_until("all is received", || collector.received().totals().0 == 10_000)?;
    let received = collector.received();
    ensure!(received.faults.is_empty(), "{:?}", received.faults);
    Ok(())
}

#[test]
fn tls_refuses_whom_it_does_not_know() -> Result<()> {
    let (ours, theirs) = (Pki::new()?, Pki::new()?);
    let collector = theirs.collector()?;
    let known = theirs.client();
    for (options, reason) in [
        (TlsOptions { ca: ours.file("ca.pem"), ..known.clone() }, "UnknownIssuer"),
        (TlsOptions { server_name: None, ..known.clone() }, "not valid for name"),
        (
            TlsOptions { server_name: Some("other.test".into()), ..known.clone() },
            "not valid for name",
        ),
        (TlsOptions { certificate: None, key: None, ..known.clone() }, "CertificateRequired"),
    ] {
        let port = collector.address.port();
        let before =
            (collector.received().connections, log::lines(&["not exporting", reason]).len());
        let sink = start(to(Transport::Tls(options), "127.0.0.1", port), Default::default())?;
        sink.offer(&flows::ipv4(0, 10));
        wait_until("it is tried again", || collector.received().connections >= before.0 + 2)?;
        let status = sink.status();
        let error = status.error.context("an error")?;
        ensure!(error.contains(reason), "{error}");
        let account = finish(sink, DEADLINE)?;
        ensure!(account.sent.flows == 0 && account.not_sent.totals.flows == 10, "{account:?}");
        let lines = log::lines(&["not exporting", reason]);
        let all = log::lines(&["not exporting"]);
        ensure!(lines.len() == before.1 + 1, "{reason} told once: {lines:#?} of {all:#?}");
    }
    ensure!(collector.received().records.is_empty(), "they got data all the same");
    Ok(())
}

#[test]
fn tls_settings_that_cannot_be_used_are_told_at_the_start() -> Result<()> {
    let pki = Pki::new()?;
    let known = pki.client();
    fs::write(pki.directory.path().join("empty.pem"), "")?;
    for (options, reason) in [
        (TlsOptions { ca: pki.file("none.pem"), ..known.clone() }, "none.pem: "),
        (TlsOptions { ca: pki.file("empty.pem"), ..known.clone() }, "no PEM certificate"),
        (TlsOptions { key: None, ..known.clone() }, "configure both or neither"),
        (TlsOptions { key: pki.file("ca.pem"), ..known.clone() }, "ca.pem: "),
        (
            TlsOptions { server_name: Some("no name".into()), ..known.clone() },
            "neither a host name",
        ),
    ] {
        let refused = start(to(Transport::Tls(options), "127.0.0.1", 4740), Default::default());
        let error = refused.err().context("it is refused")?.to_string();
        ensure!(error.contains(reason), "{error}");
    }
    Ok(())
}
