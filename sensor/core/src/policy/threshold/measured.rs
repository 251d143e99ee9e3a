//! What a window has beside the numbers that a threshold compares it with: an event that only repeats the threshold leaves
//! open by how much it was exceeded.

use super::{Condition, Metric, Operator, Quantity, Reading, Window};
use crate::flow::fields::Field;

/// One comparison of a threshold, and the value that was compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// The function as it is written: `distinct(dstip)`.
    pub function: String,
    /// The value in the window, to three decimals.
    pub value: f64,
    /// How it is compared.
    pub operator: Operator,
    /// With what.
    pub limit: f64,
}

impl Condition {
    /// The value of each comparison in a window; of alternatives, those that hold, as written or else eased, or all where none
    /// does. `distinct` are the fields that quantities number.
    pub fn measure(&self, window: &impl Window, distinct: &[&Field]) -> Vec<Measured> {
        let all = |conditions: &[&Self]| {
            let each = conditions.iter().flat_map(|one| one.measure(window, distinct));
            // Alternatives may have a comparison in common.
            each.fold(Vec::new(), |mut measured, one| {
                if !measured.contains(&one) {
                    measured.push(one);
                }
                measured
            })
        };
        match self {
            Self::All(conditions) => all(&conditions.iter().collect::<Vec<_>>()),
            Self::Any(conditions) => {
                let held = |reading| -> Vec<&Self> {
                    conditions.iter().filter(|one| one.holds(window, reading)).collect()
                };
                let alternatives = [held(Reading::Strict), held(Reading::Eased)];
                match alternatives.into_iter().find(|held| !held.is_empty()) {
                    Some(held) => all(&held),
                    None => all(&conditions.iter().collect::<Vec<_>>()),
                }
            }
            Self::Compare(quantity, operator, limit) => vec![Measured {
                function: quantity.function(distinct),
                value: (window.quantity(*quantity) * 1000.0).round() / 1000.0,
                operator: *operator,
                limit: *limit,
            }],
            Self::Absent => Vec::new(),
        }
    }
}

impl Quantity {
    /// As it is written.
    fn function(self, distinct: &[&Field]) -> String {
        let of = |name: &str, metric: Metric| {
            let known = Metric::ALL.into_iter().find(|(_, known)| *known == metric);
            format!("{name}({})", known.map_or("", |(name, _)| name))
        };
        match self {
            Self::Sum(metric) => of("sum", metric),
            Self::Min(metric) => of("min", metric),
            Self::Max(metric) => of("max", metric),
            Self::Rate(metric) => of("avg", metric),
            Self::Count => "count()".to_owned(),
            Self::Distinct(at) => {
                format!("distinct({})", distinct.get(at).map_or("", |field| field.name))
            }
            Self::Beacon { sizes: false } => "beacon(start)".to_owned(),
            Self::Beacon { sizes: true } => "beacon(start, bits)".to_owned(),
        }
    }
}
