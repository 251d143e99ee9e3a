//! Why a policy does or does not speak: of one flow the first condition that failed, with its value; of many how they
//! were divided, and which key came nearest to a threshold.
//!
//! * [`Asked`]: a policy with its queries as they were written. [`verdict`]: what becomes of one flow.
//! * [`alone`]: what thresholds say of one flow. [`account`]: what became of the flows of a replay.
//!
//! Nothing here is part of the detection: that goes by columns, and does not remember which discard decided. The account
//! runs a detector of its own over the same flows, so what it says of keys and events is what the detection says.

pub mod account;
pub mod alone;
mod asked;
#[cfg(test)]
mod tests;
pub mod verdict;

pub use asked::Asked;
