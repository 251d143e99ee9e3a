//! Sinks under test.

use std::time::Duration;

use anyhow::{Result, ensure};
use sensor::export::{
    account::Account,
    ipfix::{
        IpfixSink,
        metering::MeteringProcess,
        options::{CollectorOptions, Destination, IpfixOptions, Transport},
    },
    net::source::Source,
    sink::Sink,
};

use crate::log;

/// Enough for anything that works.
pub const DEADLINE: Duration = Duration::from_secs(20);
/// For what will not work however long it takes.
pub const SHORT_DEADLINE: Duration = Duration::from_millis(300);

/// Starts exporting, with a log of it.
pub fn start(destination: Destination, options: IpfixOptions) -> Result<IpfixSink> {
    log::keep();
    Ok(IpfixSink::start(destination, options, &MeteringProcess::new())?)
}

/// A collector's address.
pub fn to(transport: Transport, host: &str, port: u16) -> Destination {
    Destination::Collector(CollectorOptions {
        transport,
        host: host.into(),
        port,
        source: Source::Any,
    })
}

/// Stops within `deadline`. The final account must balance, with nothing forgotten.
pub fn finish(sink: IpfixSink, deadline: Duration) -> Result<Account> {
    sink.stop(deadline);
    let account = sink.join();
    ensure!(account.balances(), "does not balance: {account:?}");
    ensure!(account.queued == Default::default(), "forgotten: {account:?}");
    Ok(account)
}

/// Lines about `sink` that tell of an outage, and of its end.
pub fn told(sink: &str) -> (Vec<String>, Vec<String>) {
    // The port ends the name, and the line goes on with a blank.
    let name = format!("collector={sink} ");
    (log::lines(&[&name, "not exporting"]), log::lines(&[&name, "exporting again"]))
}
