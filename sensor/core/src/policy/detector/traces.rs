//! What an event tells of its flows besides numbers: some flows in full, who saw them, ports, what is known of addresses.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use super::{frequent::Frequent, scope::Flow};
use crate::{
    flow::{
        fields::{FIELDS, Field, OwnedValue, Row},
        profile::{Profile, Side},
    },
    policy::{
        alert::{FlowSample, MAX_LISTED, MAX_SAMPLES, Top},
        sources::{SourceNumber, View},
    },
};

/// Keys of one policy whose flows are quoted and counted by address and port at a time; beyond that, events do neither.
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
    frequent: FrequentValues,
}

/// Flows by address and port.
#[derive(Clone, Debug, Default)]
struct FrequentValues {
    sources: Frequent<IpAddr>,
    destinations: Frequent<IpAddr>,
    source_ports: Frequent<u16>,
    destination_ports: Frequent<u16>,
}

impl Traces {
    /// Adds a flow; `quoted` counts it by address and port as well, and as a sample, where there is room.
    pub fn add(&mut self, flow: &Flow<'_>, quoted: bool) {
        let (batch, row) = (flow.row.batch, flow.row.row);
        self.add_ports(batch.source_port[row], batch.destination_port[row]);
        self.add_source(flow.source);
        if quoted {
            self.count(flow.row);
            self.sample(flow.row);
        }
    }

    /// Adds a flow from before the threshold held: its ports, and as a sample; `counted` by address and port as well.
    pub fn add_kept(&mut self, row: Row<'_>, counted: bool) {
        self.add_ports(row.batch.source_port[row.row], row.batch.destination_port[row.row]);
        if counted {
            self.count(row);
        }
        self.sample(row);
    }

    /// Forgets the flows that it quotes.
    pub fn forget_samples(&mut self) {
        self.samples = Vec::new();
        self.addresses.clear();
    }

    /// Counts a flow by address and port.
    pub fn count(&mut self, row: Row<'_>) {
        self.frequent.sources.add(row.source());
        self.frequent.destinations.add(row.destination());
        let Row { batch, row, .. } = row;
        let ports = (batch.source_port[row], batch.destination_port[row]);
        if ports != (0, 0) {
            self.frequent.source_ports.add(ports.0);
            self.frequent.destination_ports.add(ports.1);
        }
    }

    /// Keeps a flow as a sample, where there is room.
    pub fn sample(&mut self, row: Row<'_>) {
        if self.samples.len() >= MAX_SAMPLES {
            return;
        }
        self.samples.push(sample(row));
        for (address, side) in
            [(row.source(), Side::Source), (row.destination(), Side::Destination)]
        {
            let profile = row.batch.profile(side, row.row);
            if **profile != Profile::default() {
                self.addresses.entry(address).or_insert_with(|| profile.clone());
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

    /// Addresses and ports that most flows have.
    pub fn top(&self) -> Top {
        Top {
            sources: self.frequent.sources.list(),
            destinations: self.frequent.destinations.list(),
            source_ports: self.frequent.source_ports.list(),
            destination_ports: self.frequent.destination_ports.list(),
        }
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

fn sample(row: Row<'_>) -> FlowSample {
    let mut sample = Vec::with_capacity(FIELDS.len() / 2);
    let value = |field: &Field| OwnedValue::of(field.value(row));
    sample.extend(FIELDS.iter().filter_map(|field| Some((field.name, value(field)?))));
    sample
}
