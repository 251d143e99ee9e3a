//! Writes records into a Parquet file, a column of a group at a time: no more of them are in memory.

use std::{fs::File, path::Path, sync::Arc};

use parquet::{
    file::{
        metadata::KeyValue,
        properties::WriterProperties,
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::types::ColumnDescPtr,
};
use sensor_core::flow::columns::Column;
use sensor_wire::cloud::columnar::fault::Fault;

use super::{FORMAT, GroupNote, KEY_FORMAT, KEY_GROUPS, KEY_PORT_LABELS, schema};
use crate::{
    cells::{Cells, Dictionary, Groups, Told, Values},
    encode::chunk::Chunks,
    error::Error,
    layout::{Form, Item, Table, is_shaping},
};

/// Writes a file that nobody reads yet.
///
/// # Errors
/// When the records cannot be read or the file cannot be written. What there is of it stays.
pub fn write(groups: &impl Groups, path: &Path) -> Result<(), Error> {
    let file = File::create(path).map_err(Error::system("make", path))?;
    let wrong = |fault: Fault| Error::Write { path: path.to_owned(), source: Box::new(fault) };
    let items = items(groups);
    let parquet = |error: parquet::errors::ParquetError| wrong(of_parquet(error));
    let schema = schema::schema(&items).map_err(parquet)?;
    let properties = WriterProperties::builder()
        .set_created_by(concat!("flow sensor ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_offset_index_disabled(true)
        .set_key_value_metadata(Some(notes(groups)))
        .build();
    let handle = file.try_clone().map_err(Error::system("open", path))?;
    let mut writer =
        SerializedFileWriter::new(file, schema, Arc::new(properties)).map_err(parquet)?;
    let columns = writer.schema_descr().columns().to_vec();
    let mut chunks = Chunks::new().map_err(wrong)?;
    for (at, group) in groups.groups().iter().enumerate() {
        let mut out = writer.next_row_group().map_err(parquet)?;
        for ((item, _), column) in items.iter().zip(&columns) {
            let cells = match groups.told(at, *item) {
                Told::Nowhere => None,
                Told::Partly | Told::Everywhere => Some(groups.cells(at, *item)?),
            };
            put(&mut chunks, &mut out, item.form(), column, group.rows, cells).map_err(wrong)?;
        }
        if let Some(column) = columns.last() {
            let name: Dictionary = vec![group.source.name().as_bytes().into()];
            let values = Values::U32(vec![0; group.rows]);
            let cells = Cells { values, told: None, documents: name };
            let form = Form::Document(Table::Tags);
            put(&mut chunks, &mut out, form, column, group.rows, Some(cells)).map_err(wrong)?;
        }
        out.close().map_err(parquet)?;
    }
    writer.close().map_err(parquet)?;
    handle.sync_all().map_err(Error::system("sync", path))
}

fn put(
    chunks: &mut Chunks,
    out: &mut SerializedRowGroupWriter<'_, File>,
    form: Form,
    column: &ColumnDescPtr,
    rows: usize,
    cells: Option<Cells>,
) -> Result<(), Fault> {
    debug_assert!(cells.as_ref().is_none_or(|cells| cells.values.len() == rows));
    let chunk = chunks.write(form, column, rows, cells)?;
    out.append_column(&chunk.octets, chunk.close).map_err(of_parquet)
}

/// The system's own words, where it is the system that refuses.
fn of_parquet(error: parquet::errors::ParquetError) -> Fault {
    match error {
        parquet::errors::ParquetError::External(error) => {
            match error.downcast::<std::io::Error>() {
                Ok(error) => Fault::Read(*error),
                Err(error) => Fault::Malformed(error.to_string()),
            }
        }
        other => other.into(),
    }
}

/// The items that some row tells, and whether all do.
fn items(groups: &impl Groups) -> Vec<(Item, bool)> {
    let all = 0..groups.groups().len();
    let told = |item: &Item| {
        let told: Vec<Told> = all.clone().map(|group| groups.told(group, *item)).collect();
        let some = told.iter().any(|told| *told != Told::Nowhere);
        some.then(|| (*item, told.iter().all(|told| *told == Told::Everywhere)))
    };
    Item::all().iter().filter_map(told).collect()
}

/// What the file says of itself and its groups.
fn notes(groups: &impl Groups) -> Vec<KeyValue> {
    let mut labels: Vec<&[u8]> = Vec::new();
    let mut notes = Vec::new();
    for group in groups.groups() {
        let own = &*group.port_labels;
        let known = labels.iter().position(|labels| *labels == own);
        let port_labels = known.unwrap_or_else(|| {
            labels.push(own);
            labels.len() - 1
        });
        let is_shaped = |column: &&Column| is_shaping(**column) && group.whole & column.bit() != 0;
        let shaping = Column::ALL.iter().filter(is_shaped);
        notes.push(GroupNote {
            flowtype: group.source.name().to_owned(),
            ipversion: if group.v6 { 6 } else { 4 },
            shaped_by: shaping.map(|column| Item::of(*column).name().to_owned()).collect(),
            received: group.whole & Column::Received.bit() != 0,
            port_labels,
        });
    }
    let labels: Vec<_> = labels.iter().map(|own| String::from_utf8_lossy(own)).collect();
    let json = |text: serde_json::Result<String>| text.unwrap_or_default();
    vec![
        KeyValue::new(KEY_FORMAT.to_owned(), FORMAT.to_string()),
        KeyValue::new(KEY_GROUPS.to_owned(), json(serde_json::to_string(&notes))),
        KeyValue::new(KEY_PORT_LABELS.to_owned(), json(serde_json::to_string(&labels))),
    ]
}
