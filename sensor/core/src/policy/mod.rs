//! Policies: what people want to know of the flows.
//!
//! [`load()`] makes policies of files, [`detector::Detector`] asks them of flows and gives [`alert`]s. Time is the time of
//! the records; the clock is an argument, and only says how long to wait for them.

pub mod alert;
pub mod detector;
pub mod discarded;
pub mod exempt;
mod file;
mod keys;
mod kinds;
pub mod label;
pub mod lacks;
pub mod load;
pub mod model;
pub mod sources;
pub mod stock;
pub mod tags;
pub mod testcase;
pub mod threshold;
mod values;
pub mod why;
mod window;
pub mod written;

pub use load::load;
