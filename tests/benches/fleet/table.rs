//! Made-up traffic of a day in the table of ClickHouse: size and cost of a row, beside the store's own files.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use sensor_core::nql::sql::{TableOptions, create_table};
use sensor_store::{
    journal::Sync,
    store::{self, Options},
    testing::Traffic,
};
use tests::fleet;

const ROWS: u64 = 2_000_000;

/// Prints them.
pub fn measure() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let (store, table) = (directory.path().join("store"), directory.path().join("table"));
    make(&store)?;
    let octets = size(&store)?;
    let own = TableOptions {
        database: Some("sensor".to_owned()),
        table: "flows".to_owned(),
        keep_days: None,
    };
    let told = fleet::fill(&table, &create_table(&own), &store)?;
    let number = |name: &str| told[name].as_f64().with_context(|| format!("{told}"));
    let rows = ROWS as f64;
    println!("{ROWS} records of a day of made-up traffic, octets a record:");
    println!("  store                         {:>8.1}", octets as f64 / rows);
    println!("  table, once merged            {:>8.1}", number("octets")? / rows);
    println!("  row on the way (RowBinary)    {:>8.1}", number("row_binary")? / rows);
    println!("  the same, LZ4                 {:>8.1}", number("lz4")? / rows);
    println!(
        "into the table by lots of 10,000: CPU {:.0} ns a record; merging all once more: {:.0} ns",
        number("insert_s")? * 1e9 / rows,
        number("merge_s")? * 1e9 / rows
    );
    Ok(())
}

fn make(folder: &Path) -> Result<()> {
    let (mut appender, mut keeper, _) =
        store::open(folder, Options { sync: Sync::Never, ..Options::default() })?;
    let mut traffic = Traffic::new(1);
    for _ in 0..ROWS / 4000 {
        let now = traffic.now();
        for batch in traffic.batches(4000) {
            appender.append(&batch, now)?;
        }
        keeper.work(now);
    }
    // What is in a journal is sealed by the next start.
    appender.close(traffic.now())?;
    drop(keeper);
    let (appender, mut keeper, _) = store::open(folder, Options::default())?;
    keeper.work(traffic.now());
    drop(appender);
    Ok(())
}

fn size(folder: &Path) -> Result<u64> {
    let mut all = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        all += match entry.file_type()?.is_dir() {
            true => size(&entry.path())?,
            false => entry.metadata()?.len(),
        };
    }
    Ok(all)
}
