//! The evaluator over columns: many queries, whole batches of flows.
//!
//! Queries become tests of columns (`test`), these one graph ([`super::dag`]), the graph a [`Program`]. It is evaluated
//! over chunks of [`CHUNK_ROWS`] rows into masks of one bit a row, in loops over plain slices that the compiler
//! vectorises. What hangs on addresses is decided once per profile, what hangs on the batch once per batch, what devices
//! tell of a number once per number. A column without rows reads as 0; where that is no value, presence is asked for.

mod answers;
mod chunk;
mod computed;
mod estimate;
mod explain;
mod instructions;
mod integer;
mod kernel;
mod lower;
mod mask;
mod memo;
mod number;
mod ports;
mod prepared;
mod presence;
mod profile_table;
mod profiles;
mod program;
mod run;
mod scratch;
mod search;
mod test;
#[cfg(test)]
mod tests;
mod variant;

use std::sync::Arc;

use chunk::Chunk;
use run::Run;

pub use explain::explain;
pub use instructions::Instructions;
pub use mask::{CHUNK_ROWS, Mask, Rows};
pub use program::{Guess, Program};
pub use scratch::Scratch;
pub use test::{Shape, Test};

use super::typed::Typed;
use crate::flow::{batch::FlowBatch, interfaces::Interfaces, ports::PortLabels, profile::Profiles};

/// Rows that fulfil a query.
#[derive(Clone, Copy, Debug)]
pub struct Match<'a> {
    /// Number of the query.
    pub query: usize,
    /// Row of the batch that is row 0 of the mask.
    pub first: usize,
    /// The rows, at least one.
    pub rows: &'a Mask,
}

impl Program {
    /// Decides beforehand what hangs on profiles, lists and labels of ports, so that the first batch with them need not wait.
    pub fn precompute(
        &self,
        profiles: &Arc<Profiles>,
        labels: &Arc<PortLabels>,
        scratch: &mut Scratch,
    ) {
        scratch.fit(self);
        scratch.prepared.precompute(&self.plan, profiles, labels);
    }

    /// Evaluates all queries. Calls `each` for every chunk of rows and every query that some of them fulfil, chunk by
    /// chunk, and in a chunk by number of the query.
    pub fn evaluate(
        &self,
        batch: &FlowBatch,
        interfaces: &Interfaces,
        scratch: &mut Scratch,
        mut each: impl FnMut(Match<'_>),
    ) {
        if batch.is_empty() {
            return;
        }
        scratch.fit(self);
        let Scratch { prepared, memos, .. } = scratch;
        prepared.update(&self.plan, batch, interfaces, memos);
        for first in (0..batch.len()).step_by(CHUNK_ROWS) {
            let rows = (batch.len() - first).min(CHUNK_ROWS);
            scratch.epoch += 1;
            let chunk = Chunk { batch, interfaces, first, rows };
            Run { program: self, chunk, scratch: &mut *scratch, all: Mask::first(rows) }
                .evaluate(&mut |query, rows| each(Match { query, first, rows }));
        }
    }
}

/// One query, as a filter of batches.
pub struct BatchFilter {
    program: Program,
    scratch: Scratch,
    selected: Vec<Mask>,
}

impl BatchFilter {
    /// A filter for `query`.
    pub fn new(query: &Typed) -> Self {
        Self {
            program: Program::compile([query]),
            scratch: Scratch::default(),
            selected: Vec::new(),
        }
    }

    /// The rows that fulfil the query: one mask for each [`CHUNK_ROWS`] rows.
    pub fn select(&mut self, batch: &FlowBatch, interfaces: &Interfaces) -> &[Mask] {
        let Self { program, scratch, selected } = self;
        selected.clear();
        selected.resize(batch.len().div_ceil(CHUNK_ROWS), Mask::NONE);
        program.evaluate(batch, interfaces, scratch, |found| {
            selected[found.first / CHUNK_ROWS] = *found.rows;
        });
        selected
    }

    /// The rows that fulfil the query, in ascending order.
    pub fn rows(
        &mut self,
        batch: &FlowBatch,
        interfaces: &Interfaces,
    ) -> impl Iterator<Item = usize> {
        let chunks = self.select(batch, interfaces).iter().enumerate();
        chunks.flat_map(|(at, mask)| mask.rows().map(move |row| at * CHUNK_ROWS + row))
    }
}
