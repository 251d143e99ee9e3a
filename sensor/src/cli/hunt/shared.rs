//! What flows of several queries have in common, in the forms in which it is shown.

use std::io::Write as _;

use sensor_core::hunt::{self, Group, GroupBy, Metric};

use super::table::{Table, numbers, words};
use crate::{
    cli::when::Zone,
    console::common::largest,
    export::log::{
        line::octets,
        top::{self, Listed},
    },
};

/// Values that flows of every query have, and what is summed up of each query.
pub struct Shared {
    by: Vec<GroupBy>,
    metrics: Vec<Metric>,
    metric: Metric,
    /// Milliseconds of a period, where values are shared within one.
    period: Option<u64>,
    queries: usize,
    shown: Vec<hunt::Shared>,
    all: usize,
}

/// What is wanted of it.
#[derive(Clone, Debug)]
pub struct SharedWanted {
    /// What flows have in common.
    pub by: Vec<GroupBy>,
    /// What is summed up for machines.
    pub metrics: Vec<Metric>,
    /// What values are chosen by, where there are more than `most`.
    pub metric: Metric,
    /// Milliseconds of a period; none for the whole time.
    pub period: Option<u64>,
    /// How many, at most.
    pub most: usize,
}

impl Shared {
    /// Of what was found for `queries` queries, those with the largest sums over all queries: by time where there are periods, the largest first
    /// where there are none.
    pub fn new(wanted: &SharedWanted, found: Vec<hunt::Shared>, queries: usize) -> Self {
        let SharedWanted { by, metrics, metric, period, most } = wanted.clone();
        let all = found.len();
        let shown = largest(found, metric, period, most);
        Self { by, metrics, metric, period, queries, shown, all }
    }

    /// How many there are, shown or not.
    pub fn all(&self) -> usize {
        self.all
    }

    fn listed<'s>(&'s self, by: &'s [GroupBy], metrics: &'s [Metric]) -> Listed<'s> {
        let (groups, distinct, total, all) = (&[], &[], Default::default(), self.all);
        Listed { by, groups, metrics, metric: self.metric, distinct, total, all }
    }

    fn group(shared: &hunt::Shared, query: usize) -> Group {
        let values = shared.values.iter().cloned().map(Some).collect();
        Group { values, bucket: None, sums: shared.sums[query], distinct: Vec::new() }
    }

    /// Appends JSON objects, one a line: `queries` has an object of sums for each query, in their order.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        for shared in &self.shown {
            out.push(b'{');
            if let Some(bucket) = shared.bucket {
                // Writing to a `Vec` cannot fail.
                let _ = write!(out, "\"bucket\":{bucket},");
            }
            top::write_members(out, &self.listed(&self.by, &[]), &Self::group(shared, 0));
            out.extend_from_slice(b"\"queries\":[");
            for query in 0..self.queries {
                out.push(b'{');
                let sums = self.listed(&[], &self.metrics);
                top::write_members(out, &sums, &Self::group(shared, query));
                if out.last() == Some(&b',') {
                    out.pop();
                }
                out.extend_from_slice(b"},");
            }
            out.pop();
            out.extend_from_slice(b"]}\n");
        }
    }

    /// Appends CSV: `1.octets` is of the first query.
    pub fn write_csv(&self, out: &mut Vec<u8>) {
        let (values, sums) = (self.listed(&self.by, &[]), self.listed(&[], &self.metrics));
        let mut names: Vec<String> = self.period.iter().map(|_| "bucket".to_owned()).collect();
        names.extend(top::csv_names(&values));
        for query in 1..=self.queries {
            names.extend(top::csv_names(&sums).iter().map(|name| format!("{query}.{name}")));
        }
        out.extend_from_slice(names.join(",").as_bytes());
        out.push(b'\n');
        for shared in &self.shown {
            if let Some(bucket) = shared.bucket {
                let _ = write!(out, "{bucket},");
            }
            top::write_csv_cells(out, &values, &Self::group(shared, 0));
            for query in 0..self.queries {
                top::write_csv_cells(out, &sums, &Self::group(shared, query));
            }
            out.pop();
            out.push(b'\n');
        }
    }

    /// Appends a table: flows and the metric of each query.
    pub fn write_table(&self, out: &mut Vec<u8>, zone: Zone, width: Option<usize>) {
        let mut columns = Vec::new();
        if self.period.is_some() {
            let first = self.shown.first().and_then(|shared| shared.bucket).unwrap_or(0);
            columns.push(words(&format!("TIME ({})", zone.name(first)), 0));
        }
        let names = top::csv_names(&self.listed(&self.by, &[]));
        columns.extend(names.iter().map(|name| words(&name.to_uppercase(), 0)));
        let metrics = match self.metric {
            Metric::Flows => vec![Metric::Flows],
            metric => vec![Metric::Flows, metric],
        };
        for query in 1..=self.queries {
            let name = |metric: &Metric| format!("{query}: {}", metric.name().to_uppercase());
            columns.extend(metrics.iter().map(|metric| numbers(&name(metric), 0)));
        }
        let mut table = Table::new(columns);
        for shared in &self.shown {
            let values: Vec<_> = shared.values.iter().cloned().map(Some).collect();
            let time = shared.bucket.map(|bucket| zone.show_seconds(bucket));
            let values = top::shown_values(&self.by, &values);
            let sums = shared.sums.iter().flat_map(|sums| {
                let cell =
                    |metric: &Metric| sums.of(*metric).map_or_else(|| "-".to_owned(), octets);
                metrics.iter().map(cell).collect::<Vec<_>>()
            });
            table.push(time.into_iter().chain(values).chain(sums));
        }
        out.extend_from_slice(table.text(width).as_bytes());
        if self.all > self.shown.len() {
            let _ = writeln!(out, "{} of {} shared: raise --top", self.shown.len(), self.all);
        }
    }
}
