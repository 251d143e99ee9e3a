//! Options of sinks, from the configuration.

use crate::{
    agent::{config::Config, mode::Mode},
    export::ipfix::options::{ExportTime, HitOptions, IpfixOptions},
};

/// Hits that may wait for the end of a replay, when they are sent.
const HITS_IN_REPLAY: u64 = 1 << 20;

/// Of every sink, whose messages are of `message_size` octets at most.
pub fn ipfix(config: &Config, message_size: u16, mode: Mode) -> IpfixOptions {
    let export = &config.export;
    let replay = mode == Mode::Files;
    IpfixOptions {
        message_size,
        observation_domain: export.observation_domain,
        statistics_interval: export.statistics_interval,
        queue_records: export.queue,
        export_time: if replay { ExportTime::FlowEnd } else { ExportTime::Clock },
        // A process number would make every replay different.
        process: if replay { 1 } else { std::process::id() },
        hits: config.hits.ipfix.as_ref().map(|hits| HitOptions {
            enterprise: hits.enterprise,
            queue: if replay { HITS_IN_REPLAY } else { hits.queue },
        }),
    }
}
