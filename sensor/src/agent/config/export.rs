//! `[export]`: what holds for every collector.

use std::time::Duration;

use sensor_core::settings::schema::{Key, Setting, Table, Value, table};

use super::faults::Faults;

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_hours(24);

table! {
    /// `[export]`
    Export {
        /// Observation domain id in every IPFIX message (RFC 7011 section 3.1).
        observation_domain: u64 = 1;
        /// Templates are sent again over UDP this often.
        template_interval: Duration = Duration::from_mins(10);
        /// Templates are sent again over UDP after so many messages.
        template_messages: u64 = 4096;
        /// Metering and exporting statistics are sent this often (RFC 7011 section 4).
        statistics_interval: Duration = Duration::from_mins(1);
        /// Flow records that may wait for one collector; more are counted as not sent.
        queue: u64 = 65_536;
    }
}

/// `[export]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportConfig {
    /// Observation domain id (RFC 7011 section 3.1).
    pub observation_domain: u32,
    /// Time between two sendings of the templates over UDP.
    pub template_interval: Duration,
    /// Messages between two sendings of the templates over UDP.
    pub template_messages: u64,
    /// Time between two sendings of the statistics (RFC 7011 section 4).
    pub statistics_interval: Duration,
    /// Flow records that may wait for one collector.
    pub queue: u64,
}

/// Judges `[export]`.
pub(super) fn resolve(raw: &Export, faults: &mut Faults) -> ExportConfig {
    let Export { template_interval, template_messages, statistics_interval, queue, .. } = raw;
    let domains = 0..=u64::from(u32::MAX);
    let domain = faults.in_range(&raw.observation_domain, "export.observation_domain", domains);
    let path = "export.template_interval";
    let template_interval = faults.in_range(template_interval, path, SECOND..=DAY);
    let path = "export.template_messages";
    let template_messages = faults.in_range(template_messages, path, 1..=1 << 32);
    let path = "export.statistics_interval";
    let statistics_interval = faults.in_range(statistics_interval, path, SECOND..=DAY);
    ExportConfig {
        // One that is too large was reported above.
        observation_domain: u32::try_from(domain).unwrap_or_default(),
        template_interval,
        template_messages,
        statistics_interval,
        queue: faults.in_range(queue, "export.queue", 1024..=1 << 26),
    }
}
