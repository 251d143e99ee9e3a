//! The filters of the command line: only records that fulfil their queries are put out.

use sensor_core::{
    flow::{batch::FlowBatch, interfaces::Interfaces},
    nql::{Filter, columns::BatchFilter},
};

/// Queries of the command line; none lets everything through.
#[derive(Clone, Debug, Default)]
pub struct Filters {
    /// For flows.
    pub flows: Option<Filter>,
    /// For DNS records.
    pub dns: Option<Filter>,
}

/// A query, applied to each batch on its way to the outputs.
pub struct FlowFilter {
    filter: BatchFilter,
    rows: Vec<usize>,
}

impl FlowFilter {
    /// Lets through what fulfils `query`.
    pub fn new(query: &Filter) -> Self {
        Self { filter: BatchFilter::new(&query.typed), rows: Vec::new() }
    }

    /// Takes the rows out of `batch` that do not fulfil the query, and returns how many.
    pub fn apply(&mut self, batch: &mut FlowBatch, interfaces: &Interfaces) -> u64 {
        self.rows.clear();
        self.rows.extend(self.filter.rows(batch, interfaces));
        let held_back = batch.len() - self.rows.len();
        if held_back > 0 {
            batch.keep(&self.rows);
        }
        held_back as u64
    }
}
