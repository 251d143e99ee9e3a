//! Flows: what a record consists of, how records travel, and how packets' counts become records.
//!
//! * [`fields`]: the table of fields, from which names, types and documentation are derived.
//! * [`batch`]: [`batch::FlowBatch`], flow records as columns; all that anything behind the sources sees.
//! * [`delta`]: what a source adds to a flow, on its way into the cache.
//! * [`cache`]: active flows, and when they end.
//! * [`profile`]: what is known about an address, interned.
//! * [`totals`]: sums over records, by which they are accounted for on their way out.
//! * [`router`]: the columns that only routers fill, and what is known of the routers.
//! * [`interfaces`], [`protocol`]: names for numbers. [`prefix`]: addresses that share their first bits.

pub mod batch;
pub mod cache;
pub mod delta;
pub mod fields;
pub mod interfaces;
pub mod prefix;
pub mod profile;
pub mod protocol;
pub mod router;
#[cfg(test)]
pub mod testing;
pub mod totals;
