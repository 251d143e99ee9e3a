//! What is held at a moment, to be asked questions ([`sensor_core::hunt::archive`]). Columns are copied as they are wanted; batches stay.

use std::{net::IpAddr, sync::Arc};

use sensor_core::{
    flow::{columns::Column, fields::Needs, profile::Side},
    hunt::{
        archive::{Archive, File, Piece, Pieces, Records, Scan, Unreadable, Wanted},
        bounds::Bounds,
    },
};

use super::batch::Held;

/// Batches of a ring.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// None where nothing is held.
    files: Vec<File>,
    pieces: Arc<Batches>,
    whole_from: u64,
}

#[derive(Debug)]
struct Batches {
    pieces: Vec<Piece>,
    batches: Vec<Arc<Held>>,
}

impl Snapshot {
    pub(super) fn new(batches: Vec<Arc<Held>>, whole_from: u64) -> Self {
        let piece = |held: &Arc<Held>| Piece {
            rows: held.batch.len() as u64,
            received: Some(held.received),
        };
        let pieces: Vec<Piece> = batches.iter().map(piece).collect();
        let rows = pieces.iter().map(|piece| piece.rows).sum();
        let times = pieces.iter().filter_map(|piece| piece.received);
        let span = times.reduce(|all, one| (all.0.min(one.0), all.1.max(one.1)));
        let name = "held records".to_owned();
        let files = span.map(|received| File { name, rows, received }).into_iter().collect();
        Self { files, pieces: Arc::new(Batches { pieces, batches }), whole_from }
    }

    /// All records that were received from then on are held, milliseconds since the epoch.
    pub fn whole_from(&self) -> u64 {
        self.whole_from
    }

    /// How many are held.
    pub fn records(&self) -> u64 {
        self.files.iter().map(|file| file.rows).sum()
    }

    /// When the first and the last of them were received; none where there are none.
    pub fn received(&self) -> Option<(u64, u64)> {
        self.files.first().map(|file| file.received)
    }

    /// The batches, the oldest first.
    pub fn batches(&self) -> impl Iterator<Item = &Held> {
        self.pieces.batches.iter().map(|held| &**held)
    }

    /// The batch and the row of the record with this number.
    pub fn find(&self, sequence: u64) -> Option<(&Held, usize)> {
        let batches = &self.pieces.batches;
        let at = batches.partition_point(|held| held.first <= sequence).checked_sub(1)?;
        let held = &*batches[at];
        let row = usize::try_from(sequence - held.first).ok()?;
        (row < held.batch.len()).then_some((held, row))
    }
}

impl Archive for Snapshot {
    fn files(&self) -> &[File] {
        &self.files
    }

    fn open(&self, _: usize) -> Result<Arc<dyn Pieces>, Unreadable> {
        Ok(self.pieces.clone())
    }
}

impl Pieces for Batches {
    fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    fn only(&self) -> Option<(u64, u64)> {
        None
    }

    fn bounds(&self, _: usize) -> Box<dyn Bounds + '_> {
        Box::new(Unknown)
    }

    fn scan(&self, piece: usize) -> Result<Box<dyn Scan + '_>, Unreadable> {
        Ok(Box::new(HeldScan { held: &self.batches[piece], is_read: false }))
    }
}

/// Nothing is known of rows before they are looked at.
struct Unknown;

impl Bounds for Unknown {
    fn numbers(&self, _: Column) -> Option<(u64, u64)> {
        None
    }

    fn all_tell(&self, _: Column) -> bool {
        false
    }

    fn addresses(&self, _: Side) -> Option<(IpAddr, IpAddr)> {
        None
    }

    fn may_have(&self, _: Side, _: IpAddr) -> bool {
        true
    }
}

struct HeldScan<'h> {
    held: &'h Held,
    is_read: bool,
}

/// What has to be read along with a column, so that it means the same.
const ALONG: [(Column, Column); 2] =
    [(Column::Vlan, Column::DestinationVlan), (Column::Interface, Column::OutputInterface)];

impl Scan for HeldScan<'_> {
    fn advance(&mut self, records: &mut Records) -> usize {
        records.received.clear();
        records.sequence.clear();
        if std::mem::replace(&mut self.is_read, true) {
            return 0;
        }
        records.batch = self.held.batch.alike();
        records.batch.packets.resize(self.held.batch.len(), 0);
        self.held.batch.len()
    }

    fn read(
        &mut self,
        wanted: Wanted,
        rows: Option<&[u32]>,
        records: &mut Records,
    ) -> Result<(), Unreadable> {
        let Wanted { mut needs, received, sequence } = wanted;
        for (column, along) in ALONG {
            if needs.has(column) {
                needs = needs.and(Needs::columns(along.bit()));
            }
        }
        let held = self.held;
        records.batch.copy(&held.batch, needs, rows);
        let all = held.batch.len() as u32;
        let each = |number: &dyn Fn(u32) -> u64| -> Vec<u64> {
            match rows {
                Some(rows) => rows.iter().map(|row| number(*row)).collect(),
                None => (0..all).map(number).collect(),
            }
        };
        if received {
            records.received = each(&|row| held.time(row as usize));
        }
        if sequence {
            records.sequence = each(&|row| held.first + u64::from(row));
        }
        Ok(())
    }

    fn octets(&self) -> u64 {
        0
    }
}
