//! Captured traffic, put through the packet parser that runs in the kernel.
//!
//! * [`capture`]: files into frames. [`packets`]: frames into flow counts.

pub mod capture;
pub mod packets;
