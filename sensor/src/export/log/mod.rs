//! Flow logs: records as JSON lines or CSV for machines, as aligned lines for people.
//!
//! [`lots`]: what is not written twice after a crash.
//! [`json`], [`csv`] and [`mod@line`] turn a row into text, [`options`] what a device tells of itself; [`FlowLog`] writes them from a thread of its own.

pub mod csv;
pub mod json;
pub mod line;
pub mod lots;
pub mod options;
pub mod top;
mod writer;

pub use writer::{FlowLog, Format};
