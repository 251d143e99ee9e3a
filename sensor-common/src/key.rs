//! Flow keys: what makes two packets belong to one flow, packed into machine words.
//!
//! The tables compare and hash whole words: three for IPv4, six for IPv6. [`Key`] is the readable form, and
//! [`Key::pack`] / [`Key::unpack`] are each other's inverse. Addresses stay as they lie in the packet.

use crate::packet::{Fragment, Headers};

/// Words of an IPv4 key.
pub const V4_WORDS: usize = 3;
/// Words of an IPv6 key.
pub const V6_WORDS: usize = 6;

/// The bits of the type of service, or traffic class, that hold the ECN codepoint (RFC 3168). They tell how a packet fared
/// rather than what it belongs to: of one TCP connection, SYN and pure ACKs carry another codepoint than data.
pub const ECN: u8 = 0b11;

/// Which way a packet crosses the interface (IPFIX `flowDirection`, element 61).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Direction {
    /// Received.
    Ingress = 0,
    /// Sent.
    Egress = 1,
}

/// The part of a key that does not depend on the address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Common {
    /// Source port, host order.
    pub source_port: u16,
    /// Destination port, or ICMP `type << 8 | code`, host order.
    pub destination_port: u16,
    /// Interface index (Linux `ifindex`).
    pub interface: u32,
    /// IP protocol number.
    pub protocol: u8,
    /// Type of service, or traffic class, without the bits of [`ECN`].
    pub tos: u8,
    /// Outermost VLAN identifier, 0 for none.
    pub vlan: u16,
    /// Direction through the interface.
    pub direction: Direction,
    /// Fragment position.
    pub fragment: Fragment,
    /// The remote end was folded away because the flow table was full.
    pub folded: bool,
}

impl Common {
    /// The key fields of a parsed packet.
    #[inline(always)]
    pub fn new(headers: &Headers, interface: u32, direction: Direction, vlan: u16) -> Self {
        Self {
            source_port: headers.source_port(),
            destination_port: headers.destination_port(),
            interface,
            protocol: headers.protocol,
            tos: headers.tos & !ECN,
            vlan,
            direction,
            fragment: headers.fragment,
            folded: false,
        }
    }

    #[inline(always)]
    fn pack(&self) -> [u64; 2] {
        [
            (self.source_port as u64) << 48
                | (self.destination_port as u64) << 32
                | self.interface as u64,
            self.protocol as u64
                | (self.tos as u64) << 8
                | (self.vlan as u64) << 16
                | (self.direction as u64) << 32
                | (self.fragment as u64) << 40
                | (self.folded as u64) << 48,
        ]
    }

    /// That of a packed key of either family.
    pub fn of_words<const N: usize>(words: &[u64; N]) -> Self {
        const { assert!(N >= 2) };
        Self::unpack([words[N - 2], words[N - 1]])
    }

    fn unpack([ports, rest]: [u64; 2]) -> Self {
        Self {
            source_port: (ports >> 48) as u16,
            destination_port: (ports >> 32) as u16,
            interface: ports as u32,
            protocol: rest as u8,
            tos: (rest >> 8) as u8,
            vlan: (rest >> 16) as u16,
            direction: if rest >> 32 & 1 == 0 { Direction::Ingress } else { Direction::Egress },
            fragment: match rest >> 40 & 3 {
                0 => Fragment::None,
                1 => Fragment::First,
                _ => Fragment::Later,
            },
            folded: rest >> 48 & 1 != 0,
        }
    }
}

/// An address family's key: `A` is the address as 32-bit words in packet order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key<A> {
    /// Source address.
    pub source: A,
    /// Destination address.
    pub destination: A,
    /// Everything else.
    pub common: Common,
}

/// IPv4 key: the address is one word as it lies in the packet.
pub type KeyV4 = Key<u32>;
/// IPv6 key: the address is four words as they lie in the packet.
pub type KeyV6 = Key<[u32; 4]>;

impl KeyV4 {
    /// The words that the table compares and hashes.
    #[inline(always)]
    pub fn pack(&self) -> [u64; V4_WORDS] {
        let [ports, rest] = self.common.pack();
        [self.source as u64 | (self.destination as u64) << 32, ports, rest]
    }

    /// The key that `words` were packed from.
    pub fn unpack(words: &[u64; V4_WORDS]) -> Self {
        Self {
            source: words[0] as u32,
            destination: (words[0] >> 32) as u32,
            common: Common::unpack([words[1], words[2]]),
        }
    }
}

impl KeyV6 {
    /// The words that the table compares and hashes.
    #[inline(always)]
    pub fn pack(&self) -> [u64; V6_WORDS] {
        let [ports, rest] = self.common.pack();
        let (s, d) = (&self.source, &self.destination);
        [
            s[0] as u64 | (s[1] as u64) << 32,
            s[2] as u64 | (s[3] as u64) << 32,
            d[0] as u64 | (d[1] as u64) << 32,
            d[2] as u64 | (d[3] as u64) << 32,
            ports,
            rest,
        ]
    }

    /// The key that `words` were packed from.
    pub fn unpack(words: &[u64; V6_WORDS]) -> Self {
        let half = |w: u64| [w as u32, (w >> 32) as u32];
        let address = |lo: u64, hi: u64| {
            let ([a, b], [c, d]) = (half(lo), half(hi));
            [a, b, c, d]
        };
        Self {
            source: address(words[0], words[1]),
            destination: address(words[2], words[3]),
            common: Common::unpack([words[4], words[5]]),
        }
    }
}

/// Bits of the remote end in the word that [`Common::pack`] has the ports in.
const fn remote_port(direction: Direction) -> u64 {
    match direction {
        Direction::Ingress => 0xffff << 48,
        Direction::Egress => 0xffff << 32,
    }
}

const FOLDED: u64 = 1 << 48;

/// The coarser key under which a packet is counted when the table has no room for its flow: without address and port
/// of the remote end, which is the source on ingress, the destination on egress.
///
/// Works on packed words, which is all that the programs still have at that point.
#[inline(always)]
pub fn fold_v4(mut words: [u64; V4_WORDS], direction: Direction) -> [u64; V4_WORDS] {
    words[0] &= match direction {
        Direction::Ingress => 0xffff_ffff << 32,
        Direction::Egress => 0xffff_ffff,
    };
    words[1] &= !remote_port(direction);
    words[2] |= FOLDED;
    words
}

/// As [`fold_v4`].
#[inline(always)]
pub fn fold_v6(mut words: [u64; V6_WORDS], direction: Direction) -> [u64; V6_WORDS] {
    let remote = match direction {
        Direction::Ingress => 0,
        Direction::Egress => 2,
    };
    words[remote] = 0;
    words[remote + 1] = 0;
    words[4] &= !remote_port(direction);
    words[5] |= FOLDED;
    words
}

/// The key of the flow in the other direction: source and destination change places, and so does the way through the
/// interface, except in captures (interface 0), which do not tell it.
///
/// A flow of ICMP, of folded packets, or of later fragments has no such counterpart: what it leads to holds other packets.
pub fn reverse_v4([addresses, ports, rest]: [u64; V4_WORDS]) -> [u64; V4_WORDS] {
    let [ports, rest] = reverse_common([ports, rest]);
    [addresses.rotate_left(32), ports, rest]
}

/// As [`reverse_v4`].
pub fn reverse_v6([s0, s1, d0, d1, ports, rest]: [u64; V6_WORDS]) -> [u64; V6_WORDS] {
    let [ports, rest] = reverse_common([ports, rest]);
    [d0, d1, s0, s1, ports, rest]
}

fn reverse_common([ports, rest]: [u64; 2]) -> [u64; 2] {
    let interface = ports as u32;
    let turned = u64::from(interface != 0) << 32;
    let both = ((ports >> 32) as u32).rotate_left(16);
    [u64::from(both) << 32 | u64::from(interface), rest ^ turned]
}

/// Hash of key words. `seed` is drawn by the agent at each start, so that nobody who sends packets can choose
/// keys that meet in one set.
#[inline(always)]
pub fn hash<const N: usize>(words: &[u64; N], seed: u64) -> u32 {
    let mut state = seed;
    let mut i = 0;
    while i < N {
        let x = (state ^ words[i]).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        state = x ^ (x >> 32);
        i += 1;
    }
    state as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn common() -> impl Strategy<Value = Common> {
        (any::<(u16, u16, u32, u8, u8)>(), 0..4096u16, any::<(bool, bool)>(), 0..3u8).prop_map(
            |((source_port, destination_port, interface, protocol, tos), vlan, flags, fragment)| {
                Common {
                    source_port,
                    destination_port,
                    interface,
                    protocol,
                    tos,
                    vlan,
                    direction: if flags.0 { Direction::Egress } else { Direction::Ingress },
                    fragment: [Fragment::None, Fragment::First, Fragment::Later][fragment as usize],
                    folded: flags.1,
                }
            },
        )
    }

    #[test]
    fn packets_that_differ_only_in_ecn_belong_to_one_flow() {
        let of = |tos| {
            let headers = Headers { tos, ..Headers::EMPTY };
            Common::new(&headers, 3, Direction::Ingress, 0)
        };
        for ecn in 1..=ECN {
            assert_eq!(of(0xb8 | ecn), of(0xb8));
        }
        assert_eq!(of(0xb8 | ECN).tos, 0xb8);
        assert_ne!(of(0xb8), of(0xbc), "DSCP tells flows apart");
    }

    proptest! {
        #[test]
        fn unpack_inverts_pack(c in common(), v4 in any::<(u32, u32)>(), v6 in any::<([u32; 4], [u32; 4])>()) {
            let key = KeyV4 { source: v4.0, destination: v4.1, common: c };
            prop_assert_eq!(KeyV4::unpack(&key.pack()), key);
            let key = KeyV6 { source: v6.0, destination: v6.1, common: c };
            prop_assert_eq!(KeyV6::unpack(&key.pack()), key);
        }

        #[test]
        fn folding_keeps_the_near_end(c in common(), v4 in any::<(u32, u32)>(), v6 in any::<([u32; 4], [u32; 4])>()) {
            let mut coarse = Common { folded: true, ..c };
            match c.direction {
                Direction::Ingress => coarse.source_port = 0,
                Direction::Egress => coarse.destination_port = 0,
            }
            let key = KeyV4 { source: v4.0, destination: v4.1, common: c };
            let folded = KeyV4::unpack(&fold_v4(key.pack(), c.direction));
            prop_assert_eq!(folded, match c.direction {
                Direction::Ingress => Key { source: 0, common: coarse, ..key },
                Direction::Egress => Key { destination: 0, common: coarse, ..key },
            });
            let key = KeyV6 { source: v6.0, destination: v6.1, common: c };
            let folded = KeyV6::unpack(&fold_v6(key.pack(), c.direction));
            prop_assert_eq!(folded, match c.direction {
                Direction::Ingress => Key { source: [0; 4], common: coarse, ..key },
                Direction::Egress => Key { destination: [0; 4], common: coarse, ..key },
            });
        }

        #[test]
        fn the_other_direction_has_the_ends_the_other_way_round(c in common(), v4 in any::<(u32, u32)>(), v6 in any::<([u32; 4], [u32; 4])>()) {
            let direction = match c.direction {
                way if c.interface == 0 => way,
                Direction::Ingress => Direction::Egress,
                Direction::Egress => Direction::Ingress,
            };
            let (source_port, destination_port) = (c.destination_port, c.source_port);
            let common = Common { source_port, destination_port, direction, ..c };
            let key = KeyV4 { source: v4.0, destination: v4.1, common: c };
            let turned = KeyV4 { source: v4.1, destination: v4.0, common };
            prop_assert_eq!(KeyV4::unpack(&reverse_v4(key.pack())), turned);
            let key = KeyV6 { source: v6.0, destination: v6.1, common: c };
            let turned = KeyV6 { source: v6.1, destination: v6.0, common };
            prop_assert_eq!(KeyV6::unpack(&reverse_v6(key.pack())), turned);
        }
    }
}
