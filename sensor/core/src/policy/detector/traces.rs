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
        self.add_ports(ports(flow.row));
        self.add_source(flow.source);
        if quoted {
            self.count(flow.row);
            self.sample(flow.row);
        }
    }

    /// Adds a flow from before the threshold held: its ports, and as a sample; `counted` by address and port as well.
    pub fn add_kept(&mut self, row: Row<'_>, counted: bool) {
        self.add_ports(ports(row));
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
        let [source, destination] = ports(row);
        // Protocols without ports have 0 on both sides.
        if [source, destination].into_iter().flatten().any(|port| port != 0) {
            source.into_iter().for_each(|port| self.frequent.source_ports.add(port));
            destination.into_iter().for_each(|port| self.frequent.destination_ports.add(port));
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

    /// Adds ports, source and destination, as far as they are told; 0 is none.
    pub fn add_ports(&mut self, [source, destination]: [Option<u16>; 2]) {
        for (ports, port) in
            [(&mut self.source_ports, source), (&mut self.destination_ports, destination)]
        {
            if let Some(port @ 1..) = port
                && ports.len() < MAX_LISTED
            {
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

/// The ports of source and destination, as far as they are told.
fn ports(Row { batch, row, .. }: Row<'_>) -> [Option<u16>; 2] {
    [Side::Source, Side::Destination].map(|side| batch.port(side, row))
}

fn sample(row: Row<'_>) -> FlowSample {
    let mut sample = Vec::with_capacity(FIELDS.len() / 2);
    let value = |field: &Field| OwnedValue::of(field.value(row));
    sample.extend(FIELDS.iter().filter_map(|field| Some((field.name, value(field)?))));
    sample
}
