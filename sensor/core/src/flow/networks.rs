//! Sets of networks, some of which lie inside others and are exceptions to them.

use std::net::IpAddr;

use super::{
    prefix::Prefix,
    trie::{Trie, nested},
};

/// Some networks. Of those that an address lies in, the longest prefix says whether it belongs to the set.
#[derive(Clone, Debug, Hash)]
pub struct Networks {
    v4: Trie<u32>,
    v6: Trie<u128>,
}

impl Default for Networks {
    fn default() -> Self {
        Self::of([])
    }
}

impl Networks {
    /// The networks that are marked so, without those in them that are not. A prefix that is marked both ways is not.
    pub fn of(networks: impl IntoIterator<Item = (Prefix, bool)>) -> Self {
        let mut all: Vec<_> = networks
            .into_iter()
            .map(|(prefix, belongs)| (prefix.unmapped().canonical(), belongs))
            .collect();
        all.sort_unstable();
        let (v4, v6): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|(prefix, _)| prefix.address.is_ipv4());
        let belong =
            |_, group: &[(Prefix, bool)]| u32::from(group.iter().all(|(_, belongs)| *belongs));
        Self {
            v4: Trie::new(nested(&v4, |(prefix, _)| *prefix, belong)),
            v6: Trie::new(nested(&v6, |(prefix, _)| *prefix, belong)),
        }
    }

    /// Addresses alone.
    pub fn of_addresses(addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        Self::of(addresses.into_iter().map(|address| (address.into(), true)))
    }

    /// Whether an IPv4 address, a number in host order, belongs to them.
    #[inline(always)]
    pub fn has_v4(&self, address: u32) -> bool {
        self.v4.get(address) != 0
    }

    /// The same of an IPv6 address.
    #[inline(always)]
    pub fn has_v6(&self, address: u128) -> bool {
        self.v6.get(address) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::prefix::prefix;

    #[test]
    fn the_longest_prefix_decides() {
        let named = |text: &str| prefix(text).expect(text);
        let networks = Networks::of([
            (named("10.0.0.0/8"), true),
            (named("10.9.0.0/16"), false),
            (named("10.9.1.0/24"), true),
            (named("10.7.0.0/16"), true),
            (named("10.7.0.0/16"), false),
            (named("2001:db8::/32"), true),
            (named("::ffff:192.0.2.0/120"), true),
        ]);
        for (address, belongs) in [
            ([10, 1, 1, 1], true),
            ([10, 9, 9, 1], false),
            ([10, 9, 1, 1], true),
            ([10, 7, 0, 1], false),
            ([11, 0, 0, 0], false),
            ([192, 0, 2, 255], true),
            ([192, 0, 3, 0], false),
        ] {
            assert_eq!(networks.has_v4(u32::from_be_bytes(address)), belongs, "{address:?}");
        }
        assert!(networks.has_v6(0x2001_0db8 << 96 | 1) && !networks.has_v6(1));
        let nothing = Networks::default();
        assert!(!nothing.has_v4(0x0a00_0001) && !nothing.has_v6(0));
        let own = Networks::of_addresses(["10.0.0.1".parse().expect("an address")]);
        assert!(own.has_v4(0x0a00_0001) && !own.has_v4(0x0a00_0002));
    }
}
