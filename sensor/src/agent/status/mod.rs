//! How the agent is doing.
//!
//! * [`summary`]: what became of every packet and record, on one screen. [`losses`]: what was lost.
//! * [`health`]: a word in the log about policies and context.

pub mod health;
pub mod losses;
pub mod summary;
