//! Connections to other hosts: what the ways out of the sensor have in common.
//!
//! * [`connect`]: names resolved, connections made, hands shaken.
//! * [`source`]: the own address that messages leave from. `udp`: the way of datagrams, looked at again and again.
//! * [`http`]: what clients of HTTP servers have in common.
//! * [`reach`]: whether a host can be reached, without telling it anything.
//! * `connection`: a TCP connection that can tell how much has arrived.
//! * [`tls`]: whom to trust, and who we are.
//! * `pace`: how fast datagrams go out.
//! * `backoff`: how long to wait before the next attempt.
//! * [`error`]: what goes wrong on the way.

pub mod connect;
pub mod error;
pub mod http;
pub mod reach;
pub mod source;
pub mod tls;

pub(super) mod backoff;
pub(super) mod connection;
pub(super) mod pace;
pub(super) mod udp;
