//! `[flow]`: when flows end.

use std::time::Duration;

use sensor_core::{
    flow::cache::CacheOptions,
    settings::{
        schema::{Key, Setting, Table, Value, table},
        value::Quantity as _,
    },
};

use super::faults::Faults;

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_hours(24);

table! {
    /// `[flow]`
    Flow {
        /// A flow that goes on is reported this often.
        active_timeout: Duration = Duration::from_secs(60);
        /// A flow ends after so long without a packet.
        idle_timeout: Duration = Duration::from_secs(15);
        /// How long a TCP flow is kept after its FIN or RST, for the last acknowledgements.
        end_linger: Duration = Duration::from_secs(1);
        /// Maximum number of active flows; above it the flow with the nearest timeout ends early.
        max_flows: u64 = 1 << 20;
    }
}

/// Judges `[flow]`.
pub(super) fn resolve(raw: &Flow, faults: &mut Faults) -> CacheOptions {
    let active_timeout = faults.in_range(&raw.active_timeout, "flow.active_timeout", SECOND..=DAY);
    let mut idle_timeout = faults.in_range(&raw.idle_timeout, "flow.idle_timeout", SECOND..=DAY);
    if idle_timeout > active_timeout {
        if raw.idle_timeout.is_given() {
            let must = format!("must not exceed the active timeout ({})", active_timeout.shown());
            let found = format!("this is {}", idle_timeout.shown());
            faults.report(&raw.idle_timeout, "flow.idle_timeout", &must, &found);
        } else {
            // Whoever asks for a short active timeout need not know that there is another one.
            idle_timeout = active_timeout;
        }
    }
    let lingers = Duration::ZERO..=Duration::from_mins(1);
    let end_linger = faults.in_range(&raw.end_linger, "flow.end_linger", lingers);
    let max_flows = faults.in_range(&raw.max_flows, "flow.max_flows", 1024..=1 << 28);
    CacheOptions {
        active_timeout: active_timeout.as_millis() as u64,
        idle_timeout: idle_timeout.as_millis() as u64,
        end_linger: end_linger.as_millis() as u64,
        max_flows: usize::try_from(max_flows).unwrap_or(usize::MAX),
    }
}
