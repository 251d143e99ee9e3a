//! Numbers of thresholds and their units: `300`, `1_000_000`, `20k`, `1.5GB`, `100Mbit/s`.
//!
//! A unit must be that of what is measured, so that nobody compares bits with bytes.

use super::{Metric, Quantity};

/// What a quantity is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Bits.
    Bits,
    /// Octets.
    Octets,
    /// Things that are counted.
    Count,
    /// Between 0 and 1.
    Ratio,
}

/// A measure, and whether it is one per second.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    measure: Measure,
    per_second: bool,
}

/// What is wrong with a number.
#[derive(Debug, PartialEq, Eq)]
pub struct Wrong {
    /// In one line.
    pub message: String,
    /// The right form, where it is known.
    pub meant: Option<String>,
}

const PREFIXES: [(&str, f64); 9] = [
    ("", 1.0),
    ("k", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
    ("Ki", 1024.0),
    ("Mi", 1_048_576.0),
    ("Gi", 1_073_741_824.0),
    ("Ti", 1_099_511_627_776.0),
];

impl Scale {
    /// The scale of a quantity.
    pub fn of(quantity: Quantity) -> Self {
        let (metric, per_second) = match quantity {
            Quantity::Sum(metric) | Quantity::Min(metric) | Quantity::Max(metric) => {
                (Some(metric), false)
            }
            Quantity::Rate(metric) => (Some(metric), true),
            Quantity::Count | Quantity::Distinct(_) => (None, false),
            Quantity::Beacon { .. } => return Self { measure: Measure::Ratio, per_second: false },
        };
        let measure = match metric {
            Some(Metric::Bits | Metric::ScaledBits) => Measure::Bits,
            Some(Metric::Octets) => Measure::Octets,
            Some(Metric::Packets | Metric::ScaledPackets | Metric::Flows) | None => Measure::Count,
        };
        Self { measure, per_second }
    }

    /// Reads a number with or without a unit.
    ///
    /// # Errors
    /// What is wrong with it, and what was probably meant.
    pub fn read(self, text: &str) -> Result<f64, Wrong> {
        let is_digit = |c: char| c.is_ascii_digit() || matches!(c, '.' | '_');
        let (digits, unit) = text.split_at(text.find(|c| !is_digit(c)).unwrap_or(text.len()));
        let number = digits.replace('_', "").parse::<f64>();
        let wrong = |message: String, meant| Err(Wrong { message, meant });
        let Ok(number) = number else {
            let message = match text {
                "" => "a number is missing here".to_owned(),
                _ => format!("`{text}` is not a number"),
            };
            return wrong(message, None);
        };
        if let Some(factor) = self.factor(unit) {
            return Ok(number * factor);
        }
        let (message, meant) = match self.other(unit) {
            Some((factor, other)) => {
                let [own, other] = [self.measure, other].map(Measure::name);
                let meant = self.shown(number * factor);
                (format!("{own} are compared with a number of {other}"), Some(meant))
            }
            None => {
                let meant = self.nearest(unit).map(|unit| format!("{digits}{unit}"));
                (format!("`{unit}` is not a unit here"), meant)
            }
        };
        wrong(message, meant)
    }

    /// The units that it can have, for messages.
    pub fn help(self) -> String {
        let numbers = match self.measure {
            Measure::Ratio => return "numbers here lie between 0 and 1, such as 0.8".to_owned(),
            Measure::Count => "300, 1_000_000, 20k or 1.5M".to_owned(),
            Measure::Bits => "8_000_000, 8M, 8Mbit or 1.5Gbit".to_owned(),
            Measure::Octets => "1_000_000, 1M, 1MB, 1.5GB or 1MiB".to_owned(),
        };
        let rate = if self.per_second { ", also per second (`/s`)" } else { "" };
        format!("write a number such as {numbers}{rate}")
    }

    fn factor(self, unit: &str) -> Option<f64> {
        let unit = match unit.strip_suffix("/s") {
            Some(unit) if self.per_second => unit,
            Some(_) => return None,
            None => unit,
        };
        let prefix = unit.strip_suffix(self.measure.symbol()).unwrap_or(unit);
        if self.measure == Measure::Ratio && !prefix.is_empty() {
            return None;
        }
        PREFIXES.iter().find(|(name, _)| *name == prefix).map(|(_, factor)| *factor)
    }

    /// A unit of octets where bits are measured, or the other way round: what to multiply a number of it by.
    fn other(self, unit: &str) -> Option<(f64, Measure)> {
        let (other, ratio) = match self.measure {
            Measure::Bits => (Measure::Octets, 8.0),
            Measure::Octets => (Measure::Bits, 0.125),
            Measure::Count | Measure::Ratio => return None,
        };
        let has_symbol = unit.trim_end_matches("/s").ends_with(other.symbol());
        let factor = Self { measure: other, ..self }.factor(unit).filter(|_| has_symbol)?;
        Some((factor * ratio, other))
    }

    /// The unit that is like `unit`, but for case and words of other places.
    fn nearest(self, unit: &str) -> Option<String> {
        let mut like = unit.to_lowercase();
        if let Some(prefix) = like.strip_suffix("ps") {
            like = format!("{prefix}/s");
        }
        let (prefix, rate) =
            like.strip_suffix("/s").map_or((like.as_str(), ""), |unit| (unit, "/s"));
        let words = ["bytes", "byte", "octets", "bits", "bit", "packets", "p", "b"];
        let prefix = words.iter().find_map(|word| prefix.strip_suffix(word)).unwrap_or(prefix);
        let (name, _) = PREFIXES.iter().find(|(name, _)| name.to_lowercase() == prefix)?;
        let rate = if self.per_second { rate } else { "" };
        let unit = format!("{name}{}{rate}", self.measure.symbol());
        self.factor(&unit).map(|_| unit)
    }

    /// A number with the unit that makes it short.
    fn shown(self, number: f64) -> String {
        let decimal = PREFIXES[..5].iter().rev();
        let (prefix, factor) =
            decimal.copied().find(|(_, factor)| number >= *factor).unwrap_or(("", 1.0));
        format!("{}{prefix}{}", number / factor, self.measure.symbol())
    }
}

impl Measure {
    fn symbol(self) -> &'static str {
        match self {
            Self::Bits => "bit",
            Self::Octets => "B",
            Self::Count | Self::Ratio => "",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Bits => "bits",
            Self::Octets => "bytes",
            Self::Count | Self::Ratio => "numbers",
        }
    }
}
