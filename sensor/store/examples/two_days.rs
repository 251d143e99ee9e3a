//! Makes a flow store with traffic of two days, the last of which ended with yesterday (UTC), and three incidents in it: what
//! `cargo xtask demo hunt` searches.
//!
//!     cargo run --release --example two_days --features testing -- FOLDER RECORDS

use std::{
    error::Error,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use sensor_store::{
    journal::Sync,
    store::{Options, open},
    testing::{
        Traffic,
        incidents::{DAY, of_two_days},
    },
};

/// Records of a batch at most, and minutes of two days: a batch comes at least every minute.
const BATCH: u64 = 512;
const MINUTES: u64 = 2 * 24 * 60;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, records] = &arguments[..] else {
        return Err("expected a folder and a number of records".into());
    };
    let records: u64 = records.parse()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as u64;
    let begin = now - now % DAY - 2 * DAY;
    let options = Options { sync: Sync::Never, ..Options::default() };
    let (mut appender, mut keeper, _) = open(Path::new(folder), options)?;
    let mut traffic = Traffic::over(1, begin, 2 * DAY, records);
    let planted = of_two_days(begin);
    let mut left = &planted[..];
    let mut made = 0;
    while made < records {
        let rows = (records / MINUTES).clamp(1, BATCH).min(records - made);
        let [mut v4, v6] = traffic.batches(rows as usize);
        made += rows;
        let due = match made == records {
            true => left.len(),
            false => left.partition_point(|planted| planted.end <= traffic.now()),
        };
        let (now_due, later) = left.split_at(due);
        Traffic::plant(&mut v4, now_due);
        left = later;
        for batch in [&v4, &v6] {
            appender.append(batch, traffic.now())?;
        }
        let work = keeper.work(traffic.now());
        if let Some(error) = work.errors.into_iter().next() {
            return Err(error.into());
        }
    }
    let end = traffic.now();
    appender.close(end)?;
    match keeper.work(end).errors.into_iter().next() {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
}
