//! What the thresholds of a policy say of a window with a single flow in it.

use super::{Asked, verdict::value};
use crate::{
    flow::fields::{OwnedValue, find},
    nql::reference::Record,
    policy::{
        alert::Severity,
        threshold::{Measured, Metric, Quantity, Reading, Window},
        written::WrittenText,
    },
};

/// A threshold, and a window with one flow.
#[derive(Clone, Debug)]
pub struct Alone<'a> {
    /// What it would be.
    pub severity: Severity,
    /// Where it stands.
    pub threshold: Option<&'a WrittenText>,
    /// Its comparisons.
    pub measured: Vec<Measured>,
    /// Whether the flow alone is enough.
    pub holds: bool,
}

/// Each threshold of a policy, the lowest severity first.
pub fn levels<'a>(asked: &'a Asked, record: &impl Record) -> Vec<Alone<'a>> {
    let policy = &asked.policy;
    let window = OneFlow { asked, record };
    let level = |level: &crate::policy::model::Level| {
        let condition = &level.threshold.condition;
        let written = asked.written.levels.iter().find(|(severity, _)| *severity == level.severity);
        Alone {
            severity: level.severity,
            threshold: written.map(|(_, text)| text),
            measured: condition.measure(&window, &policy.distinct),
            holds: condition.holds(&window, Reading::Strict),
        }
    };
    policy.levels.iter().map(level).collect()
}

struct OneFlow<'a, R> {
    asked: &'a Asked,
    record: &'a R,
}

impl<R: Record> OneFlow<'_, R> {
    fn number(&self, name: &str) -> f64 {
        match find(name).and_then(|field| value(self.record, field)) {
            Some(OwnedValue::Integer(number)) => number as f64,
            _ => 0.0,
        }
    }

    fn metric(&self, metric: Metric) -> f64 {
        let rate = || self.number("samplerate").max(1.0);
        match metric {
            Metric::Bits => self.number("bits"),
            Metric::Octets => self.number("octets"),
            Metric::Packets => self.number("packets"),
            Metric::ScaledBits => self.number("bits") * rate(),
            Metric::ScaledPackets => self.number("packets") * rate(),
            Metric::Flows => 1.0,
        }
    }
}

impl<R: Record> Window for OneFlow<'_, R> {
    fn quantity(&self, quantity: Quantity) -> f64 {
        match quantity {
            Quantity::Sum(metric) | Quantity::Min(metric) | Quantity::Max(metric) => {
                self.metric(metric)
            }
            Quantity::Rate(metric) => {
                self.metric(metric) / (self.asked.policy.window as f64 / 1000.0)
            }
            Quantity::Count => 1.0,
            Quantity::Distinct(at) => {
                let field = self.asked.policy.distinct.get(at);
                let found = field.and_then(|field| value(self.record, field));
                f64::from(u8::from(found.is_some()))
            }
            // A single flow has no rhythm.
            Quantity::Beacon { .. } => 0.0,
        }
    }

    fn is_empty(&self) -> bool {
        false
    }
}
