//! Where in a batch a column lies: for whoever writes a few rows to the same columns again and again, and finds out once
//! which ones they are. To ask for a column by its name costs a jump each time.
#![expect(unsafe_code, reason = "a column is reached by its distance from the start of its batch")]

use std::marker::PhantomData;

/// The place of a column of `T`s, the same in every batch of kind `B`.
#[derive(Debug)]
pub struct ColumnPlace<B, T> {
    /// Octets from the start of a batch.
    offset: u16,
    column: PhantomData<fn(B) -> Vec<T>>,
}

impl<B, T> Clone for ColumnPlace<B, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B, T> Copy for ColumnPlace<B, T> {}

impl<B, T> ColumnPlace<B, T> {
    /// The place of the column that `column` names.
    ///
    /// # Safety
    /// `offset` is that of the field that `column` names.
    pub(super) const unsafe fn new(offset: usize, _column: fn(&B) -> &Vec<T>) -> Self {
        assert!(offset <= u16::MAX as usize, "a batch is smaller");
        Self { offset: offset as u16, column: PhantomData }
    }

    /// The column of `batch`.
    #[inline(always)]
    pub fn of(self, batch: &mut B) -> &mut Vec<T> {
        let start = std::ptr::from_mut(batch).cast::<u8>();
        // SAFETY: so many octets behind the start of a batch lies a `Vec<T>`, as `new` was promised. It belongs to the batch,
        // which is borrowed for as long as the column is.
        unsafe { &mut *start.add(self.offset.into()).cast::<Vec<T>>() }
    }
}

impl<B, T> PartialEq for ColumnPlace<B, T> {
    fn eq(&self, other: &Self) -> bool {
        self.offset == other.offset
    }
}

impl<B, T> Eq for ColumnPlace<B, T> {}

/// The place of a column, by what its rows are stored as.
#[derive(Debug)]
pub enum StoredAt<B> {
    /// Numbers of 8 bits.
    U8(ColumnPlace<B, u8>),
    /// Numbers of 16 bits.
    U16(ColumnPlace<B, u16>),
    /// Numbers of 32 bits.
    U32(ColumnPlace<B, u32>),
    /// Numbers of 64 bits.
    U64(ColumnPlace<B, u64>),
    /// Numbers of 128 bits.
    U128(ColumnPlace<B, u128>),
    /// MAC addresses.
    Mac(ColumnPlace<B, [u8; 6]>),
    /// Lists, which have no rows of one size.
    Lists,
}
