//! What a Parquet file may claim.

/// Octets of the largest metadata that is read. Those of sixty columns in a hundred row groups have a megabyte.
pub const MOST_METADATA: usize = 4 << 20;
/// Columns of the widest file that is read.
pub const MOST_COLUMNS: usize = 1024;
/// How many others a column may lie in. Those of Security Lake lie in five.
pub const DEEPEST_COLUMN: usize = 32;
/// Rows that an octet may stand for: as many lines as gzip would make of one. Real files have a tenth of a row an octet.
pub const ROWS_PER_OCTET: u64 = 32;
/// Octets of the largest page that is read, compressed or not. Writers make pages of about a megabyte.
pub const MOST_PAGE: usize = 32 << 20;
/// Octets of pages that may be in memory together, for all columns.
pub const MOST_HELD: usize = 128 << 20;
/// Octets that an octet may stand for: as many as gzip would make of one.
pub const OCTETS_PER_OCTET: u64 = 1032;
/// How often an octet may be read: whoever looks for the end of a header reads some hundred octets more than it has, and several queries
/// may want the same column.
pub const READS_PER_OCTET: u64 = 64;
/// Values that an octet may stand for, in the columns that are read: as many as octets. Real files have three.
pub const VALUES_PER_OCTET: u64 = OCTETS_PER_OCTET;
/// Octets of a value that cost no more than the value itself. Those beyond count once for each row: a dictionary has them once.
pub const SHORT: u32 = 64;
/// What pages of a column may have beside what the metadata says of them: not every writer counts alike.
pub const SLACK: usize = 1 << 20;
