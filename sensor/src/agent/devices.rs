//! What `[[device]]` and `[intake]` say of routers, for the readers of captured exports, which so read a capture as
//! the agent would have read it.

use std::net::IpAddr;

use sensor_wire::{decoder::Options, ipfix::encode::ENTERPRISE, template::compile::OutCounters};

use super::config::Config;
use crate::intake::admission::DeviceProfile;

/// Options of a decoder of captured exports. What is given here counts for all devices, whatever `config` says of them.
/// A capture is read whole: admission and rate limits do not apply.
pub fn captured(
    config: &Config,
    inner_headers: bool,
    out_counters: Option<OutCounters>,
) -> Options {
    let rules = config.intake.rules.clone();
    let profile = move |address: IpAddr| {
        let profile = rules.profile(address);
        DeviceProfile { out_counters: out_counters.unwrap_or(profile.out_counters), ..profile }
    };
    Options {
        enterprise: config.hits.ipfix.as_ref().map_or(ENTERPRISE, |hits| hits.enterprise),
        inner_headers: inner_headers || config.intake.inner_headers,
        profile: Box::new(profile),
        ..Options::default()
    }
}
