//! The engine: records in, records with their context and events out ([`pipeline`]).
//!
//! It knows neither where records come from nor who takes them, and no clock: time is an argument. [`change`] puts other
//! context, tags and policies in force; [`dispatch`] spreads the work over threads; [`inside`] is whether any record had an
//! internal side.

pub mod change;
pub mod dispatch;
pub mod inside;
pub mod pipeline;
