//! From an address to the number that hangs on its longest prefix: the table that every flow asks twice.
//!
//! A trie of 64 branches a level, in which a node is two bit sets: which branches go on, and at which the value changes.
//! Children of a node lie side by side, so that counting bits gives the place of one. The first 14 bits are a plain array;
//! what is left of both families, 18 and 114 bits, is whole levels of six. The shape is that of Asai and Ohara,
//! "Poptrie" (SIGCOMM 2015).

use std::{fmt::Debug, net::IpAddr};

use super::prefix::Prefix;

/// An address as a number.
pub trait Bits: Copy + Ord + Debug {
    /// All zeros.
    const ZERO: Self;
    /// Bits of an address.
    const WIDTH: u32;

    /// The number whose lowest bits this one is; wider addresses have none.
    fn from_u128(number: u128) -> Self;
    /// As a number.
    fn to_u128(self) -> u128;
    /// Six bits, of which the lowest is bit `at`.
    fn six(self, at: u32) -> u32;
    /// The first bits, as many as the array has.
    fn first(self) -> usize;
}

macro_rules! bits {
    ($type:ty) => {
        impl Bits for $type {
            const ZERO: Self = 0;
            const WIDTH: u32 = <$type>::BITS;

            fn from_u128(number: u128) -> Self {
                number as $type
            }

            fn to_u128(self) -> u128 {
                self.into()
            }

            #[inline(always)]
            fn six(self, at: u32) -> u32 {
                (self >> at) as u32 & 63
            }

            #[inline(always)]
            fn first(self) -> usize {
                (self >> (<$type>::BITS - FIRST_BITS)) as usize
            }
        }
    };
}

bits!(u32);
bits!(u128);

/// Bits that the array takes.
const FIRST_BITS: u32 = 14;
/// Bits that a node takes.
const NODE_BITS: u32 = 6;
/// Set in an entry of the array that is a value; else it is the place of a node.
const VALUE: u32 = 1 << 31;

#[derive(Clone, Copy, Debug, Default, Hash)]
struct Node {
    /// Branches that go on.
    inner: u64,
    /// Branches that end, with another value than the one that ends before them.
    changes: u64,
    /// Where the nodes of `inner` begin.
    first_node: u32,
    /// Where the values of `changes` begin.
    first_value: u32,
}

/// Addresses of one family, cut into ranges that have a value each.
#[derive(Clone, Debug, Hash)]
pub struct Trie<K> {
    first: Box<[u32]>,
    nodes: Vec<Node>,
    values: Vec<u32>,
    /// Where each range starts, ascending, and its value. They are needed while the trie is built.
    ranges: Vec<(K, u32)>,
}

impl<K: Bits> Trie<K> {
    /// A trie over `ranges`: where each starts, ascending, the first at zero, and its value, below 2^31.
    pub fn new(ranges: Vec<(K, u32)>) -> Self {
        debug_assert!(ranges.first().is_some_and(|(start, _)| *start == K::ZERO));
        debug_assert!(ranges.is_sorted_by_key(|(start, _)| *start));
        let mut trie =
            Self { first: Box::default(), nodes: Vec::new(), values: Vec::new(), ranges };
        let bits = K::WIDTH - FIRST_BITS;
        let (mut first, mut from) = (vec![0; 1 << FIRST_BITS], 0);
        for (number, entry) in first.iter_mut().enumerate() {
            let start = (number as u128) << bits;
            let covering = trie.covering(from, start, bits);
            from = covering.0;
            *entry = match trie.single(covering) {
                Some(value) => VALUE | value,
                None => {
                    let place = trie.nodes.len();
                    trie.nodes.push(Node::default());
                    trie.fill(place, covering, start, bits);
                    place as u32
                }
            };
        }
        trie.first = first.into();
        trie.ranges = Vec::new();
        trie.nodes.shrink_to_fit();
        trie.values.shrink_to_fit();
        trie
    }

    /// The ranges, first and last, that share addresses with those from `start` on that differ in `bits` bits. The first
    /// is not before `from`.
    fn covering(&self, from: usize, start: u128, bits: u32) -> (usize, usize) {
        let end = start | ((1_u128 << bits) - 1);
        // Mostly the ranges wanted are few and near.
        let last_until = |from: usize, address: u128| {
            let mut step = 1;
            let mut low = from;
            while self.ranges.get(low + step).is_some_and(|(at, _)| at.to_u128() <= address) {
                low += step;
                step *= 2;
            }
            let high = (low + step).min(self.ranges.len());
            low + self.ranges[low + 1..high.max(low + 1)]
                .partition_point(|(at, _)| at.to_u128() <= address)
        };
        let first = last_until(from, start);
        (first, last_until(first, end))
    }

    /// The value of all ranges from the first to the last, where they have the same.
    fn single(&self, (first, last): (usize, usize)) -> Option<u32> {
        (first == last).then(|| self.ranges[first].1)
    }

    /// Fills the node at `place`, for the addresses from `start` on that differ in `bits` bits.
    fn fill(&mut self, place: usize, ranges: (usize, usize), start: u128, bits: u32) {
        let bits = bits - NODE_BITS;
        let mut node = Node {
            first_node: self.nodes.len() as u32,
            first_value: self.values.len() as u32,
            ..Node::default()
        };
        let (mut children, mut last, mut from) = ([(0, 0); 64], None, ranges.0);
        for (branch, child) in children.iter_mut().enumerate() {
            *child = self.covering(from, start | (branch as u128) << bits, bits);
            from = child.0;
            match self.single(*child) {
                Some(value) if last == Some(value) => {}
                Some(value) => {
                    node.changes |= 1 << branch;
                    self.values.push(value);
                    last = Some(value);
                }
                None => node.inner |= 1 << branch,
            }
        }
        self.nodes[place] = node;
        let inner = node.inner.count_ones() as usize;
        self.nodes.resize(self.nodes.len() + inner, Node::default());
        let branches = (0..64_usize).filter(|branch| node.inner >> branch & 1 == 1);
        for (number, branch) in branches.enumerate() {
            let child = node.first_node as usize + number;
            self.fill(child, children[branch], start | (branch as u128) << bits, bits);
        }
    }

    /// The value of all addresses that have the first bits of `address`, and whether they have the same; if not, any value.
    #[inline(always)]
    pub fn shared(&self, address: K) -> (u32, bool) {
        let entry = self.first[address.first()];
        (entry & !VALUE, entry & VALUE != 0)
    }

    /// The value of the range that holds `address`.
    #[inline]
    pub fn get(&self, address: K) -> u32 {
        let entry = self.first[address.first()];
        if entry & VALUE != 0 {
            return entry & !VALUE;
        }
        let mut node = &self.nodes[entry as usize];
        let mut at = K::WIDTH - FIRST_BITS;
        loop {
            at -= NODE_BITS;
            let branch = address.six(at);
            let up_to = u64::MAX >> (63 - branch);
            if node.inner >> branch & 1 == 0 {
                let place = node.first_value + (node.changes & up_to).count_ones() - 1;
                return self.values[place as usize];
            }
            let place = node.first_node + (node.inner & up_to).count_ones() - 1;
            node = &self.nodes[place as usize];
        }
    }

    /// Octets of memory that it takes.
    pub fn size(&self) -> usize {
        size_of_val(&*self.first) + size_of_val(&*self.nodes) + size_of_val(&*self.values)
    }
}

/// Cuts the address space of one family where the values of prefixes change that may lie inside one another: the first
/// address and the value of each range, as [`Trie::new`] takes them. `items` ascend by their prefixes, which have no bits
/// below them; `inside` makes the value for those of one prefix from that of the prefix around it, which is 0 outside of all.
pub fn nested<K: Bits, T>(
    items: &[T],
    prefix: impl Fn(&T) -> Prefix,
    mut inside: impl FnMut(u32, &[T]) -> u32,
) -> Vec<(K, u32)> {
    let mut ranges = vec![(K::ZERO, 0)];
    let mut mark = |start: u128, value: u32| match ranges.last_mut() {
        Some((last, known)) if last.to_u128() == start => *known = value,
        Some((_, known)) if *known == value => {}
        _ => ranges.push((K::from_u128(start), value)),
    };
    // Prefixes that the sweep is inside of: last address and value, the shortest first.
    let mut outer: Vec<(u128, u32)> = Vec::new();
    let leave =
        |outer: &mut Vec<(u128, u32)>, before: Option<u128>, mark: &mut dyn FnMut(u128, u32)| {
            while let Some(&(end, _)) = outer.last()
                && before.is_none_or(|start| end < start)
            {
                outer.pop();
                let around = outer.last().map_or(0, |(_, value)| *value);
                if end < u128::MAX >> (128 - K::WIDTH) {
                    mark(end + 1, around);
                }
            }
        };
    for group in items.chunk_by(|a, b| prefix(a) == prefix(b)) {
        let Prefix { address, length } = prefix(&group[0]);
        let start = number(address);
        let host_bits = K::WIDTH - u32::from(length);
        let end = start | u128::MAX.checked_shr(128 - host_bits).unwrap_or(0);
        leave(&mut outer, Some(start), &mut mark);
        let around = outer.last().map_or(0, |(_, value)| *value);
        let value = inside(around, group);
        mark(start, value);
        outer.push((end, value));
    }
    leave(&mut outer, None, &mut mark);
    ranges
}

/// An address as a number.
pub fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn naive<K: Bits>(ranges: &[(K, u32)], address: K) -> u32 {
        ranges.iter().rev().find(|(start, _)| *start <= address).expect("the first is at zero").1
    }

    fn check<K: Bits>(mut ranges: Vec<(K, u32)>, addresses: impl IntoIterator<Item = K>) {
        ranges.push((K::ZERO, 7));
        ranges.sort_unstable();
        ranges.dedup_by_key(|(start, _)| *start);
        let trie = Trie::new(ranges.clone());
        let edges = ranges.iter().flat_map(|(start, _)| {
            [start.to_u128(), start.to_u128().wrapping_sub(1), start.to_u128() | 0xff]
        });
        for address in addresses.into_iter().chain(edges.map(K::from_u128)) {
            let value = naive(&ranges, address);
            assert_eq!(trie.get(address), value, "{address:x?} in {ranges:x?}");
            let (shared, is_shared) = trie.shared(address);
            assert!(!is_shared || shared == value, "{address:x?} in {ranges:x?}: {shared}");
        }
    }

    fn near() -> impl Strategy<Value = u128> {
        prop_oneof![any::<u128>(), 0..2000_u128, any::<u128>().prop_map(|n| n & 0xffff_0000_ffff)]
    }

    proptest! {
        #[test]
        fn the_trie_says_what_a_scan_says(
            ranges in vec((near(), 0..4_u32), 0..60), addresses in vec(near(), 0..60),
        ) {
            let narrow = |(start, value): &(u128, u32)| (*start as u32, *value);
            check(ranges.iter().map(narrow).collect(), addresses.iter().map(|&at| at as u32));
            check(ranges, addresses);
        }
    }

    #[test]
    fn the_ends_of_the_space() {
        check(vec![(u32::MAX, 1)], [0, u32::MAX]);
        check(vec![(u128::MAX, 1)], [0, u128::MAX]);
        check::<u32>(Vec::new(), [0, u32::MAX]);
    }
}
