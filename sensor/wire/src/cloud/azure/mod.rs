//! Flow logs of Azure: of network security groups, versions 1 and 2, and of virtual networks, version 4. Both are blobs of JSON,
//! one of an interface and an hour, that grow during that hour.
//!
//! * [`record`]: the objects that tuples stand in. [`mod@tuple`]: a tuple. [`told`]: tuples into rows.
//! * [`dns`]: query logs of DNS security policies.
//! * [`state`]: what is known of a blob. [`resource`]: what ids and names of blobs tell. [`interface`]: addresses of interfaces.

pub mod dns;
pub mod interface;
pub mod record;
pub mod resource;
pub mod state;
#[cfg(test)]
mod tests;
pub mod told;
pub mod tuple;

use std::sync::Arc;

use self::{record::Reading, state::State};
use super::{
    flows::Flows,
    json::{cutter::Value, log::Records, probe},
    ledger::Reason,
};

/// Whether an object that begins with `octets` is a blob of such a log.
pub fn is_log(octets: &[u8]) -> bool {
    const OWN: &[&str] = &[
        "flowTuples",
        "flowRecords",
        "flowLogVersion",
        "flowLogResourceID",
        "NetworkSecurityGroupFlowEvent",
        "FlowLogFlowEvent",
    ];
    probe::names(octets, OWN)
}

/// A blob under way.
pub struct Blob(State);

impl Blob {
    /// Of the blob called `object`.
    pub fn new(object: Arc<str>) -> Self {
        Self(State::new(object))
    }

    fn record(&mut self, record: &[u8], flows: &mut Flows) {
        flows.begin();
        let Self(state) = self;
        let mut reading = Reading { state, flows, is_of_log: false };
        let read = reading.record(record);
        let is_of_log = reading.is_of_log;
        match read {
            Ok(()) if is_of_log => {}
            Ok(()) => {
                state.number += 1;
                state.error(Reason::Layout, probe::first_name(record), flows);
            }
            Err(fault) => {
                state.number += 1;
                state.error(Reason::Syntax, fault.0, flows);
            }
        }
        state.pending.finish(flows);
    }
}

impl Records for Blob {
    const ARRAYS: &'static [&'static str] = &["records"];
    // The tuples of a minute: those of an interface with 350,000 of them.
    const LONGEST: usize = 32 << 20;

    fn value(&mut self, _: u64, value: Value<'_>, flows: &mut Flows) {
        match value {
            Value::Whole(record) => self.record(record, flows),
            // Nothing stands beside the records.
            Value::Opened(_) | Value::Closed(_) => {}
            broken => {
                self.0.number += 1;
                if let Some((reason, what)) = broken.fault() {
                    self.0.error(reason, what, flows);
                }
            }
        }
    }

    fn finish(&mut self, flows: &mut Flows) {
        self.0.finish(flows);
    }
}
