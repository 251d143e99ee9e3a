//! What the figures of several sections are made of.

use std::time::Duration;

use sensor_common::ledger;
use serde::{Serialize, Serializer};

/// Packets, and their octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Packets.
    pub packets: u64,
    /// Octets of whole frames.
    pub octets: u64,
}

impl From<ledger::Count> for Count {
    fn from(ledger::Count { packets, octets }: ledger::Count) -> Self {
        Self { packets, octets }
    }
}

/// Writes a duration as seconds.
pub(super) fn seconds<S: Serializer>(
    duration: &Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    duration.as_secs_f64().serialize(serializer)
}
