//! VPC flow logs of Google Cloud, as Cloud Logging exports them: entries in JSON, a line each or in an array, or in messages of
//! Pub/Sub, as they are pushed or pulled.
//!
//! * [`entry`]: the members. [`record`]: an entry into a flow.

pub mod entry;
pub mod record;

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
    /// The source of entries that do not tell it.
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
        let mut fail = |(reason, what): Fault<'_>, flows: &mut Flows| {
            let source = *source.get_or_insert_with(|| flows.source("", probe::name(object)));
            flows.ledger(source).error(reason, object, number, what);
        };
        flows.begin();
        match value {
            Value::Whole(octets) => entry(octets, decoded, flows, &mut fail),
            value => value.fault().into_iter().for_each(|fault| fail(fault, flows)),
        }
    }
}

/// Takes an entry, or a message around one; what cannot be read goes to `fail`.
#[inline]
fn entry(
    octets: &[u8],
    decoded: &mut Vec<u8>,
    flows: &mut Flows,
    fail: &mut impl FnMut(Fault<'_>, &mut Flows),
) {
    let outer = match read(octets) {
        Ok(outer) => outer,
        Err(fault) => return fail(fault, flows),
    };
    let data = outer.message.data.or(&outer.data);
    if data.is_empty() {
        return tell(&outer, flows, fail);
    }
    decoded.clear();
    if !base64::decode(data.octets(), decoded) {
        return fail((Reason::Syntax, b"data of the message"), flows);
    }
    match read(decoded) {
        Ok(inner) => tell(&inner, flows, fail),
        Err(fault) => fail(fault, flows),
    }
}

fn read(octets: &[u8]) -> Result<Entry<'_>, Fault<'_>> {
    values::read(octets).map_err(|fault| {
        // Entries of other logs have other members, and members of other kinds.
        match (fault.0, probe::texts(octets, b"\"logName\"").last()) {
            (Reason::Value, Some(name)) if is_other(name) => (Reason::OtherLog, name),
            _ => fault,
        }
    })
}

fn is_other(log_name: &[u8]) -> bool {
    !log_name.is_empty() && !NAMES.iter().any(|name| log_name.ends_with(name.as_bytes()))
}

/// Appends the flow of an entry.
#[inline]
fn tell(entry: &Entry<'_>, flows: &mut Flows, fail: &mut impl FnMut(Fault<'_>, &mut Flows)) {
    if is_other(entry.log_name.octets()) {
        return fail((Reason::OtherLog, entry.log_name.octets()), flows);
    }
    if entry.log_name.is_empty() && entry.payload.connection.source.is_empty() {
        return fail((Reason::Value, b"logName"), flows);
    }
    match record::read(entry, flows) {
        Ok(source) => {
            let ledger = flows.ledger(source);
            ledger.records += 1;
            ledger.flows += 1;
            record::count_unknown(entry, ledger);
        }
        Err(fault) => fail(fault, flows),
    }
}
