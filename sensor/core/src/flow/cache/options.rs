//! When flows end, and how many the cache holds.

/// When flows end. Times are milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheOptions {
    /// A flow that lives this long is reported and begins anew.
    pub active_timeout: u64,
    /// A flow ends after this time without a packet.
    pub idle_timeout: u64,
    /// A TCP flow ends this long after its last packet once FIN or RST was seen.
    pub end_linger: u64,
    /// Most flows held; at least 1.
    pub max_flows: usize,
}

impl Default for CacheOptions {
    fn default() -> Self {
        Self { active_timeout: 60_000, idle_timeout: 15_000, end_linger: 1_000, max_flows: 1 << 20 }
    }
}
