//! The flow sensor.

pub mod agent;
pub mod cli;
pub mod diagnostic;
pub mod replay;
