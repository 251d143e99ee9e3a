//! The flow store: keeps flow records on disk, and finds them again.
//!
//! Records go into a [`journal`] first, so that a crash takes no more than the last second of them. Of a journal that is full or old
//! enough a Parquet file is made, a [`segment`]: DuckDB, ClickHouse, Spark and whatever else reads Parquet can read it too.
//!
//! * [`store`]: a store that is written to, of two halves: [`appender`] and [`keeper`]. [`library`]: one that is read.
//!   [`accounts`]: what became of each record. [`figures`]: what there is.
//! * [`archive`]: what is read, for questions. [`bounds`]: what is known before.
//! * [`hits`]: hits beside the records. [`folder`]: its files. [`names`]: what their names say. [`plan`]: what to do with them.
//!   [`gaps`]: what is missing between them. [`aside`]: what was put aside as damaged.
//! * [`layout`]: what is stored of a record, and how that is called. [`documents`]: what is JSON in files and a table in memory.
//! * [`rows`]: records for data bases that have the same columns.
//! * [`frame`]: the layout of journals. [`encode`]: the pages of files. [`cells`]: what is read of either.

// They panic when the other end is gone; the command line's `stdio` writes.
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod accounts;
pub mod appender;
pub mod archive;
pub mod aside;
pub mod bounds;
pub mod cells;
pub mod documents;
pub mod encode;
pub mod error;
pub mod figures;
pub mod folder;
pub mod frame;
pub mod gaps;
pub mod hits;
pub mod journal;
pub mod keeper;
pub mod layout;
pub mod library;
pub mod names;
pub mod plan;
pub mod rows;
pub mod segment;
pub mod shared;
pub mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod work;
