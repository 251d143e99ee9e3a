//! The stored columns of flow records: one row a column in `table`, from which everything is derived that has to know
//! all of them: the fields of [`FlowBatch`], how it is emptied, cut and filled up, [`Column`] with its readers, which rows
//! are told (`presence`), the information elements by which routers fill the column and records are exported, and the
//! field of NQL and JSON that has just the column's numbers.

mod absence;
mod declare;
mod lists;
mod place;
mod presence;
mod stored;
mod stored_name;
mod table;

pub use absence::Absence;
pub use lists::Lists;
pub use place::{ColumnPlace, StoredAt};
pub use presence::{Presence, ToldRows};
pub use stored::{DataType, Inspector, Packed, Place, Reader, Stored, Visitor};
pub use table::{Column, DIRECTION_UNTOLD, FlowBatch, TCP_FLAGS_UNTOLD};

use crate::flow::mac;

impl Column {
    /// What flow logs of clouds do not tell, by default, of what each flow has.
    pub const UNTOLD_BY_CLOUDS: u128 =
        Self::IcmpTypeCode.bit() | Self::Tos.bit() | Self::Fragment.bit();

    /// The ports of both ends.
    pub const PORTS: u128 = Self::SourcePort.bit() | Self::DestinationPort.bit();

    /// What whole batches tell or do not tell of flows that devices export: what is told in some rows of such a column is told in
    /// all, so that flows of which it is not told need a batch of their own. What the device's decoder itself adds, or whoever
    /// looks flows up, is not among them.
    pub const TOLD_BY_BATCH: u128 = {
        let (mut told, mut at) = (Self::Fragment.bit() | Self::Interface.bit(), 0);
        while at < Self::ALL.len() {
            let column = Self::ALL[at];
            let is_whole = matches!(column.absence(), Absence::Whole | Absence::Batch);
            if is_whole && !column.elements().is_empty() {
                told |= column.bit();
            }
            at += 1;
        }
        told
    };

    /// Those that have rows all the same in batches that say that they tell nothing in them ([`FlowBatch::untold`]). Of interfaces,
    /// that is the ingress interface, of which some devices tell 0.
    pub const UNTELLABLE: u128 = {
        let (mut all, mut at) = (Self::Interface.bit(), 0);
        while at < Self::ALL.len() {
            all |= Self::ALL[at].untellable();
            at += 1;
        }
        all
    };

    /// The bit of the column in sets of columns.
    pub const fn bit(self) -> u128 {
        1 << self as u32
    }

    /// The column as a set, where batches may say of it that they tell nothing in it ([`FlowBatch::untold`]); else the empty
    /// set.
    pub const fn untellable(self) -> u128 {
        match self.absence() {
            Absence::Whole => self.bit(),
            _ => 0,
        }
    }

    /// Whether the column has rows in a batch.
    #[inline(always)]
    pub fn is_filled(self, batch: &FlowBatch) -> bool {
        match self.reader() {
            Reader::U8(column) => !column(batch).is_empty(),
            Reader::U16(column) => !column(batch).is_empty(),
            Reader::U32(column) => !column(batch).is_empty(),
            Reader::U64(column) => !column(batch).is_empty(),
            Reader::U128(column) => !column(batch).is_empty(),
            Reader::Mac(column) => !column(batch).is_empty(),
            Reader::Lists(column) => !column(batch).is_empty(),
        }
    }

    /// The number in a row, a MAC address as one of 48 bits; 0 where the column has no such row, or no numbers of up to 64
    /// bits.
    #[inline(always)]
    pub fn number(self, batch: &FlowBatch, row: usize) -> u64 {
        fn at<T: Copy + Default>(column: &[T], row: usize) -> T {
            column.get(row).copied().unwrap_or_default()
        }
        match self.reader() {
            Reader::U8(column) => at(column(batch), row).into(),
            Reader::U16(column) => at(column(batch), row).into(),
            Reader::U32(column) => at(column(batch), row).into(),
            Reader::U64(column) => at(column(batch), row),
            Reader::Mac(column) => mac::number(at(column(batch), row)),
            Reader::U128(_) | Reader::Lists(_) => 0,
        }
    }

    /// The highest number that the column can hold.
    pub fn maximum(self) -> u64 {
        match self.reader() {
            Reader::U8(_) => u8::MAX.into(),
            Reader::U16(_) => u16::MAX.into(),
            Reader::U32(_) | Reader::Lists(_) => u32::MAX.into(),
            Reader::U64(_) | Reader::U128(_) => u64::MAX,
            Reader::Mac(_) => mac::HIGHEST,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{
        batch::Source,
        testing::{flow, push},
    };

    /// Each column with the numbers of its rows.
    fn rows(batch: &FlowBatch) -> Vec<(Column, Vec<u64>)> {
        let numbers =
            |column: Column| (0..batch.len()).map(|row| column.number(batch, row)).collect();
        Column::ALL.iter().map(|column| (*column, numbers(*column))).collect()
    }

    /// Two flows that differ in as many columns as they can, all columns filled.
    fn filled() -> FlowBatch {
        let mut batch = flow(1, 1000, 2000, 10);
        push(&mut batch, 2, 3000, 4000, 20);
        batch.output_interface = vec![3, 4];
        batch.destination_vlan = vec![5, 6];
        batch.sample_rate = vec![7, 8];
        batch.as_path.put(0, [64_500, 64_501].into_iter());
        batch.as_path.put(1, [64_502].into_iter());
        batch
    }

    #[test]
    fn every_column_is_cut_alike() {
        let mut batch = filled();
        let before = rows(&batch);
        batch.keep(&[1]);
        assert_eq!(batch.len(), 1);
        for ((column, before), (_, after)) in before.iter().zip(rows(&batch)) {
            assert_eq!(after, before[1..], "{column:?}");
        }
        assert_eq!(batch.as_path.get(0), [64_502]);
    }

    /// A row more, of ones, by the place of the column.
    fn push_by_place(batch: &mut FlowBatch, column: Column) {
        match column.place() {
            StoredAt::U8(place) => place.of(batch).push(1),
            StoredAt::U16(place) => place.of(batch).push(1),
            StoredAt::U32(place) => place.of(batch).push(1),
            StoredAt::U64(place) => place.of(batch).push(1),
            StoredAt::U128(place) => place.of(batch).push(1),
            StoredAt::Mac(place) => place.of(batch).push([0, 0, 0, 0, 0, 1]),
            StoredAt::Lists => {}
        }
    }

    #[test]
    fn every_place_is_that_of_its_column() {
        for column in Column::ALL {
            let mut batch = FlowBatch::v4(Source::NetFlow);
            push_by_place(&mut batch, *column);
            let filled: Vec<_> =
                Column::ALL.iter().filter(|other| other.is_filled(&batch)).collect();
            match column.place() {
                StoredAt::Lists => assert!(filled.is_empty()),
                _ => assert_eq!(filled, [column]),
            }
            let is_wide = matches!(column.place(), StoredAt::U128(_) | StoredAt::Lists);
            assert_eq!(column.number(&batch, 0), u64::from(!is_wide), "{column:?}");
        }
    }

    #[test]
    fn no_column_keeps_rows_when_a_batch_is_emptied() {
        let mut batch = filled();
        batch.clear();
        for column in Column::ALL {
            assert!(!column.is_filled(&batch), "{column:?}");
        }
    }

    #[test]
    fn what_a_device_left_out_is_filled_up_as_unknown() {
        let mut batch = FlowBatch::v4(Source::NetFlow);
        batch.packets = vec![1, 1];
        batch.ttl_min = vec![9];
        batch.level();
        assert_eq!(batch.ttl_min, [9, 0]);
        for column in Column::ALL {
            let wanted = column.is_required() || *column == Column::TtlMin;
            assert_eq!(column.is_filled(&batch), wanted, "{column:?}");
        }
        assert_eq!(batch.tcp_flags_of(0), None);
        assert!(!batch.is_egress(0));
    }
}
