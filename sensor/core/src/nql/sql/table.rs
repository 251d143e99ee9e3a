//! The table of ClickHouse, and what stands for columns that no file has: both derived from what is stored.

use super::{
    Dialect,
    print::{identifier, text},
    stored::{Stored, Values},
};

/// How a table lies on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Partitions of an hour, for up to two weeks.
    Hours,
    /// Partitions of a day, for longer.
    Days,
}

/// What a site decides about its table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableOptions {
    /// The data base, if it is not that of the session.
    pub database: Option<String>,
    /// The table.
    pub table: String,
    /// Days after which records are deleted; none for never.
    pub keep_days: Option<u32>,
}

/// Days up to which an hour has a partition of its own.
const HOURLY: u32 = 14;

impl TableOptions {
    /// Its name as SQL has it.
    pub fn name(&self) -> String {
        match &self.database {
            Some(database) => format!("{}.{}", identifier(database), identifier(&self.table)),
            None => identifier(&self.table),
        }
    }

    /// How it lies on disk.
    pub fn layout(&self) -> Layout {
        match self.keep_days {
            Some(days) if days <= HOURLY => Layout::Hours,
            _ => Layout::Days,
        }
    }
}

/// The statement that makes the table, if it is not there yet.
pub fn create_table(options: &TableOptions) -> String {
    let columns: Vec<String> =
        Stored::all().map(|own| format!("    {} {}", own.name(), declared(own))).collect();
    let received = Stored::Received.name();
    let partition = match options.layout() {
        Layout::Hours => format!("toStartOfHour({received})"),
        Layout::Days => format!("toDate({received})"),
    };
    let expiry = options.keep_days.map_or_else(String::new, |days| {
        format!("TTL toDateTime({received}) + INTERVAL {days} DAY\n")
    });
    // One filter over both sides: of two, the engine skips nothing when either may have the address.
    format!(
        "CREATE TABLE IF NOT EXISTS {name}\n(\n{columns},\n    INDEX ip [srcip, dstip] TYPE bloom_filter(0.001) GRANULARITY 4\n)\n\
         ENGINE = MergeTree\nPARTITION BY {partition}\nORDER BY (toStartOfFiveMinutes({received}), dstip, {received}, sensor, sequence)\n{expiry}\
         SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1",
        name = options.name(),
        columns = columns.join(",\n"),
    )
}

/// Type and codec of a column.
fn declared(stored: Stored) -> String {
    let (plain, codec) = match stored.values() {
        Values::Number(8) => ("UInt8".to_owned(), "ZSTD(1)"),
        Values::Number(64) if stored == Stored::Sequence => ("UInt64".to_owned(), "Delta, ZSTD(1)"),
        Values::Number(bits) => (format!("UInt{bits}"), "T64, ZSTD(1)"),
        Values::Time => ("DateTime64(3, 'UTC')".to_owned(), "DoubleDelta, ZSTD(1)"),
        Values::Address => ("IPv6".to_owned(), "ZSTD(1)"),
        Values::Mac => ("FixedString(6)".to_owned(), "ZSTD(1)"),
        Values::Application => ("UInt128".to_owned(), "ZSTD(1)"),
        // Of these few there are, and what is asked of them is asked once for each.
        Values::Document | Values::Name => ("LowCardinality(String)".to_owned(), "ZSTD(1)"),
    };
    let is_nullable = stored.is_optional() && stored.values() != Values::Document;
    let kind = if is_nullable { format!("Nullable({plain})") } else { plain };
    format!("{kind} CODEC({codec})")
}

/// A relation of DuckDB that has all columns and no rows: in files, columns that no record tells are left out.
///
/// `FROM (SELECT * FROM nothing UNION ALL BY NAME SELECT * FROM read_parquet(..., union_by_name = true))`
fn nothing_stored() -> String {
    let column = |own: Stored| {
        let kind = match own.values() {
            Values::Number(8) => "UTINYINT",
            Values::Number(16) => "USMALLINT",
            Values::Number(32) => "UINTEGER",
            Values::Number(_) => "UBIGINT",
            Values::Time => "TIMESTAMPTZ",
            Values::Address | Values::Mac | Values::Application => "BLOB",
            Values::Document => "JSON",
            Values::Name => "VARCHAR",
        };
        format!("CAST(NULL AS {kind}) AS {}", own.name())
    };
    let columns: Vec<String> =
        Stored::all().filter(|own| !own.is_of_tables()).map(column).collect();
    format!("SELECT {} WHERE false", columns.join(", "))
}

/// The records of files of the store, as a relation of DuckDB.
pub fn files(paths: &[String]) -> String {
    let paths: Vec<String> = paths.iter().map(|path| text(path, Dialect::DuckDb)).collect();
    let paths = paths.join(", ");
    format!(
        "({} UNION ALL BY NAME SELECT * FROM read_parquet([{paths}], union_by_name = true))",
        nothing_stored()
    )
}
