//! Data records of NetFlow and IPFIX into the columns of batches.
//!
//! * [`rows`]: where the records of a set lie.
//! * [`walk`]: finds them where fields have variable length.
//! * [`fill`]: one field of many records into one column.
//! * [`append`]: all fields of many records, and what follows from them: times, ICMP, sampling.
//! * [`counts`]: which of the counts in a record are the flow's.
//! * [`events`]: what the events of a firewall say.
//! * [`decode`]: a set: which of its records become which rows.
//! * [`fixed`]: all of that for NetFlow 5 and 7.
//! * [`fields`]: a record taken apart.
//! * [`sample`]: records that carry a frame.
//!
//! Invariant: memory grows by rows of a batch and by four octets a field of variable length, never by record.

pub mod append;
pub mod counts;
pub mod decode;
pub mod events;
pub mod fields;
pub mod fill;
pub mod fixed;
pub mod rows;
pub mod sample;
mod values;
pub mod walk;
