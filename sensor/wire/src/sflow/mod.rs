//! sFlow version 5 (sflow.org, "sFlow Version 5", 2004): sampled packets and counters of interfaces.
//!
//! * [`datagram`]: header, samples and their records, told apart.
//! * [`packet`]: what the records of one sampled packet say.
//! * [`rows`]: sampled packets into the columns of batches.
//! * [`counters`]: counters of interfaces, and the rates that follow from them.

pub mod counters;
pub mod datagram;
pub mod packet;
pub mod rows;
