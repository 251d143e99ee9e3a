//! Records of all kinds, in batches, in files of the store, and as rows.

use std::path::PathBuf;

use proptest::{
    strategy::{Strategy as _, ValueTree as _},
    test_runner::TestRunner,
};
use sensor_core::{
    flow::{batch::FlowBatch, fields::Row, interfaces::Interfaces},
    nql::{columns::BatchFilter, reference::matches, typed::Typed},
};
use sensor_store::{
    journal::{Sync, reader::Journal, writer::Writer},
    rows::Rows,
    segment::writer::write,
};

use crate::made::all_batches;

/// When they were received where their source does not say.
pub const NOW: u64 = 1_796_080_000_000;
/// Batches of one file.
const OF_FILE: usize = 16;

/// The records.
pub struct Data {
    pub batches: Vec<FlowBatch>,
    pub folder: tempfile::TempDir,
    pub files: Vec<PathBuf>,
    interfaces: Interfaces,
}

impl Data {
    /// So many batches of so many records at most.
    pub fn new(batches: usize, rows: usize) -> Self {
        let mut runner = TestRunner::deterministic();
        let strategy = all_batches(rows);
        let mut batch = || strategy.new_tree(&mut runner).expect("a batch").current();
        let batches: Vec<FlowBatch> = (0..batches).map(|_| batch()).collect();
        let folder = tempfile::tempdir().expect("a folder");
        let (mut files, mut first) = (Vec::new(), 1);
        for (number, batches) in batches.chunks(OF_FILE).enumerate() {
            let journal = folder.path().join(format!("journal-{number}"));
            let mut writer = Writer::create(&journal, first, NOW).expect("a journal");
            for batch in batches {
                writer.append(batch, NOW, Sync::Never).expect("a frame");
                first += batch.len() as u64;
            }
            drop(writer);
            let file = folder.path().join(format!("{number}.parquet"));
            write(&Journal::open(&journal, 0).expect("a journal"), &file).expect("a file");
            files.push(file);
        }
        Self { batches, folder, files, interfaces: Interfaces::default() }
    }

    /// The numbers of the records that a query selects, by walking it.
    pub fn oracle(&self, query: &Typed) -> Vec<u64> {
        let rows =
            self.batches.iter().flat_map(|batch| (0..batch.len()).map(move |row| (batch, row)));
        let interfaces = &self.interfaces;
        let selected = rows
            .zip(1..)
            .filter(|((batch, row), _)| matches(query, &Row { batch, row: *row, interfaces }));
        selected.map(|(_, number)| number).collect()
    }

    /// The same, by the evaluator over columns.
    pub fn columns(&self, query: &Typed) -> Vec<u64> {
        let mut filter = BatchFilter::new(query);
        let (mut all, mut first) = (Vec::new(), 1);
        for batch in &self.batches {
            all.extend(filter.rows(batch, &self.interfaces).map(|row| first + row as u64));
            first += batch.len() as u64;
        }
        all
    }

    /// All records as rows.
    pub fn rows(&self) -> Vec<u8> {
        let (mut rows, mut out, mut first) = (Rows::new("here"), Vec::new(), 1);
        for batch in &self.batches {
            rows.write(batch, first, NOW, &mut out, |_| {});
            first += batch.len() as u64;
        }
        out
    }
}
