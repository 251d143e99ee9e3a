//! The largest groups of flows as text: a table for people, JSON lines or CSV for machines.

use std::{io::Write as _, net::IpAddr};

use sensor_core::{
    flow::fields::{OwnedValue, Value},
    hunt::{Group, GroupBy, Groups, Metric, Prefixes, Sums},
};

use super::{csv, json, line};

/// Appends the `count` largest groups by `metric`, as JSON objects one a line: the fields of the group that have a value, and
/// every metric by its name, where any of its flows tells it.
///
/// What flows have in common may be a metric of theirs, such as their packets: its key is `by.packets`, and `packets` is the
/// sum as everywhere.
pub fn write_json(out: &mut Vec<u8>, top: &Groups, metric: Metric, count: usize) {
    for group in top.largest(metric, count) {
        out.push(b'{');
        for (by, value) in top.by().iter().zip(&group.values) {
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
        for metric in Metric::ALL {
            if let Some(sum) = group.sums.of(metric) {
                json::write_value(out, Value::Text(metric.name()));
                // Writing to a `Vec` cannot fail.
                let _ = write!(out, ":{sum},");
            }
        }
        out.pop();
        out.extend_from_slice(b"}\n");
    }
}

/// Appends the same as CSV, with a line that names the columns.
pub fn write_csv(out: &mut Vec<u8>, top: &Groups, metric: Metric, count: usize) {
    let keys = top.by().iter().map(key);
    let names: Vec<_> = keys.chain(Metric::ALL.map(|metric| metric.name().to_owned())).collect();
    out.extend_from_slice(names.join(",").as_bytes());
    out.push(b'\n');
    for group in top.largest(metric, count) {
        for (by, value) in top.by().iter().zip(&group.values) {
            write_cell(out, by, value.as_ref());
            out.push(b',');
        }
        for metric in Metric::ALL {
            if let Some(sum) = group.sums.of(metric) {
                let _ = write!(out, "{sum}");
            }
            out.push(b',');
        }
        out.pop();
        out.push(b'\n');
    }
}

/// Appends the same as a table: the group, its flows, packets and octets, its share of all by `metric`; the total below.
pub fn write_table(out: &mut Vec<u8>, top: &Groups, metric: Metric, count: usize) {
    let mut rows = vec![heading(top, metric)];
    let all = top.total().of(metric);
    rows.extend(
        top.largest(metric, count).into_iter().map(|group| row(top.by(), &group, metric, all)),
    );
    let mut total = vec![String::new(); top.by().len()];
    if let Some(first) = total.first_mut() {
        *first = format!("all {} groups", top.groups());
    }
    total.extend(sums(&top.total(), metric, all));
    rows.push(total);
    let widths: Vec<usize> = (0..rows[0].len())
        .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
        .collect();
    for row in &rows {
        let mut text = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            // The group to the left, numbers to the right.
            let aligned = match column < top.by().len() {
                true => format!("{cell:<width$}  "),
                false => format!("{cell:>width$}  "),
            };
            text.push_str(&aligned);
        }
        // Writing to a `Vec` cannot fail.
        let _ = writeln!(out, "{}", text.trim_end());
    }
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
fn shown(by: &GroupBy, value: &OwnedValue) -> Option<String> {
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

fn heading(top: &Groups, metric: Metric) -> Vec<String> {
    let fields = top.by().iter().map(|by| key(by).to_ascii_uppercase());
    let sums = ["FLOWS", "PACKETS", "OCTETS"].map(str::to_owned);
    let metric = match metric {
        Metric::Flows | Metric::Packets | Metric::Octets => None,
        other => Some(other.name().to_ascii_uppercase()),
    };
    fields.chain(sums).chain(metric).chain(["SHARE".to_owned()]).collect()
}

fn row(by: &[GroupBy], group: &Group, metric: Metric, all: Option<u128>) -> Vec<String> {
    let value = |(by, value): (&GroupBy, &Option<OwnedValue>)| {
        let mut cell = Vec::new();
        write_cell(&mut cell, by, value.as_ref());
        match cell.is_empty() {
            true => "-".to_owned(),
            // Control characters of a foreign name would reach the terminal.
            false => String::from_utf8_lossy(&cell).escape_debug().to_string(),
        }
    };
    let values = by.iter().zip(&group.values).map(value);
    values.chain(sums(&group.sums, metric, all)).collect()
}

fn sums(sums: &Sums, metric: Metric, all: Option<u128>) -> Vec<String> {
    let cell = |metric| sums.of(metric).map_or_else(|| "-".to_owned(), line::octets);
    let mut cells: Vec<String> = [Metric::Flows, Metric::Packets, Metric::Octets].map(cell).into();
    if !matches!(metric, Metric::Flows | Metric::Packets | Metric::Octets) {
        cells.push(cell(metric));
    }
    cells.push(match (sums.of(metric), all) {
        (Some(own), Some(all @ 1..)) => format!("{:.1} %", own as f64 * 100.0 / all as f64),
        (Some(_), _) => "0.0 %".to_owned(),
        (None, _) => "-".to_owned(),
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
        hunt::{Grouping, Selection},
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

    fn written(
        write: fn(&mut Vec<u8>, &Groups, Metric, usize),
        top: &Groups,
        metric: Metric,
    ) -> String {
        let mut out = Vec::new();
        write(&mut out, top, metric, 2);
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
