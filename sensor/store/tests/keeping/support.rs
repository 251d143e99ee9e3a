//! Records that say their own number, and stores of them.

use std::path::Path;

use sensor_core::flow::{self, batch::FlowBatch};
use sensor_store::{
    cells::Records,
    error::Error,
    store::{self, Appender, Keeper, Options, Recovered},
    testing::reading,
};

/// When tests begin.
pub const NOW: u64 = 1_796_080_000_000;
pub const HOUR: u64 = 3_600_000;

/// Records of which each has its number as its octets, if it is stored under the number that it should get.
pub fn numbered(first: u64, rows: u64) -> FlowBatch {
    let mut batch = flow::testing::flow((first % 50_000) as u16, NOW, NOW + 5, first);
    for number in first + 1..first + rows {
        flow::testing::push(&mut batch, (number % 50_000) as u16, NOW, NOW + 5, number);
    }
    batch
}

/// Small files, so that there are many.
pub const SMALL: Options = Options {
    segment_rows: 100,
    segment_age: 10_000,
    sync: sensor_store::journal::Sync::Every(1000),
    retention: sensor_store::plan::Retention { age: None, octets: None, free: None },
};

pub fn open(path: &Path) -> (Appender, Keeper, Recovered) {
    store::open(path, SMALL).expect("a store")
}

/// The numbers of all records that a reader finds; each record must be what it was.
pub fn numbers(path: &Path) -> Result<Vec<u64>, Error> {
    let mut all = Vec::new();
    reading::each(path, |Records { batch, sequence, .. }| {
        assert_eq!(&batch.octets, sequence, "a record has the number of another");
        all.extend(sequence);
    })?;
    all.sort_unstable();
    Ok(all)
}

/// Those from 1 on.
pub fn up_to(last: u64) -> Vec<u64> {
    (1..=last).collect()
}

/// Copies a folder.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).expect("a copy");
        }
    }
}

/// All files below a folder whose names end so.
pub fn files(folder: &Path, ending: &str) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}
