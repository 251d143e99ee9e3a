//! Flow records to NATS, a lot a message ([`super::lots`]), into a stream of JetStream, which acknowledges it and knows a repeat by
//! its token (`Nats-Msg-Id`).
//!
//! * [`options`]: where to, and how lots are cut. `client`: sends one.

pub mod options;

mod client;

use sensor_core::flow::interfaces::SharedInterfaces;

use self::{client::Client, options::NatsOptions};
use super::lots::{error::LotsError, lot::Cutter, sink::LotsSink};
use crate::clock;

/// Starts sending. Servers that cannot be reached are no error: they are tried again.
///
/// # Errors
/// Certificates or a login that cannot be read, a thread that cannot be started.
pub fn start(
    options: &NatsOptions,
    interfaces: SharedInterfaces,
    queue: u64,
) -> Result<LotsSink, LotsError> {
    let client = Client::new(options.clone())?;
    let lots = Cutter::new(options.lots.clone(), interfaces, clock::now());
    LotsSink::start("nats", options.to_string(), client, lots, queue)
}

/// Whether an output can be started with these options.
///
/// # Errors
/// Certificates or a login that cannot be read.
pub fn check(options: &NatsOptions) -> Result<(), LotsError> {
    Client::new(options.clone()).map(drop)
}
