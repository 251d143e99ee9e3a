//! Batches that are being filled.

use sensor_core::flow::{
    batch::{Addresses, FlowBatch, Source},
    columns::Column,
    protocol,
};

use super::sources::{Sources, localise};
use crate::cloud::{
    block::{self, Address, Block},
    names::Names,
    record::Record,
};

/// Batches of one address family that are being filled: one for each set of columns that is not told, the last used first. Of
/// a log that lacks columns, few kinds of records come in turns, as those of protocols with ports and without.
pub(super) struct Open<A> {
    all: Vec<Filling>,
    /// The last rows of the first of them.
    block: Box<Block<A>>,
}

/// A batch that is being filled.
struct Filling {
    batch: Box<FlowBatch>,
    /// How many of the others got a row first.
    turn: u32,
}

/// Batches that are open at a time.
const MOST_OPEN: usize = 4;

impl<A: Address> Open<A> {
    pub(super) fn new(batch: FlowBatch) -> Self {
        let all = vec![Filling { batch: Box::new(batch), turn: 0 }];
        Self { all, block: Box::default() }
    }

    /// All of them, and those to come, are of this source.
    pub(super) fn observe(&mut self, source: Source) {
        self.all.iter_mut().for_each(|filling| filling.batch.observed_by = source);
    }

    /// Forgets all rows.
    pub(super) fn clear(&mut self) {
        self.block.clear();
        for Filling { batch, turn } in &mut self.all {
            batch.clear();
            *turn = 0;
        }
    }

    /// Appends a row; whether the batch is full with it.
    #[inline(always)]
    pub(super) fn append(
        &mut self,
        ends: (A, A),
        record: &Record,
        properties: u32,
        ready: &mut Vec<FlowBatch>,
        sources: &Sources,
        names: &Names,
    ) -> bool {
        let untold = untold(record);
        if self.all[0].batch.untold != untold {
            self.turn_to(untold, ready, sources, names);
        }
        self.block.push(ends, record, properties) && self.block.write_to(&mut self.all[0].batch)
    }

    /// Puts the batch that does not tell these columns in front.
    #[cold]
    fn turn_to(
        &mut self,
        untold: u128,
        ready: &mut Vec<FlowBatch>,
        sources: &Sources,
        names: &Names,
    ) {
        let Self { all, block } = self;
        block.write_to(&mut all[0].batch);
        let place = match all.iter().position(|filling| filling.batch.untold == untold) {
            Some(place) => place,
            None if all.len() < MOST_OPEN => {
                all.push(Filling { batch: Box::new(empty(&all[0].batch)), turn: 0 });
                all.len() - 1
            }
            None => {
                hand_over(&mut all[MOST_OPEN - 1].batch, ready, sources, names);
                MOST_OPEN - 1
            }
        };
        if all[place].batch.is_empty() {
            all[place].turn = 1 + all.iter().map(|filling| filling.turn).max().unwrap_or(0);
        }
        all[place].batch.untold = untold;
        all[..=place].rotate_right(1);
        block.begin(&all[0].batch);
    }

    /// Makes all of them ready that hold anything, in the order of their first rows.
    pub(super) fn close(&mut self, ready: &mut Vec<FlowBatch>, sources: &Sources, names: &Names) {
        let Self { all, block } = self;
        block.write_to(&mut all[0].batch);
        all.sort_by_key(|filling| filling.turn);
        for Filling { batch, turn } in all.iter_mut() {
            hand_over(batch, ready, sources, names);
            *turn = 0;
        }
        // The next batches depend on the rows to come alone, and not on those that came before: whoever reads an object again
        // finds the same ones.
        all.truncate(1);
        all[0].batch.untold = 0;
        block.begin(&all[0].batch);
    }
}

/// The columns of which a record does not tell.
#[inline(always)]
fn untold(record: &Record) -> u128 {
    let mut untold = Column::IcmpTypeCode.bit() | Column::Fragment.bit();
    let has_ports = protocol::has_ports(record.protocol);
    for (column, is_told) in [
        (Column::SourcePort, record.ports.0.is_some() || !has_ports),
        (Column::DestinationPort, record.ports.1.is_some() || !has_ports),
        (Column::Tos, record.tos.is_some()),
        (Column::Packets, record.packets.is_some()),
        (Column::Octets, record.octets.is_some()),
        (Column::Start, record.start.is_some()),
    ] {
        untold |= if is_told { 0 } else { column.bit() };
    }
    untold
}

/// An empty batch of the same family and source.
fn empty(batch: &FlowBatch) -> FlowBatch {
    match batch.addresses {
        Addresses::V4 { .. } => FlowBatch::v4(batch.observed_by),
        Addresses::V6 { .. } => FlowBatch::v6(batch.observed_by),
    }
}

/// Makes the batch one that can be looked at, and puts it among those that are ready.
fn hand_over(batch: &mut FlowBatch, ready: &mut Vec<FlowBatch>, sources: &Sources, names: &Names) {
    if batch.is_empty() {
        return;
    }
    let mut next = empty(batch);
    if batch.is_full() {
        // Another one of that kind, most likely.
        block::make_room(&mut next, batch);
    }
    let mut whole = std::mem::replace(batch, next);
    batch.untold = whole.untold;
    // Their counts are of all packets, as far as the cloud knows.
    whole.sample_rate = vec![1; whole.len()];
    whole.level();
    whole.devices = localise(&mut whole.device, sources);
    let (points, properties, label_sets) = names.tables();
    whole.points.clone_from(points);
    whole.properties.clone_from(properties);
    whole.label_sets.clone_from(label_sets);
    ready.push(whole);
}
