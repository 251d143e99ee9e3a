//! The filter of the command line: only flows that fulfil its query are put out.

use sensor_core::{
    flow::{batch::FlowBatch, interfaces::Interfaces},
    nql::{Filter, columns::BatchFilter},
};

/// A query, applied to each batch on its way to the outputs.
pub struct FlowFilter {
    filter: BatchFilter,
    rows: Vec<usize>,
    held_back: u64,
}

impl FlowFilter {
    /// Lets through what fulfils `query`.
    pub fn new(query: &Filter) -> Self {
        Self { filter: BatchFilter::new(&query.typed), rows: Vec::new(), held_back: 0 }
    }

    /// Takes the rows out of `batch` that do not fulfil the query.
    pub fn apply(&mut self, batch: &mut FlowBatch, interfaces: &Interfaces) {
        self.rows.clear();
        self.rows.extend(self.filter.rows(batch, interfaces));
        if self.rows.len() < batch.len() {
            self.held_back += (batch.len() - self.rows.len()) as u64;
            batch.keep(&self.rows);
        }
    }

    /// Flow records that did not fulfil the query.
    pub fn held_back(&self) -> u64 {
        self.held_back
    }
}
