//! The flow store: CPU time per record to journal, seal, read and compact, and octets per record by column.
//!
//! No disk is waited for (`Sync::Never` in the journal; each file is made to last as ever): this is what the processor does.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::{path::Path, time::Duration};

use rustix::time::{ClockId, clock_gettime};
use sensor_core::flow::{batch::FlowBatch, columns::Column};
use sensor_store::{
    cells::{Groups as _, read},
    documents::tables::Tables,
    error::Error,
    journal::{Sync, reader::Journal, writer::Writer},
    layout::Item,
    segment::{merge::Merged, reader::Segment, writer::write},
    testing::{BEGIN, Traffic},
};

/// Records of a file, and files that are written.
const RECORDS: usize = 1_000_000;
const FILES: u64 = 3;
const BATCH: usize = 4096;

fn main() -> Result<(), Error> {
    let folder = std::env::temp_dir().join(format!("store-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|source| Error::System {
        what: "make",
        path: folder.clone(),
        source,
    })?;
    let result = measure(&folder);
    let _ = std::fs::remove_dir_all(&folder);
    result
}

/// The least of some measurements, in nanoseconds per record.
#[derive(Clone, Copy)]
struct Least(f64);

impl Least {
    fn take<T>(
        &mut self,
        records: usize,
        work: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let before = cpu();
        let done = work()?;
        self.0 = self.0.min((cpu() - before).as_nanos() as f64 / records as f64);
        Ok(done)
    }
}

/// CPU time of this thread, user and system.
fn cpu() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec as u32)
}

fn measure(folder: &Path) -> Result<(), Error> {
    let [mut journal, mut find, mut seal, mut all, mut few, mut one, mut open] =
        [Least(f64::MAX); 7];
    let few_items: Vec<Item> =
        [Column::SourcePort, Column::DestinationPort, Column::Protocol, Column::Octets]
            .map(Item::of)
            .to_vec();
    let mut traffic = Traffic::new(1);
    let mut sizes = (0, 0);
    let mut columns: Vec<(String, u64)> = Vec::new();
    let mut files = Vec::new();
    for number in 0..FILES {
        let mut batches: Vec<FlowBatch> = Vec::new();
        let mut left = RECORDS;
        while left > 0 {
            let rows = left.min(BATCH);
            batches.extend(traffic.batches(rows));
            left -= rows;
        }
        let first = 1 + number * RECORDS as u64;
        let path = folder.join(format!("journal-{number}"));
        let mut writer = Writer::create(&path, first, BEGIN)?;
        journal.take(RECORDS, || {
            batches.iter().try_for_each(|batch| writer.append(batch, BEGIN, Sync::Never))
        })?;
        drop(batches);
        sizes.0 += writer.length();
        find.take(RECORDS, || Journal::open(&path, 0))?;
        let file = folder.join(format!("{number}.parquet"));
        seal.take(RECORDS, || write(&Journal::open(&path, 0)?, &file))?;
        let segment = Segment::open(&file)?;
        sizes.1 += std::fs::metadata(&file).map_or(0, |metadata| metadata.len());
        columns = segment.octets();
        let read_items = |items: &[Item]| {
            let tables = Tables::default();
            (0..segment.groups().len())
                .try_for_each(|group| read(&segment, group, items, &tables).map(|_| ()))
        };
        all.take(RECORDS, || read_items(Item::all()))?;
        few.take(RECORDS, || read_items(&few_items))?;
        one.take(RECORDS, || read_items(&[Item::Source]))?;
        open.take(1, || Segment::open(&file))?;
        files.push(file);
    }
    let inputs = files.iter().map(|file| Segment::open(file)).collect::<Result<Vec<_>, _>>()?;
    let mut merge = Least(f64::MAX);
    let merged = folder.join("merged.parquet");
    merge.take(RECORDS * FILES as usize, || write(&Merged::new(inputs)?, &merged))?;

    let records = (RECORDS as u64 * FILES) as f64;
    println!("{FILES} times {RECORDS} records, least of these; CPU time of the thread");
    println!("{:<44}{:>10}", "", "ns/record");
    for (what, least) in [
        ("journal", journal),
        ("find the frames of a journal, as at a start", find),
        ("seal", seal),
        ("read all columns", all),
        ("read 2 ports, protocol, octets", few),
        ("read source addresses", one),
        ("compact (once)", merge),
    ] {
        println!("{what:<44}{:>10.1}", least.0);
    }
    println!("{:<44}{:>10.1}", "open a file, us", open.0 / 1000.0);
    println!("\n{:<44}{:>10}", "", "octets/record");
    println!("{:<44}{:>10.2}", "journal", sizes.0 as f64 / records);
    println!("{:<44}{:>10.2}", "file", sizes.1 as f64 / records);
    columns.sort_by_key(|(_, octets)| std::cmp::Reverse(*octets));
    for (name, octets) in columns {
        println!("  {name:<42}{:>10.3}", octets as f64 / RECORDS as f64);
    }
    Ok(())
}
