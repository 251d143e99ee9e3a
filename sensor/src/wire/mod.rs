//! Bytes to flow records and back. No sockets, files or clocks here: time is an argument.

pub mod ipfix;
