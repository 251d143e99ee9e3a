//! Flows: what a record consists of, how records travel, and how packets' counts become records.
//!
//! * [`batch`]: [`batch::FlowBatch`], flow records as columns; all that anything behind the sources sees.
//! * [`delta`]: what a source adds to a flow, on its way into the cache.
//! * [`totals`]: sums over records, by which they are accounted for on their way out.

pub mod batch;
pub mod delta;
pub mod totals;
