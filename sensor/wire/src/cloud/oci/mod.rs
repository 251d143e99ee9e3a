//! VCN flow logs of Oracle Cloud: events in JSON, bare or in what Logging, its search, Streaming or Connector Hub puts around them.
//!
//! * [`event`]: the members. [`record`]: an event into a flow.

pub mod event;
pub mod record;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use self::{
    event::{Content, Event, Oracle},
    record::Told,
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
    /// The source of the last flow, or the object itself: that of what cannot be read.
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
    const LEVELS: u32 = 2;

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
            Value::Whole(octets) => event(octets, decoded, flows, &mut end),
            // The answer to a request, unless it was an event that has such a member itself.
            Value::Closed(octets) if !probe::has(octets, b"\"com.oraclecloud.") => {}
            Value::Closed(octets) => event(octets, decoded, flows, &mut end),
            value => value.fault().into_iter().for_each(|fault| end(Err((None, fault)), flows)),
        }
    }
}

/// The source of a flow; or of what became none, where it tells that, and why.
type Outcome<'f> = Result<u32, (Option<u32>, Fault<'f>)>;

/// Takes an event, or what is around one; `end` gets what became of it.
#[inline]
fn event(
    octets: &[u8],
    decoded: &mut Vec<u8>,
    flows: &mut Flows,
    end: &mut impl FnMut(Outcome<'_>, &mut Flows),
) {
    let outer = match values::read::<Event<'_>>(octets) {
        Ok(outer) => outer,
        Err(fault) => return end(Err((None, fault)), flows),
    };
    if outer.value.is_empty() {
        return tell(&outer, flows, end);
    }
    decoded.clear();
    if !base64::decode(outer.value.octets(), decoded) {
        return end(Err((None, (Reason::Syntax, b"value of the message"))), flows);
    }
    match values::read::<Event<'_>>(decoded) {
        Ok(inner) => tell(&inner, flows, end),
        Err(fault) => end(Err((None, fault)), flows),
    }
}

/// Appends the flow of an event.
#[inline]
fn tell(event: &Event<'_>, flows: &mut Flows, end: &mut impl FnMut(Outcome<'_>, &mut Flows)) {
    let Event { content, region, data, kind, oracle, .. } = event;
    let found = match data.content.read::<Content<'_>>() {
        Ok(found) => found,
        Err(fault) => return end(Err((None, fault)), flows),
    };
    let is_within = !content.kind.is_empty() || !content.data.source.is_empty();
    let within = found.as_ref().or(is_within.then_some(content));
    let told = match within {
        Some(Content { data, kind, oracle, .. }) => Told { data, kind, oracle, region },
        None => Told { data, kind, oracle, region },
    };
    match record::read(&told, flows) {
        Ok(record::Outcome::Flow(source)) => {
            flows.end(source);
            let ledger = flows.ledger(source);
            event.unknown.count("", ledger);
            if let Some(content) = within {
                content.unknown.count("", ledger);
            }
            told.data.unknown.count("data.", ledger);
            told.oracle.unknown.count("oracle.", ledger);
            end(Ok(source), flows);
        }
        Ok(record::Outcome::Window(source, window)) => {
            flows.ledger(source).window(window);
            end(Ok(source), flows);
        }
        Err(fault) => {
            let of = (fault.0 == Reason::OtherLog).then(|| other(told.oracle, flows)).flatten();
            end(Err((of, fault)), flows);
        }
    }
}

/// The source that is another log, where it is told.
#[cold]
fn other(oracle: &Oracle<'_>, flows: &mut Flows) -> Option<u32> {
    let [tenancy, log] =
        [&oracle.tenancy, &oracle.log].map(|text| String::from_utf8_lossy(text.octets()));
    (!log.is_empty()).then(|| flows.source(&tenancy, &log))
}
