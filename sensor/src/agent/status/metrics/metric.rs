//! What a metric is: a row of the table, and how its samples are taken.

use std::{
    borrow::Cow,
    fmt::{self, Write as _},
};

use prometheus_client::{
    encoding::{EncodeLabelSet, LabelSetEncoder, MetricEncoder, NoLabelSet},
    metrics::MetricType,
    registry::Unit,
};

use crate::agent::status::{Status, condition::Condition, histogram::Histogram};

/// Values of one label that have time series of their own.
pub const MOST: usize = 2000;
/// Characters of a label's value.
pub const LONGEST: usize = 128;
/// What is beyond [`MOST`] stands under this value.
pub const OTHERS: &str = "(others)";

/// What metrics follow from.
#[derive(Debug)]
pub struct View {
    /// The figures.
    pub status: Status,
    /// What they say of the agent's health.
    pub condition: Condition,
}

/// What kind of number a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, from 0 at the start; its name ends in `_total`.
    Counter,
    /// It may go up and down.
    Gauge,
    /// Durations by size.
    Histogram,
    /// Always 1; its labels tell something. Its name ends in `_info`.
    Info,
}

/// The unit of a metric, which its name has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// Things that the name says.
    Things,
    /// Octets.
    Bytes,
    /// Seconds.
    Seconds,
}

/// One metric: a row of the table.
pub struct Metric {
    /// Its name without the endings that kind and unit give it.
    pub base: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// Its unit.
    pub unit: Of,
    /// Names of its labels.
    pub labels: &'static [&'static str],
    /// What it tells.
    pub help: &'static str,
    /// Gives its samples.
    pub read: fn(&View, &mut Family<'_>),
}

impl Metric {
    /// Its full name, as queries spell it. A histogram has series with `_bucket`, `_count` and `_sum` behind it.
    pub fn name(&self) -> String {
        let unit = match self.unit {
            Of::Things => "",
            Of::Bytes => "_bytes",
            Of::Seconds => "_seconds",
        };
        let ending = match self.kind {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            Kind::Gauge | Kind::Histogram => "",
        };
        format!("{}{unit}{ending}", self.base)
    }

    pub(super) fn prometheus_unit(&self) -> Option<Unit> {
        match self.unit {
            Of::Things => None,
            Of::Bytes => Some(Unit::Bytes),
            Of::Seconds => Some(Unit::Seconds),
        }
    }

    pub(super) fn prometheus_type(&self) -> MetricType {
        match self.kind {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
            Kind::Histogram => MetricType::Histogram,
            Kind::Info => MetricType::Info,
        }
    }
}

/// A counter.
pub(super) const fn counter(
    base: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
    read: fn(&View, &mut Family<'_>),
) -> Metric {
    Metric { base, kind: Kind::Counter, unit: Of::Things, labels, help, read }
}

/// A gauge.
pub(super) const fn gauge(
    base: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
    read: fn(&View, &mut Family<'_>),
) -> Metric {
    Metric { base, kind: Kind::Gauge, unit: Of::Things, labels, help, read }
}

impl Metric {
    /// The same in octets.
    pub(super) const fn bytes(self) -> Self {
        Self { unit: Of::Bytes, ..self }
    }

    /// The same in seconds.
    pub(super) const fn seconds(self) -> Self {
        Self { unit: Of::Seconds, ..self }
    }

    /// The same as a kind that has no constructor of its own.
    pub(super) const fn of_kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }
}

/// Takes the samples of one metric.
pub struct Family<'a> {
    encoder: MetricEncoder<'a>,
    metric: &'a Metric,
    result: fmt::Result,
}

/// Names and values of labels.
struct Labels<'a>(&'a [&'static str], &'a [&'a str]);

impl EncodeLabelSet for Labels<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        for (name, value) in self.0.iter().zip(self.1) {
            let mut label = encoder.encode_label();
            let mut key = label.encode_label_key()?;
            key.write_str(name)?;
            let mut out = key.encode_label_value()?;
            out.write_str(&escaped(value))?;
            out.finish()?;
        }
        Ok(())
    }
}

/// A label's value as the format has it, cut where it is longer than [`LONGEST`].
fn escaped(value: &str) -> Cow<'_, str> {
    let plain = |c: char| !matches!(c, '\\' | '"' | '\n');
    if value.len() <= LONGEST && value.chars().all(plain) {
        return value.into();
    }
    let mut text = String::with_capacity(value.len() + 8);
    for c in value.chars().take(LONGEST) {
        match c {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            c => text.push(c),
        }
    }
    text.into()
}

/// A number of a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// A count.
    Count(u64),
    /// A measure.
    Measure(f64),
}

impl From<u64> for Number {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<f64> for Number {
    fn from(measure: f64) -> Self {
        Self::Measure(measure)
    }
}

impl From<bool> for Number {
    fn from(holds: bool) -> Self {
        Self::Count(holds.into())
    }
}

impl<'a> Family<'a> {
    /// Of `metric`, whose head has been written.
    pub(super) fn new(encoder: MetricEncoder<'a>, metric: &'a Metric) -> Self {
        Self { encoder, metric, result: Ok(()) }
    }

    /// Whether everything could be written.
    pub(super) fn result(self) -> fmt::Result {
        self.result
    }
}

impl Family<'_> {
    /// A sample with these values of the labels.
    pub fn put(&mut self, values: &[&str], number: impl Into<Number>) {
        if self.result.is_ok() {
            self.result = self.write(values, number.into());
        }
    }

    fn write(&mut self, values: &[&str], number: Number) -> fmt::Result {
        debug_assert_eq!(values.len(), self.metric.labels.len(), "{}", self.metric.base);
        let kind = self.metric.kind;
        let labels = Labels(self.metric.labels, values);
        if kind == Kind::Info {
            return self.encoder.encode_info(&labels);
        }
        if values.is_empty() {
            return one(&mut self.encoder, kind, number);
        }
        one(&mut self.encoder.encode_family(&labels)?, kind, number)
    }

    /// A sample for each of `rows`, by the value of the only label; what is beyond [`MOST`] is summed.
    pub fn each<N: Into<Number>>(&mut self, rows: impl IntoIterator<Item = (impl AsRef<str>, N)>) {
        self.each_with(&[], rows);
    }

    /// As [`Self::each`], where more labels, with these values, stand behind the first.
    pub fn each_with<N: Into<Number>>(
        &mut self,
        further: &[&str],
        rows: impl IntoIterator<Item = (impl AsRef<str>, N)>,
    ) {
        let mut others: Option<Number> = None;
        for (at, (label, number)) in rows.into_iter().enumerate() {
            let number = number.into();
            if at < MOST {
                let values = [&[label.as_ref()], further].concat();
                self.put(&values, number);
            } else {
                others = Some(match (others, number) {
                    (Some(Number::Count(sum)), Number::Count(more)) => Number::Count(sum + more),
                    (Some(Number::Measure(sum)), Number::Measure(more)) => {
                        Number::Measure(sum + more)
                    }
                    (_, number) => number,
                });
            }
        }
        if let Some(others) = others {
            let values = [&[OTHERS], further].concat();
            self.put(&values, others);
        }
    }

    /// A histogram with these values of the labels.
    pub fn histogram(&mut self, values: &[&str], histogram: &Histogram) {
        // The library writes a bound of `f64::MAX` as `+Inf`.
        let buckets: Vec<_> =
            histogram.buckets().map(|(bound, count)| (bound.unwrap_or(f64::MAX), count)).collect();
        let (sum, count) = (histogram.sum(), histogram.count());
        if self.result.is_ok() {
            debug_assert_eq!(values.len(), self.metric.labels.len(), "{}", self.metric.base);
            let labels = Labels(self.metric.labels, values);
            self.result = if values.is_empty() {
                self.encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
            } else {
                let encoder = self.encoder.encode_family(&labels);
                encoder.and_then(|mut encoder| {
                    encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
                })
            };
        }
    }
}

fn one(encoder: &mut MetricEncoder<'_>, kind: Kind, number: Number) -> fmt::Result {
    match (kind, number) {
        (Kind::Counter, Number::Count(count)) => {
            encoder.encode_counter::<NoLabelSet, u64, f64>(&count, None)
        }
        (Kind::Counter, Number::Measure(measure)) => {
            encoder.encode_counter::<NoLabelSet, f64, f64>(&measure, None)
        }
        (_, Number::Count(count)) => {
            encoder.encode_gauge(&i64::try_from(count).unwrap_or(i64::MAX))
        }
        (_, Number::Measure(measure)) => encoder.encode_gauge(&measure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_devices_call_themselves_cannot_break_the_format() {
        assert_eq!(escaped("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
        assert_eq!(escaped(&"ä".repeat(200)).chars().count(), LONGEST);
        assert_eq!(escaped("plain"), "plain");
    }
}
