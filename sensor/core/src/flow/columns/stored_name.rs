//! What a column is called where records are stored: in Parquet files of the store and in tables of data bases.
//!
//! Names are those of NQL where a field has just the column's values, made so that SQL needs no quotes for them.

use std::sync::LazyLock;

use super::{Column, DataType};

static NAMES: LazyLock<Vec<String>> =
    LazyLock::new(|| Column::ALL.iter().map(|column| made(*column)).collect());

impl Column {
    /// What it is called in SQL.
    pub fn stored_name(self) -> &'static str {
        &NAMES[self as usize]
    }
}

fn made(column: Column) -> String {
    let name = match column {
        Column::Received => "time_received",
        // Words of SQL.
        Column::Start => "time_start",
        Column::End => "time_end",
        Column::SourceProfile => "src_profile",
        Column::DestinationProfile => "dst_profile",
        Column::SourceLabels => "src_labels",
        Column::DestinationLabels => "dst_labels",
        Column::Tags => "tags",
        column => column.name(),
    };
    let plain = name.to_lowercase().replace([' ', '.'], "_");
    match column.data_type() {
        DataType::Ipv4Address => plain + "_v4",
        DataType::Ipv6Address => plain + "_v6",
        _ => plain,
    }
}
