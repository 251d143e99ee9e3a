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

use std::sync::Arc;

use self::entry::Entry;
use super::{
    flows::Flows,
    json::{
        base64,
        cutter::Value,
        log::Records,
        probe,
        values::{self, Fault},
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

/// The entries of an object.
pub struct Entries {
    object: Arc<str>,
    /// The source of the last flow, or the object itself: that of what cannot be read.
    source: Option<u32>,
    /// An entry that came in base64.
    decoded: Vec<u8>,
}

impl Entries {
    /// Of the object called `object`.
    pub fn new(object: Arc<str>) -> Self {
        Self { object, source: None, decoded: Vec::new() }
    }
}

impl Records for Entries {
    const ARRAYS: &'static [&'static str] = &["receivedMessages", "entries"];

    fn value(&mut self, number: u64, value: Value<'_>, flows: &mut Flows) {
        let Self { object, source, decoded } = self;
        let mut end = |outcome: Outcome<'_>, flows: &mut Flows| match outcome {
            Ok(told) => *source = Some(told),
            Err((of, (reason, what))) => {
                let mut own =
                    || *source.get_or_insert_with(|| flows.source("", probe::name(object)));
                let of = of.unwrap_or_else(&mut own);
                flows.ledger(of).error(reason, object, number, what);
            }
        };
        flows.begin();
        match value {
            Value::Whole(octets) => entry(octets, decoded, flows, &mut end),
            // The answer to a request, unless it was an entry that has such a member itself.
            Value::Closed(octets) if !probe::has(octets, b"\"logName\"") => {}
            Value::Closed(octets) => entry(octets, decoded, flows, &mut end),
            value => value.fault().into_iter().for_each(|fault| end(Err((None, fault)), flows)),
        }
    }
}

/// The source of a flow; or of what became none, where it tells that, and why.
type Outcome<'f> = Result<u32, (Option<u32>, Fault<'f>)>;

/// Takes an entry, or a message around one; `end` gets what became of it.
#[inline]
fn entry(
    octets: &[u8],
    decoded: &mut Vec<u8>,
    flows: &mut Flows,
    end: &mut impl FnMut(Outcome<'_>, &mut Flows),
) {
    let outer = match values::read::<Entry<'_>>(octets) {
        Ok(outer) => outer,
        Err(fault) => return end(Err((None, fault)), flows),
    };
    let data = outer.message.data.or(&outer.data);
    if data.is_empty() {
        return tell(&outer, octets, flows, end);
    }
    decoded.clear();
    if !base64::decode(data.octets(), decoded) {
        return end(Err((None, (Reason::Syntax, b"data of the message"))), flows);
    }
    match values::read::<Entry<'_>>(decoded) {
        Ok(inner) => tell(&inner, decoded, flows, end),
        Err(fault) => end(Err((None, fault)), flows),
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

/// Appends the flow of an entry, which these octets are, or its DNS record.
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
