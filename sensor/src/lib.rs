//! Flow sensor for Linux hosts.
//!
//! ARCHITECTURE.md has the map of these rooms and says who may import whom; `cargo xtask tidy` holds them to it.

pub mod export;
pub mod flow;
pub mod wire;
