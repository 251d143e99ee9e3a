//! Flow logs: records as JSON lines for machines, as aligned lines for people.
//!
//! [`json`] and [`mod@line`] turn a row into text, [`options`] what an exporter tells of itself; [`FlowLog`] writes them from a thread of its own.

pub mod json;
pub mod line;
pub mod options;
mod writer;

pub use writer::{FlowLog, Format};
