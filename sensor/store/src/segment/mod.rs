//! Sealed records: Parquet files that the store writes once and anybody reads.
//!
//! A row group holds records of one family and one kind of source ([`crate::cells::Group`]). `schema`: how items are called and typed.
//! [`writer`] writes a file, [`reader`] reads one, whoever wrote it; [`merge`]: several as one. [`scan`] reads columns straight into batches,
//! for questions.

mod column;
pub mod merge;
mod packed;
pub mod reader;
pub mod scan;
pub mod schema;
pub mod writer;

/// The format of files, in their metadata.
pub const FORMAT: u32 = 1;
/// Keys of the metadata.
pub(crate) const KEY_FORMAT: &str = "sensor.format";
pub(crate) const KEY_GROUPS: &str = "sensor.groups";
pub(crate) const KEY_PORT_LABELS: &str = "sensor.port_labels";
/// The column that tells people what observed a flow; the store itself knows by the metadata of its group.
pub(crate) const FLOW_TYPE: &str = "flowtype";

/// What the metadata says of a row group.
#[derive(Debug, serde::Deserialize, serde::Serialize)]
pub(crate) struct GroupNote {
    /// [`sensor_core::flow::source::Source`] by its name.
    pub flowtype: String,
    /// 4 or 6.
    pub ipversion: u8,
    /// Its source says when it received the records.
    pub received: bool,
    /// Columns that have rows whatever these tell ([`crate::layout::is_shaping`]).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shaped_by: Vec<String>,
    /// Its labels of ports, by their place among those of the file.
    pub port_labels: usize,
}
