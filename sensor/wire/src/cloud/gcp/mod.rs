//! VPC flow logs of Google Cloud, and query logs of its DNS, as Cloud Logging exports them: entries in JSON, a line each or in an array, or in messages of
//! Pub/Sub, as they are pushed or pulled.
//!
//! * [`entry`]: the members. [`record`]: an entry into a flow. [`dns`]: an entry into a DNS record.

pub mod dns;
#[cfg(test)]
mod dns_tests;
pub mod entry;
pub mod record;
#[cfg(test)]
mod tests;

use self::entry::Entry;
use super::{
    flows::Flows,
    json::{
        probe,
        wrapped::{Outcome, Wrapped},
    },
    ledger::Reason,
};

/// What logs of flows are called, behind the project.
const NAMES: [&str; 4] = [
    "compute.googleapis.com%2Fvpc_flows",
    "networkmanagement.googleapis.com%2Fvpc_flows",
    "compute.googleapis.com/vpc_flows",
    "networkmanagement.googleapis.com/vpc_flows",
];

/// Whether an object that begins with `octets` has entries of flow logs.
pub fn is_log(octets: &[u8]) -> bool {
    probe::tells(octets, b"vpc_flows\"", b"\"data\"")
}

/// Entries, in messages of Pub/Sub or without.
pub struct Entries;

impl Wrapped for Entries {
    const ARRAYS: &'static [&'static str] = &["receivedMessages", "entries"];
    const SIGN: &'static [u8] = b"\"logName\"";
    const WITHIN: &'static [u8] = b"data of the message";
    type Record<'a> = Entry<'a>;

    fn within<'r>(entry: &'r Entry<'_>) -> &'r [u8] {
        entry.message.data.or(&entry.data).octets()
    }

    /// Appends the flow of an entry, or its DNS record.
    #[inline]
    fn tell(
        entry: &Entry<'_>,
        octets: &[u8],
        flows: &mut Flows,
        end: &mut impl FnMut(Outcome<'_>, &mut Flows),
    ) {
        let name = entry.log_name.octets();
        let has_flow = !entry.payload.connection.source.is_empty();
        if dns::is_name(name) || name.is_empty() && !has_flow && dns::has_query(octets) {
            return match dns::read(octets, flows) {
                Ok(source) => end(Ok(source), flows),
                Err((reason, what)) => end(Err((None, (reason, &what))), flows),
            };
        }
        if is_other(name) {
            return end(Err((Some(other(name, flows)), (Reason::OtherLog, name))), flows);
        }
        if name.is_empty() && !has_flow {
            return end(Err((None, (Reason::Value, b"logName"))), flows);
        }
        match record::read(entry, flows) {
            Ok(source) => {
                flows.end(source);
                let ledger = flows.ledger(source);
                record::count_unknown(entry, ledger);
                end(Ok(source), flows);
            }
            Err(fault) => end(Err((None, fault)), flows),
        }
    }
}

fn is_other(log_name: &[u8]) -> bool {
    !log_name.is_empty() && !NAMES.iter().any(|name| log_name.ends_with(name.as_bytes()))
}

/// The source that is another log: `projects/P/logs/NAME`.
#[cold]
fn other(name: &[u8], flows: &mut Flows) -> u32 {
    let name = String::from_utf8_lossy(name);
    match name.split('/').collect::<Vec<_>>()[..] {
        [_, project, "logs", log] => flows.source(project, log),
        _ => flows.source("", &name),
    }
}
