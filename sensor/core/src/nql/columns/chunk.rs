//! The rows that are tested at a time, by their columns.

use super::{
    integer::Number,
    mask::Mask,
    number::NumberTest,
    variant::{Variant, rows_within},
};
use crate::flow::{batch::FlowBatch, fields::Row, interfaces::Interfaces, profile::Side};

/// Some rows of a batch.
#[derive(Clone, Copy)]
pub(super) struct Chunk<'a> {
    pub(super) batch: &'a FlowBatch,
    pub(super) interfaces: &'a Interfaces,
    /// The first row.
    pub(super) first: usize,
    /// How many, at most [`super::CHUNK_ROWS`].
    pub(super) rows: usize,
}

impl<'a> Chunk<'a> {
    #[inline(always)]
    pub(super) fn of<T>(&self, column: &'a [T]) -> &'a [T] {
        &column[self.first..self.first + self.rows]
    }

    /// All rows or none.
    #[inline(always)]
    pub(super) fn rows_if(&self, all: bool) -> Mask {
        Mask::first(if all { self.rows } else { 0 })
    }

    /// The rows whose number in a column passes.
    #[inline(always)]
    pub(super) fn passing<T: Number>(
        &self,
        variant: impl Variant,
        column: &[T],
        test: &NumberTest<T>,
        out: &mut Mask,
    ) {
        match column.get(self.first..self.first + self.rows) {
            Some(column) => variant.rows(test, column, out),
            None => *out = self.rows_if(test.holds(T::default())),
        }
    }

    /// The rows within `within` whose number in a column passes.
    #[inline(always)]
    pub(super) fn passing_within<T: Number>(
        &self,
        column: &[T],
        test: &NumberTest<T>,
        within: &Mask,
    ) -> Mask {
        match column.get(self.first..self.first + self.rows) {
            Some(column) => rows_within(test, column, within),
            None if test.holds(T::default()) => *within,
            None => Mask::NONE,
        }
    }

    pub(super) fn row(&self, row: usize) -> Row<'a> {
        Row { batch: self.batch, row: self.first + row, interfaces: self.interfaces }
    }

    /// The profile numbers of one side; `None` where no address has been looked up.
    #[inline(always)]
    pub(super) fn profiles(&self, side: Side) -> Option<&'a [u32]> {
        let column = match side {
            Side::Source => &self.batch.source_profile,
            Side::Destination => &self.batch.destination_profile,
        };
        (!column.is_empty()).then(|| self.of(column))
    }
}
