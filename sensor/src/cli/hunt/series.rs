//! Sums over time in the forms in which they are shown.

use std::io::Write as _;

use sensor_core::hunt::{Group, Metric, Sums};

use super::table::{Table, numbers, words};
use crate::{
    cli::when::Zone,
    console::series::{Line, Series},
    export::log::{
        line::octets,
        top::{self, Listed},
    },
};

/// What the others are called.
const OTHER: &str = "Other";

impl Series {
    fn listed(&self) -> Listed<'_> {
        Listed {
            by: &self.by,
            groups: &[],
            metrics: &self.metrics,
            metric: self.metric,
            distinct: &[],
            total: Sums::default(),
            all: 0,
        }
    }

    /// The sums that machines get: for each period and line that has flows; where there is but one line, also for periods without.
    fn told(&self) -> impl Iterator<Item = (u64, &Line, Sums)> {
        let all = self.by.is_empty();
        self.periods.iter().flat_map(move |(time, sums)| {
            let told = self.lines.iter().zip(sums);
            let told = told.filter(move |(_, sums)| all || sums.flows() > 0);
            told.map(|(line, sums)| (*time, line, *sums))
        })
    }

    fn group(&self, line: &Line, sums: Sums) -> Group {
        let values = line.values.clone().unwrap_or_else(|| vec![None; self.by.len()]);
        Group { values, bucket: None, sums, distinct: Vec::new() }
    }

    /// Appends JSON objects, one a line: `bucket` is the beginning of the period, milliseconds since the epoch.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        for (time, line, sums) in self.told() {
            // Writing to a `Vec` cannot fail.
            let _ = write!(out, "{{\"bucket\":{time},");
            if line.values.is_none() {
                out.extend_from_slice(b"\"other\":true,");
            }
            top::write_members(out, &self.listed(), &self.group(line, sums));
            out.pop();
            out.extend_from_slice(b"}\n");
        }
    }

    /// Appends CSV.
    pub fn write_csv(&self, out: &mut Vec<u8>) {
        let names = ["bucket", "other"].map(str::to_owned).into_iter();
        let names: Vec<_> = names.chain(top::csv_names(&self.listed())).collect();
        out.extend_from_slice(names.join(",").as_bytes());
        out.push(b'\n');
        for (time, line, sums) in self.told() {
            let _ = write!(out, "{time},{},", line.values.is_none());
            top::write_csv_cells(out, &self.listed(), &self.group(line, sums));
            out.pop();
            out.push(b'\n');
        }
    }

    /// Appends a table: a row for each period, a column for each line, as many as there is room for.
    pub fn write_table(&self, out: &mut Vec<u8>, zone: Zone, width: Option<usize>) {
        let table = if self.by.is_empty() { self.sums(zone) } else { self.columns(zone) };
        out.extend_from_slice(table.text(width).as_bytes());
    }

    fn time_column(&self, zone: Zone) -> String {
        format!("TIME ({})", zone.name(self.periods.keys().next().copied().unwrap_or(0)))
    }

    fn time(&self, zone: Zone, time: u64) -> String {
        if self.period.is_multiple_of(1000) { zone.show_seconds(time) } else { zone.show(time) }
    }

    /// All flows together: every sum has a column.
    fn sums(&self, zone: Zone) -> Table {
        let metrics = [Metric::Flows, Metric::Packets, Metric::Octets];
        let more = (!metrics.contains(&self.metric)).then_some(self.metric);
        let metrics: Vec<Metric> = metrics.into_iter().chain(more).collect();
        let names = metrics.iter().map(|metric| numbers(&metric.name().to_uppercase(), 0));
        let time = words(&self.time_column(zone), 0);
        let mut table = Table::new(std::iter::once(time).chain(names).collect());
        for (time, sums) in &self.periods {
            let mut all = Sums::default();
            sums.iter().for_each(|sums| all.add(sums));
            let cells = metrics.iter().map(|metric| cell(&all, *metric));
            table.push(std::iter::once(self.time(zone, *time)).chain(cells));
        }
        table
    }

    /// One metric: every line has a column, and all together.
    fn columns(&self, zone: Zone) -> Table {
        let mut columns = vec![words(&self.time_column(zone), 0)];
        for (at, line) in self.lines.iter().enumerate() {
            let name = match &line.values {
                Some(values) => top::shown_values(&self.by, values).join(" "),
                None => OTHER.to_owned(),
            };
            // The smallest lines go first.
            let rank = 250_u8.saturating_sub(u8::try_from(at).unwrap_or(u8::MAX)).max(1);
            columns.push(numbers(&name, rank));
        }
        columns.push(numbers(&format!("ALL {}", self.metric.name().to_uppercase()), 0));
        let mut table = Table::new(columns);
        for (time, sums) in &self.periods {
            let mut all = Sums::default();
            sums.iter().for_each(|sums| all.add(sums));
            let cells = sums.iter().chain([&all]).map(|sums| cell(sums, self.metric));
            table.push(std::iter::once(self.time(zone, *time)).chain(cells));
        }
        table
    }
}

/// A sum as people read it: 0 where there are no flows, `-` where they do not tell it.
fn cell(sums: &Sums, metric: Metric) -> String {
    match (sums.flows(), sums.of(metric)) {
        (0, _) => "0".to_owned(),
        (_, Some(sum)) => octets(sum),
        (_, None) => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use sensor_core::{
        flow::{
            batch::{FlowBatch, Source},
            interfaces::Interfaces,
            testing::push,
        },
        hunt::{GroupBy, Grouping, Groups, Selection},
    };

    use super::*;
    use crate::console::series::Rank;

    /// Hosts 1 to 3 send in the first, the second and the fourth minute of 1970.
    fn series(by: &[&str], most: usize) -> Series {
        let mut batch = FlowBatch::v4(Source::Host);
        for (host, minute, octets) in
            [(1, 0, 9_000), (2, 0, 700), (1, 1, 2_300), (3, 3, 5), (2, 3, 20)]
        {
            push(&mut batch, host, minute * 60_000, minute * 60_000 + 1, octets);
        }
        let by: Vec<GroupBy> = by.iter().map(|name| GroupBy::named(name).unwrap()).collect();
        let metrics = vec![Metric::Octets, Metric::Packets];
        let grouping = Grouping { by: by.clone(), period: Some(60_000), metrics, most_groups: 100 };
        let mut groups = Groups::new(&grouping);
        groups.add(&batch, &Interfaces::default(), &Selection::All);
        let metrics = [Metric::Octets, Metric::Flows];
        Series::new(&by, &groups.ordered(), (Metric::Octets, &metrics), 60_000, (Rank::Avg, most))
            .unwrap()
    }

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_largest_have_lines_and_the_rest_is_other() {
        let series = series(&["srcip"], 1);
        assert_eq!(
            text(|out| series.write_json(out)),
            "{\"bucket\":0,\"srcip\":\"10.0.0.1\",\"octets\":9000,\"flows\":1}\n\
             {\"bucket\":0,\"other\":true,\"octets\":700,\"flows\":1}\n\
             {\"bucket\":60000,\"srcip\":\"10.0.0.1\",\"octets\":2300,\"flows\":1}\n\
             {\"bucket\":180000,\"other\":true,\"octets\":25,\"flows\":2}\n"
        );
        assert_eq!(
            text(|out| series.write_csv(out)),
            "bucket,other,srcip,octets,flows\n0,false,10.0.0.1,9000,1\n0,true,,700,1\n\
             60000,false,10.0.0.1,2300,1\n180000,true,,25,2\n"
        );
        assert_eq!(
            text(|out| series.write_table(out, Zone::Utc, None)),
            "TIME (UTC)           10.0.0.1  Other  ALL OCTETS\n\
             1970-01-01 00:00:00      9000    700        9700\n\
             1970-01-01 00:01:00      2300      0        2300\n\
             1970-01-01 00:02:00         0      0           0\n\
             1970-01-01 00:03:00         0     25          25\n"
        );
    }

    #[test]
    fn a_narrow_terminal_sees_the_largest() {
        let series = series(&["srcip"], 3);
        let table = text(|out| series.write_table(out, Zone::Utc, Some(45)));
        assert!(table.starts_with("TIME (UTC)           10.0.0.1  ALL OCTETS\n"), "{table}");
    }

    #[test]
    fn all_flows_together_are_told_of_every_period() {
        let series = series(&[], 10);
        let json = text(|out| series.write_json(out));
        assert_eq!(json.lines().count(), 4);
        assert!(json.contains("{\"bucket\":120000,\"flows\":0}\n"), "{json}");
        assert_eq!(
            text(|out| series.write_table(out, Zone::Utc, None)).lines().next(),
            Some("TIME (UTC)           FLOWS  PACKETS  OCTETS")
        );
    }
}
