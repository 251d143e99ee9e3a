//! `sensor doctor`: what this host, its kernel, its drivers and this user allow a configuration to do, and what to do about
//! the rest. It attaches nothing, receives nothing, and tells collectors nothing.
//!
//! * `facts`: what is so, by family; only they ask the system. `judge`: what to say of it, pure functions of facts.
//! * [`finding`]: what is said. [`report`]: all of it. [`screen`]: for people.
//!
//! What attaching, listening and connecting would come to is asked of the code that does it, so that the agent does not
//! do otherwise: `sensor_kernel::outlook`, `intake::trials`, `export::net::reach`.

pub mod finding;
pub mod report;
pub mod screen;

#[expect(clippy::disallowed_types, reason = "edge: sockets")]
mod facts;
mod judge;

use std::time::Duration;

use self::{facts::Facts, report::Report};
use super::config::Config;

/// Looks at everything that `config` needs, with the programs of `object`. Other hosts have `patience` to answer.
pub fn examine(config: &Config, object: &[u8], patience: Duration) -> Report {
    judge::judge(&Facts::gather(config, object, patience))
}
