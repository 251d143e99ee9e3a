//! Sums over time: a line for each of the largest groups, and one for all others together.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sensor_core::{
    flow::fields::OwnedValue,
    hunt::{Group, GroupBy, LimitReached, Metric, Sums},
};

use crate::export::log::top;

/// Periods in which nothing was that are shown all the same, at most.
const MOST_EMPTY: u64 = 100_000;
/// Sums of a series, at most: lines times periods.
const MOST_SUMS: usize = 1 << 20;
/// By what the largest lines are chosen, of the metric of the series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rank {
    /// The sum over all periods.
    #[default]
    Avg,
    /// The largest of a period.
    Max,
    /// That of the last period in which any line has flows.
    Last,
}

/// Flows that have the same values, over time.
#[derive(Debug)]
pub struct Line {
    /// The values; none for what is left of the others.
    pub values: Option<Vec<Option<OwnedValue>>>,
}

/// Sums by line and period.
#[derive(Debug)]
pub struct Series {
    /// What has lines of its own.
    pub by: Vec<GroupBy>,
    /// What lines are ordered by.
    pub metric: Metric,
    /// What is summed up.
    pub metrics: Vec<Metric>,
    /// Milliseconds.
    pub period: u64,
    /// The largest first, the others last.
    pub lines: Vec<Line>,
    /// By the beginning of the period, for each line.
    pub periods: BTreeMap<u64, Vec<Sums>>,
}

impl Series {
    /// Of `groups` by time and values, the `most` largest lines by `metric` and `rank`.
    ///
    /// # Errors
    /// When that would be more sums than are held.
    pub fn new(
        by: &[GroupBy],
        groups: &[Group],
        (metric, metrics): (Metric, &[Metric]),
        period: u64,
        (rank, most): (Rank, usize),
    ) -> Result<Self, LimitReached> {
        let texts: Vec<Vec<String>> =
            groups.iter().map(|group| top::shown_values(by, &group.values)).collect();
        let end = groups.iter().map(|group| group.bucket.unwrap_or(0)).max();
        let mut totals: HashMap<&[String], (usize, Option<u128>)> = HashMap::new();
        for (at, group) in groups.iter().enumerate() {
            let (_, total) = totals.entry(&texts[at]).or_insert((at, None));
            let own = group.sums.of(metric);
            *total = match rank {
                Rank::Avg => total.map_or(own, |sum| Some(sum + own.unwrap_or(0))),
                Rank::Max => own.max(*total),
                Rank::Last if Some(group.bucket.unwrap_or(0)) == end => own,
                Rank::Last => *total,
            };
        }
        let mut largest: Vec<_> = totals.into_iter().collect();
        largest.sort_by(|(left, (_, a)), (right, (_, b))| b.cmp(a).then_with(|| left.cmp(right)));
        let rest = largest.split_off(most.min(largest.len()));
        let mut lines: Vec<Line> = Vec::with_capacity(largest.len() + 1);
        let mut places = HashMap::new();
        for (at, (text, (group, _))) in largest.into_iter().enumerate() {
            places.insert(text, at);
            lines.push(Line { values: Some(groups[group].values.clone()) });
        }
        if !rest.is_empty() {
            lines.push(Line { values: None });
        }
        let begun: BTreeSet<u64> = groups.iter().map(|group| group.bucket.unwrap_or(0)).collect();
        let most_periods = MOST_SUMS / lines.len().max(1);
        if begun.len() > most_periods {
            return Err(LimitReached::Sums(MOST_SUMS));
        }
        let mut periods: BTreeMap<u64, Vec<Sums>> = BTreeMap::new();
        let none = || vec![Sums::default(); lines.len()];
        for (group, text) in groups.iter().zip(&texts) {
            let place = places.get(text.as_slice()).copied().unwrap_or(lines.len() - 1);
            let sums = periods.entry(group.bucket.unwrap_or(0)).or_insert_with(none);
            sums[place].add(&group.sums);
        }
        let ends = periods.first_key_value().zip(periods.last_key_value());
        if let Some(((first, _), (last, _))) = ends {
            let (first, last) = (*first, *last);
            let most = MOST_EMPTY.min(most_periods as u64);
            if period > 0 && (last - first) / period < most {
                let times = (first..=last).step_by(usize::try_from(period).unwrap_or(usize::MAX));
                times.for_each(|time| {
                    periods.entry(time).or_insert_with(none);
                });
            }
        }
        let (by, metrics) = (by.to_vec(), metrics.to_vec());
        Ok(Self { by, metric, metrics, period, lines, periods })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_times_periods_are_bounded() {
        let group = |host: u32| Group {
            values: vec![Some(OwnedValue::Integer(host.into()))],
            bucket: Some(u64::from(host) * 60_000),
            sums: Sums::default(),
            distinct: Vec::new(),
        };
        let groups: Vec<Group> = (0..1500).map(group).collect();
        let by = [GroupBy::named("srcport").unwrap()];
        let made =
            |most| Series::new(&by, &groups, (Metric::Flows, &[]), 60_000, (Rank::Avg, most));
        assert_eq!(made(1500).unwrap_err(), LimitReached::Sums(MOST_SUMS));
        assert_eq!(made(600).unwrap().periods.len(), 1500);
    }

    #[test]
    fn lines_are_chosen_by_their_rank() {
        let group = |host: u64, minute: u64, flows: u64| Group {
            values: vec![Some(OwnedValue::Integer(host))],
            bucket: Some(minute * 60_000),
            sums: Sums::taken(flows, []),
            distinct: Vec::new(),
        };
        // 1 has the most in all, 2 in one minute, 3 in the last.
        let groups = [
            group(1, 0, 6),
            group(2, 0, 7),
            group(1, 1, 6),
            group(3, 1, 1),
            group(1, 2, 1),
            group(3, 2, 2),
        ];
        let by = [GroupBy::named("srcport").unwrap()];
        let first = |rank| {
            let series =
                Series::new(&by, &groups, (Metric::Flows, &[]), 60_000, (rank, 1)).unwrap();
            assert!(series.lines[1].values.is_none());
            series.lines[0].values.clone().unwrap()[0].clone()
        };
        let firsts = [Rank::Avg, Rank::Max, Rank::Last].map(first);
        assert_eq!(firsts, [1, 2, 3].map(|host| Some(OwnedValue::Integer(host))));
    }
}
