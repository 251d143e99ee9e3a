//! Values of a column into pages of a Parquet file: encodings, compression, checksums.
//!
//! The crate `parquet` has writers of its own, which make an object of each address and document, do not know that a document already
//! has a number, and write no checksums. What is written here are pages; schema, metadata and filters stay the crate's.

pub mod bits;
pub mod chunk;
pub mod delta;
pub mod distinct;
pub mod page;
pub mod runs;
