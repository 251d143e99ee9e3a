//! Logs of flows and of DNS records: as JSON lines or CSV for machines, as aligned lines for people.
//!
//! [`lots`]: what is not written twice after a crash.
//! [`json`], [`csv`] and [`mod@line`] turn a row into text, [`people`] a value, [`dns`] a DNS record, [`options`] what a device tells of itself; [`RecordLog`] writes them from a thread of its own.

pub mod csv;
pub mod dns;
pub mod json;
pub mod line;
pub mod lots;
pub mod options;
pub mod people;
pub mod top;
mod writer;

pub use writer::{DnsLog, FlowLog, Format, RecordLog};
