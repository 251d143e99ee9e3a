//! Reads columns of a journal into a batch, a few frames at a time.

use std::{ops::Range, sync::Arc};

use sensor_core::{
    flow::{batch::FlowBatch, ports::PortLabels},
    hunt::archive::Records,
};
use sensor_wire::cloud::columnar::fault::Fault;

use super::reader::Journal;
use crate::{
    cells::{Cells, Group, Groups, Steps, Told, read_items},
    documents::{self, tables::Tables},
    error::Error,
    layout::Item,
};

/// Rows that are read at a time, unless one frame has more.
const STEP: usize = 1 << 14;

/// A group of a journal that is being read.
pub struct FrameScan<'j> {
    tables: &'j Tables,
    window: Window<'j>,
    port_labels: Arc<PortLabels>,
    octets: u64,
}

/// Some frames of a group.
struct Window<'j> {
    journal: &'j Journal,
    group: usize,
    frames: Range<usize>,
    /// The group, as if it had no more.
    own: [Group; 1],
}

impl<'j> FrameScan<'j> {
    /// Begins with the first rows.
    pub fn new(journal: &'j Journal, group: usize, tables: &'j Tables) -> Self {
        let own = [Group { rows: 0, ..journal.groups()[group].clone() }];
        let labels = documents::port_labels_of(&own[0].port_labels).unwrap_or_default();
        let window = Window { journal, group, frames: 0..0, own };
        Self { tables, window, port_labels: Arc::new(labels), octets: 0 }
    }
}

impl Steps for FrameScan<'_> {
    fn advance(&mut self, records: &mut Records) -> usize {
        let Window { journal, group, frames, own: [own] } = &mut self.window;
        (*frames, own.rows) = journal.window(*group, frames.end, STEP);
        records.batch = if own.v6 { FlowBatch::v6(own.source) } else { FlowBatch::v4(own.source) };
        records.batch.packets.resize(own.rows, 0);
        records.batch.port_labels = self.port_labels.clone();
        records.received.clear();
        records.sequence.clear();
        own.rows
    }

    fn read(
        &mut self,
        items: &[Item],
        rows: Option<&[u32]>,
        records: &mut Records,
    ) -> Result<(), Error> {
        let [own] = &self.window.own;
        let width: usize = items.iter().map(|item| item.form().octets(own.v6)).sum();
        self.octets += (own.rows * width) as u64;
        read_items(&self.window, 0, items, rows, self.tables, records)
    }

    fn octets(&self) -> u64 {
        self.octets
    }
}

impl Groups for Window<'_> {
    fn groups(&self) -> &[Group] {
        &self.own
    }

    fn told(&self, _group: usize, item: Item) -> Told {
        self.journal.told(self.group, item)
    }

    fn cells(&self, _group: usize, item: Item) -> Result<Cells, Error> {
        self.journal.cells_of(self.group, self.frames.clone(), item)
    }

    fn fault(&self, _group: usize, item: Item, fault: Fault) -> Error {
        self.journal.fault(self.group, item, fault)
    }
}
