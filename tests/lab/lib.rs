//! Labs: network namespaces, peers and comparisons shared by the end-to-end tests.

pub mod fixtures;
