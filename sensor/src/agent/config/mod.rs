//! The agent's configuration: read from TOML, overridden by flags, checked, and then never looked up by name again.
//!
//! One file for each section has its keys, what they mean and what is wrong with them. [`sections`] puts the keys together
//! as they are written, drop-ins are laid over the file, the flags of the command line ([`overrides`]) are laid over them, [`resolve`] makes what the agent runs on of them: each step
//! is a pure function of the one before. Only [`mod@load`] and [`drop_ins`] touch files. [`diff`] tells what has changed between two
//! configurations, and [`effect`] what of that a reload applies.

pub mod capture;
pub mod clickhouse;
pub mod cloud;
pub mod collector;
pub mod console;
pub mod context;
pub mod control;
pub mod device;
pub mod diff;
pub mod drop_ins;
pub mod effect;
pub mod endpoint;
pub mod engine;
pub mod error;
pub mod export;
pub mod faults;
pub mod flow;
pub mod forward;
pub mod geo;
pub mod hits;
pub mod ingest;
pub mod intake;
pub mod interface;
pub mod ipfix_file;
pub mod kafka;
pub mod labels;
pub mod listen;
pub mod lists;
pub mod load;
pub mod log;
pub mod lots;
pub mod metrics;
pub mod nats;
pub mod networks;
pub mod overrides;
pub mod paths;
pub mod policies;
pub mod push;
pub mod reputation;
pub mod resolve;
pub mod sections;
pub mod security;
pub mod store;
pub mod tag;
pub mod tls;
pub mod written;

mod overlay;
mod rotation;
#[cfg(test)]
mod tests;

pub use self::{
    capture::InterfacePattern,
    error::ConfigError,
    load::{from_text, load, load_control},
    log::LogLevel,
    resolve::Config,
};
pub use sensor_core::settings::value;
