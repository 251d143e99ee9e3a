//! Flow sensor for Linux hosts.
//!
//! ARCHITECTURE.md has the map of these rooms and says who may import whom; `cargo xtask tidy` holds them to it.

// The bans of .clippy.toml hold for the library; its tests may read files.
#![cfg_attr(not(test), warn(clippy::disallowed_methods, clippy::disallowed_types))]

pub mod agent;
pub mod cli;
pub mod diagnostic;
pub mod engine;
pub mod export;
pub mod flow;
pub mod kernel;
pub mod nql;
pub mod replay;
