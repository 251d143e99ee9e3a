//! A status in one line, for `systemctl status`.

use std::fmt::Write as _;

use crate::{
    agent::status::{Status, summary},
    export::log::line::octets,
};

/// What runs, and how much of it: `2 interfaces, 12.3 k active flows, 45.6 M packets; nothing lost`.
pub fn line(status: &Status) -> String {
    let mut parts = Vec::new();
    if let Some(host) = &status.host {
        let interfaces = host.interfaces.len();
        parts.push(format!("{interfaces} interface{}", if interfaces == 1 { "" } else { "s" }));
        parts.push(format!("{} packets", octets(host.drain.seen.packets)));
    }
    if let Some(cache) = &status.cache {
        parts.push(format!("{} active flows", octets(cache.active)));
    }
    if let Some(intake) = &status.intake {
        parts.push(format!("{} devices", intake.devices.len()));
    }
    let mut text = parts.join(", ");
    match summary::losses(status).0.as_slice() {
        [] => text.push_str("; nothing lost"),
        // Writing to a `String` cannot fail.
        [first, rest @ ..] => {
            let _ = write!(text, "; lost: {first}");
            if !rest.is_empty() {
                let _ = write!(text, " and {} more", rest.len());
            }
        }
    }
    text
}
