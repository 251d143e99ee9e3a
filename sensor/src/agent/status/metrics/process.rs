//! The process, its build and its configuration. The names of the process' own figures are those that Prometheus' client
//! libraries have for every process.

use std::time::Duration;

use super::metric::{Family, Kind, Metric, View, counter, gauge};
use crate::agent::status::agent::{Agent, Process};

fn agent(view: &View, family: &mut Family<'_>, put: impl FnOnce(&Agent, &mut Family<'_>)) {
    if let Some(agent) = &view.status.agent {
        put(agent, family);
    }
}

fn process(view: &View, family: &mut Family<'_>, put: impl FnOnce(&Process, &mut Family<'_>)) {
    if let Some(process) = view.status.agent.as_ref().and_then(|agent| agent.process.as_ref()) {
        put(process, family);
    }
}

/// Seconds since the epoch.
fn seconds(ms: u64) -> f64 {
    Duration::from_millis(ms).as_secs_f64()
}

pub(super) const ROWS: &[Metric] = &[
    gauge("sensor_build", &["version"], "The program.", |view, family| {
        agent(view, family, |agent, family| family.put(&[agent.version], true));
    })
    .of_kind(Kind::Info),
    gauge(
        "sensor_configuration",
        &["sha256"],
        "SHA-256 of the configuration in force: the file and its drop-ins one behind the other, as sha256sum prints it; empty without a file.",
        |view, family| {
            agent(view, family, |agent, family| {
                let sha256 = agent.configuration.sha256.as_deref().unwrap_or_default();
                family.put(&[sha256], true);
            });
        },
    )
    .of_kind(Kind::Info),
    gauge(
        "sensor_configuration_loaded_timestamp",
        &[],
        "When the configuration was put in force: at the start or by the last reload that was not refused.",
        |view, family| {
            agent(view, family, |agent, family| family.put(&[], seconds(agent.configuration.since)));
        },
    )
    .seconds(),
    gauge(
        "sensor_last_reload_complete",
        &[],
        "1 where the last reload put everything in force that a reload can, or there was none; else 0.",
        |view, family| {
            agent(view, family, |agent, family| family.put(&[], agent.configuration.reloaded));
        },
    ),
    gauge(
        "sensor_configuration_keys_pending_restart",
        &[],
        "Keys of the configuration that have changed since the start and take effect at the next one.",
        |view, family| {
            agent(view, family, |agent, family| {
                family.put(&[], agent.configuration.restart.len() as u64);
            });
        },
    ),
    counter("sensor_reloads", &[], "Reloads.", |view, family| {
        family.put(&[], view.status.reloads.count);
    }),
    counter(
        "sensor_reloads_incomplete",
        &[],
        "Reloads that left something old in force, or all of it.",
        |view, family| family.put(&[], view.status.reloads.refused),
    ),
    gauge(
        "sensor_reload_pause_last",
        &[],
        "How long flows waited at most for the last reload.",
        |view, family| family.put(&[], view.status.reloads.last_pause.as_secs_f64()),
    )
    .seconds(),
    gauge(
        "sensor_reload_pause_longest",
        &[],
        "How long flows waited at most for any reload.",
        |view, family| family.put(&[], view.status.reloads.longest_pause.as_secs_f64()),
    )
    .seconds(),
    counter("process_cpu", &[], "Processor time of all threads, user and system.", |view, family| {
        process(view, family, |process, family| family.put(&[], process.cpu));
    })
    .seconds(),
    gauge("process_resident_memory", &[], "Resident memory.", |view, family| {
        process(view, family, |process, family| family.put(&[], process.resident));
    })
    .bytes(),
    gauge("process_virtual_memory", &[], "Virtual memory.", |view, family| {
        process(view, family, |process, family| family.put(&[], process.virtual_memory));
    })
    .bytes(),
    gauge("process_threads", &[], "Threads.", |view, family| {
        process(view, family, |process, family| family.put(&[], process.threads));
    }),
    gauge("process_open_fds", &[], "Open file descriptors.", |view, family| {
        process(view, family, |process, family| family.put(&[], process.descriptors));
    }),
    gauge("process_start_time", &[], "When the process started, since the epoch.", |view, family| {
        agent(view, family, |agent, family| family.put(&[], seconds(agent.started)));
    })
    .seconds(),
];
