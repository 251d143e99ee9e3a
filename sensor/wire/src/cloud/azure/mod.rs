//! Flow logs of Azure: of network security groups, versions 1 and 2, and of virtual networks, version 4. Both are blobs of JSON,
//! one of an interface and an hour, that grow during that hour.
//!
//! * [`record`]: the objects that tuples stand in. [`tuple`]: a tuple. [`told`]: tuples into rows.
//! * [`resource`]: what ids and names of blobs tell. [`interface`]: addresses of interfaces.

pub mod interface;
pub mod record;
pub mod resource;
#[cfg(test)]
mod tests;
pub mod told;
pub mod tuple;

use std::sync::Arc;

use sensor_core::flow::point::PointAttribute;

use self::{record::Reading, resource::Place, told::Pending};
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

/// Names of unknown members that are told of an object.
const NAMES: usize = 64;
/// Octets of such a name that are told.
const SHOWN: usize = 64;

/// What is known of a blob, and of the records read last.
pub struct State {
    object: Arc<str>,
    /// What the name of the blob tells.
    blob: Place,
    interface_of_blob: String,
    /// The source of the records read last.
    source: Option<u32>,
    /// Tuples, and what should have been one, so far.
    number: u64,
    /// The ids that were told last, and what they say.
    ids: [Vec<u8>; 3],
    place: Place,
    pending: Pending,
    /// Unknown members by name.
    unknown: Vec<(String, u64)>,
}

impl Records for State {
    const ARRAYS: &'static [&'static str] = &["records"];
    // The tuples of a minute: those of an interface with 350,000 of them.
    const LONGEST: usize = 32 << 20;

    fn value(&mut self, _: u64, value: Value<'_>, flows: &mut Flows) {
        match value {
            Value::Whole(record) => self.record(record, flows),
            // Nothing stands beside the records.
            Value::Opened(_) | Value::Closed(_) => {}
            broken => {
                self.number += 1;
                if let Some((reason, what)) = broken.fault() {
                    self.error(reason, what, flows);
                }
            }
        }
    }

    fn finish(&mut self, flows: &mut Flows) {
        let source = self.source(flows);
        for (name, count) in self.unknown.drain(..) {
            flows.ledger(source).unknown(&name, count);
        }
    }
}

impl State {
    /// Of the blob called `object`.
    pub fn new(object: Arc<str>) -> Self {
        let mut blob = Place::of_blob(&object);
        if blob.log.is_empty() {
            // Whatever it is called, without the folders around it.
            blob.log = probe::name(&object).to_owned();
        }
        Self {
            place: blob.clone(),
            blob,
            interface_of_blob: Place::interface_of_blob(&object).to_owned(),
            object,
            source: None,
            number: 0,
            ids: Default::default(),
            pending: Pending::default(),
            unknown: Vec::new(),
        }
    }

    /// Takes the ids of a record: of its security group, its log, and what that is a log of.
    fn locate(&mut self, ids: [&[u8]; 3]) {
        if self.ids.iter().zip(ids).any(|(known, id)| known != id) {
            self.place = Place::of(ids[0], ids[1], ids[2]).or(&self.blob);
            self.ids = ids.map(<[u8]>::to_vec);
        }
    }

    /// The numbers of an interface's observation point and its source.
    fn point(&mut self, interface: &[u8], flows: &mut Flows) -> (u32, u32) {
        let Place { subscription, log, network, subnet, region } = &self.place;
        let told = [subscription, network, subnet, "", "", region, ""];
        let mut told = told.map(str::as_bytes);
        told[PointAttribute::Interface as usize] = interface;
        let point = flows.point(told, subscription, log);
        self.source = Some(point.1);
        point
    }

    /// Counts what became nothing.
    #[cold]
    fn error(&mut self, reason: Reason, what: &[u8], flows: &mut Flows) {
        let source = self.source(flows);
        flows.ledger(source).error(reason, &self.object, self.number, what);
    }

    /// The source of what tells none.
    fn source(&mut self, flows: &mut Flows) -> u32 {
        let Self { source, blob, .. } = self;
        *source.get_or_insert_with(|| flows.source(&blob.subscription, &blob.log))
    }

    /// Counts a member that is not known.
    #[cold]
    fn unknown(&mut self, name: &[u8]) {
        let name = String::from_utf8_lossy(&name[..name.len().min(SHOWN)]);
        match self.unknown.iter().position(|(known, _)| *known == name) {
            Some(at) => self.unknown[at].1 += 1,
            None if self.unknown.len() < NAMES => self.unknown.push((name.into_owned(), 1)),
            None => {}
        }
    }

    /// Reads a record.
    fn record(&mut self, record: &[u8], flows: &mut Flows) {
        flows.begin();
        let read = Reading { state: self, flows }.record(record);
        if let Err(fault) = read {
            self.number += 1;
            self.error(Reason::Syntax, fault.0, flows);
        }
        self.pending.finish(flows);
    }
}
