//! From the numbers of a batch to those of a journal: each table of a batch is looked through once, however many batches have it.

use std::{collections::HashMap, sync::Arc};

use sensor_core::flow::{
    batch::FlowBatch,
    columns::{Column, Lists},
    device::Device,
    interned::Interned,
    point::{LabelSets, Points},
    ports::PortLabels,
    profile::Profiles,
    properties::PropertySets,
    tags::TagSets,
};

use super::{
    Documents, device, labels, list, point, port_labels, profile, properties, tags as tags_document,
};
use crate::layout::{Form, Item, Table};

/// The documents of a journal, and what is remembered of the tables of batches.
#[derive(Debug)]
pub struct Views {
    documents: [Documents; Table::ALL.len()],
    profiles: Recent<Profiles>,
    tags: Recent<TagSets>,
    points: Recent<Points>,
    properties: Recent<PropertySets>,
    labels: Recent<LabelSets>,
    port_labels: Recent<PortLabels>,
    /// By where they lie, which is theirs as long as they are held.
    devices: HashMap<usize, (Arc<Device>, u32)>,
    document: Vec<u8>,
}

/// Tables of one kind that batches had last.
#[derive(Debug)]
struct Recent<T>(Vec<(Arc<T>, Vec<u32>)>);

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// Tables of one kind that are remembered. Sources have one each.
const REMEMBERED: usize = 64;
/// Devices that are remembered.
const DEVICES: usize = 4096;
/// What has no number yet.
const UNKNOWN: u32 = u32::MAX;

impl<T> Recent<T> {
    /// The numbers of a table.
    fn of(&mut self, table: &Arc<T>) -> &mut Vec<u32> {
        match self.0.iter().position(|(own, _)| Arc::ptr_eq(own, table)) {
            Some(0) => {}
            Some(at) => self.0[..=at].rotate_right(1),
            None => {
                self.0.truncate(REMEMBERED - 1);
                self.0.insert(0, (table.clone(), Vec::new()));
            }
        }
        &mut self.0[0].1
    }
}

impl Default for Views {
    fn default() -> Self {
        Self {
            documents: Table::ALL.map(Documents::of),
            profiles: Recent::default(),
            tags: Recent::default(),
            points: Recent::default(),
            properties: Recent::default(),
            labels: Recent::default(),
            port_labels: Recent::default(),
            devices: HashMap::new(),
            document: Vec::new(),
        }
    }
}

impl Views {
    /// The documents of a table.
    pub fn documents(&self, table: Table) -> &Documents {
        &self.documents[table as usize]
    }

    /// Octets of all documents.
    pub fn octets(&self) -> usize {
        self.documents.iter().map(Documents::octets).sum()
    }

    /// Puts the journal's numbers of a column that numbers a table into `out`, a row each.
    pub fn numbers(&mut self, batch: &FlowBatch, column: Column, out: &mut Vec<u32>) {
        out.clear();
        let Form::Document(table) = Item::of(column).form() else { return };
        let own = &mut self.documents[table as usize];
        match column {
            Column::SourceProfile => {
                let recent = &mut self.profiles;
                interned(
                    &batch.source_profile,
                    &batch.profiles,
                    recent,
                    own,
                    profile::document,
                    out,
                );
            }
            Column::DestinationProfile => {
                let recent = &mut self.profiles;
                let rows = &batch.destination_profile;
                interned(rows, &batch.profiles, recent, own, profile::document, out);
            }
            Column::ObservationPoint => {
                let recent = &mut self.points;
                interned(&batch.observation_point, &batch.points, recent, own, point, out);
            }
            Column::CommonProperties => {
                let recent = &mut self.properties;
                interned(&batch.common_properties, &batch.properties, recent, own, properties, out);
            }
            Column::SourceLabels => {
                let recent = &mut self.labels;
                interned(&batch.source_labels, &batch.label_sets, recent, own, labels, out);
            }
            Column::DestinationLabels => {
                let recent = &mut self.labels;
                interned(&batch.destination_labels, &batch.label_sets, recent, own, labels, out);
            }
            Column::Tags => {
                let sets = &batch.tag_sets;
                let known = self.tags.of(sets);
                known.resize(sets.count(), UNKNOWN);
                translate(&batch.tags, known, |set| own.intern(&tags_document(sets.get(set))), out);
            }
            Column::Device => self.devices(batch, out),
            Column::AsPath => lists(&batch.as_path, batch.len(), own, &mut self.document, out),
            Column::Communities => {
                lists(&batch.communities, batch.len(), own, &mut self.document, out);
            }
            _ => {}
        }
    }

    /// The journal's number of the labels of ports of a batch.
    pub fn port_labels(&mut self, batch: &FlowBatch) -> u32 {
        let known = self.port_labels.of(&batch.port_labels);
        if known.is_empty() {
            let own = &mut self.documents[Table::PortLabels as usize];
            known.push(own.intern(&port_labels(&batch.port_labels)));
        }
        known[0]
    }

    fn devices(&mut self, batch: &FlowBatch, out: &mut Vec<u32>) {
        if self.devices.len() > DEVICES {
            self.devices.clear();
        }
        let own = &mut self.documents[Table::Devices as usize];
        let mut number = |of: &Arc<Device>| {
            let known = self.devices.entry(Arc::as_ptr(of).addr());
            known.or_insert_with(|| (of.clone(), own.intern(&device::document(of)))).1
        };
        let known: Vec<u32> = batch.devices.iter().map(&mut number).collect();
        out.extend(batch.device.iter().map(|at| known.get(*at as usize).copied().unwrap_or(0)));
    }
}

/// Numbers of a table that grows: what has none yet gets one.
fn interned<T>(
    rows: &[u32],
    table: &Arc<Interned<T>>,
    recent: &mut Recent<Interned<T>>,
    documents: &mut Documents,
    document: impl Fn(&T) -> Vec<u8>,
    out: &mut Vec<u32>,
) {
    let known = recent.of(table);
    known.resize(table.count() as usize, UNKNOWN);
    translate(rows, known, |number| documents.intern(&document(table.get(number))), out);
}

/// What is behind the table reads as its number 0.
fn translate(
    rows: &[u32],
    known: &mut [u32],
    mut number: impl FnMut(u32) -> u32,
    out: &mut Vec<u32>,
) {
    out.extend(rows.iter().map(|row| match known.get_mut(*row as usize) {
        None => 0,
        Some(own) => {
            if *own == UNKNOWN {
                *own = number(*row);
            }
            *own
        }
    }));
}

fn lists(
    lists: &Lists,
    rows: usize,
    documents: &mut Documents,
    octets: &mut Vec<u8>,
    out: &mut Vec<u32>,
) {
    out.extend((0..rows).map(|row| match lists.get(row) {
        [] => 0,
        values => {
            octets.clear();
            list(values, octets);
            documents.intern(octets)
        }
    }));
}
