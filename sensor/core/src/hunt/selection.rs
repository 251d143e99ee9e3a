//! Which rows of a batch are wanted.

use crate::nql::columns::{CHUNK_ROWS, Mask};

/// Rows of a batch.
#[derive(Clone, Debug, Default)]
pub enum Selection {
    /// All of them.
    #[default]
    All,
    /// Those in the masks, one for each [`CHUNK_ROWS`] rows.
    Masks(Vec<Mask>),
}

impl Selection {
    /// The selected ones of `rows` rows, in ascending order.
    pub fn rows(&self, rows: usize) -> SelectedRows<'_> {
        match self {
            Self::All => SelectedRows::All(0..rows as u32),
            Self::Masks(masks) => SelectedRows::Masks { masks, chunk: 0, rest: None },
        }
    }

    /// How many of `rows` rows are selected.
    pub fn count(&self, rows: usize) -> usize {
        match self {
            Self::All => rows,
            Self::Masks(masks) => masks.iter().map(Mask::count).sum(),
        }
    }

    /// Whether none is.
    pub fn is_empty(&self, rows: usize) -> bool {
        match self {
            Self::All => rows == 0,
            Self::Masks(masks) => masks.iter().all(Mask::is_empty),
        }
    }
}

/// Selected rows, in ascending order.
#[derive(Clone, Debug)]
pub enum SelectedRows<'s> {
    /// All that are left.
    All(std::ops::Range<u32>),
    /// Those of masks.
    Masks {
        /// All masks.
        masks: &'s [Mask],
        /// The place of the next.
        chunk: usize,
        /// What is left of the one before.
        rest: Option<crate::nql::columns::Rows<'s>>,
    },
}

impl Iterator for SelectedRows<'_> {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        match self {
            Self::All(rows) => rows.next(),
            Self::Masks { masks, chunk, rest } => loop {
                if let Some(row) = rest.as_mut().and_then(Iterator::next) {
                    return Some(((*chunk - 1) * CHUNK_ROWS + row) as u32);
                }
                *rest = Some(masks.get(*chunk)?.rows());
                *chunk += 1;
            },
        }
    }
}
