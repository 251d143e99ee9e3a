//! What share of a threshold a window has reached, to tell the nearest key from the others.

use super::{Condition, Operator, Window};

impl Condition {
    /// The share of the threshold that has been reached: at least 1 where it is met, except that a strict comparison is 1 at
    /// its number already. Of conditions that must all hold the least, of alternatives the greatest. Of bounds from above the
    /// share of the value that is allowed.
    pub fn share(&self, window: &impl Window) -> f64 {
        let shares = |conditions: &[Self], first: f64, best: fn(f64, f64) -> f64| {
            conditions.iter().map(|one| one.share(window)).fold(first, best)
        };
        match self {
            Self::All(conditions) => shares(conditions, f64::INFINITY, f64::min),
            Self::Any(conditions) => shares(conditions, 0.0, f64::max),
            Self::Compare(quantity, operator, number) => {
                let value = window.quantity(*quantity);
                match operator {
                    Operator::AtLeast | Operator::Above => ratio(value, *number),
                    Operator::AtMost | Operator::Below => ratio(*number, value),
                    Operator::Equal => ratio(value, *number).min(ratio(*number, value)),
                    Operator::NotEqual => f64::from(u8::from(value != *number)),
                }
            }
            Self::Absent => f64::from(u8::from(window.is_empty())),
        }
    }
}

/// How much of `whole` a part is; all of nothing.
fn ratio(part: f64, whole: f64) -> f64 {
    if whole <= 0.0 { 1.0 } else { part / whole }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::threshold::{Metric, Quantity, parse};

    struct Counted(f64);

    impl Window for Counted {
        fn quantity(&self, quantity: Quantity) -> f64 {
            match quantity {
                Quantity::Count => self.0,
                Quantity::Sum(Metric::Bits) => 1000.0,
                _ => 0.0,
            }
        }

        fn is_empty(&self) -> bool {
            self.0 == 0.0
        }
    }

    #[test]
    fn the_share_of_conditions_of_each_kind() {
        for (text, records, expected) in [
            ("count() >= 25", 18.0, 0.72),
            ("count() > 25", 50.0, 2.0),
            ("count() >= 0", 0.0, 1.0),
            ("count() <= 5", 10.0, 0.5),
            ("count() == 4", 8.0, 0.5),
            ("count() != 4", 4.0, 0.0),
            ("absent()", 0.0, 1.0),
            ("count() >= 10 && sum(bits) >= 4000", 5.0, 0.25),
            ("count() >= 10 || sum(bits) >= 4000", 5.0, 0.5),
        ] {
            let threshold = parse(text, &mut Vec::new()).expect("a threshold");
            assert_eq!(threshold.condition.share(&Counted(records)), expected, "{text}");
        }
    }
}
