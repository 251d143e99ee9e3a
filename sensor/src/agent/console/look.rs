//! What only the agent knows, of a snapshot of its figures.

use crate::{
    agent::status::Status,
    console::meta::{About, Source},
};

/// What the console tells of the agent.
pub fn about(status: &Status) -> About {
    let started_ms = status.agent.as_ref().map_or(0, |agent| agent.started);
    About { host: host(), started_ms, sources: sources(status), ..About::default() }
}

fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}

/// Where flows come from.
fn sources(status: &Status) -> Vec<Source> {
    let mut all = Vec::new();
    if status.host.is_some() {
        all.push(Source {
            id: "kernel".to_owned(),
            kind: "kernel",
            name: "this host".to_owned(),
            watermark_ms: None,
        });
    }
    for (id, device) in status.intake.iter().flat_map(|intake| &intake.devices) {
        let address = id.to_string();
        let name = if device.name.is_empty() { address.clone() } else { device.name.clone() };
        all.push(Source { id: address, kind: "netflow", name, watermark_ms: None });
    }
    for cloud in &status.followed {
        all.push(Source {
            id: format!("cloud {}", cloud.name),
            kind: "cloud",
            name: cloud.name.clone(),
            watermark_ms: None,
        });
    }
    all
}
