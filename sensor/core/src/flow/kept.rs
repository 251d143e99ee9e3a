//! Single rows that outlive their batch, whose memory is soon written to again.
//!
//! Rows are copied one behind the other into a log, so that keeping one waits for no memory but its own. The log does not know
//! which of its rows are still wanted: whoever keeps them counts what is not, and has the log written anew once that is more
//! than half of it. What rows of many batches have in common lies beside them once.

use std::{
    cell::{OnceCell, RefCell},
    sync::Arc,
};

use super::{batch::FlowBatch, fields::Row, interfaces::Interfaces, packed::PackedColumns, pages};

/// A batch of which rows are kept.
pub struct Keeper<'b> {
    batch: &'b FlowBatch,
    interfaces: &'b Arc<Interfaces>,
    frames: &'b RecentFrames,
    /// None before a row was kept.
    packed: OnceCell<(Arc<Frame>, PackedColumns<'b>)>,
}

/// The last frame of each address family: most batches have the same as the one before.
#[derive(Debug, Default)]
pub struct RecentFrames(RefCell<[Option<Arc<Frame>>; 2]>);

/// What the rows of a batch have in common.
#[derive(Debug)]
struct Frame {
    /// The batch without its rows.
    batch: FlowBatch,
    /// Which columns have rows.
    filled: u128,
    interfaces: Arc<Interfaces>,
}

/// Rows of many batches, without the batches.
#[derive(Debug, Default)]
pub struct RowLog {
    /// Of each row: number of its frame, number of its octets, octets; filled up to a multiple of [`UNIT`].
    octets: Vec<u8>,
    frames: Vec<Arc<Frame>>,
    rows: usize,
    /// Of these, how many nobody wants any more.
    unwanted: usize,
}

/// Where a row lies in its log, in units of `UNIT`.
pub type LogPlace = u32;

/// Octets that places count by: 32 GiB of rows have places.
const UNIT: usize = 8;
/// Octets before a row.
const HEAD: usize = 8;
/// Octets that hardly any row has more of.
const USUAL: usize = 512;
/// A log with fewer rows is not worth writing anew; but tests of few flows shall see it.
const FEW: usize = if cfg!(test) { 16 } else { 4096 };

/// A kept row as a batch of its own.
#[derive(Debug)]
pub struct RestoredRow {
    batch: FlowBatch,
    interfaces: Arc<Interfaces>,
}

impl<'b> Keeper<'b> {
    /// Keeps rows of `batch`.
    pub fn new(
        batch: &'b FlowBatch,
        interfaces: &'b Arc<Interfaces>,
        frames: &'b RecentFrames,
    ) -> Self {
        Self { batch, interfaces, frames, packed: OnceCell::new() }
    }

    /// What its rows have in common, and the columns of which a row consists.
    #[inline(always)]
    fn packed(&self) -> &(Arc<Frame>, PackedColumns<'b>) {
        self.packed.get_or_init(|| (self.frame(), PackedColumns::new(self.batch)))
    }

    #[cold]
    fn frame(&self) -> Arc<Frame> {
        let recent = &mut self.frames.0.borrow_mut()[usize::from(self.batch.ip_version() == 6)];
        let filled = self.batch.filled_columns();
        match recent {
            Some(frame) if frame.fits(self.batch, filled, self.interfaces) => frame.clone(),
            _ => {
                let batch = self.batch.without_own_rows();
                let interfaces = self.interfaces.clone();
                recent.insert(Arc::new(Frame { batch, filled, interfaces })).clone()
            }
        }
    }
}

impl Frame {
    /// Whether it is that of a batch.
    fn fits(&self, batch: &FlowBatch, filled: u128, interfaces: &Arc<Interfaces>) -> bool {
        let own = &self.batch;
        let mut devices = own.devices.iter().zip(&batch.devices);
        self.filled == filled
            && Arc::ptr_eq(&self.interfaces, interfaces)
            && own.observed_by == batch.observed_by
            && Arc::ptr_eq(&own.profiles, &batch.profiles)
            && Arc::ptr_eq(&own.tag_sets, &batch.tag_sets)
            && Arc::ptr_eq(&own.port_labels, &batch.port_labels)
            && own.devices.len() == batch.devices.len()
            && devices.all(|(own, other)| Arc::ptr_eq(own, other))
            && own.skews == batch.skews
            && own.untold == batch.untold
            && Arc::ptr_eq(&own.points, &batch.points)
            && Arc::ptr_eq(&own.properties, &batch.properties)
            && Arc::ptr_eq(&own.label_sets, &batch.label_sets)
    }
}

impl RowLog {
    /// Keeps a row; none where the log is full.
    pub fn keep(&mut self, keeper: &Keeper<'_>, row: usize) -> Option<LogPlace> {
        let (frame, columns) = keeper.packed();
        let frame = self.number(frame);
        let first = self.octets.len();
        let place = LogPlace::try_from(first / UNIT).ok()?;
        if self.octets.capacity() - first < USUAL {
            pages::grow(&mut self.octets);
        }
        self.octets.extend_from_slice(&frame.to_ne_bytes());
        self.octets.extend_from_slice(&[0; HEAD / 2]);
        columns.pack(row, &mut self.octets);
        let length = (self.octets.len() - first - HEAD) as u32;
        self.octets[first + HEAD / 2..first + HEAD].copy_from_slice(&length.to_ne_bytes());
        self.octets.resize(self.octets.len().next_multiple_of(UNIT), 0);
        self.rows += 1;
        Some(place)
    }

    /// The number of a frame.
    fn number(&mut self, frame: &Arc<Frame>) -> u32 {
        let known = self.frames.iter().rposition(|own| Arc::ptr_eq(own, frame));
        let number = known.unwrap_or_else(|| {
            self.frames.push(frame.clone());
            self.frames.len() - 1
        });
        number as u32
    }

    /// Takes note that so many rows are not wanted any more.
    pub fn forget(&mut self, rows: usize) {
        self.unwanted += rows;
    }

    /// Whether it is time to write it anew.
    #[inline(always)]
    pub fn is_wasteful(&self) -> bool {
        self.rows > FEW && self.unwanted > self.rows / 2
    }

    /// Writes it anew, with those rows alone that are wanted, and puts their new places in `wanted`.
    pub fn write_anew<'p>(&mut self, wanted: impl Iterator<Item = &'p mut LogPlace>) {
        let old = std::mem::take(self);
        self.octets.reserve(old.octets.len() / 4 * 3);
        pages::prefer_large(&self.octets);
        for place in wanted {
            let Some((frame, octets)) = old.at(*place) else { continue };
            let frame = self.number(&old.frames[frame]);
            // It becomes no longer than it was, so every place is one.
            *place = (self.octets.len() / UNIT) as LogPlace;
            self.octets.extend_from_slice(&frame.to_ne_bytes());
            self.octets.extend_from_slice(&(octets.len() as u32).to_ne_bytes());
            self.octets.extend_from_slice(octets);
            self.octets.resize(self.octets.len().next_multiple_of(UNIT), 0);
            self.rows += 1;
        }
    }

    /// The number of the frame, and the octets, of the row at a place.
    fn at(&self, place: LogPlace) -> Option<(usize, &[u8])> {
        let row = self.octets.get(place as usize * UNIT..)?;
        let (frame, row) = row.split_first_chunk()?;
        let (length, row) = row.split_first_chunk()?;
        let octets = row.get(..u32::from_ne_bytes(*length) as usize)?;
        Some((u32::from_ne_bytes(*frame) as usize, octets))
    }

    /// The row at a place.
    pub fn restored(&self, place: LogPlace) -> Option<RestoredRow> {
        let (frame, mut octets) = self.at(place)?;
        let Frame { batch, filled, interfaces } = &**self.frames.get(frame)?;
        let mut batch = batch.clone();
        batch.addresses.unpack(&mut octets);
        batch.unpack_columns(*filled, &mut octets);
        Some(RestoredRow { batch, interfaces: interfaces.clone() })
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
            untold: self.untold,
            points: self.points.clone(),
            properties: self.properties.clone(),
            label_sets: self.label_sets.clone(),
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
            let frames = RecentFrames::default();
            let keeper = Keeper::new(batch, &interfaces, &frames);
            let mut log = RowLog::default();
            let mut places: Vec<_> =
                [0, 1, 0, 1].iter().flat_map(|row| log.keep(&keeper, *row)).collect();
            log.forget(1);
            places.remove(2);
            log.write_anew(places.iter_mut());
            assert_eq!((log.rows, log.unwanted), (3, 0));
            for (place, at) in places.iter().zip([0, 1, 1]) {
                let restored = log.restored(*place).expect("kept");
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
