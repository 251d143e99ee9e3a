//! Files of the flow store: any octets as a journal or a sealed file, or files that the store made whose octets were changed. Whatever
//! can be read is the same when it is read whole and when it is read in parts.

#![no_main]

use std::{fs, path::PathBuf, sync::LazyLock};

use libfuzzer_sys::fuzz_target;
use sensor_core::{
    flow::batch::{FlowBatch, Source},
    hunt::archive::Records,
};
use sensor_store::{
    cells::{Groups, Steps, read},
    documents::tables::Tables,
    journal::{Sync, reader::Journal, scan::FrameScan, writer::Writer},
    layout::Item,
    segment::{reader::Segment, scan::GroupScan, writer::write},
    testing::{BEGIN, Traffic},
};

/// Rows of the largest group that is read whole: a file may claim many more.
const MOST_ROWS: usize = 1 << 16;

fn path(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("fuzz-store-{}-{name}", std::process::id()))
}

/// A journal and the file that it becomes.
static MADE: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| {
    let (journal, file) = (path("made-journal"), path("made-file"));
    let mut writer = Writer::create(&journal, 1, BEGIN).expect("a journal");
    for batch in Traffic::new(1).batches(40) {
        writer.append(&batch, BEGIN, Sync::Never).expect("a frame");
    }
    write(&Journal::open(&journal, 0).expect("a journal"), &file).expect("a file");
    let made = [&journal, &file].map(|path| fs::read(path).expect("octets"));
    let _ = (fs::remove_file(journal), fs::remove_file(file));
    made
});

/// The octets of a file: those of the input, or those of one that was made, with the octets changed that the input says.
fn octets(kind: u8, input: &[u8]) -> Vec<u8> {
    if kind < 2 {
        return input.to_vec();
    }
    let mut octets = MADE[usize::from(kind & 1)].clone();
    for change in input.as_chunks::<3>().0 {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % octets.len();
        octets[at] ^= change[2];
    }
    octets
}

fn empty() -> Records {
    Records { batch: FlowBatch::v4(Source::Host), received: Vec::new(), sequence: Vec::new() }
}

/// The numbers and octets of the rows, read whole.
fn whole(groups: &impl Groups, group: usize) -> Option<Vec<(u64, u64)>> {
    let records = read(groups, group, Item::all(), &Tables::default()).ok()?;
    Some(rows(&records))
}

fn rows(records: &Records) -> Vec<(u64, u64)> {
    let octets = |row: usize| records.batch.octets.get(row).copied().unwrap_or(0);
    records.sequence.iter().enumerate().map(|(row, number)| (*number, octets(row))).collect()
}

fuzz_target!(|input: &[u8]| {
    let Some((kind, rest)) = input.split_first() else { return };
    let kind = kind % 4;
    let path = path("changed");
    fs::write(&path, octets(kind, rest)).expect("a file");
    let tables = Tables::default();
    if kind & 1 == 0 {
        if let Ok(journal) = Journal::open(&path, 0) {
            for group in 0..journal.groups().len() {
                let (mut scan, mut records) = (FrameScan::new(&journal, group, &tables), empty());
                let (mut all, mut is_whole) = (Vec::new(), true);
                while scan.advance(&mut records) > 0 {
                    is_whole &= scan.read(Item::all(), None, &mut records).is_ok();
                    all.extend(rows(&records));
                }
                assert_eq!(whole(&journal, group), is_whole.then_some(all));
            }
        }
    } else if let Ok(segment) = Segment::open(&path) {
        for group in 0..segment.groups().len() {
            let (mut scan, mut records) = (GroupScan::new(&segment, group, &tables), empty());
            let (mut all, mut is_whole) = (Vec::new(), true);
            while is_whole && scan.advance(&mut records) > 0 {
                is_whole &= scan.read(Item::all(), None, &mut records).is_ok();
                all.extend(rows(&records));
            }
            if segment.groups()[group].rows <= MOST_ROWS && is_whole {
                if let Some(whole) = whole(&segment, group) {
                    assert_eq!(whole, all);
                }
            }
        }
    }
    let _ = fs::remove_file(path);
});
