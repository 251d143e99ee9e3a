//! Captured traffic and stored flows, put through the same engine as live ones.

pub mod capture;
