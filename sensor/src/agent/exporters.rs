//! What `[[exporter]]` and `[intake]` say of routers, for whoever decodes what they export: the intake, and the readers of
//! captured exports, which so read a capture as the agent would have read it.

use std::net::IpAddr;

use ipnet::IpNet;
use sensor_wire::{collector::Options, exporter::room::Standing, template::compile::OutCounters};

use super::config::{Config, exporter::ExporterConfig};
use crate::intake::admission::{Profile, Rule, Rules};

/// Who is listened to, and what is known of each.
pub fn rules(config: &Config) -> Rules {
    let rules = config.exporters.iter().map(rule).collect();
    Rules::new(config.intake.allow.clone(), rules, config.intake.rate_limit)
}

/// Options of a decoder of captured exports. What is given here counts for all exporters, whatever `config` says of them.
/// A capture is read whole: admission and rate limits do not apply.
pub fn captured(
    config: &Config,
    inner_headers: bool,
    out_counters: Option<OutCounters>,
) -> Options {
    let rules = rules(config);
    let profile = move |address: IpAddr| {
        let profile = rules.profile(address);
        Profile { out_counters: out_counters.unwrap_or(profile.out_counters), ..profile }
    };
    Options {
        inner_headers: inner_headers || config.intake.inner_headers,
        profile: Box::new(profile),
        ..Options::default()
    }
}

fn rule(exporter: &ExporterConfig) -> Rule {
    Rule {
        network: exporter.network,
        rate_limit: exporter.rate_limit,
        profile: Profile {
            name: exporter.name.clone(),
            site: exporter.site.clone(),
            tags: exporter.tags.clone(),
            sample_rate: exporter.sample_rate,
            standing: standing(exporter.network),
            out_counters: exporter.out_counters,
            interfaces: exporter.interfaces.clone(),
        },
    }
}

/// Room is reserved for exporters that are configured one by one: of a network nobody knows how many come.
fn standing(network: IpNet) -> Standing {
    if network.prefix_len() == network.max_prefix_len() {
        Standing::Named
    } else {
        Standing::Network
    }
}
