//! What a query comes to for rows of which only bounds are known: a piece of stored data that holds no row that is wanted need
//! not be read, and one whose rows are all wanted need not be asked.

use std::net::IpAddr;

use crate::{
    flow::{
        columns::{Absence, Column},
        fields::{Condition, Field, Quantity, Reading},
        profile::Side,
    },
    nql::{
        sets::{AddressSet, IntegerSet},
        typed::{Predicate, Subject, Typed},
    },
};

/// What is known of some rows without looking at them.
pub trait Bounds {
    /// The lowest and the highest number that stand in a column, as it is stored; `None` where that is not known.
    fn numbers(&self, column: Column) -> Option<(u64, u64)>;

    /// Whether each row tells the column.
    fn all_tell(&self, column: Column) -> bool;

    /// The lowest and the highest address of one side, of one family; `None` where that is not known.
    fn addresses(&self, side: Side) -> Option<(IpAddr, IpAddr)>;

    /// Whether a row may have the address on that side (a Bloom filter says so).
    fn may_have(&self, side: Side, address: IpAddr) -> bool;
}

/// For which rows a query may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// For none.
    None,
    /// For some, perhaps.
    Some,
    /// For all.
    All,
}

impl Verdict {
    fn of(may_hold: bool, may_fail: bool) -> Self {
        match (may_hold, may_fail) {
            (false, _) => Self::None,
            (true, false) => Self::All,
            (true, true) => Self::Some,
        }
    }

    fn negated(self) -> Self {
        match self {
            Self::None => Self::All,
            Self::Some => Self::Some,
            Self::All => Self::None,
        }
    }
}

/// Single addresses of a set that are looked up one by one, at most: a list of a thousand is in every filter.
const MOST_LOOKUPS: usize = 256;

/// What `query` comes to for rows within `bounds`.
pub fn judge(query: &Typed, bounds: &(impl Bounds + ?Sized)) -> Verdict {
    match query {
        Typed::Constant(true) => Verdict::All,
        Typed::Constant(false) => Verdict::None,
        Typed::And(operands) => {
            operands.iter().map(|operand| judge(operand, bounds)).fold(Verdict::All, |all, one| {
                match (all, one) {
                    (Verdict::None, _) | (_, Verdict::None) => Verdict::None,
                    (Verdict::All, one) => one,
                    (Verdict::Some, _) => Verdict::Some,
                }
            })
        }
        Typed::Or(operands) => {
            operands.iter().map(|operand| judge(operand, bounds)).fold(Verdict::None, |any, one| {
                match (any, one) {
                    (Verdict::All, _) | (_, Verdict::All) => Verdict::All,
                    (Verdict::None, one) => one,
                    (Verdict::Some, _) => Verdict::Some,
                }
            })
        }
        Typed::Not(operand) => judge(operand, bounds).negated(),
        Typed::Test(Subject::Field(field), predicate) => judge_field(field, predicate, bounds),
        Typed::Test(..) | Typed::Compare(..) => Verdict::Some,
    }
}

fn judge_field(field: &Field, predicate: &Predicate, bounds: &(impl Bounds + ?Sized)) -> Verdict {
    match (&field.reading, predicate) {
        (Reading::Address(side), Predicate::Addresses(set)) => judge_addresses(*side, set, bounds),
        (Reading::Numbers(number, None), Predicate::Integers(set)) => {
            let Quantity::Column(column) = number.quantity else { return Verdict::Some };
            let Some((low, high)) = bounds.numbers(column) else { return Verdict::Some };
            // All scales keep the order.
            let (low, high) = (number.scale.apply(low), number.scale.apply(high));
            let has_value = match number.condition {
                Condition::Always if column.absence() == Absence::Never => true,
                // A row that does not tell it reads as 0, which is not within the bounds.
                Condition::Always => return Verdict::Some,
                Condition::Told(told) => bounds.all_tell(told),
                _ => false,
            };
            judge_numbers(set, low, high, has_value)
        }
        _ => Verdict::Some,
    }
}

fn judge_numbers(set: &IntegerSet, low: u64, high: u64, has_value: bool) -> Verdict {
    let ranges = set.ranges();
    // Sorted, and apart from each other.
    let first = ranges.partition_point(|&(_, end)| end < low);
    match ranges.get(first) {
        Some(&(begin, end)) if begin <= high => {
            Verdict::of(true, !has_value || begin > low || end < high)
        }
        _ => Verdict::None,
    }
}

fn judge_addresses(side: Side, set: &AddressSet, bounds: &(impl Bounds + ?Sized)) -> Verdict {
    let Some(ends) = bounds.addresses(side) else { return Verdict::Some };
    match ends {
        (IpAddr::V4(low), IpAddr::V4(high)) => {
            let one = |number: u32| IpAddr::V4(number.into());
            judge_ranges(set.v4(), low.into(), high.into(), |number| {
                bounds.may_have(side, one(number))
            })
        }
        (IpAddr::V6(low), IpAddr::V6(high)) => {
            let one = |number: u128| IpAddr::V6(number.into());
            judge_ranges(set.v6(), low.into(), high.into(), |number| {
                bounds.may_have(side, one(number))
            })
        }
        _ => Verdict::Some,
    }
}

fn judge_ranges<T: Copy + Ord>(
    ranges: &[(T, T)],
    low: T,
    high: T,
    may_have: impl Fn(T) -> bool,
) -> Verdict {
    let first = ranges.partition_point(|&(_, end)| end < low);
    let behind = ranges.partition_point(|&(begin, _)| begin <= high);
    let within = ranges.get(first..behind).unwrap_or_default();
    if let [(begin, end)] = within
        && *begin <= low
        && high <= *end
    {
        return Verdict::All;
    }
    let may_hold = within.len() > MOST_LOOKUPS
        || within.iter().any(|&(begin, end)| begin != end || may_have(begin));
    Verdict::of(may_hold, true)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        flow::{
            addresses::Addresses, batch::FlowBatch, fields::Row, interfaces::Interfaces,
            testing::batches,
        },
        nql::{Filter, Options, lists::Lists, reference, testing::expressions},
    };

    /// What a writer would have noted of a batch.
    struct OfBatch<'b>(&'b FlowBatch);

    impl Bounds for OfBatch<'_> {
        fn numbers(&self, column: Column) -> Option<(u64, u64)> {
            if !column.is_filled(self.0) {
                return None;
            }
            let numbers = (0..self.0.len()).map(|row| column.number(self.0, row));
            numbers.clone().min().zip(numbers.max())
        }

        fn all_tell(&self, column: Column) -> bool {
            self.0.presence(column).all()
        }

        fn addresses(&self, side: Side) -> Option<(IpAddr, IpAddr)> {
            let all = (0..self.0.len()).map(|row| address(self.0, side, row));
            all.clone().min().zip(all.max())
        }

        fn may_have(&self, side: Side, wanted: IpAddr) -> bool {
            (0..self.0.len()).any(|row| address(self.0, side, row) == wanted)
        }
    }

    fn address(batch: &FlowBatch, side: Side, row: usize) -> IpAddr {
        match (&batch.addresses, side) {
            (Addresses::V4 { source, .. }, Side::Source) => IpAddr::V4(source[row].into()),
            (Addresses::V4 { destination, .. }, Side::Destination) => {
                IpAddr::V4(destination[row].into())
            }
            (Addresses::V6 { source, .. }, Side::Source) => IpAddr::V6(source[row].into()),
            (Addresses::V6 { destination, .. }, Side::Destination) => {
                IpAddr::V6(destination[row].into())
            }
        }
    }

    fn query(text: &str) -> Typed {
        let lists = Lists::default();
        Filter::compile(text, &Options::new(&lists)).unwrap().typed
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        /// No row is judged otherwise than it is, and what the query needs decides it.
        #[test]
        fn verdicts_are_true(expression in expressions(), batch in batches(6)) {
            let query = query(&expression.to_string());
            let verdict = judge(&query, &OfBatch(&batch));
            let interfaces = Interfaces::default();
            let holds = |batch: &FlowBatch, row: usize| {
                reference::matches(&query, &Row { batch, row, interfaces: &interfaces })
            };
            let mut needed = batch.clone();
            needed.forget_all_but(query.needs());
            for row in 0..batch.len() {
                let holds_here = holds(&batch, row);
                match verdict {
                    Verdict::None => prop_assert!(!holds_here),
                    Verdict::Some => {}
                    Verdict::All => prop_assert!(holds_here),
                }
                prop_assert_eq!(holds_here, holds(&needed, row));
            }
        }
    }

    #[test]
    fn either_side_of_an_address() {
        let mut batch = crate::flow::testing::flow(1, 1000, 2000, 10);
        crate::flow::testing::push(&mut batch, 2, 1000, 2000, 10);
        let Addresses::V4 { source, .. } = &mut batch.addresses else { unreachable!() };
        source[1] ^= 1;
        let sides = [Side::Source, Side::Destination].map(|side| address(&batch, side, 0));
        let judged = |text: &str| judge(&query(text), &OfBatch(&batch));
        assert_eq!(judged(&format!("ip == {}", sides[0])), Verdict::Some);
        assert_eq!(judged(&format!("srcip == {}", sides[0])), Verdict::Some);
        assert_eq!(judged(&format!("ip == {}", sides[1])), Verdict::All);
        assert_eq!(judged(&format!("srcip == {}", sides[1])), Verdict::None);
        assert_eq!(judged("ip == 198.51.100.77"), Verdict::None);
        assert_eq!(judged("ip != 198.51.100.77"), Verdict::All);
        assert_eq!(judged("ip == ::1 || dstport == 3"), Verdict::None);
    }
}
