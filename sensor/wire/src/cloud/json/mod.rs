//! What flow logs in JSON have in common.
//!
//! * [`cutter`]: octets in pieces into the octets of records, whatever the records stand in; [`block`]: where the quotes and
//!   brackets of 64 octets are. `nest`: which brackets are open. `torn`: what somebody cut off.
//! * [`pull`]: values in place, without a tree. [`values`]: members of records as types that borrow from those octets, and
//!   `object!`, which declares them.
//!   [`counted`]: arrays of which the first few objects are kept. [`time`]: RFC 3339. [`base64`]: RFC 4648.
//!   [`probe`]: what an object holds, by how it begins.
//! * [`log`]: the [`Log`](super::Log) that all this makes of somebody who reads records. [`wrapped`]: records that may come in base64
//!   in messages.
//!
//! Octets are scanned twice: the cutter finds where a record ends, and whoever reads it goes over it once more. Only so does a record that is
//! broken, half-written or far too long leave the others alone.

pub mod base64;
pub mod block;
pub mod counted;
pub mod cutter;
pub mod log;
mod nest;
pub mod probe;
pub mod pull;
#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;
pub mod time;
mod torn;
pub mod values;
pub mod wrapped;
