//! What every kind of column can do, and how its rows are reached without knowing its name.

use super::{FlowBatch, Lists};

/// The rows of a column, by their type.
#[derive(Clone, Copy)]
pub enum Reader {
    /// Numbers of 8 bits.
    U8(fn(&FlowBatch) -> &[u8]),
    /// Numbers of 16 bits.
    U16(fn(&FlowBatch) -> &[u16]),
    /// Numbers of 32 bits.
    U32(fn(&FlowBatch) -> &[u32]),
    /// Numbers of 64 bits.
    U64(fn(&FlowBatch) -> &[u64]),
    /// Numbers of 128 bits.
    U128(fn(&FlowBatch) -> &[u128]),
    /// MAC addresses.
    Mac(fn(&FlowBatch) -> &[[u8; 6]]),
    /// Lists of numbers of 32 bits.
    Lists(fn(&FlowBatch) -> &Lists),
}

/// A column as a whole.
pub trait Stored {
    /// What a row holds.
    type Value: Copy;

    /// Takes all rows out, and keeps the memory.
    fn clear(&mut self);

    /// Keeps only `rows`, which ascend; a column without rows stays so.
    fn keep(&mut self, rows: &[usize]);

    /// Makes the column `rows` long, with `unknown` in the rows that it lacks; one without rows stays so unless `required`.
    fn level(&mut self, rows: usize, unknown: Self::Value, required: bool);
}

impl<T: Copy> Stored for Vec<T> {
    type Value = T;

    #[inline]
    fn clear(&mut self) {
        self.clear();
    }

    fn keep(&mut self, rows: &[usize]) {
        if self.is_empty() {
            return;
        }
        for (to, &from) in rows.iter().enumerate() {
            self[to] = self[from];
        }
        self.truncate(rows.len());
    }

    #[inline]
    fn level(&mut self, rows: usize, unknown: T, required: bool) {
        if self.len() != rows && (required || !self.is_empty()) {
            self.resize(rows, unknown);
        }
    }
}

impl Stored for Lists {
    /// A row without a list has an empty one.
    type Value = ();

    #[inline]
    fn clear(&mut self) {
        self.clear();
    }

    fn keep(&mut self, rows: &[usize]) {
        self.keep(rows);
    }

    #[inline]
    fn level(&mut self, rows: usize, (): (), required: bool) {
        if required || !self.is_empty() {
            self.fill_up(rows);
        }
    }
}
