//! Captured traffic, put through the packet parser that runs in the kernel; and captured exports of routers.
//!
//! * [`capture`]: files into frames. [`link`]: where the IP packet begins.
//! * [`packets`]: frames into flow counts. [`exports`]: frames, and IPFIX files, into datagrams of exporters.

pub mod capture;
pub mod exports;
pub mod link;
pub mod packets;
