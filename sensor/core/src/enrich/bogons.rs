//! Addresses that have no business on the Internet: reserved by the IETF, or not handed out by IANA.
//!
//! From the IANA special-purpose address registries (RFC 6890) and the registry of IPv6 global unicast assignments, as of
//! [`AS_OF`]. A longer prefix overrules a shorter one.

/// The state of the registries that [`BOGONS`] follows.
pub const AS_OF: &str = "2025-10";

/// Prefixes, and whether they are bogons.
pub const BOGONS: &[(&str, bool)] = &[
    // This network, RFC 791.
    ("0.0.0.0/8", true),
    // Private use, RFC 1918.
    ("10.0.0.0/8", true),
    ("172.16.0.0/12", true),
    ("192.168.0.0/16", true),
    // Shared address space of carriers, RFC 6598.
    ("100.64.0.0/10", true),
    // Loopback, RFC 1122; link local, RFC 3927.
    ("127.0.0.0/8", true),
    ("169.254.0.0/16", true),
    // IETF protocol assignments, RFC 6890, but for the anycast addresses of PCP and TURN, RFC 7723 and 8155.
    ("192.0.0.0/24", true),
    ("192.0.0.9/32", false),
    ("192.0.0.10/32", false),
    // Documentation, RFC 5737.
    ("192.0.2.0/24", true),
    ("198.51.100.0/24", true),
    ("203.0.113.0/24", true),
    // Relays of 6to4, withdrawn by RFC 7526.
    ("192.88.99.0/24", true),
    // Benchmarks, RFC 2544.
    ("198.18.0.0/15", true),
    // Multicast, RFC 5771; reserved, RFC 1112; broadcast, RFC 919.
    ("224.0.0.0/3", true),
    // IPv6 outside of global unicast: loopback, unique local, link local, multicast and what nobody has.
    ("::/0", true),
    // Translated IPv4, RFC 6052.
    ("64:ff9b::/96", false),
    // Global unicast as far as IANA gives it out.
    ("2000::/4", false),
    ("2d00::/8", true),
    ("2e00::/7", true),
    // Benchmarks, RFC 5180; the first ORCHID, RFC 4843; documentation, RFC 3849.
    ("2001:2::/48", true),
    ("2001:10::/28", true),
    ("2001:db8::/32", true),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::prefix::prefix;

    #[test]
    fn every_row_is_a_prefix_without_bits_below() {
        for (text, _) in BOGONS {
            let prefix = prefix(text).expect(text);
            assert_eq!(prefix.canonical(), prefix, "{text}");
        }
    }
}
