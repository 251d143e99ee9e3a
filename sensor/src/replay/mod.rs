//! Captured traffic, put through the packet parser that runs in the kernel; and captured exports of routers.
//!
//! * [`capture`]: files into frames. [`link`]: where the IP packet begins.
//! * [`open`]: files and standard input, through their compression. [`meter`]: how far files have been read.
//! * [`packets`]: frames into flow counts. [`exports`]: frames, and IPFIX files, into datagrams of devices.

pub mod capture;
pub mod exports;
pub mod link;
pub mod meter;
pub mod open;
pub mod packets;
