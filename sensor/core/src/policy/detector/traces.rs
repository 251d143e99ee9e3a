//! What an event tells of its flows besides numbers: some flows in full, who saw them, ports, what is known of addresses.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use super::scope::Flow;
use crate::{
    flow::{
        fields::{FIELDS, Field, OwnedValue},
        profile::{Profile, Side},
    },
    policy::{
        alert::{FlowSample, MAX_LISTED, MAX_SAMPLES},
        sources::{SourceNumber, View},
    },
};

/// Keys of one policy whose flows are quoted at a time; beyond that, events quote none.
pub const MOST_QUOTED: usize = 1024;

/// Traces of some flows, all of them bounded.
#[derive(Clone, Debug, Default)]
pub struct Traces {
    /// The first flows.
    pub samples: Vec<FlowSample>,
    /// What is known of addresses.
    pub addresses: BTreeMap<IpAddr, Arc<Profile>>,
    sources: BTreeSet<SourceNumber>,
    source_ports: BTreeSet<u16>,
    destination_ports: BTreeSet<u16>,
}

impl Traces {
    /// Adds a flow; `quoted` as a sample, where there is room.
    pub fn add(&mut self, flow: &Flow<'_>, quoted: bool) {
        let batch = flow.row.batch;
        self.add_ports(batch.source_port[flow.row.row], batch.destination_port[flow.row.row]);
        self.add_source(flow.source);
        if quoted && self.samples.len() < MAX_SAMPLES {
            self.samples.push(sample(flow));
            for (address, side) in
                [(flow.row.source(), Side::Source), (flow.row.destination(), Side::Destination)]
            {
                let profile = batch.profile(side, flow.row.row);
                if **profile != Profile::default() {
                    self.addresses.entry(address).or_insert_with(|| profile.clone());
                }
            }
        }
    }

    /// Adds ports; 0 is none.
    pub fn add_ports(&mut self, source: u16, destination: u16) {
        for (ports, port) in
            [(&mut self.source_ports, source), (&mut self.destination_ports, destination)]
        {
            if port != 0 && ports.len() < MAX_LISTED {
                ports.insert(port);
            }
        }
    }

    /// Adds a source.
    pub fn add_source(&mut self, source: SourceNumber) {
        if self.sources.len() < MAX_LISTED {
            self.sources.insert(source);
        }
    }

    /// Names of the sources, sorted.
    pub fn source_names(&self, sources: &View) -> Vec<String> {
        let mut names: Vec<String> =
            self.sources.iter().map(|id| sources.name(*id).to_owned()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Source ports, sorted.
    pub fn source_ports(&self) -> Vec<u16> {
        self.source_ports.iter().copied().collect()
    }

    /// Destination ports, sorted.
    pub fn destination_ports(&self) -> Vec<u16> {
        self.destination_ports.iter().copied().collect()
    }
}

fn sample(flow: &Flow<'_>) -> FlowSample {
    let mut sample = Vec::with_capacity(FIELDS.len() / 2);
    let value = |field: &Field| OwnedValue::of(field.value(flow.row));
    sample.extend(FIELDS.iter().filter_map(|field| Some((field.name, value(field)?))));
    sample
}
