//! Values as they are written: prefixes, MAC addresses, protocols.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::flow::protocol;

/// An address, or the addresses that share its first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// As written, bits below the prefix included.
    pub address: IpAddr,
    /// Leading bits that count.
    pub length: u8,
}

impl Prefix {
    /// The prefix without bits below it.
    #[must_use]
    pub fn canonical(self) -> Self {
        let address = match self.address {
            IpAddr::V4(address) => {
                let mask = !u32::MAX.checked_shr(self.length.into()).unwrap_or(0);
                Ipv4Addr::from(u32::from(address) & mask).into()
            }
            IpAddr::V6(address) => {
                let mask = !u128::MAX.checked_shr(self.length.into()).unwrap_or(0);
                Ipv6Addr::from(u128::from(address) & mask).into()
            }
        };
        Self { address, ..self }
    }
}

/// Reads an address (`10.0.0.1`, `2001:db8::1`) or a prefix (`10.0.0.0/8`).
pub fn prefix(text: &str) -> Option<Prefix> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let length = match length {
        None => bits,
        Some(length) if length.bytes().all(|byte| byte.is_ascii_digit()) => length.parse().ok()?,
        Some(_) => return None,
    };
    (length <= bits).then_some(Prefix { address, length })
}

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
    fn prefixes() {
        let canonical = |text| {
            prefix(text).map(|prefix| {
                let Prefix { address, length } = prefix.canonical();
                format!("{address}/{length}")
            })
        };
        assert_eq!(canonical("10.1.2.3/8").as_deref(), Some("10.0.0.0/8"));
        assert_eq!(canonical("10.1.2.3").as_deref(), Some("10.1.2.3/32"));
        assert_eq!(canonical("2001:db8::1/32").as_deref(), Some("2001:db8::/32"));
        assert_eq!(canonical("0.0.0.0/0").as_deref(), Some("0.0.0.0/0"));
        for wrong in ["", "10", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/+8", "10.0.0/8"] {
            assert_eq!(prefix(wrong), None, "{wrong}");
        }
    }

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
