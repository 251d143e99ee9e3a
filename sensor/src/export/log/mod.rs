//! Flow logs: records as JSON lines for machines, as aligned lines for people.
//!
//! [`json`] and [`line`] turn a row into text; [`FlowLog`] writes them from a thread of its own.

pub mod json;
pub mod line;
mod writer;

pub use writer::{FlowLog, Format};
