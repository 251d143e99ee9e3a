//! Rows as octets, to be kept beyond their batch.
//!
//! One flow of four or so is kept, so writing a row has to be cheap: the columns that have rows are sorted by the width of
//! their values once per batch, and then a row is some short loops that ask no column what it is.

use super::{
    addresses::Addresses,
    batch::FlowBatch,
    columns::{Column, Lists, Reader},
};

/// The addresses of a batch, and the columns that have rows, in the order in which a row has them.
pub struct PackedColumns<'b> {
    addresses: &'b Addresses,
    u64s: Vec<&'b [u64]>,
    u32s: Vec<&'b [u32]>,
    u16s: Vec<&'b [u16]>,
    u8s: Vec<&'b [u8]>,
    u128s: Vec<&'b [u128]>,
    macs: Vec<&'b [[u8; 6]]>,
    lists: Vec<&'b Lists>,
    /// Octets of a row without its lists.
    width: usize,
}

impl<'b> PackedColumns<'b> {
    /// Those of a batch.
    pub fn new(batch: &'b FlowBatch) -> Self {
        let mut packed = Self {
            addresses: &batch.addresses,
            u64s: Vec::new(),
            u32s: Vec::new(),
            u16s: Vec::new(),
            u8s: Vec::new(),
            u128s: Vec::new(),
            macs: Vec::new(),
            lists: Vec::new(),
            width: 0,
        };
        for column in Column::ALL.iter().filter(|column| column.is_filled(batch)) {
            match column.reader() {
                Reader::U8(read) => packed.u8s.push(read(batch)),
                Reader::U16(read) => packed.u16s.push(read(batch)),
                Reader::U32(read) => packed.u32s.push(read(batch)),
                Reader::U64(read) => packed.u64s.push(read(batch)),
                Reader::U128(read) => packed.u128s.push(read(batch)),
                Reader::Mac(read) => packed.macs.push(read(batch)),
                Reader::Lists(read) => packed.lists.push(read(batch)),
            }
        }
        packed.width = match packed.addresses {
            Addresses::V4 { .. } => 2 * size_of::<u32>(),
            Addresses::V6 { .. } => 2 * size_of::<u128>(),
        } + packed.u64s.len() * size_of::<u64>()
            + packed.u32s.len() * size_of::<u32>()
            + packed.u16s.len() * size_of::<u16>()
            + packed.u8s.len()
            + packed.u128s.len() * size_of::<u128>()
            + packed.macs.len() * size_of::<[u8; 6]>();
        packed
    }

    /// Writes a row behind what is there.
    #[inline(always)]
    pub fn pack(&self, row: usize, out: &mut Vec<u8>) {
        let first = out.len();
        out.resize(first + self.width, 0);
        let rest = &mut out[first..];
        let rest = match self.addresses {
            Addresses::V4 { source, destination } => {
                put([source, destination], |column| column[row].to_ne_bytes(), rest)
            }
            Addresses::V6 { source, destination } => {
                put([source, destination], |column| column[row].to_ne_bytes(), rest)
            }
        };
        let rest = put(&self.u64s, |column| column[row].to_ne_bytes(), rest);
        let rest = put(&self.u32s, |column| column[row].to_ne_bytes(), rest);
        let rest = put(&self.u16s, |column| column[row].to_ne_bytes(), rest);
        let rest = put(&self.u8s, |column| [column[row]], rest);
        let rest = put(&self.u128s, |column| column[row].to_ne_bytes(), rest);
        put(&self.macs, |column| column[row], rest);
        for list in &self.lists {
            let values = list.get(row);
            out.extend_from_slice(&(values.len() as u32).to_ne_bytes());
            values.iter().for_each(|value| out.extend_from_slice(&value.to_ne_bytes()));
        }
    }
}

/// Writes a value of each column to the front. Returns what is left behind them.
#[inline(always)]
fn put<C, const OCTETS: usize>(
    columns: impl IntoIterator<Item = C>,
    value: impl Fn(C) -> [u8; OCTETS],
    out: &mut [u8],
) -> &mut [u8] {
    let mut rest = out;
    for column in columns {
        // There is room for all of them: the width was counted.
        let Some((own, behind)) = rest.split_first_chunk_mut() else { return &mut [] };
        *own = value(column);
        rest = behind;
    }
    rest
}
