//! A desk with a made-up hour: the newest records are held, all of them are stored.

use std::sync::Arc;

use sensor_core::{
    flow::{batch::FlowBatch, interfaces::SharedInterfaces},
    nql::lists::Lists,
};
use sensor_store::{
    journal::Sync,
    store::{self, Options},
    testing::Traffic,
};
use tempfile::TempDir;

use super::desk::Desk;
use crate::export::held::ring::Ring;

/// When it begins.
pub const BEGIN: u64 = 1_796_000_400_000;
/// Milliseconds between two steps.
pub const STEP: u64 = 10_000;
/// Steps.
pub const STEPS: u64 = 60;
/// Records of a step.
const RECORDS: usize = 50;

/// Its batches.
pub fn batches() -> Vec<FlowBatch> {
    let mut traffic = Traffic::over(3, BEGIN, STEP * STEPS, STEPS * RECORDS as u64);
    let mut all = Vec::new();
    for step in 0..STEPS {
        for mut batch in traffic.batches(RECORDS) {
            batch.offered = BEGIN + step * STEP + 1;
            all.push(batch);
        }
    }
    all
}

/// A desk where `held` records are held and all are stored; the folder is the store's.
pub fn desk(batches: &[FlowBatch], held: u64, began: u64) -> (Desk, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let ring = Arc::new(Ring::new(held, began));
    let options = Options { sync: Sync::Never, segment_age: u64::MAX, ..Options::default() };
    let (mut appender, keeper, _) = store::open(folder.path(), options).expect("a store");
    for batch in batches {
        appender.append(batch, batch.offered).expect("appended");
        ring.push(batch.clone());
    }
    drop((appender, keeper));
    let desk = Desk {
        held: ring,
        store: Some(folder.path().to_owned()),
        lists: Lists::default(),
        interfaces: SharedInterfaces::default(),
        timer: Arc::new(|| 0),
    };
    (desk, folder)
}
