//! Hits to an HTTPS server of another hand, which is away, refuses, or is overloaded for a while.

use std::{fs, time::Duration};

use anyhow::{Context, Result, ensure};
use sensor::export::{
    hits::options::{Destination, OutputOptions, SpoolOptions, WebhookOptions},
    net::{http::Credentials, tls::TlsOptions},
};
use tests::{
    export::{DEADLINE, SHORT_DEADLINE},
    hits::{WebServer, finish, offer, output, start, surroundings},
    peers::{require, wait_until},
    pki::Pki,
};

fn options(port: u16, pki: &Pki) -> WebhookOptions {
    WebhookOptions {
        url: format!("https://127.0.0.1:{port}/hook?key=1"),
        headers: Vec::new(),
        credentials: None,
        tls: TlsOptions { server_name: None, ..pki.client() },
        batch: 1,
        timeout: DEADLINE,
    }
}

fn spooled(options: WebhookOptions, directory: &std::path::Path, max_size: u64) -> OutputOptions {
    let spool = SpoolOptions { directory: directory.join("spool"), max_size };
    OutputOptions { spool: Some(spool), ..output(Destination::Webhook(options)) }
}

#[test]
fn a_request_is_what_the_settings_say() -> Result<()> {
    if !require("python3") {
        return Ok(());
    }
    let (port, pki, directory) = surroundings()?;
    let token = directory.path().join("token");
    fs::write(&token, "one\n")?;
    let server = WebServer::start(port, directory.path(), &pki)?;
    let hits = start(output(Destination::Webhook(WebhookOptions {
        headers: vec![("X-Source".into(), "lab".into())],
        credentials: Some(Credentials::Bearer(token.clone())),
        ..options(port, &pki)
    })))?;
    offer(&hits, 0..1);
    wait_until("the first", || server.requests().is_ok_and(|requests| requests.len() == 1))?;
    fs::write(&token, "two\n")?;
    offer(&hits, 1..2);
    let report = finish(hits, DEADLINE)?;
    ensure!(report.account.sent == 2 && report.account.messages == 2, "{report:?}");
    let requests = server.requests()?;
    ensure!(requests[0]["path"] == "/hook?key=1", "{requests:?}");
    let headers = &requests[0]["headers"];
    ensure!(headers["content-type"] == "application/json" && headers["x-source"] == "lab");
    ensure!(headers["authorization"] == "Bearer one", "{headers}");
    ensure!(requests[1]["headers"]["authorization"] == "Bearer two", "the token was changed");
    ensure!(server.numbers()? == [0, 1]);
    Ok(())
}

#[test]
fn an_outage_loses_nothing() -> Result<()> {
    if !require("python3") {
        return Ok(());
    }
    let (port, pki, directory) = surroundings()?;
    let hits =
        start(output(Destination::Webhook(WebhookOptions { batch: 7, ..options(port, &pki) })))?;
    offer(&hits, 0..20);
    wait_until("the outage is noticed", || hits.reports()[0].error.is_some())?;
    offer(&hits, 20..100);
    let server = WebServer::start(port, directory.path(), &pki)?;
    wait_until("all has arrived", || server.numbers().is_ok_and(|all| all.len() >= 100))?;
    ensure!(server.numbers()? == (0..100).collect::<Vec<_>>());

    // Overloaded, and then without the right to be here: both pass.
    for mode in ["503", "401"] {
        server.set_mode(mode)?;
        let before = server.numbers()?.len() as u64;
        offer(&hits, before..before + 10);
        wait_until("it is told", || {
            hits.reports()[0].error.as_ref().is_some_and(|error| error.contains(mode))
        })?;
        server.set_mode("")?;
        let all = before as usize + 10;
        wait_until("they arrive", || server.numbers().is_ok_and(|numbers| numbers.len() >= all))?;
    }
    let report = finish(hits, DEADLINE)?;
    ensure!(server.numbers()? == (0..120).collect::<Vec<_>>());
    ensure!(report.account.sent == 120 && report.account.not_sent.totals == 0, "{report:?}");
    let error = report.error.context("the last one")?;
    ensure!(error == "the server answers 401 Unauthorized no [31m", "{error}");
    Ok(())
}

#[test]
fn only_the_hit_that_is_refused_is_given_up() -> Result<()> {
    if !require("python3") {
        return Ok(());
    }
    let (port, pki, directory) = surroundings()?;
    let server = WebServer::start(port, directory.path(), &pki)?;
    server.set_mode("refuse 000000000000000d-0")?;
    let hits =
        start(output(Destination::Webhook(WebhookOptions { batch: 10, ..options(port, &pki) })))?;
    offer(&hits, 0..40);
    let report = finish(hits, DEADLINE)?;
    ensure!(server.numbers()? == (0..40).filter(|n| *n != 13).collect::<Vec<_>>());
    ensure!(report.account.sent == 39 && report.account.not_sent.totals == 1, "{report:?}");
    Ok(())
}

#[test]
fn what_is_spooled_survives_a_restart() -> Result<()> {
    if !require("python3") {
        return Ok(());
    }
    let (port, pki, directory) = surroundings()?;
    let options =
        || spooled(WebhookOptions { batch: 16, ..options(port, &pki) }, directory.path(), 1 << 20);
    let hits = start(options())?;
    offer(&hits, 0..30);
    wait_until("the outage is noticed", || hits.reports()[0].error.is_some())?;
    let taken = start(options()).err().context("one at a time")?.to_string();
    ensure!(taken.ends_with("another output or process uses it"), "{taken}");
    let report = finish(hits, SHORT_DEADLINE)?;
    ensure!(report.account.spooled == 30 && report.account.not_sent.totals == 0, "{report:?}");

    // A second life, which ends without an end in order.
    let hits = start(options())?;
    offer(&hits, 30..40);
    wait_until("they are spooled", || hits.reports()[0].account.spooled == 40)?;
    drop(hits);

    let hits = start(options())?;
    let server = WebServer::start(port, directory.path(), &pki)?;
    offer(&hits, 40..50);
    wait_until("all has arrived", || server.numbers().is_ok_and(|all| all.len() >= 50))?;
    let report = finish(hits, DEADLINE)?;
    ensure!(server.numbers()? == (0..50).collect::<Vec<_>>());
    ensure!((report.account.offered, report.account.sent) == (50, 50), "{report:?}");
    let left: Vec<_> = fs::read_dir(directory.path().join("spool"))?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".spool"))
        .collect();
    ensure!(left.is_empty(), "{left:?}");
    Ok(())
}

#[test]
fn a_full_spool_is_counted() -> Result<()> {
    let (port, pki, directory) = surroundings()?;
    let hits = start(spooled(options(port, &pki), directory.path(), 64 << 10))?;
    offer(&hits, 0..200);
    let report = finish(hits, SHORT_DEADLINE)?;
    let account = report.account;
    ensure!(account.spooled > 20 && account.not_sent.totals > 20, "{account:?}");
    ensure!(account.spooled + account.not_sent.totals == 200, "{account:?}");
    Ok(())
}

#[test]
fn a_full_queue_is_counted_and_holds_up_nobody() -> Result<()> {
    let (port, pki, _directory) = surroundings()?;
    let mut output = output(Destination::Webhook(options(port, &pki)));
    output.queue = 100;
    let hits = start(output)?;
    offer(&hits, 0..10_000);
    // Nobody is there: the end need not wait for its deadline, which is more than this test may take.
    let report = finish(hits, Duration::from_hours(1))?;
    ensure!(report.account.not_sent.totals == 10_000, "{report:?}");
    Ok(())
}

#[test]
fn a_server_that_is_not_known_gets_nothing() -> Result<()> {
    if !require("python3") {
        return Ok(());
    }
    let (port, pki, directory) = surroundings()?;
    let server = WebServer::start(port, directory.path(), &pki)?;
    let strange = Pki::new()?;
    for (tls, reason) in [
        (TlsOptions { ca: strange.file("ca.pem"), ..options(port, &pki).tls }, "UnknownIssuer"),
        (
            TlsOptions { certificate: None, key: None, ..options(port, &pki).tls },
            "CertificateRequired",
        ),
    ] {
        let options = WebhookOptions { tls, ..options(port, &pki) };
        let hits = start(output(Destination::Webhook(options)))?;
        offer(&hits, 0..3);
        wait_until("it is noticed", || hits.reports()[0].error.is_some())?;
        let error = hits.reports()[0].error.clone().context("an error")?;
        ensure!(error.contains(reason) && !error.contains("key=1"), "{error}");
        let report = finish(hits, SHORT_DEADLINE)?;
        ensure!(report.account.not_sent.totals == 3, "{report:?}");
    }
    ensure!(server.requests()?.is_empty(), "it got something all the same");
    Ok(())
}
