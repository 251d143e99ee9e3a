//! Questions about the flows that the agent holds and stores, and their answers, as documents: what the console asks, by HTTP or by the
//! control socket. Nothing here knows of either.
//!
//! * [`desk`]: what answers rest on, and how a question is asked of it; [`budget`]: within which bounds.
//! * [`query`]: queries and groups as texts. [`fault`]: why there is no answer. [`value`]: values and numbers in documents.
//! * [`top`]: the largest groups; [`rates`]: rates over time; [`flows`]: flows themselves; [`common`]: what several queries have in common;
//!   [`meta`]: what can be asked.
//! * [`series`]: sums over time, which `sensor hunt` shows as well.

pub mod budget;
pub mod common;
pub mod desk;
pub mod fault;
pub mod flows;
pub mod meta;
pub mod mirror;
pub mod query;
pub mod rates;
pub mod series;
pub mod top;
pub mod value;

#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;
