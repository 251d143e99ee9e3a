//! The largest groups of flows as text: a table for people, JSON lines or CSV for machines.

use std::{io::Write as _, net::IpAddr};

use sensor_core::{
    flow::fields::{OwnedValue, Value},
    hunt::{Group, GroupBy, Metric, Prefixes, Sums},
};

use super::{csv, json, line, people};

/// Groups, and what is shown of them.
#[derive(Clone, Copy, Debug)]
pub struct Listed<'g> {
    /// What flows of a group have in common.
    pub by: &'g [GroupBy],
    /// The groups, in the order in which they are shown.
    pub groups: &'g [Group],
    /// Sums that machines get.
    pub metrics: &'g [Metric],
    /// That of which people see shares.
    pub metric: Metric,
    /// Of what distinct values were counted.
    pub distinct: &'g [GroupBy],
    /// Sums over all groups, also those that are not shown.
    pub total: Sums,
    /// How many groups there are.
    pub all: usize,
}

/// Appends groups as JSON objects, one a line: the fields of the group that have a value, every metric by its name, where any of
/// its flows tells it, and how many distinct values there are.
///
/// What flows have in common may be a metric of theirs, such as their packets: its key is `by.packets`, and `packets` is the
/// sum as everywhere.
pub fn write_json(out: &mut Vec<u8>, listed: &Listed<'_>) {
    for group in listed.groups {
        out.push(b'{');
        write_members(out, listed, group);
        if out.last() == Some(&b',') {
            out.pop();
        }
        out.extend_from_slice(b"}\n");
    }
}

/// Appends what an object tells of a group; there is a comma behind each member.
pub fn write_members(out: &mut Vec<u8>, listed: &Listed<'_>, group: &Group) {
    for (by, value) in listed.by.iter().zip(&group.values) {
        if let Some(value) = value {
            json::write_value(out, Value::Text(&key(by)));
            out.push(b':');
            match shown(by, value) {
                Some(text) => json::write_value(out, Value::Text(&text)),
                None => json::write_value(out, value.value()),
            }
            out.push(b',');
        }
    }
    for metric in listed.metrics {
        if let Some(sum) = group.sums.of(*metric) {
            json::write_value(out, Value::Text(metric.name()));
            // Writing to a `Vec` cannot fail.
            let _ = write!(out, ":{sum},");
        }
    }
    for (of, count) in listed.distinct.iter().zip(&group.distinct) {
        json::write_value(out, Value::Text(&distinct_key(of)));
        let _ = write!(out, ":{count},");
    }
}

/// Appends the same as CSV, with a line that names the columns.
pub fn write_csv(out: &mut Vec<u8>, listed: &Listed<'_>) {
    out.extend_from_slice(csv_names(listed).join(",").as_bytes());
    out.push(b'\n');
    for group in listed.groups {
        write_csv_cells(out, listed, group);
        out.pop();
        out.push(b'\n');
    }
}

/// The names of the columns of CSV.
pub fn csv_names(listed: &Listed<'_>) -> Vec<String> {
    let keys = listed.by.iter().map(key);
    let metrics = listed.metrics.iter().map(|metric| metric.name().to_owned());
    keys.chain(metrics).chain(listed.distinct.iter().map(distinct_key)).collect()
}

/// Appends what a line of CSV has of a group; there is a comma behind each cell.
pub fn write_csv_cells(out: &mut Vec<u8>, listed: &Listed<'_>, group: &Group) {
    for (by, value) in listed.by.iter().zip(&group.values) {
        write_cell(out, by, value.as_ref());
        out.push(b',');
    }
    for metric in listed.metrics {
        if let Some(sum) = group.sums.of(*metric) {
            let _ = write!(out, "{sum}");
        }
        out.push(b',');
    }
    for count in &group.distinct {
        let _ = write!(out, "{count},");
    }
}

/// Appends the same as a table: the group, its flows, packets and octets, its share of all by `metric`; the total below.
pub fn write_table(out: &mut Vec<u8>, listed: &Listed<'_>) {
    let Listed { by, groups, metric, total, .. } = *listed;
    let mut rows = vec![heading(listed)];
    let all = total.of(metric);
    rows.extend(groups.iter().map(|group| row(by, group, metric, all)));
    let mut last = vec![String::new(); by.len()];
    if let Some(first) = last.first_mut() {
        *first = format!("all {} groups", listed.all);
    }
    if !by.is_empty() {
        last.extend(sums(&total, metric, all));
        last.extend(listed.distinct.iter().map(|_| String::new()));
        rows.push(last);
    }
    let widths: Vec<usize> = (0..rows[0].len())
        .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
        .collect();
    for row in &rows {
        let mut text = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            // The group to the left, numbers to the right.
            let aligned = match column < by.len() {
                true => format!("{cell:<width$}  "),
                false => format!("{cell:>width$}  "),
            };
            text.push_str(&aligned);
        }
        // Writing to a `Vec` cannot fail.
        let _ = writeln!(out, "{}", text.trim_end());
    }
}

fn distinct_key(of: &GroupBy) -> String {
    format!("distinct.{}", of.subject.name())
}

/// The values of a group as people read them.
pub fn shown_values(by: &[GroupBy], values: &[Option<OwnedValue>]) -> Vec<String> {
    let value = |(by, value): (&GroupBy, &Option<OwnedValue>)| {
        let value = value.as_ref();
        let prefix = value.and_then(|value| shown(by, value));
        prefix.unwrap_or_else(|| people::cell(value.map_or(Value::Absent, OwnedValue::value)))
    };
    by.iter().zip(values).map(value).collect()
}

/// What the value that a group has in common is called, apart from all metrics.
fn key(by: &GroupBy) -> String {
    let name = by.subject.name();
    match Metric::ALL.into_iter().any(|metric| metric.name() == name) {
        true => format!("by.{name}"),
        false => name,
    }
}

/// What is shown of a value that is not just that: the prefix of an address.
pub fn shown(by: &GroupBy, value: &OwnedValue) -> Option<String> {
    match (by.prefixes?, value) {
        (Prefixes { v4, .. }, OwnedValue::Ip(address @ IpAddr::V4(_))) => {
            Some(format!("{address}/{v4}"))
        }
        (Prefixes { v6, .. }, OwnedValue::Ip(address @ IpAddr::V6(_))) => {
            Some(format!("{address}/{v6}"))
        }
        _ => None,
    }
}

fn write_cell(out: &mut Vec<u8>, by: &GroupBy, value: Option<&OwnedValue>) {
    match value.and_then(|value| shown(by, value)) {
        Some(text) => csv::write_cell(out, Value::Text(&text)),
        None => csv::write_cell(out, value.map_or(Value::Absent, OwnedValue::value)),
    }
}

fn heading(listed: &Listed<'_>) -> Vec<String> {
    let fields = listed.by.iter().map(|by| key(by).to_ascii_uppercase());
    let sums = ["FLOWS", "PACKETS", "OCTETS"].map(str::to_owned);
    let metric = match listed.metric {
        Metric::Flows | Metric::Packets | Metric::Octets => None,
        other => Some(other.name().to_ascii_uppercase()),
    };
    let distinct = listed.distinct.iter().map(|of| distinct_key(of).to_ascii_uppercase());
    fields.chain(sums).chain(metric).chain(["SHARE".to_owned()]).chain(distinct).collect()
}

fn row(by: &[GroupBy], group: &Group, metric: Metric, all: Option<u128>) -> Vec<String> {
    let values = shown_values(by, &group.values).into_iter();
    let distinct = group.distinct.iter().map(|count| line::octets(*count));
    values.chain(sums(&group.sums, metric, all)).chain(distinct).collect()
}

fn sums(sums: &Sums, metric: Metric, all: Option<u128>) -> Vec<String> {
    let cell = |metric| sums.of(metric).map_or_else(|| "-".to_owned(), line::octets);
    let mut cells: Vec<String> = [Metric::Flows, Metric::Packets, Metric::Octets].map(cell).into();
    if !matches!(metric, Metric::Flows | Metric::Packets | Metric::Octets) {
        cells.push(cell(metric));
    }
    cells.push(match sums.share(metric, all) {
        Some(share) => format!("{:.1} %", share * 100.0),
        None => "-".to_owned(),
    });
    cells
}

#[cfg(test)]
mod tests {
    use super::*;
    use sensor_core::{
        flow::{
            batch::{FlowBatch, Source},
            interfaces::Interfaces,
            testing::push,
        },
        hunt::{Grouping, Groups, Selection},
    };

    fn top(by: &[&str]) -> Groups {
        let mut batch = FlowBatch::v4(Source::Host);
        for (host, octets) in [(1, 9_000), (2, 700), (1, 2_300), (3, 5)] {
            push(&mut batch, host, 0, 0, octets);
        }
        let by = by.iter().map(|name| GroupBy::named(name).unwrap()).collect();
        let metrics = Metric::ALL.to_vec();
        let grouping = Grouping { by, period: None, metrics, most_groups: 100 };
        let mut top = Groups::new(&grouping);
        top.add(&batch, &Interfaces::default(), &Selection::All);
        top
    }

    fn written(write: fn(&mut Vec<u8>, &Listed<'_>), top: &Groups, metric: Metric) -> String {
        let mut out = Vec::new();
        let listed = Listed {
            by: top.by(),
            groups: &top.largest(metric, 2),
            metrics: &Metric::ALL,
            metric,
            distinct: &[],
            total: top.total(),
            all: top.groups(),
        };
        write(&mut out, &listed);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn machines_get_every_metric() {
        let top = top(&["srcip", "interface"]);
        let json = "{\"srcip\":\"10.0.0.1\",\"octets\":11300,\"packets\":11300,\"flows\":2,\"bits\":90400,\
                    \"packetsxrate\":11300,\"bitsxrate\":90400}\n";
        assert!(written(write_json, &top, Metric::Octets).starts_with(json));
        assert_eq!(
            written(write_csv, &top, Metric::Octets),
            "srcip,interface,octets,packets,flows,bits,packetsxrate,bitsxrate\n\
             10.0.0.1,,11300,11300,2,90400,11300,90400\n10.0.0.2,,700,700,1,5600,700,5600\n"
        );
    }

    #[test]
    fn a_metric_that_groups_have_in_common_is_told_apart_from_its_sum() {
        let top = top(&["octets"]);
        let json = written(write_json, &top, Metric::Octets);
        assert!(json.starts_with("{\"by.octets\":9000,\"octets\":9000,"), "{json}");
        let csv = written(write_csv, &top, Metric::Octets);
        assert!(csv.starts_with("by.octets,octets,packets,"), "{csv}");
        let table = written(write_table, &top, Metric::Octets);
        assert!(table.starts_with("BY.OCTETS "), "{table}");
    }

    #[test]
    fn prefixes_are_shown_as_such() {
        let top = top(&["srcip/31"]);
        let json = written(write_json, &top, Metric::Octets);
        assert!(json.starts_with("{\"srcip\":\"10.0.0.0/31\",\"octets\":11300,"), "{json}");
        let csv = written(write_csv, &top, Metric::Octets);
        assert!(csv.contains("\n10.0.0.2/31,705,705,2,"), "{csv}");
    }

    #[test]
    fn people_get_a_table() {
        let top = top(&["srcip", "dstport"]);
        assert_eq!(
            written(write_table, &top, Metric::Octets),
            "\
SRCIP         DSTPORT  FLOWS  PACKETS  OCTETS    SHARE
10.0.0.1      2000         2   11.3 k  11.3 k   94.1 %
10.0.0.2      2000         1      700     700    5.8 %
all 3 groups               4   12.0 k  12.0 k  100.0 %
"
        );
    }
}
