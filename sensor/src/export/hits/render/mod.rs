//! Events as text and octets: pure functions, one module a form.
//!
//! * [`json`]: one object a line, under the names by which NQL asks for alerts.
//! * [`cef`]: ArcSight's Common Event Format.
//! * [`text`]: for people.
//! * [`syslog`]: RFC 5424, around any of these.
//! * [`journal`]: the journal's native fields.
//! * [`summary`]: what happened, in one line.

use std::{net::IpAddr, time::Duration};

use sensor_core::{
    flow::fields::{OwnedValue, Value},
    policy::event::Event,
};

pub mod cef;
pub mod journal;
pub mod json;
pub mod summary;
pub mod syslog;
pub mod text;

/// How an event is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// [`json`].
    #[default]
    Json,
    /// [`cef`].
    Cef,
    /// [`text`], in one line and without colours.
    Text,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Json, Self::Cef, Self::Text];

    /// As it is written in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Cef => "cef",
            Self::Text => "text",
        }
    }

    /// Appends `event`, without a line end.
    pub fn write(self, out: &mut Vec<u8>, event: &Event, detail: Detail) {
        match self {
            Self::Json => json::write(out, event, detail),
            Self::Cef => cef::write(out, event),
            Self::Text => text::write(out, event, text::Style::default()),
        }
    }
}

/// How much of an event is written, where the room may be limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// All of it.
    Full,
    /// Without the flows and what is known of the addresses.
    Brief,
}

/// The identifier of an event: that of the incident, and the number within it.
pub fn id(event: &Event) -> String {
    format!("{:016x}-{}", event.incident, event.sequence)
}

/// The key as text: `srcip=10.0.0.5 dstport=22`.
fn track(event: &Event) -> String {
    let parts: Vec<_> =
        event.track.iter().map(|(name, value)| format!("{name}={}", shown(value))).collect();
    parts.join(" ")
}

/// A value as text, without quotes.
fn shown(value: &OwnedValue) -> String {
    match value.value() {
        Value::Absent => String::new(),
        Value::Integer(number) | Value::NumberText(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Ip(address) => address.to_string(),
        Value::Mac([a, b, c, d, e, f]) => {
            format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
        }
        Value::Text(text) => text.to_owned(),
        Value::Texts(texts) => texts.join(","),
    }
}

/// The value of the field `name` that all of the event speaks of: that of its key, or the one of all its samples.
fn agreed<'e>(event: &'e Event, name: &str) -> Option<&'e OwnedValue> {
    let of = |fields: &'e [(&'static str, OwnedValue)]| {
        fields.iter().find(|(field, _)| *field == name).map(|(_, value)| value)
    };
    of(&event.track).or_else(|| {
        let (first, others) = event.samples.split_first()?;
        let value = of(first)?;
        others.iter().all(|sample| of(sample) == Some(value)).then_some(value)
    })
}

/// As [`agreed`], for addresses.
fn agreed_address(event: &Event, name: &str) -> Option<IpAddr> {
    match agreed(event, name)? {
        OwnedValue::Ip(address) => Some(*address),
        _ => None,
    }
}

/// `2023-11-14T22:13:20.123Z` for milliseconds since the epoch; the epoch for a time that has no such form.
fn rfc3339(milliseconds: u64) -> String {
    // The last moment of the year 9999, beyond which the form has no digits.
    const LAST: u64 = 253_402_300_799_999;
    let since = Duration::from_millis(if milliseconds > LAST { 0 } else { milliseconds });
    humantime::format_rfc3339_millis(std::time::SystemTime::UNIX_EPOCH + since).to_string()
}

#[cfg(test)]
pub mod testing;

#[cfg(test)]
mod tests;
