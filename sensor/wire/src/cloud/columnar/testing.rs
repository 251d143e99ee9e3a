//! Parquet files out of flow logs as text, for tests and benchmarks: a column for each field, of the types that AWS documents.

use std::sync::Arc;

use parquet::{
    basic::{Compression, Encoding, LogicalType, Repetition, Type as Physical},
    data_type::{ByteArray, ByteArrayType, DataType, Int32Type, Int64Type},
    file::{
        properties::{WriterProperties, WriterVersion},
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::types::{ColumnPath, Type},
};

/// How a file is written.
#[derive(Clone, Copy, Debug)]
pub struct Writing {
    /// Compression of the pages.
    pub codec: Compression,
    /// Pages of version 1 or 2.
    pub version: WriterVersion,
    /// Values by dictionaries.
    pub dictionary: bool,
    /// Encodings of numbers and of text, where there are no dictionaries.
    pub encodings: [Encoding; 2],
    /// Rows of a row group, and of a page.
    pub rows: [usize; 2],
    /// No column says that it may have no value.
    pub required: bool,
}

impl Default for Writing {
    fn default() -> Self {
        Self {
            codec: Compression::GZIP(Default::default()),
            version: WriterVersion::PARQUET_1_0,
            dictionary: true,
            encodings: [Encoding::PLAIN, Encoding::PLAIN],
            rows: [1 << 20, 20_000],
            required: false,
        }
    }
}

/// The type of a field.
pub fn physical(name: &str) -> Physical {
    match name {
        "version" | "srcport" | "dstport" | "protocol" | "tcp_flags" | "traffic_path" => {
            Physical::INT32
        }
        "packets" | "bytes" | "start" | "end" => Physical::INT64,
        _ if name.starts_with("packets_lost") => Physical::INT64,
        _ => Physical::BYTE_ARRAY,
    }
}

/// The file that says what `text` says: a line of names, then lines of values.
pub fn parquet(text: &str, writing: &Writing) -> Vec<u8> {
    let mut lines = text.lines();
    let names: Vec<String> =
        lines.next().unwrap_or_default().split(' ').map(|name| name.replace('-', "_")).collect();
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(' ').collect()).collect();
    let field = |name: &String| {
        let physical = physical(name);
        let text = (physical == Physical::BYTE_ARRAY).then_some(LogicalType::String);
        let repetition = if writing.required { Repetition::REQUIRED } else { Repetition::OPTIONAL };
        let builder = Type::primitive_type_builder(name, physical).with_repetition(repetition);
        Arc::new(builder.with_logical_type(text).build().expect("a type"))
    };
    let fields = names.iter().map(field).collect();
    let schema = Type::group_type_builder("schema").with_fields(fields).build().expect("a schema");
    let mut properties = WriterProperties::builder()
        .set_compression(writing.codec)
        .set_writer_version(writing.version)
        .set_data_page_row_count_limit(writing.rows[1])
        .set_write_batch_size(writing.rows[1])
        .set_dictionary_enabled(writing.dictionary);
    for name in &names {
        let encoding = writing.encodings[usize::from(physical(name) == Physical::BYTE_ARRAY)];
        properties = properties.set_column_encoding(ColumnPath::from(name.as_str()), encoding);
    }
    let properties = Arc::new(properties.build());
    let mut writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), properties)
        .expect("a file in memory");
    for rows in rows.chunks(writing.rows[0]) {
        let mut group = writer.next_row_group().expect("a row group");
        for (column, name) in names.iter().enumerate() {
            let values: Vec<Option<&str>> =
                rows.iter().map(|row| Some(row[column]).filter(|value| *value != "-")).collect();
            let number = |text: &str| text.parse::<i64>().expect("a number");
            match physical(name) {
                Physical::INT32 => {
                    write::<Int32Type>(&mut group, &values, |text| number(text) as i32);
                }
                Physical::INT64 => write::<Int64Type>(&mut group, &values, number),
                _ => write::<ByteArrayType>(&mut group, &values, |text| ByteArray::from(text)),
            }
        }
        group.close().expect("a row group");
    }
    writer.into_inner().expect("a file")
}

fn write<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    values: &[Option<&str>],
    value: impl Fn(&str) -> T::T,
) {
    let mut column = group.next_column().expect("a column").expect("one more");
    let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
    let values: Vec<T::T> = values.iter().flatten().map(|text| value(text)).collect();
    column.typed::<T>().write_batch(&values, Some(&levels), None).expect("values");
    column.close().expect("a column");
}
