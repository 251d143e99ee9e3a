//! VCN flow logs of Oracle Cloud: events in JSON, bare or in what Logging, its search, Streaming or Connector Hub puts around them.
//!
//! * [`event`]: the members. [`record`]: an event into a flow.

pub mod event;
pub mod record;
#[cfg(test)]
mod tests;

use self::{
    event::{Content, Event, Oracle},
    record::Told,
};
use super::{
    flows::Flows,
    json::{
        probe,
        wrapped::{Outcome, Wrapped},
    },
    ledger::Reason,
};

/// Whether an object that begins with `octets` has events of flow logs.
pub fn is_log(octets: &[u8]) -> bool {
    probe::tells(octets, b"\"com.oraclecloud.vcn.flowlogs.", b"\"value\"")
}

/// Events, in messages of Streaming or without.
pub struct Events;

impl Wrapped for Events {
    const ARRAYS: &'static [&'static str] = &["results", "data"];
    const LEVELS: u32 = 2;
    const SIGN: &'static [u8] = b"\"com.oraclecloud.";
    const WITHIN: &'static [u8] = b"value of the message";
    type Record<'a> = Event<'a>;

    fn within<'r>(event: &'r Event<'_>) -> &'r [u8] {
        event.value.octets()
    }

    /// Appends the flow of an event.
    #[inline]
    fn tell(
        event: &Event<'_>,
        _: &[u8],
        flows: &mut Flows,
        end: &mut impl FnMut(Outcome<'_>, &mut Flows),
    ) {
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
}

/// The source that is another log, where it is told.
#[cold]
fn other(oracle: &Oracle<'_>, flows: &mut Flows) -> Option<u32> {
    let [tenancy, log] =
        [&oracle.tenancy, &oracle.log].map(|text| String::from_utf8_lossy(text.octets()));
    (!log.is_empty()).then(|| flows.source(&tenancy, &log))
}
