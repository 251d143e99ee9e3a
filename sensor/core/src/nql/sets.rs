//! Sets of values: what a chain of `==` over one field, or an `in` list, asks for.
//!
//! Numbers and addresses are kept as sorted inclusive ranges without overlaps or neighbours, IPv4 apart from IPv6: the
//! form in which two sets unite in one pass and a look-up is a binary search.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whole numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct IntegerSet(Ranges<u64>);

/// Addresses, as numbers in host order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AddressSet {
    v4: Ranges<u32>,
    v6: Ranges<u128>,
}

/// Texts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TextSet {
    /// Sorted, none twice.
    texts: Vec<String>,
    ignore_case: bool,
}

impl IntegerSet {
    /// The numbers from `low` to `high`; none if `low` is above.
    pub fn range(low: u64, high: u64) -> Self {
        Self(Ranges::new(vec![(low, high)]))
    }

    /// These numbers.
    pub fn of(numbers: impl IntoIterator<Item = u64>) -> Self {
        Self(Ranges::new(numbers.into_iter().map(|number| (number, number)).collect()))
    }

    /// The numbers of these ranges, both ends included.
    pub fn of_ranges(ranges: impl IntoIterator<Item = (u64, u64)>) -> Self {
        Self(Ranges::new(ranges.into_iter().collect()))
    }

    /// The numbers of both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0))
    }

    /// The numbers of all of them.
    pub fn union_of<'a>(sets: impl IntoIterator<Item = &'a Self>) -> Self {
        Self(Ranges::new(sets.into_iter().flat_map(|set| set.ranges()).copied().collect()))
    }

    /// The numbers that are in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0))
    }

    /// The numbers that are not in `other`.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        Self(self.0.without(&other.0))
    }

    /// The numbers that `map` makes of each range, from both its ends.
    #[must_use]
    pub fn map_ranges(&self, map: impl Fn(u64, u64) -> (u64, u64)) -> Self {
        Self(Ranges::new(self.ranges().iter().map(|&(low, high)| map(low, high)).collect()))
    }

    /// True when `number` is one of them.
    pub fn contains(&self, number: u64) -> bool {
        self.0.contains(number)
    }

    /// Inclusive ranges, sorted, apart from each other.
    pub fn ranges(&self) -> &[(u64, u64)] {
        &self.0.0
    }
}

impl AddressSet {
    /// Prefixes: address and length. Bits below the prefix do not count, lengths above the family's are taken for whole
    /// addresses.
    pub fn of(prefixes: impl IntoIterator<Item = (IpAddr, u8)>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (address, length) in prefixes {
            match address {
                IpAddr::V4(address) => v4.push(range_v4(address, length)),
                IpAddr::V6(address) => v6.push(range_v6(address, length)),
            }
        }
        Self { v4: Ranges::new(v4), v6: Ranges::new(v6) }
    }

    /// Ranges of addresses of one family each, both ends included; a range of two families is none.
    pub fn of_ranges(ranges: impl IntoIterator<Item = (IpAddr, IpAddr)>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for ends in ranges {
            match ends {
                (IpAddr::V4(low), IpAddr::V4(high)) => v4.push((low.into(), high.into())),
                (IpAddr::V6(low), IpAddr::V6(high)) => v6.push((low.into(), high.into())),
                _ => {}
            }
        }
        Self { v4: Ranges::new(v4), v6: Ranges::new(v6) }
    }

    /// The addresses of both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self { v4: self.v4.union(&other.v4), v6: self.v6.union(&other.v6) }
    }

    /// The addresses of all of them.
    pub fn union_of<'a>(sets: impl IntoIterator<Item = &'a Self> + Clone) -> Self {
        let v4 = sets.clone().into_iter().flat_map(|set| set.v4()).copied().collect();
        let v6 = sets.into_iter().flat_map(|set| set.v6()).copied().collect();
        Self { v4: Ranges::new(v4), v6: Ranges::new(v6) }
    }

    /// The addresses that are in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self { v4: self.v4.intersection(&other.v4), v6: self.v6.intersection(&other.v6) }
    }

    /// The addresses that are not in `other`.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        Self { v4: self.v4.without(&other.v4), v6: self.v6.without(&other.v6) }
    }

    /// True without addresses.
    pub fn is_empty(&self) -> bool {
        self.v4.0.is_empty() && self.v6.0.is_empty()
    }

    /// True when `address` is one of them. An IPv4 address is never equal to an IPv6 one, mapped or not.
    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.v4.contains(address.into()),
            IpAddr::V6(address) => self.v6.contains(address.into()),
        }
    }

    /// The IPv4 part: inclusive ranges, sorted, apart from each other.
    pub fn v4(&self) -> &[(u32, u32)] {
        &self.v4.0
    }

    /// The IPv6 part: the same.
    pub fn v6(&self) -> &[(u128, u128)] {
        &self.v6.0
    }
}

/// First and last address of a prefix.
fn range_v4(address: Ipv4Addr, length: u8) -> (u32, u32) {
    let host_bits = u32::MAX.checked_shr(length.into()).unwrap_or(0);
    let number = u32::from(address);
    (number & !host_bits, number | host_bits)
}

/// First and last address of a prefix.
fn range_v6(address: Ipv6Addr, length: u8) -> (u128, u128) {
    let host_bits = u128::MAX.checked_shr(length.into()).unwrap_or(0);
    let number = u128::from(address);
    (number & !host_bits, number | host_bits)
}

impl TextSet {
    /// These texts; folded to ASCII lower case when case does not count.
    pub fn new(texts: impl IntoIterator<Item = String>, ignore_case: bool) -> Self {
        let fold = |mut text: String| {
            if ignore_case {
                text.make_ascii_lowercase();
            }
            text
        };
        let mut texts: Vec<_> = texts.into_iter().map(fold).collect();
        texts.sort_unstable();
        texts.dedup();
        Self { texts, ignore_case }
    }

    /// The texts of both, which fold case alike.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let texts = self.texts.iter().chain(&other.texts).cloned();
        Self::new(texts, self.ignore_case && other.ignore_case)
    }

    /// True when `text` is one of them.
    pub fn contains(&self, text: &str) -> bool {
        let found = |text: &str| self.texts.binary_search_by(|own| own.as_str().cmp(text)).is_ok();
        if self.ignore_case && text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            found(&text.to_ascii_lowercase())
        } else {
            found(text)
        }
    }

    /// The texts, sorted.
    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    /// True when case does not count.
    pub fn ignores_case(&self) -> bool {
        self.ignore_case
    }
}

/// Inclusive ranges, sorted, none empty, none touching the next.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Ranges<T>(Vec<(T, T)>);

impl<T> Default for Ranges<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// Numbers that ranges can be made of.
trait Number: Copy + Ord {
    /// The next higher number, or the highest itself.
    fn next(self) -> Self;
    /// The next lower number, or zero itself.
    fn previous(self) -> Self;
}

impl Number for u32 {
    fn next(self) -> Self {
        self.saturating_add(1)
    }

    fn previous(self) -> Self {
        self.saturating_sub(1)
    }
}

impl Number for u64 {
    fn next(self) -> Self {
        self.saturating_add(1)
    }

    fn previous(self) -> Self {
        self.saturating_sub(1)
    }
}

impl Number for u128 {
    fn next(self) -> Self {
        self.saturating_add(1)
    }

    fn previous(self) -> Self {
        self.saturating_sub(1)
    }
}

impl<T: Number> Ranges<T> {
    fn new(mut ranges: Vec<(T, T)>) -> Self {
        ranges.retain(|(low, high)| low <= high);
        ranges.sort_unstable();
        let mut merged: Vec<(T, T)> = Vec::with_capacity(ranges.len());
        for (low, high) in ranges {
            match merged.last_mut() {
                Some((_, last)) if low <= last.next() => *last = high.max(*last),
                _ => merged.push((low, high)),
            }
        }
        Self(merged)
    }

    fn union(&self, other: &Self) -> Self {
        Self::new(self.0.iter().chain(&other.0).copied().collect())
    }

    fn intersection(&self, other: &Self) -> Self {
        let mut common = Vec::new();
        let (mut left, mut right) = (self.0.iter().peekable(), other.0.iter().peekable());
        while let (Some(&&(low, high)), Some(&&(other_low, other_high))) =
            (left.peek(), right.peek())
        {
            common.push((low.max(other_low), high.min(other_high)));
            if high < other_high {
                left.next();
            } else {
                right.next();
            }
        }
        common.retain(|(low, high)| low <= high);
        Self(common)
    }

    fn without(&self, other: &Self) -> Self {
        let mut rest = Vec::new();
        let mut holes = other.0.iter().peekable();
        for &(mut low, high) in &self.0 {
            while holes.next_if(|(_, hole_high)| *hole_high < low).is_some() {}
            loop {
                match holes.peek() {
                    Some(&&(hole_low, hole_high)) if hole_low <= high => {
                        if low < hole_low {
                            rest.push((low, hole_low.previous()));
                        }
                        if hole_high >= high {
                            break;
                        }
                        low = hole_high.next();
                        holes.next();
                    }
                    _ => {
                        rest.push((low, high));
                        break;
                    }
                }
            }
        }
        Self(rest)
    }

    fn contains(&self, number: T) -> bool {
        let after = self.0.partition_point(|&(low, _)| low <= number);
        after.checked_sub(1).is_some_and(|at| number <= self.0[at].1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn neighbours_merge() {
        let set = IntegerSet::of([5, 3, 4, 9, 3, u64::MAX, u64::MAX - 1]);
        assert_eq!(set.ranges(), [(3, 5), (9, 9), (u64::MAX - 1, u64::MAX)]);
        assert!(IntegerSet::range(2, 1).ranges().is_empty());
        assert_eq!(set.union(&IntegerSet::range(6, 8)).ranges()[0], (3, 9));
    }

    #[test]
    fn prefixes_merge_and_families_stay_apart() {
        let prefix = |address: &str, length| (address.parse().unwrap(), length);
        let set = AddressSet::of([
            prefix("10.0.0.0", 25),
            prefix("10.0.0.128", 25),
            prefix("::", 0),
            prefix("192.0.2.1", 32),
        ]);
        assert_eq!(set.v4(), [(0x0a00_0000, 0x0a00_00ff), (0xc000_0201, 0xc000_0201)]);
        assert_eq!(set.v6(), [(0, u128::MAX)]);
        assert!(!set.contains("10.0.1.0".parse().unwrap()));
        assert!(set.contains("::ffff:10.0.1.0".parse().unwrap()));
        let everything = AddressSet::of([prefix("1.2.3.4", 0)]);
        assert_eq!(everything.v4(), [(0, u32::MAX)]);
        assert!(everything.v6().is_empty());
    }

    #[test]
    fn texts_with_and_without_case() {
        let set = TextSet::new(["US".to_owned(), "ca".to_owned()], true);
        assert_eq!(set.texts(), ["ca", "us"]);
        assert!(set.contains("Us") && set.contains("ca") && !set.contains("mx"));
        let exact = TextSet::new(["US".to_owned()], false);
        assert!(exact.contains("US") && !exact.contains("us"));
    }

    proptest! {
        #[test]
        fn a_set_holds_what_was_put_in(numbers in prop::collection::vec(0u64..60, 0..20), asked in 0u64..60) {
            let set = IntegerSet::of(numbers.iter().copied());
            prop_assert_eq!(set.contains(asked), numbers.contains(&asked));
            prop_assert!(set.ranges().windows(2).all(|pair| pair[0].1 + 1 < pair[1].0));
        }

        #[test]
        fn intersection_and_difference(
            left in prop::collection::vec((0u64..60, 0u64..9), 0..9),
            right in prop::collection::vec((0u64..60, 0u64..9), 0..9),
        ) {
            let set = |ranges: &[(u64, u64)]| {
                let sets: Vec<_> =
                    ranges.iter().map(|&(low, width)| IntegerSet::range(low, low + width)).collect();
                IntegerSet::union_of(&sets)
            };
            let (left, right) = (set(&left), set(&right));
            let (both, rest) = (left.intersection(&right), left.without(&right));
            for number in 0..70 {
                let (in_left, in_right) = (left.contains(number), right.contains(number));
                prop_assert_eq!(both.contains(number), in_left && in_right);
                prop_assert_eq!(rest.contains(number), in_left && !in_right);
            }
            for set in [both, rest] {
                prop_assert!(set.ranges().windows(2).all(|pair| pair[0].1 + 1 < pair[1].0));
            }
        }
    }
}
