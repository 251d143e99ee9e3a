//! Metrics in the text form of OpenMetrics 1.0.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, text},
    registry::Registry,
};

use super::{
    metric::{Family, View},
    table::all,
};

/// The content type of an exposition.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Writes all metrics of `view`.
pub fn of(view: View) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(view));
    let mut text = String::with_capacity(1 << 16);
    // Writing to a `String` cannot fail.
    let _: fmt::Result = text::encode(&mut text, &registry);
    text
}

impl Collector for View {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for metric in all() {
            let unit = metric.prometheus_unit();
            let kind = metric.prometheus_type();
            let encoder =
                encoder.encode_descriptor(metric.base, metric.help, unit.as_ref(), kind)?;
            let mut family = Family::new(encoder, metric);
            (metric.read)(self, &mut family);
            family.result()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{
        super::metric::{Kind, MOST, OTHERS},
        *,
    };
    use crate::agent::status::{Policy, condition::Condition, testing};

    fn exposition() -> String {
        of(View { status: testing::status(), condition: testing::condition() })
    }

    #[test]
    fn every_metric_of_the_table_has_a_sample() {
        let text = exposition();
        for metric in all() {
            let name = metric.name();
            let sample = match metric.kind {
                Kind::Histogram if !metric.labels.is_empty() => {
                    format!("\n{name}_sum{{{}=\"", metric.labels[0])
                }
                Kind::Histogram => format!("\n{name}_bucket{{le=\"0.001\"}} "),
                _ if metric.labels.is_empty() => format!("\n{name} "),
                _ => format!("\n{name}{{{}=\"", metric.labels[0]),
            };
            assert!(text.contains(&sample), "{sample}: {text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn names_and_labels_keep_to_the_conventions() {
        let mut seen = BTreeSet::new();
        for metric in all() {
            let name = metric.name();
            assert!(seen.insert(name.clone()), "{name} stands there twice");
            assert!(name.starts_with("sensor_") || name.starts_with("process_"), "{name}");
            let is_plain = |name: &str| {
                name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
            };
            assert!(is_plain(&name) && metric.labels.iter().all(|label| is_plain(label)), "{name}");
            for reserved in ["_total", "_info", "_count", "_sum", "_bucket", "_created"] {
                assert!(!metric.base.ends_with(reserved), "{name}");
            }
            assert!(!metric.help.contains(['\n', '\\', '|']), "{name}");
            assert!(metric.help.ends_with('.'), "{name}");
        }
    }

    #[test]
    fn no_series_is_there_twice() {
        let text = exposition();
        let mut seen = BTreeSet::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (series, _) = line.rsplit_once(' ').expect("a value");
            assert!(seen.insert(series.to_owned()), "{series}");
        }
    }

    #[test]
    fn the_number_of_series_is_bounded() {
        let mut status = testing::status();
        let policy = |number: u64| Policy {
            name: format!("policy_{number}"),
            matched: number,
            ..Policy::default()
        };
        status.engine.policies = (0..MOST as u64 + 3).map(policy).collect();
        let text = of(View { status, condition: Condition::default() });
        let series =
            text.lines().filter(|line| line.starts_with("sensor_policy_matched_records_total{"));
        assert_eq!(series.count(), MOST + 1);
        let others = 3 * MOST + 3;
        let line = format!("sensor_policy_matched_records_total{{policy=\"{OTHERS}\"}} {others}\n");
        assert!(text.contains(&line), "{line}");
    }
}
