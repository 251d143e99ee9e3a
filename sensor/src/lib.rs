//! The flow sensor.
