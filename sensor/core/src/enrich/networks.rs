//! Addresses that several virtual networks have, as clouds allow: what a flow says of its network decides whose labels they get.
//!
//! Where the inventories of clouds name an address in one network only, its labels hold whoever sees it. Where networks lie
//! over one another, each gets tables of its own, for the addresses that it has; what it does not have is looked up as ever.

use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
};

use super::{
    combine::{Combination, Precedence, ranges},
    interner::Interner,
    statement::{Network, Statement, network_names},
};
use crate::flow::{
    point::{ObservationPoint, PointAttribute},
    prefix::Prefix,
    trie::{Bits, number},
};

/// The addresses of one network: where the combination changes, ascending; 0 for what it does not have.
#[derive(Debug)]
struct Table {
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u32)>,
}

impl Table {
    fn get(&self, address: IpAddr) -> u32 {
        match address {
            IpAddr::V4(address) => find(&self.v4, address.into()),
            IpAddr::V6(address) => find(&self.v6, address.into()),
        }
    }
}

fn find<K: Bits>(ranges: &[(K, u32)], address: K) -> u32 {
    let behind = ranges.partition_point(|(first, _)| *first <= address);
    behind.checked_sub(1).map_or(0, |at| ranges[at].1)
}

/// Tables of the networks that lie over others.
#[derive(Debug, Default)]
pub struct Networks {
    by_name: HashMap<String, usize>,
    tables: Vec<Table>,
}

impl Networks {
    /// The tables of the networks that `names` numbers, whose combinations join `combinations`.
    pub(super) fn new(
        names: &[Vec<String>],
        statements: &[Statement],
        precedence: Precedence,
        combinations: &mut Interner<Combination>,
    ) -> Self {
        let mut networks = Self::default();
        for network in overlapping(statements) {
            let own: BTreeSet<Prefix> = statements
                .iter()
                .filter(|statement| statement.network == Some(network))
                .map(|statement| statement.prefix)
                .collect();
            let is_about = |statement: &&Statement| match statement.network {
                None => own.iter().any(|own| overlaps(*own, statement.prefix)),
                other => other == Some(network),
            };
            let (v4, v6): (Vec<&Statement>, Vec<_>) =
                statements.iter().filter(is_about).partition(|one| one.prefix.address.is_ipv4());
            networks.tables.push(Table {
                v4: within(&own, true, &ranges(v4, precedence, combinations)),
                v6: within(&own, false, &ranges(v6, precedence, combinations)),
            });
            let place = networks.tables.len() - 1;
            for name in &names[network.place()] {
                // A name of two networks stands for the first: neither is wrong, and the precise names come before.
                networks.by_name.entry(name.clone()).or_insert(place);
            }
        }
        networks
    }

    /// Whether no network lies over another.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// How many have tables of their own.
    pub fn count(&self) -> usize {
        self.tables.len()
    }

    /// The one that an observation point is in.
    pub(super) fn of(&self, point: &ObservationPoint) -> Option<usize> {
        use PointAttribute::{Account, Subnet, Vpc};
        let mut names = network_names(point.get(Account), point.get(Vpc), point.get(Subnet));
        names.find_map(|name| self.by_name.get(&name).copied())
    }

    /// The combination of an address in a network; none where the network does not have it.
    pub(super) fn combination(&self, network: usize, address: IpAddr) -> Option<u32> {
        Some(self.tables[network].get(address.to_canonical())).filter(|number| *number != 0)
    }
}

/// Networks that share addresses with others.
fn overlapping(statements: &[Statement]) -> BTreeSet<Network> {
    let mut owned: Vec<(Prefix, Network)> = statements
        .iter()
        .filter_map(|statement| Some((statement.prefix, statement.network?)))
        .collect();
    owned.sort_unstable();
    owned.dedup();
    let mut found = BTreeSet::new();
    // Prefixes that the sweep is inside of, the shortest first.
    let mut outer: Vec<(Prefix, Network)> = Vec::new();
    for (prefix, network) in owned {
        while outer.last().is_some_and(|(around, _)| !overlaps(*around, prefix)) {
            outer.pop();
        }
        // Many addresses of one network in one subnet of it: it need not stand there twice.
        let mut is_known = false;
        for (_, other) in &outer {
            is_known |= *other == network;
            if *other != network {
                found.extend([*other, network]);
            }
        }
        if !is_known {
            outer.push((prefix, network));
        }
    }
    found
}

/// Whether one of two prefixes lies in the other.
fn overlaps(one: Prefix, other: Prefix) -> bool {
    let length = u32::from(one.length.min(other.length));
    let width = if one.address.is_ipv4() { 32 } else { 128 };
    let bits = |prefix: Prefix| number(prefix.address).checked_shr(width - length).unwrap_or(0);
    one.address.is_ipv4() == other.address.is_ipv4() && bits(one) == bits(other)
}

/// What of `ranges` lies in prefixes of one family; 0 between them.
fn within<K: Bits>(own: &BTreeSet<Prefix>, v4: bool, ranges: &[(K, u32)]) -> Vec<(K, u32)> {
    let mut cut: Vec<(K, u32)> = Vec::new();
    let mut mark = |first: u128, value: u32| match cut.last_mut() {
        Some((last, known)) if last.to_u128() == first => *known = value,
        Some((_, known)) if *known == value => {}
        _ => cut.push((K::from_u128(first), value)),
    };
    let last_of_all = u128::MAX >> (128 - K::WIDTH);
    let mut covered = None;
    for prefix in own.iter().filter(|prefix| prefix.address.is_ipv4() == v4) {
        let first = number(prefix.address);
        let host_bits = K::WIDTH - u32::from(prefix.length);
        let last = first | u128::MAX.checked_shr(128 - host_bits).unwrap_or(0);
        if covered.is_some_and(|covered| last <= covered) {
            continue;
        }
        mark(first, find(ranges, K::from_u128(first)));
        let inside = ranges.iter().map(|(from, value)| (from.to_u128(), *value));
        let begin = ranges.partition_point(|(from, _)| from.to_u128() <= first);
        for (from, value) in inside.skip(begin).take_while(|(from, _)| *from <= last) {
            mark(from, value);
        }
        if last < last_of_all {
            mark(last + 1, 0);
        }
        covered = Some(last);
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_end_with_their_prefixes() {
        let prefix = |text: &str| crate::flow::prefix::prefix(text).expect("a prefix");
        let own =
            BTreeSet::from(["0.0.0.0/8", "10.0.0.0/8", "10.1.0.0/16", "255.0.0.0/8"].map(prefix));
        let ranges = [(0, 7), (0x0a01_0000, 8), (0x0a02_0000, 7)];
        let cut = within::<u32>(&own, true, &ranges);
        let expected = [
            (0, 7),
            (0x0100_0000, 0),
            (0x0a00_0000, 7),
            (0x0a01_0000, 8),
            (0x0a02_0000, 7),
            (0x0b00_0000, 0),
            (0xff00_0000, 7),
        ];
        assert_eq!(cut, expected);
        assert_eq!(within::<u128>(&own, false, &[(0, 7)]), []);
    }
}
