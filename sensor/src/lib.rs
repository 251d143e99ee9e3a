//! Flow sensor for Linux hosts.
//!
//! ARCHITECTURE.md has the map of these rooms and says who may import whom; `cargo xtask tidy` holds them to it.

// The bans of .clippy.toml hold for the library; its tests may read files.
#![cfg_attr(not(test), warn(clippy::disallowed_methods, clippy::disallowed_types))]
// They panic when the other end is gone; `stdio` writes.
#![deny(clippy::print_stdout, clippy::print_stderr)]

#[expect(clippy::disallowed_methods, reason = "edge: reads the configuration, waits")]
pub mod agent;
pub mod cli;
#[expect(clippy::disallowed_methods, reason = "edge: clock")]
pub mod clock;
pub mod console;
#[expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "edge: sockets, files, clock"
)]
pub mod export;
#[expect(clippy::disallowed_types, reason = "edge: files")]
pub mod files;
#[expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "edge: sockets, files, clock"
)]
pub mod intake;
mod journal;
mod pem;
#[expect(clippy::disallowed_types, reason = "edge: files")]
pub mod replay;
#[expect(clippy::disallowed_methods, reason = "edge: standard output and standard error")]
pub mod stdio;
