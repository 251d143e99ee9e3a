//! Where flow records go: logs and collectors.
//!
//! Every sink has a bounded queue and an account of what it could not take, so that none delays another or the
//! source.

pub mod log;
