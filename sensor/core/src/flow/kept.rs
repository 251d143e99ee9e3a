//! Single rows that outlive their batch, whose memory is soon written to again.
//!
//! A kept row has the octets of its columns one behind the other, some hundred of them for most sources. All that rows of a
//! batch have in common lies beside them once.

use std::{
    cell::{OnceCell, RefCell},
    sync::Arc,
};

use super::{batch::FlowBatch, fields::Row, interfaces::Interfaces};

/// A batch of which rows are kept.
pub struct Keeper<'b> {
    batch: &'b FlowBatch,
    interfaces: &'b Arc<Interfaces>,
    /// None before a row was kept.
    frame: OnceCell<Arc<Frame>>,
    /// Memory to work in.
    octets: RefCell<Vec<u8>>,
}

/// What the rows of a batch have in common.
#[derive(Debug)]
struct Frame {
    /// The batch without its rows.
    batch: FlowBatch,
    /// Which columns have rows.
    filled: u128,
    interfaces: Arc<Interfaces>,
}

/// A row of a batch, without the batch.
#[derive(Debug)]
pub struct KeptRow {
    frame: Arc<Frame>,
    octets: Box<[u8]>,
}

/// A kept row as a batch of its own.
#[derive(Debug)]
pub struct RestoredRow {
    batch: FlowBatch,
    interfaces: Arc<Interfaces>,
}

impl<'b> Keeper<'b> {
    /// Keeps rows of `batch`.
    pub fn new(batch: &'b FlowBatch, interfaces: &'b Arc<Interfaces>) -> Self {
        Self { batch, interfaces, frame: OnceCell::new(), octets: RefCell::default() }
    }

    fn frame(&self) -> &Arc<Frame> {
        self.frame.get_or_init(|| {
            let filled = self.batch.filled_columns();
            let batch = self.batch.without_own_rows();
            Arc::new(Frame { batch, filled, interfaces: self.interfaces.clone() })
        })
    }

    /// Keeps a row.
    pub fn keep(&self, row: usize) -> KeptRow {
        let frame = self.frame().clone();
        let octets = &mut *self.octets.borrow_mut();
        self.pack(row, octets);
        KeptRow { frame, octets: octets.as_slice().into() }
    }

    /// Keeps a row in the place of another one, whose memory is mostly as large as it must be.
    pub fn replace(&self, kept: &mut KeptRow, row: usize) {
        let frame = self.frame();
        if !Arc::ptr_eq(frame, &kept.frame) {
            kept.frame = frame.clone();
        }
        let octets = &mut *self.octets.borrow_mut();
        self.pack(row, octets);
        if kept.octets.len() == octets.len() {
            kept.octets.copy_from_slice(octets);
        } else {
            kept.octets = octets.as_slice().into();
        }
    }

    #[inline(never)]
    fn pack(&self, row: usize, octets: &mut Vec<u8>) {
        octets.clear();
        self.batch.addresses.pack(row, octets);
        self.batch.pack_columns(row, self.frame().filled, octets);
    }
}

impl KeptRow {
    /// The row.
    pub fn restored(&self) -> RestoredRow {
        let Frame { batch, filled, interfaces } = &*self.frame;
        let (mut batch, mut octets) = (batch.clone(), &*self.octets);
        batch.addresses.unpack(&mut octets);
        batch.unpack_columns(*filled, &mut octets);
        RestoredRow { batch, interfaces: interfaces.clone() }
    }
}

impl RestoredRow {
    /// The row.
    pub fn row(&self) -> Row<'_> {
        Row { batch: &self.batch, row: 0, interfaces: &self.interfaces }
    }
}

impl FlowBatch {
    /// A batch of the same kind, with all that rows refer to, but without rows.
    fn without_own_rows(&self) -> Self {
        Self {
            profiles: self.profiles.clone(),
            tag_sets: self.tag_sets.clone(),
            port_labels: self.port_labels.clone(),
            devices: self.devices.clone(),
            skews: self.skews.clone(),
            ..Self::without_rows(self.observed_by, self.addresses.without_rows())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{
        batch::Source,
        columns::Column,
        fields::{FIELDS, OwnedValue},
        testing::{flow, push},
    };

    #[test]
    fn a_kept_row_has_all_values_of_the_row() {
        let mut v4 = flow(1, 1000, 2000, 10);
        push(&mut v4, 2, 3000, 4000, 20);
        v4.output_interface = vec![3, 4];
        v4.sample_rate = vec![7, 8];
        v4.next_hop_v6 = vec![1 << 100, 5];
        v4.as_path.put(0, [64_500, 64_501].into_iter());
        v4.as_path.put(1, [64_502].into_iter());
        v4.observed_by = Source::NetFlow;
        let mut v6 = FlowBatch::v6(Source::Host);
        v6.clone_from(&v4);
        v6.addresses = crate::flow::batch::Addresses::V6 {
            source: vec![1 << 127, 2],
            destination: vec![3, 4 << 90],
        };
        let interfaces = Arc::new(Interfaces::default());
        for batch in [&v4, &v6] {
            let keeper = Keeper::new(batch, &interfaces);
            let kept: Vec<_> = (0..2).map(|row| keeper.keep(row)).collect();
            let mut replaced = keeper.keep(0);
            keeper.replace(&mut replaced, 1);
            for (kept, at) in kept.iter().zip(0..).chain([(&replaced, 1)]) {
                let restored = kept.restored();
                let own = Row { batch, row: at, interfaces: &interfaces };
                for field in FIELDS {
                    let [own, restored] =
                        [own, restored.row()].map(|row| OwnedValue::of(field.value(row)));
                    assert_eq!(own, restored, "{} of row {at}", field.name);
                }
                for column in Column::ALL {
                    let restored = column.number(restored.row().batch, 0);
                    assert_eq!(column.number(batch, at), restored, "{column:?}");
                }
            }
        }
    }
}
