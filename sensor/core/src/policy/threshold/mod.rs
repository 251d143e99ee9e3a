//! Thresholds: what must be true of a key's window for a policy to speak.
//!
//! `func(metric) operator number`, with a unit where the metric has one, joined by `&&` or `||`; both at one level need parentheses, as in NQL.

mod measured;
mod number;
mod parse;
mod share;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use measured::Measured;
pub use parse::{parse, single_field};

/// A threshold and its text.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    /// As it was written.
    pub text: Arc<str>,
    /// What it says.
    pub condition: Condition,
}

/// What must hold.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// All of these, the cheapest first.
    All(Vec<Self>),
    /// At least one of these, the cheapest first.
    Any(Vec<Self>),
    /// A quantity compares so with a number.
    Compare(Quantity, Operator, f64),
    /// No matching record lies in the window.
    Absent,
}

/// What a window is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Sum over the window.
    Sum(Metric),
    /// Lowest value of one record; 0 without records.
    Min(Metric),
    /// Highest value of one record; 0 without records.
    Max(Metric),
    /// Sum divided by the seconds of the window (`avg` and `rate`).
    Rate(Metric),
    /// Records.
    Count,
    /// Distinct values of a field, by its place in the list of such fields of the policy.
    Distinct(usize),
    /// How regular the gaps between the starts are, 0 to 1; with sizes, the mean of that and of their regularity.
    Beacon {
        /// Whether sizes count as well.
        sizes: bool,
    },
}

/// What is measured of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Bits of the IP packets, as reported.
    Bits,
    /// Packets, as reported.
    Packets,
    /// Bits times the sampling rate.
    ScaledBits,
    /// Packets times the sampling rate.
    ScaledPackets,
    /// Octets of the IP packets, as reported.
    Octets,
    /// 1 for each record.
    Flows,
}

impl Metric {
    /// All, by name.
    pub const ALL: [(&'static str, Self); 6] = [
        ("bits", Self::Bits),
        ("packets", Self::Packets),
        ("bitsxrate", Self::ScaledBits),
        ("packetsxrate", Self::ScaledPackets),
        ("octets", Self::Octets),
        ("flows", Self::Flows),
    ];
}

/// How a quantity compares with a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `>=`
    AtLeast,
    /// `>`
    Above,
    /// `<=`
    AtMost,
    /// `<`
    Below,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
}

impl Operator {
    /// As it is written.
    pub fn text(self) -> &'static str {
        match self {
            Self::AtLeast => ">=",
            Self::Above => ">",
            Self::AtMost => "<=",
            Self::Below => "<",
            Self::Equal => "==",
            Self::NotEqual => "!=",
        }
    }

    fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::AtLeast => left >= right,
            Self::Above => left > right,
            Self::AtMost => left <= right,
            Self::Below => left < right,
            Self::Equal => left == right,
            Self::NotEqual => left != right,
        }
    }
}

/// How strictly a threshold is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// As written: it begins to hold.
    Strict,
    /// With [`HYSTERESIS`]: it goes on to hold.
    Eased,
}

/// How far a window has come towards a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Nowhere near: not even a few more records could make it hold.
    Far,
    /// Not near by what the window has, but a few records could make it hold.
    Open,
    /// Past [`NEAR`].
    Near,
    /// It holds as written.
    Holds,
}

/// Records that make a threshold hold which was [`Reach::Far`] before are more than these.
const SOON: f64 = 3.0;

/// Share of the number from which on a quantity is near it. Bounds from above are near from twice the number on.
pub const NEAR: f64 = 0.5;

/// Share of the number to which a quantity must fall before a threshold that held holds no more. Bounds from above are
/// eased the other way.
pub const HYSTERESIS: f64 = 0.9;

/// Where quantities come from.
pub trait Window {
    /// The value of a quantity.
    fn quantity(&self, quantity: Quantity) -> f64;
    /// True without a record in the window.
    fn is_empty(&self) -> bool;
}

impl Quantity {
    /// By how much one more record can raise it at most.
    #[inline(always)]
    const fn most_of_a_record(self) -> f64 {
        match self {
            Self::Count | Self::Sum(Metric::Flows) => 1.0,
            // What a sketch estimates may rise by a little more.
            Self::Distinct(_) => 2.0,
            Self::Sum(_) | Self::Min(_) | Self::Max(_) | Self::Rate(_) | Self::Beacon { .. } => {
                f64::INFINITY
            }
        }
    }
}

impl Condition {
    /// Whether it holds for a window.
    pub fn holds(&self, window: &impl Window, reading: Reading) -> bool {
        match self {
            Self::All(conditions) => conditions.iter().all(|one| one.holds(window, reading)),
            Self::Any(conditions) => conditions.iter().any(|one| one.holds(window, reading)),
            Self::Compare(quantity, operator, number) => {
                let number = match (reading, operator) {
                    (Reading::Eased, Operator::AtLeast | Operator::Above) => number * HYSTERESIS,
                    (Reading::Eased, Operator::AtMost | Operator::Below) => number / HYSTERESIS,
                    _ => *number,
                };
                operator.holds(window.quantity(*quantity), number)
            }
            Self::Absent => window.is_empty(),
        }
    }

    /// How far a window has come. Where it holds, that is [`Self::holds`] as written; each quantity is asked for once.
    #[inline(always)]
    pub fn reach(&self, window: &impl Window) -> Reach {
        match self {
            Self::Compare(quantity, operator, number) => {
                let value = window.quantity(*quantity);
                let near = match operator {
                    Operator::AtLeast | Operator::Above => value >= number * NEAR,
                    Operator::AtMost | Operator::Below => value <= number / NEAR,
                    Operator::Equal | Operator::NotEqual => false,
                };
                let far = || match operator {
                    Operator::AtLeast | Operator::Above => {
                        value + SOON * quantity.most_of_a_record() < *number
                    }
                    _ => false,
                };
                match (operator.holds(value, *number), near) {
                    (true, _) => Reach::Holds,
                    (false, true) => Reach::Near,
                    (false, false) if far() => Reach::Far,
                    (false, false) => Reach::Open,
                }
            }
            other => other.reach_of_many(window),
        }
    }

    fn reach_of_many(&self, window: &impl Window) -> Reach {
        let (conditions, first, last) = match self {
            Self::All(conditions) => (conditions, Reach::Holds, Reach::Far),
            Self::Any(conditions) => (conditions, Reach::Far, Reach::Holds),
            Self::Absent if window.is_empty() => return Reach::Holds,
            Self::Absent => return Reach::Far,
            Self::Compare(..) => return self.reach(window),
        };
        // From where it begins, and where no other condition changes it any more.
        let mut reach = first;
        for condition in conditions {
            let one = condition.reach(window);
            reach = if last == Reach::Far { reach.min(one) } else { reach.max(one) };
            if reach == last {
                break;
            }
        }
        reach
    }

    /// Whether another condition holds wherever this one does, as far as their forms and numbers tell.
    pub fn implies(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any(own), _) => own.iter().all(|own| own.implies(other)),
            (_, Self::All(others)) => others.iter().all(|other| self.implies(other)),
            (Self::All(own), Self::Any(others)) => {
                own.iter().any(|own| own.implies(other))
                    || others.iter().any(|other| self.implies(other))
            }
            (Self::All(own), _) => own.iter().any(|own| own.implies(other)),
            (_, Self::Any(others)) => others.iter().any(|other| self.implies(other)),
            (Self::Compare(own, operator, number), Self::Compare(other, same, bound)) => {
                own == other
                    && operator == same
                    && match operator {
                        Operator::AtLeast | Operator::Above => number >= bound,
                        Operator::AtMost | Operator::Below => number <= bound,
                        Operator::Equal | Operator::NotEqual => number == bound,
                    }
            }
            (Self::Absent, Self::Absent) => true,
            _ => false,
        }
    }

    /// Calls `each` for every quantity; `None` stands for `absent()`.
    pub fn for_each(&self, each: &mut dyn FnMut(Option<Quantity>)) {
        match self {
            Self::All(conditions) | Self::Any(conditions) => {
                conditions.iter().for_each(|one| one.for_each(each));
            }
            Self::Compare(quantity, ..) => each(Some(*quantity)),
            Self::Absent => each(None),
        }
    }

    /// A guess at what asking costs, relative to a sum.
    fn cost(&self) -> u32 {
        match self {
            Self::All(conditions) | Self::Any(conditions) => {
                conditions.iter().map(Self::cost).sum()
            }
            Self::Absent => 0,
            // Whether there are few values is known without going through many.
            Self::Compare(Quantity::Distinct(_), Operator::AtMost | Operator::Below, _) => 2,
            Self::Compare(Quantity::Distinct(_), ..) => 10,
            Self::Compare(Quantity::Beacon { .. }, ..) => 100,
            Self::Compare(..) => 1,
        }
    }
}
