//! Numbers that are computed from rows and have no column: computed once for all tests of a chunk.

use super::chunk::Chunk;
use crate::flow::fields::Computation;

/// What was computed of the rows of a chunk: several tests may ask for it.
#[derive(Default)]
pub(super) struct ComputedRows {
    /// The chunk that it was computed of.
    pub(super) epoch: u64,
    pub(super) numbers: Vec<u64>,
    /// The same, where they have 16 bits at most: more of them are tested at a time.
    pub(super) short: Vec<u16>,
}

impl ComputedRows {
    /// The numbers of all rows.
    #[inline(always)]
    pub(super) fn of(
        &mut self,
        computation: &Computation,
        chunk: &Chunk<'_>,
        epoch: u64,
    ) -> &[u64] {
        if self.epoch != epoch {
            self.compute(computation, chunk, epoch);
        }
        &self.numbers
    }

    /// The same numbers, of a quantity that never has more than 16 bits.
    #[inline(always)]
    pub(super) fn short_of(
        &mut self,
        computation: &Computation,
        chunk: &Chunk<'_>,
        epoch: u64,
    ) -> &[u16] {
        if self.epoch != epoch {
            self.compute(computation, chunk, epoch);
            self.short.clear();
            self.short.extend(self.numbers.iter().map(|number| *number as u16));
        }
        &self.short
    }

    #[inline(never)]
    fn compute(&mut self, computation: &Computation, chunk: &Chunk<'_>, epoch: u64) {
        self.epoch = epoch;
        self.numbers.resize(chunk.rows, 0);
        (computation.of_rows)(chunk.batch, chunk.first, &mut self.numbers);
    }
}
