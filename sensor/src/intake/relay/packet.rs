//! A UDP datagram as an IP packet with any source address (RFC 768, RFC 791, RFC 8200).

use std::net::SocketAddr;

const UDP: u8 = 17;
const HOPS: u8 = 64;

/// Memory for one packet.
#[derive(Debug, Default)]
pub(in crate::intake) struct Packet(Vec<u8>);

impl Packet {
    /// The packet that takes `payload` from `from` to `to`; none when one is an IPv4 address and the other is not, or the
    /// payload is longer than any datagram. What is 0 in an IPv4 header the kernel fills in.
    pub(super) fn udp(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        payload: &[u8],
    ) -> Option<&[u8]> {
        let octets = &mut self.0;
        octets.clear();
        let length = u16::try_from(payload.len() + 8).ok()?;
        let (from_ip, to_ip) = (from.ip().to_canonical(), to.ip().to_canonical());
        match (from_ip, to_ip) {
            (std::net::IpAddr::V4(source), std::net::IpAddr::V4(destination)) => {
                let total = length.checked_add(20)?;
                octets.extend([0x45, 0]);
                octets.extend(total.to_be_bytes());
                octets.extend([0, 0, 0, 0, HOPS, UDP, 0, 0]);
                octets.extend(source.octets());
                octets.extend(destination.octets());
            }
            (std::net::IpAddr::V6(source), std::net::IpAddr::V6(destination)) => {
                octets.extend([0x60, 0, 0, 0]);
                octets.extend(length.to_be_bytes());
                octets.extend([UDP, HOPS]);
                octets.extend(source.octets());
                octets.extend(destination.octets());
            }
            _ => return None,
        }
        let header = octets.len();
        let addresses = if from_ip.is_ipv4() { 12..20 } else { 8..40 };
        octets.extend(from.port().to_be_bytes());
        octets.extend(to.port().to_be_bytes());
        octets.extend(length.to_be_bytes());
        octets.extend([0, 0]);
        octets.extend(payload);
        // The pseudo header: addresses, protocol and length.
        let pseudo = sum(&octets[addresses]) + u64::from(UDP) + u64::from(length);
        let checksum = match fold(pseudo + sum(&octets[header..])) {
            // 0 says that there is none.
            0 => 0xffff,
            checksum => checksum,
        };
        octets[header + 6..header + 8].copy_from_slice(&checksum.to_be_bytes());
        Some(octets)
    }
}

fn sum(octets: &[u8]) -> u64 {
    let words = octets.chunks_exact(2);
    let last = words.remainder().first().map_or(0, |octet| u64::from(*octet) << 8);
    words.map(|word| u64::from(u16::from_be_bytes([word[0], word[1]]))).sum::<u64>() + last
}

/// The Internet checksum (RFC 1071) of words whose sum is `sum`.
fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn packets_of_both_families() {
        let mut packet = Packet::default();
        for (from, to, header) in [
            ("192.0.2.1:40000", "192.0.2.2:2055", 20),
            ("[::ffff:192.0.2.1]:40000", "192.0.2.2:2055", 20),
            ("[2001:db8::1]:40000", "[2001:db8::2]:2055", 40),
        ] {
            let octets = packet.udp(address(from), address(to), b"flows").unwrap();
            assert_eq!(octets.len(), header + 8 + 5);
            assert_eq!(&octets[header + 8..], b"flows");
            assert_eq!(octets[header..header + 6], [0x9c, 0x40, 0x08, 0x07, 0, 13]);
            // A receiver's check: everything with the pseudo header adds up to nothing.
            let addresses = if header == 20 { 12..20 } else { 8..40 };
            let all = sum(&octets[addresses]) + 17 + 13 + sum(&octets[header..]);
            assert_eq!(fold(all), 0);
        }
        assert!(packet.udp(address("[::1]:1"), address("192.0.2.2:1"), b"").is_none());
        assert!(packet.udp(address("192.0.2.1:1"), address("192.0.2.2:1"), &[0; 65_536]).is_none());
    }
}
