//! What is known of a blob: where its records were seen, what could not be read of it, and the tuples under way.

use std::sync::Arc;

use sensor_core::flow::point::PointAttribute;

use super::{resource::Place, told::Pending};
use crate::cloud::{flows::Flows, json::probe, ledger::Reason};

/// Names of unknown members that are told of an object.
const NAMES: usize = 64;
/// Octets of such a name that are told.
const SHOWN: usize = 64;

/// What is known of a blob, and of the records read last.
pub struct State {
    object: Arc<str>,
    /// What the name of the blob tells.
    blob: Place,
    /// The address of its interface that it tells.
    pub interface_of_blob: String,
    /// The source of the records read last.
    source: Option<u32>,
    /// Tuples, and what should have been one, so far.
    pub number: u64,
    /// The ids that were told last, and what they say.
    ids: [Vec<u8>; 3],
    place: Place,
    /// Tuples that are no rows yet.
    pub pending: Pending,
    /// Unknown members by name.
    unknown: Vec<(String, u64)>,
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
    pub fn locate(&mut self, ids: [&[u8]; 3]) {
        if self.ids.iter().zip(ids).any(|(known, id)| known != id) {
            self.place = Place::of(ids[0], ids[1], ids[2]).or(&self.blob);
            self.ids = ids.map(<[u8]>::to_vec);
        }
    }

    /// The numbers of an interface's observation point and its source.
    pub fn point(&mut self, interface: &[u8], flows: &mut Flows) -> (u32, u32) {
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
    pub fn error(&mut self, reason: Reason, what: &[u8], flows: &mut Flows) {
        let source = self.source(flows);
        flows.ledger(source).error(reason, &self.object, self.number, what);
    }

    /// The source of what tells none.
    pub fn source(&mut self, flows: &mut Flows) -> u32 {
        let Self { source, blob, .. } = self;
        *source.get_or_insert_with(|| flows.source(&blob.subscription, &blob.log))
    }

    /// Counts a member that is not known.
    #[cold]
    pub fn unknown(&mut self, name: &[u8]) {
        let name = String::from_utf8_lossy(&name[..name.len().min(SHOWN)]);
        match self.unknown.iter().position(|(known, _)| *known == name) {
            Some(at) => self.unknown[at].1 += 1,
            None if self.unknown.len() < NAMES => self.unknown.push((name.into_owned(), 1)),
            None => {}
        }
    }

    /// Enters the unknown members in the account of the blob's source.
    pub fn finish(&mut self, flows: &mut Flows) {
        let source = self.source(flows);
        for (name, count) in self.unknown.drain(..) {
            flows.ledger(source).unknown(&name, count);
        }
    }
}
