//! Labs: network namespaces, peers and comparisons shared by the end-to-end tests.

pub mod collector;
pub mod export;
pub mod flows;
pub mod log;
pub mod peers;
pub mod pki;
