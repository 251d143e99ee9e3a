//! The wall clock, by which messages and losses are dated, and the one that times work.

use std::{
    sync::OnceLock,
    time::{Instant, SystemTime},
};

/// Milliseconds since the epoch.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    since.as_millis() as u64
}

/// Nanoseconds since the first call, by a clock that never goes back.
pub fn monotonic() -> u64 {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    FIRST.get_or_init(Instant::now).elapsed().as_nanos() as u64
}
