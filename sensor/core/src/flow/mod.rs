//! Flows: what a record consists of, how records travel, and how packets' counts become records.
//!
//! * [`fields`]: the table of fields, from which names, types and documentation are derived.
//! * [`columns`]: the table of the columns that records are stored in. [`addresses`]: the columns of addresses. [`batch`]:
//!   [`batch::FlowBatch`], flow records as columns; all that anything behind the sources sees.
//! * [`key`]: the kernel's flow keys as addresses of a batch.
//! * [`delta`]: what a source adds to a flow, on its way into the cache.
//! * [`cache`]: active flows, and when they end. [`aggregator`]: counts in, full batches of their records out.
//! * [`kept`]: single rows that outlive their batch.
//! * [`initiator`]: who opened the connection of a flow. [`services`]: ports by which that is guessed.
//! * [`continued`]: which records of devices go on where an earlier one was cut.
//! * [`profile`]: what is known about an address, interned.
//! * [`point`]: where in a cloud a flow was seen, and texts of flows. [`interned`]: such values by number.
//! * [`tags`], [`ports`]: tags of flows and labels of ports. [`labels`]: all labels of a flow by name.
//! * [`totals`]: sums over records, by which they are accounted for on their way out.
//! * [`source`]: identity and kind of a source. [`device`]: what is known of sources besides this host, and what only they tell.
//! * [`interfaces`], [`protocol`], [`application`], [`mac`]: names for numbers, and numbers that have names.
//! * [`prefetch`]: memory asked for before it is needed. `pages`: large pages.
//! * [`prefix`]: addresses that share their first bits. [`trie`]: from an address to what is stated about its longest prefix.
//!   [`networks`]: sets of prefixes.

pub mod addresses;
pub mod aggregator;
pub mod application;
pub mod attributes;
pub mod batch;
pub mod cache;
pub mod columns;
pub mod continued;
pub mod delta;
pub mod device;
pub mod elements;
pub mod fields;
pub(crate) mod index;
pub mod initiator;
pub mod interfaces;
pub mod interned;
pub mod kept;
pub mod key;
pub mod labels;
pub mod lot;
pub mod mac;
pub mod networks;
mod packed;
pub mod pages;
pub mod point;
pub mod ports;
pub mod prefetch;
pub mod prefix;
pub mod profile;
pub mod properties;
pub mod protocol;
pub mod services;
pub mod source;
pub mod tags;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod totals;
pub mod trie;
