//! Parts of an event as text, which several forms have.

use std::{
    net::IpAddr,
    time::{Duration, SystemTime},
};

use sensor_core::{
    flow::{
        fields::{OwnedValue, Value},
        profile::Profile,
    },
    policy::{alert::Alert, threshold::Operator},
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

/// The threshold that holds with what the window has: `distinct(dstip) 27 of 25 in 5m`; empty without a threshold.
pub(super) fn measured(event: &Alert) -> String {
    let parts: Vec<_> = event
        .measured
        .iter()
        .map(|measured| {
            let of = match measured.operator {
                Operator::AtLeast | Operator::Above => "of",
                Operator::AtMost | Operator::Below => "of at most",
                Operator::Equal => "of exactly",
                Operator::NotEqual => "of other than",
            };
            format!("{} {} {of} {}", measured.function, measured.value, measured.limit)
        })
        .collect();
    match (&event.threshold, parts.is_empty()) {
        (None, _) => String::new(),
        (Some(threshold), true) => threshold.to_string(),
        (Some(_), false) => {
            let window = Duration::from_secs(event.policy.window.into());
            format!("{} in {}", parts.join(", "), humantime::format_duration(window))
        }
    }
}

/// Whether an address is a bogon, where that is worth a word: those of private use, local links and multicast are all
/// bogons on the Internet, and ordinary within a network.
pub(super) fn bogon(address: IpAddr, profile: &Profile) -> Option<bool> {
    let ordinary = match address {
        IpAddr::V4(address) => {
            address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_multicast()
                || address.is_broadcast()
                // Shared address space, RFC 6598.
                || matches!(address.octets(), [100, 64..=127, ..])
        }
        IpAddr::V6(address) => {
            address.is_unique_local()
                || address.is_loopback()
                || address.is_unicast_link_local()
                || address.is_multicast()
        }
    };
    profile.bogon.filter(|_| !ordinary)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ordinary_within_a_network_is_not_called_a_bogon() {
        let profile = Profile { bogon: Some(true), ..Profile::default() };
        for (address, expected) in [
            ("10.1.2.3", None),
            ("172.31.0.1", None),
            ("192.168.1.1", None),
            ("100.64.0.1", None),
            ("169.254.1.1", None),
            ("224.0.0.251", None),
            ("255.255.255.255", None),
            ("fd00::1", None),
            ("fe80::1", None),
            ("ff02::fb", None),
            ("203.0.113.1", Some(true)),
            ("0.1.2.3", Some(true)),
            ("240.0.0.1", Some(true)),
            ("4000::1", Some(true)),
        ] {
            assert_eq!(bogon(address.parse().unwrap(), &profile), expected, "{address}");
        }
    }
}
