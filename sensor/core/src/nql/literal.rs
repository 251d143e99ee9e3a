//! Values as they are written: MAC addresses, protocols, values of fields.

use crate::flow::{fields::OwnedValue, protocol};

/// Reads a MAC address: six pairs of hexadecimal digits between colons or hyphens.
pub fn mac(text: &str) -> Option<[u8; 6]> {
    let mut octets = [0; 6];
    let mut pairs = text.split([':', '-']);
    for octet in &mut octets {
        let pair = pairs.next().filter(|pair| pair.len() == 2 && !pair.starts_with('+'))?;
        *octet = u8::from_str_radix(pair, 16).ok()?;
    }
    pairs.next().is_none().then_some(octets)
}

/// The canonical text of a MAC address.
pub fn mac_text([a, b, c, d, e, f]: [u8; 6]) -> String {
    format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
}

/// A value as people read it; several texts are separated by commas.
pub fn value_text(value: &OwnedValue) -> String {
    match value {
        OwnedValue::Integer(number) | OwnedValue::NumberText(number) => number.to_string(),
        OwnedValue::Float(number) => number.to_string(),
        OwnedValue::Bool(flag) => flag.to_string(),
        OwnedValue::Ip(address) => address.to_string(),
        OwnedValue::Mac(address) => mac_text(*address),
        OwnedValue::Text(text) => text.to_string(),
        OwnedValue::Texts(texts) => texts.join(", "),
    }
}

/// Reads a protocol: its number, its IANA name, or a name in common use, without regard to case.
pub fn protocol_number(text: &str) -> Option<u8> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    protocol::number(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macs() {
        assert_eq!(mac("00:1b:21:AB:cd:ef"), Some([0, 0x1b, 0x21, 0xab, 0xcd, 0xef]));
        assert_eq!(mac("00-1b-21-ab-cd-ef").map(mac_text).as_deref(), Some("00:1b:21:ab:cd:ef"));
        for wrong in
            ["", "0:1:2:3:4:5", "00:1b:21:ab:cd", "00:1b:21:ab:cd:ef:00", "+0:1b:21:ab:cd:ef"]
        {
            assert_eq!(mac(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn protocols() {
        for (text, number) in [("tcp", 6), ("UDP", 17), ("6", 6), ("icmpv6", 58), ("ospf", 89)] {
            assert_eq!(protocol_number(text), Some(number), "{text}");
        }
        assert_eq!(protocol_number("256"), None);
        assert_eq!(protocol_number("tpc"), None);
    }
}
