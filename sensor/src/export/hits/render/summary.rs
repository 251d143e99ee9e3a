//! What happened, in one line of plain text.

use sensor_core::policy::alert::{Alert, EventKind};

use super::parts::{measured, shown, track};

/// `port_scan: start (high): srcip=10.0.0.5, distinct(dstport) 120 of 100 in 5m`.
pub fn of(event: &Alert) -> String {
    let mut text = format!(
        "{}: {} ({}): {}",
        event.policy.name,
        event.kind.name(),
        event.severity.name(),
        subject(event)
    );
    if event.kind == EventKind::Hit && event.records > 1 {
        text.push_str(&format!(", {} flows", event.records));
    }
    if event.threshold.is_some() {
        text.push_str(&format!(", {}", measured(event)));
    }
    if let Some(reason) = event.reason {
        text.push_str(&format!(", {}", reason.name()));
    }
    text
}

/// What it is about: the key, or else the first flow.
pub fn subject(event: &Alert) -> String {
    if !event.track.is_empty() {
        return track(event);
    }
    match event.samples.first() {
        Some(sample) => flow(sample),
        None => "all flows".to_owned(),
    }
}

/// A flow in short: `tcp 10.0.0.5:40000 > 192.0.2.1:22`.
pub fn flow(sample: &[(&'static str, sensor_core::flow::fields::OwnedValue)]) -> String {
    let of =
        |name: &str| sample.iter().find(|(field, _)| *field == name).map(|(_, value)| shown(value));
    let end = |address: &str, port: &str| {
        let address = of(address).unwrap_or_else(|| "?".to_owned());
        match of(port).filter(|port| port != "0") {
            Some(port) if address.contains(':') => format!("[{address}]:{port}"),
            Some(port) => format!("{address}:{port}"),
            None => address,
        }
    };
    let protocol = of("protocol").map(|name| name + " ").unwrap_or_default();
    format!("{protocol}{} > {}", end("srcip", "srcport"), end("dstip", "dstport"))
}
