//! Flow records into a topic of Kafka, a lot a message ([`super::lots`]). All replicas in sync acknowledge a message (`acks=all`). A repeat is a
//! message of its own with the same token, by which consumers know it.
//!
//! * [`options`]: where to, and how lots are cut. `client`: sends one.

pub mod options;

mod client;

use sensor_core::flow::interfaces::SharedInterfaces;

use self::{client::Client, options::KafkaOptions};
use super::lots::{error::LotsError, lot::Cutter, sink::LotsSink};
use crate::clock;

/// Starts sending. Brokers that cannot be reached are no error: they are tried again.
///
/// # Errors
/// Certificates or a login that cannot be read, a thread that cannot be started.
pub fn start(
    options: &KafkaOptions,
    interfaces: SharedInterfaces,
    queue: u64,
) -> Result<LotsSink, LotsError> {
    let client = Client::new(options.clone())?;
    let lots = Cutter::new(options.lots.clone(), interfaces, clock::now());
    LotsSink::start("kafka", options.to_string(), client, lots, queue)
}

/// Whether an output can be started with these options.
///
/// # Errors
/// Certificates or a login that cannot be read.
pub fn check(options: &KafkaOptions) -> Result<(), LotsError> {
    Client::new(options.clone()).map(drop)
}
