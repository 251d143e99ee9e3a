//! Policies: what people want to know of the flows.

pub mod event;
pub mod tags;
