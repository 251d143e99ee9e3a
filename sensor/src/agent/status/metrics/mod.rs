//! What the agent exports to Prometheus: one table of metrics, each with how it follows from a snapshot. The exposition
//! (OpenMetrics) and `docs/metrics.md` are made of it.
//!
//! * [`metric`]: what a metric is, and its samples. [`table`]: all of them;
//!   `cloud`, `engine`, `health`, `host`, `ingest`, `intake`, `outputs`, `process`, `store`: the rows of the table, by subject.
//! * [`exposition`]: how they are written. `page`: how they are documented.
//!
//! The number of time series is bounded: what a label may say is bounded by the configuration, or else by [`MOST`] values of
//! a label; what is beyond is summed under [`OTHERS`].
//!
//! [`MOST`]: metric::MOST
//! [`OTHERS`]: metric::OTHERS

pub mod exposition;
pub mod metric;
pub mod table;

mod cloud;
mod engine;
mod health;
mod host;
mod ingest;
mod intake;
mod outputs;
#[cfg(test)]
mod page;
mod process;
mod store;

pub use self::metric::View;
