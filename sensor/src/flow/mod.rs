//! Flows: what a record consists of, how records travel, and how packets' counts become records.
//!
//! * [`batch`]: [`batch::FlowBatch`], flow records as columns; all that anything behind the sources sees.
//! * [`cache`]: active flows, and when they end.
//! * [`delta`]: what a source adds to a flow, on its way into the cache.

pub mod batch;
pub mod cache;
pub mod delta;
