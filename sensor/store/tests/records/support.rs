//! The question whether records are the same.

use sensor_core::flow::{
    batch::{Addresses, FlowBatch},
    columns::{Column, Reader},
    fields::{FIELDS, OwnedValue, Row},
    interfaces::Interfaces,
    profile::Side,
};
use sensor_store::{
    cells::{Groups, Records, read},
    documents::tables::Tables,
    error::Error,
    layout::Item,
};

/// All items of all groups.
pub fn read_all(groups: &impl Groups) -> Result<Vec<Records>, Error> {
    let tables = Tables::default();
    (0..groups.groups().len()).map(|group| read(groups, group, Item::all(), &tables)).collect()
}

/// Asserts that there are just the rows of the batches, numbered from `first` on, each as it was.
pub fn assert_same(batches: &[FlowBatch], first: u64, now: u64, found: &[Records]) {
    let rows: usize = batches.iter().map(FlowBatch::len).sum();
    let mut all: Vec<(u64, &Records, usize)> = Vec::new();
    for records in found {
        assert_eq!(records.batch.len(), records.sequence.len());
        assert_eq!(records.batch.len(), records.received.len());
        all.extend(
            records.sequence.iter().enumerate().map(|(row, number)| (*number, records, row)),
        );
    }
    all.sort_unstable_by_key(|(number, ..)| *number);
    let numbers: Vec<u64> = all.iter().map(|(number, ..)| *number).collect();
    assert_eq!(numbers, (first..first + rows as u64).collect::<Vec<_>>());
    let wanted = batches.iter().flat_map(|batch| (0..batch.len()).map(move |row| (batch, row)));
    for ((own, row), (_, records, at)) in wanted.zip(all) {
        let received = own.received.get(row).copied().unwrap_or(now);
        assert_eq!(records.received[at], received);
        assert_same_row(own, row, &records.batch, at);
    }
}

fn assert_same_row(own: &FlowBatch, row: usize, other: &FlowBatch, at: usize) {
    assert_eq!(own.observed_by, other.observed_by);
    let addresses = |batch: &FlowBatch, row: usize| match &batch.addresses {
        Addresses::V4 { source, destination } => (4, source[row].into(), destination[row].into()),
        Addresses::V6 { source, destination } => (6, source[row], destination[row]),
    };
    assert_eq!(addresses(own, row), addresses(other, at));
    for column in Column::ALL {
        let told = own.tells(*column, row);
        assert_eq!(told, other.tells(*column, at), "{column:?} of row {row}");
        if told {
            assert_eq!(
                value(own, *column, row),
                value(other, *column, at),
                "{column:?} of row {row}"
            );
        }
    }
    let interfaces = Interfaces::default();
    for field in FIELDS {
        let of =
            |batch, row| OwnedValue::of(field.value(Row { batch, row, interfaces: &interfaces }));
        assert_eq!(of(own, row), of(other, at), "{} of row {row}", field.name);
    }
}

/// What a column says of a row, as text.
fn value(batch: &FlowBatch, column: Column, row: usize) -> String {
    let number = || column.number(batch, row) as u32;
    match column {
        Column::SourceProfile => format!("{:?}", batch.profile(Side::Source, row)),
        Column::DestinationProfile => format!("{:?}", batch.profile(Side::Destination, row)),
        Column::Tags => format!("{:?}", batch.tag_sets.get(number())),
        Column::Device => format!("{:?}", batch.device_of(row)),
        Column::ObservationPoint => format!("{:?}", batch.points.get(number())),
        Column::CommonProperties => format!("{:?}", batch.properties.get(number())),
        Column::SourceLabels | Column::DestinationLabels => {
            format!("{:?}", batch.label_sets.get(number()))
        }
        _ => match column.reader() {
            Reader::U128(rows) => rows(batch)[row].to_string(),
            Reader::Lists(lists) => format!("{:?}", lists(batch).get(row)),
            _ => column.number(batch, row).to_string(),
        },
    }
}
