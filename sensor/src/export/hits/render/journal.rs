//! An event in the journal's native protocol (systemd, Native Journal Protocol): fields of one datagram.

use sensor_core::policy::alert::Alert;

use super::{
    Detail, Format,
    parts::{id, track},
    summary, syslog,
};
use crate::journal::put;

/// Identifies hits among the messages of the journal: `journalctl MESSAGE_ID=...`.
pub const MESSAGE_ID: &str = "5d3c1f0a9b7e4c6c8a2f64e1b0d97a35";

/// The fields of `event`: what happened as the message, the rest under names of its own, all of it as JSON.
pub fn fields(event: &Alert, tag: &str) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, "MESSAGE", summary::of(event).as_bytes());
    put(&mut out, "MESSAGE_ID", MESSAGE_ID.as_bytes());
    put(&mut out, "PRIORITY", syslog::severity(event.severity).to_string().as_bytes());
    put(&mut out, "SYSLOG_IDENTIFIER", tag.as_bytes());
    put(&mut out, "HIT_ID", id(event).as_bytes());
    put(&mut out, "HIT_TYPE", event.kind.name().as_bytes());
    put(&mut out, "HIT_POLICY", event.policy.name.as_bytes());
    put(&mut out, "HIT_SEVERITY", event.severity.name().as_bytes());
    put(&mut out, "HIT_TRACK", track(event).as_bytes());
    let mut json = Vec::new();
    Format::Json.write(&mut json, event, Detail::Full);
    put(&mut out, "HIT_JSON", &json);
    out
}
