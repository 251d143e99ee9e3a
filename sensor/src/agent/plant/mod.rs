//! What every batch of flow records passes, whatever its source.
//!
//! * [`analysis`]: context, tags and policies at work; [`reload`]: read anew; `leftovers`: what they leave behind.
//! * `filter`: the filter of the command line. [`top`]: the largest groups of flows.
//! * [`outputs`]: where records and hits go; `lent`: batches that outputs still read.

pub mod analysis;
pub mod outputs;
pub mod reload;
pub mod top;

mod filter;
mod leftovers;
mod lent;
