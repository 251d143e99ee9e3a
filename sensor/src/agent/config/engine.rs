//! `[engine]`: the threads that share the work on policies.

use std::{num::NonZero, thread};

use sensor_core::settings::schema::{Key, Setting, Table, Value, table};

use super::{faults::Faults, rotation::given};

/// Threads that are started at most where nobody says how many.
const BY_ITSELF: usize = 4;
/// Threads at most.
const MOST: u64 = 64;

table! {
    /// `[engine]`
    Engine {
        /// Threads that share the work on policies; with 1, each source does it itself. Without it: one per CPU, up to 4.
        threads: Option<u64> = None;
    }
}

/// `[engine]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineConfig {
    /// Threads that share the work on policies; `None`: as many as suit the machine.
    pub threads: Option<usize>,
}

impl EngineConfig {
    /// Threads that share the work on policies, at least 1.
    pub fn threads(&self) -> usize {
        let available = || thread::available_parallelism().map_or(1, NonZero::get);
        self.threads.unwrap_or_else(|| available().min(BY_ITSELF))
    }
}

/// Judges `[engine]`.
pub(super) fn resolve(raw: &Engine, faults: &mut Faults) -> EngineConfig {
    let threads =
        given(&raw.threads).map(|threads| faults.in_range(&threads, "engine.threads", 1..=MOST));
    EngineConfig { threads: threads.and_then(|threads| usize::try_from(threads).ok()) }
}
