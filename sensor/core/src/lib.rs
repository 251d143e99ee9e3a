//! What the sensor is for, without I/O: flow records, the query language, context, policies and the engine that joins them.
//!
//! Nothing here opens a file or a socket, or asks a clock: bytes, text and time are arguments. ARCHITECTURE.md has the map
//! of these rooms and says who may import whom; `cargo xtask tidy` holds them to it.

// The bans of .clippy.toml hold for the library; its tests may read files.
#![cfg_attr(not(test), warn(clippy::disallowed_methods, clippy::disallowed_types))]
// They panic when the other end is gone; the command line's `stdio` writes.
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod diagnostic;
pub mod dns;
pub mod engine;
pub mod enrich;
pub mod flow;
pub mod hunt;
pub mod nql;
pub mod policy;
pub mod roles;
pub mod settings;
pub mod sync;
