//! Guesses at how long steps take and how often they hold, by which conjunctions are ordered. Wrong guesses cost time,
//! never rows.

use super::test::Test;
use crate::{
    flow::{columns::Column, fields::Quantity},
    nql::{dag::Literal, sets::IntegerSet, typed::Comparison},
};

/// A guess about a step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Estimate {
    /// Nanoseconds per row.
    pub(super) cost: f64,
    /// Share of the rows on which it holds.
    pub(super) probability: f64,
}

impl Estimate {
    /// The guess about the step or its negation.
    pub(super) fn signed(self, literal: Literal) -> Self {
        if literal.is_negated() {
            Self { probability: 1.0 - self.probability, ..self }
        } else {
            self
        }
    }

    /// The part of the cost that one of so many users bears.
    pub(super) fn shared_by(self, uses: u32) -> Self {
        Self { cost: self.cost / f64::from(uses.max(1)), ..self }
    }

    /// Cost per row that is ruled out; operands of a conjunction are best evaluated in ascending order of it.
    pub(super) fn rank(self) -> f64 {
        // What combining two masks costs comes on top.
        (self.cost + 0.005) / (1.0 - self.probability).max(0.001)
    }
}

/// A conjunction of operands in this order, each evaluated where all before it hold.
pub(super) fn conjunction(operands: impl Iterator<Item = Estimate>) -> Estimate {
    operands.fold(Estimate { cost: 0.0, probability: 1.0 }, |all, operand| Estimate {
        cost: all.cost + operand.cost * all.probability,
        probability: all.probability * operand.probability,
    })
}

/// How often a test holds in common traffic.
pub(super) fn probability(test: &Test) -> f64 {
    match test {
        Test::Number(Quantity::Column(Column::Protocol), set) => {
            let named = |number, share| if set.contains(number) { share } else { 0.0 };
            named(6, 0.55) + named(17, 0.35) + named(1, 0.05) + 0.0002 * width(set)
        }
        Test::Number(quantity, set) => {
            let share = width(set) / (quantity.maximum() as f64 + 1.0);
            (share + 0.01 * set.ranges().len() as f64).min(0.95)
        }
        Test::Flags(_) => 0.4,
        Test::Address(_, set) => {
            let covered: f64 =
                set.v4().iter().map(|&(low, high)| f64::from(high - low) + 1.0).sum();
            let ranges = set.v4().len() + set.v6().len();
            (covered / 2_f64.powi(32) + 0.002 * ranges as f64).min(0.95)
        }
        Test::Profile(..) | Test::ListedNumber(..) | Test::ListedAddress(..) => 0.25,
        Test::Ports(Comparison::Equal) | Test::SameAddress => 0.02,
        Test::PortLabel(..) | Test::OptionalAddress(..) => 0.1,
        Test::Ports(_) | Test::Batch(_) | Test::Told(..) | Test::Row(_) => 0.5,
    }
}

/// How many numbers.
fn width(set: &IntegerSet) -> f64 {
    set.ranges().iter().map(|&(low, high)| (high - low) as f64 + 1.0).sum()
}
