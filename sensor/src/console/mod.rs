//! Questions about the flows that the agent holds and stores, and their answers, as documents: what the console asks, by HTTP or by the
//! control socket. Nothing here knows of either.
//!
//! * [`desk`]: what answers rest on, and how a question is asked of it; [`budget`]: within which bounds.
//! * [`query`]: queries and groups as texts. [`fault`]: why there is no answer. [`value`]: values and numbers in documents.
//! * [`top`]: the largest groups; [`rates`]: rates over time; [`flows`]: flows themselves; [`common`]: what several queries have in common;
//!   [`meta`]: what can be asked; [`presets`]: questions to begin with; [`check`]: a query while it is typed.
//! * [`hits`] and [`hit`]: what policies have found; [`policies`]: how they fare, and what they would find; [`explain`]: what becomes of one flow.
//! * [`labels`]: what is known about addresses, and who talks to whom. [`agent`]: how the agent is doing, and who knows it.
//! * [`series`]: sums over time, which `sensor hunt` shows as well.

pub mod agent;
pub mod budget;
pub mod check;
pub mod common;
pub mod desk;
pub mod explain;
pub mod fault;
pub mod flows;
pub mod hit;
pub mod hits;
pub mod labels;
pub mod meta;
pub mod mirror;
pub mod policies;
pub mod presets;
pub mod query;
pub mod rates;
pub mod series;
pub mod top;
pub mod value;

#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;
