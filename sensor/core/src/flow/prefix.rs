//! Address prefixes, as queries, labels and lists write them.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// An address, or the addresses that share its first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

impl Prefix {
    /// The IPv4 prefix, where this one is of IPv4-mapped IPv6 addresses.
    #[must_use]
    pub fn unmapped(self) -> Self {
        match (self.address.to_canonical(), self.length.checked_sub(MAPPED)) {
            (address @ IpAddr::V4(_), Some(length)) if self.address.is_ipv6() => {
                Self { address, length }
            }
            _ => self,
        }
    }
}

impl From<IpAddr> for Prefix {
    fn from(address: IpAddr) -> Self {
        Self { address, length: if address.is_ipv4() { 32 } else { 128 } }
    }
}

impl fmt::Display for Prefix {
    /// As [`prefix`] reads it: without a length where all bits count.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.address, self.length) {
            (IpAddr::V4(address), 32) => address.fmt(f),
            (IpAddr::V6(address), 128) => address.fmt(f),
            (address, length) => write!(f, "{address}/{length}"),
        }
    }
}

/// Leading bits that all IPv4-mapped IPv6 addresses share (RFC 4291 section 2.5.5.2).
const MAPPED: u8 = 96;

/// Reads an address (`10.0.0.1`, `2001:db8::1`) or a prefix (`10.0.0.0/8`). IPv4-mapped IPv6 addresses are IPv4 addresses, as
/// everywhere: `::ffff:10.0.0.0/104` is `10.0.0.0/8`.
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
    (length <= bits).then_some(Prefix { address, length }.unmapped())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes() {
        let canonical = |text| prefix(text).map(|prefix| prefix.canonical().to_string());
        assert_eq!(canonical("10.1.2.3/8").as_deref(), Some("10.0.0.0/8"));
        assert_eq!(canonical("10.1.2.3").as_deref(), Some("10.1.2.3"));
        assert_eq!(canonical("2001:db8::1/32").as_deref(), Some("2001:db8::/32"));
        assert_eq!(canonical("0.0.0.0/0").as_deref(), Some("0.0.0.0/0"));
        assert_eq!(canonical("::ffff:10.1.2.3/104").as_deref(), Some("10.0.0.0/8"));
        assert_eq!(canonical("::ffff:10.1.2.3").as_deref(), Some("10.1.2.3"));
        assert_eq!(canonical("::ffff:0:0/96").as_deref(), Some("0.0.0.0/0"));
        // More than the mapped addresses.
        assert_eq!(canonical("::ffff:0:0/95").as_deref(), Some("::fffe:0:0/95"));
        for wrong in ["", "10", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/+8", "10.0.0/8"] {
            assert_eq!(prefix(wrong), None, "{wrong}");
        }
    }
}
