//! Flow records that leave in lots: to tables of ClickHouse, to Kafka, to NATS.
//!
//! A lot is made once and stays as it is until the other end has acknowledged it: a repeat is the same octets under the same token, which
//! is counted once. So a connection that breaks, a server or a broker that is started again, or an answer that is lost doubles
//! nothing and loses nothing, as long as the sensor itself runs.
//!
//! * [`lot`]: cuts records into lots. [`carrier`]: what takes them away. `process`: the loop.
//! * [`sink`]: the output. [`error`]: why it cannot be started.

pub mod carrier;
pub mod error;
pub mod lot;
pub mod sink;

mod process;
