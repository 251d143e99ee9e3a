//! VCN flow logs of Oracle Cloud: events in JSON, bare or in what Logging, its search, Streaming or Connector Hub puts around them.
//!
//! * [`event`]: the members. [`record`]: an event into a flow.

pub mod event;
pub mod record;

use std::sync::Arc;

use self::{
    event::{Content, Event},
    record::{Outcome, Told},
};
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

/// Whether an object that begins with `octets` has events of flow logs.
pub fn is_log(octets: &[u8]) -> bool {
    probe::tells(octets, b"\"com.oraclecloud.vcn.flowlogs.", b"\"value\"")
}

/// The events of an object.
pub struct Events {
    object: Arc<str>,
    /// The source of events that do not tell it.
    source: Option<u32>,
    /// An event that came in base64.
    decoded: Vec<u8>,
}

impl Events {
    /// Of the object called `object`.
    pub fn new(object: Arc<str>) -> Self {
        Self { object, source: None, decoded: Vec::new() }
    }
}

impl Records for Events {
    const ARRAYS: &'static [&'static str] = &["results", "data"];

    fn value(&mut self, number: u64, value: Value<'_>, flows: &mut Flows) {
        let Self { object, source, decoded } = self;
        let mut fail = |(reason, what): Fault<'_>, flows: &mut Flows| {
            let source = *source.get_or_insert_with(|| flows.source("", probe::name(object)));
            flows.ledger(source).error(reason, object, number, what);
        };
        flows.begin();
        match value {
            Value::Whole(octets) => event(octets, decoded, flows, &mut fail),
            value => value.fault().into_iter().for_each(|fault| fail(fault, flows)),
        }
    }
}

/// Takes an event, or what is around one; what cannot be read goes to `fail`.
#[inline]
fn event(
    octets: &[u8],
    decoded: &mut Vec<u8>,
    flows: &mut Flows,
    fail: &mut impl FnMut(Fault<'_>, &mut Flows),
) {
    let outer = match read(octets) {
        Ok(outer) => outer,
        Err(fault) => return fail(fault, flows),
    };
    if outer.value.is_empty() {
        return tell(&outer, flows, fail);
    }
    decoded.clear();
    if !base64::decode(outer.value.octets(), decoded) {
        return fail((Reason::Syntax, b"value of the message"), flows);
    }
    match read(decoded) {
        Ok(inner) => tell(&inner, flows, fail),
        Err(fault) => fail(fault, flows),
    }
}

fn read(octets: &[u8]) -> Result<Event<'_>, Fault<'_>> {
    values::read(octets).map_err(|fault| {
        // Events of other logs have other members, and members of other kinds.
        let kind =
            probe::texts(octets, b"\"type\"").find(|kind| kind.starts_with(b"com.oraclecloud."));
        match (fault.0, kind) {
            (Reason::Value, Some(kind)) if !kind.starts_with(b"com.oraclecloud.vcn.flowlogs.") => {
                (Reason::OtherLog, kind)
            }
            _ => fault,
        }
    })
}

/// Appends the flow of an event.
#[inline]
fn tell(event: &Event<'_>, flows: &mut Flows, fail: &mut impl FnMut(Fault<'_>, &mut Flows)) {
    let Event { content, region, data, kind, oracle, .. } = event;
    let told = match content.as_deref().or(data.content.as_deref()) {
        Some(Content { data, kind, oracle, .. }) => Told { data, kind, oracle, region },
        None => Told { data, kind, oracle, region },
    };
    match record::read(&told, flows) {
        Ok(Outcome::Flow(source)) => {
            let ledger = flows.ledger(source);
            ledger.records += 1;
            ledger.flows += 1;
            event.unknown.count("", ledger);
            if let Some(content) = content {
                content.unknown.count("", ledger);
            }
            told.data.unknown.count("data.", ledger);
            told.oracle.unknown.count("oracle.", ledger);
        }
        Ok(Outcome::Window(source, window)) => flows.ledger(source).window(window),
        Err(fault) => fail(fault, flows),
    }
}
