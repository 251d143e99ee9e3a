//! Bytes to flow records and back. No sockets, files or clocks here: time is an argument.
//!
//! Out: [`ipfix`] encodes batches. In: [`decoder`] takes datagrams of NetFlow 5, 7 and 9, IPFIX and sFlow 5 and fills
//! [`batches`]; [`cloud`] takes flow logs of clouds. In between lie [`template`] (what records consist of), [`records`] (records into columns), [`device`] (what
//! is known of who sends them) and [`ledger`] (what became of every octet).

// The bans of .clippy.toml hold for the library; its tests may read files.
#![cfg_attr(not(test), warn(clippy::disallowed_methods, clippy::disallowed_types))]
// They panic when the other end is gone; the command line's `stdio` writes.
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod batches;
pub mod cloud;
pub mod decoder;
pub mod device;
pub mod ipfix;
pub mod ledger;
pub mod netflow;
pub mod octets;
pub mod records;
pub mod sets;
pub mod sflow;
pub mod template;
pub mod tunnel;
