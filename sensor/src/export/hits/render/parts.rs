//! Parts of an event as text, which several forms have.

use std::{
    net::IpAddr,
    time::{Duration, SystemTime},
};

use sensor_core::{
    flow::fields::{OwnedValue, Value},
    policy::alert::Alert,
};

/// The identifier of an event: that of the incident, and the number within it.
pub fn id(event: &Alert) -> String {
    format!("{:016x}-{}", event.incident, event.sequence)
}

/// The key as text: `srcip=10.0.0.5 dstport=22`.
pub(super) fn track(event: &Alert) -> String {
    let parts: Vec<_> =
        event.track.iter().map(|(name, value)| format!("{name}={}", shown(value))).collect();
    parts.join(" ")
}

/// A value as text, without quotes.
pub(super) fn shown(value: &OwnedValue) -> String {
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
pub(super) fn agreed<'e>(event: &'e Alert, name: &str) -> Option<&'e OwnedValue> {
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
pub(super) fn agreed_address(event: &Alert, name: &str) -> Option<IpAddr> {
    match agreed(event, name)? {
        OwnedValue::Ip(address) => Some(*address),
        _ => None,
    }
}

/// `2023-11-14T22:13:20.123Z` for milliseconds since the epoch; the epoch for a time that has no such form.
pub(super) fn rfc3339(milliseconds: u64) -> String {
    // The last moment of the year 9999, beyond which the form has no digits.
    const LAST: u64 = 253_402_300_799_999;
    let since = Duration::from_millis(if milliseconds > LAST { 0 } else { milliseconds });
    humantime::format_rfc3339_millis(SystemTime::UNIX_EPOCH + since).to_string()
}
