//! Where flow records leave the sensor. Every sink has a bounded queue of its own, never delays the others or the
//! sources, and accounts for every record that it was offered.
//!
//! * [`account`]: what was offered, what was sent, what waits, and what was not sent.
//! * [`queue`]: the bounded queue in front of a sink, which keeps the account.
//! * [`sink`]: what all sinks have in common.
//! * [`set`]: sinks that may be replaced while records are offered.
//! * [`files`]: how files stay whole, make room for others, and never grow without end.
//! * [`lots`]: flow records in lots that are acknowledged: to [`clickhouse`], [`kafka`] and [`nats`].
//! * [`held`]: the last records in memory, for questions.
//! * [`ipfix`]: IPFIX to collectors over UDP, TCP and TLS, and to files.
//! * [`net`]: what connections to other hosts have in common.
//! * `slots`: how far an output has come in what is read again after a crash.
//! * [`store`]: the flow store.
//! * [`thread`]: threads that are not waited for for ever.
//! * [`log`]: JSON lines for machines, aligned lines for people.

pub mod account;
pub mod clickhouse;
pub mod files;
pub mod held;
pub mod hits;
pub mod ipfix;
pub mod kafka;
pub mod log;
pub mod lots;
pub mod nats;
pub mod net;
pub mod queue;
pub mod set;
pub mod sink;
mod slots;
pub mod store;
pub mod thread;
