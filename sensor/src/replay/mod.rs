//! Captured traffic, put through the packet parser that runs in the kernel; captured exports of routers; flow logs of clouds.
//!
//! * [`capture`]: files into frames. [`link`]: where the IP packet begins.
//! * [`open`]: files and standard input, through their compression. [`meter`]: how far files have been read.
//! * [`folders`]: which files a folder stands for. [`objects`]: files of cloud flow logs into flow records; [`seek`]: those that are
//!   read at any place.
//! * `foreign`: what files are that nobody here reads.
//! * [`packets`]: frames into flow counts. [`exports`]: frames, and IPFIX files, into datagrams of devices.

pub mod capture;
pub mod exports;
pub mod folders;
mod foreign;
pub mod link;
pub mod meter;
pub mod objects;
pub mod open;
pub mod packets;
pub mod seek;
