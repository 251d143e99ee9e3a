//! The flow sensor.
// The bans of .clippy.toml hold for the library; its tests may read files.
#![cfg_attr(not(test), warn(clippy::disallowed_methods, clippy::disallowed_types))]
