//! Rates over time.

use sensor_core::{
    hunt::{Answer, Distinct, GroupBy, Grouping, Metric, Question, Said, Sums},
    nql::typed::Typed,
};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{
    desk::{Desk, Ground, Range},
    fault::{Code, Fault},
    mirror, query,
    series::{Rank, Series},
    value::{self, Count, METRICS},
};

/// Groups by time that are held at the same time.
const MOST_GROUPS: usize = 1_000_000;
/// Lines, at most.
const MOST_LINES: usize = 100;
/// Points of time, at most.
const MOST_POINTS: u64 = 2000;

/// Lengths of steps that people read, milliseconds; longer ones are whole days.
const STEPS: [u64; 20] = [
    1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000,
    1_800_000, 3_600_000, 7_200_000, 10_800_000, 14_400_000, 21_600_000, 28_800_000, 43_200_000,
    DAY,
];
const DAY: u64 = 86_400_000;

/// What is counted a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Bits of the IP packets.
    #[default]
    Bps,
    /// Packets.
    Pps,
    /// Flow records.
    Fps,
}

impl Unit {
    fn metric(self) -> Metric {
        match self {
            Self::Bps => Metric::Octets,
            Self::Pps => Metric::Packets,
            Self::Fps => Metric::Flows,
        }
    }

    /// So many of the unit, of so many of the metric in so many milliseconds.
    fn rate(self, amount: u128, ms: u64) -> f64 {
        let bits = if self == Self::Bps { 8.0 } else { 1.0 };
        amount as f64 * bits * 1000.0 / ms as f64
    }
}

/// `POST /series`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeriesAsk {
    /// Which flows; nothing for all.
    #[serde(default)]
    pub q: String,
    /// Received from then on, milliseconds since the epoch.
    pub from_ms: u64,
    /// Received before that.
    pub to_ms: u64,
    /// Points of time, at most.
    #[serde(default = "points")]
    pub points: u64,
    /// What is counted.
    #[serde(default)]
    pub unit: Unit,
    /// What has lines of its own.
    #[serde(default)]
    pub by: Vec<String>,
    /// Lines, at most; the others are one together.
    #[serde(default = "limit")]
    pub limit: usize,
    /// By what lines are chosen.
    #[serde(default)]
    pub rank: Rank,
    /// Lines of the other direction as well: source and destination of the query exchanged.
    #[serde(default)]
    pub bidirectional: bool,
    /// A line of the time before that is as long.
    #[serde(default)]
    pub previous: bool,
}

fn points() -> u64 {
    120
}

fn limit() -> usize {
    8
}

/// Rates over time.
#[derive(Clone, Debug, Serialize)]
pub struct SeriesAnswer {
    /// When each step begins, milliseconds since the epoch.
    pub t: Vec<u64>,
    /// How long a step is.
    pub step_ms: u64,
    /// The lines.
    pub series: Vec<Line>,
    /// What it rests on.
    #[serde(flatten)]
    pub ground: Ground,
}

/// A line.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// Its values.
    pub key: Vec<Json>,
    /// All that have no line of their own.
    pub other: bool,
    /// Of the other direction.
    #[serde(skip_serializing_if = "is_false")]
    pub reverse: bool,
    /// Of the time before.
    #[serde(skip_serializing_if = "is_false")]
    pub previous: bool,
    /// A rate for each step; null where less than half of the step was asked for, or nobody tells it.
    pub v: Vec<Option<f64>>,
    /// The same in a few numbers.
    pub stat: Stat,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// A line in a few numbers: of its rates, but `avg` and `total` of all that was counted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Stat {
    /// The lowest.
    pub min: f64,
    /// The highest.
    pub max: f64,
    /// The last.
    pub last: f64,
    /// All that was counted, by the time.
    pub avg: f64,
    /// Nineteen of twenty are no higher.
    pub p95: f64,
    /// All that was counted: octets, packets or flows.
    pub total: Count,
}

/// The steps of a range.
struct Steps {
    range: Range,
    step: u64,
}

impl Steps {
    fn of(range: Range, points: u64) -> Self {
        let points = points.clamp(1, MOST_POINTS);
        let least = (range.to - range.from).div_ceil(points);
        let known = STEPS.iter().find(|step| **step >= least).copied();
        Self { range, step: known.unwrap_or_else(|| least.div_ceil(DAY).saturating_mul(DAY)) }
    }

    /// When each begins.
    fn times(&self) -> Vec<u64> {
        let first = self.range.from / self.step * self.step;
        let mut times = vec![first];
        while let Some(next) = times.last().and_then(|last| last.checked_add(self.step))
            && next < self.range.to
        {
            times.push(next);
        }
        times
    }

    /// Milliseconds of a step that were asked for; none where they are less than half of it.
    fn covered(&self, time: u64) -> Option<u64> {
        let end = time.saturating_add(self.step).min(self.range.to);
        let covered = end.saturating_sub(time.max(self.range.from));
        (covered.saturating_mul(2) >= self.step).then_some(covered)
    }
}

/// Answers.
///
/// # Errors
/// Faults of the request, and limits that are reached.
pub fn ask(desk: &Desk, asked: &SeriesAsk) -> Result<SeriesAnswer, Fault> {
    let range = Range::of(asked.from_ms, asked.to_ms)?;
    let by = query::groups(&asked.by, None)?;
    let query = query::query(&asked.q, &desk.lists)?;
    let steps = Steps::of(range, asked.points);
    let (mut series, mut ground) = lines(desk, asked, &steps, &query, &by)?;
    if asked.bidirectional {
        let by: Vec<GroupBy> = by.iter().map(mirror::group).collect();
        let (lines, more) = lines(desk, asked, &steps, &mirror::query(&query), &by)?;
        series.extend(lines.into_iter().map(|line| Line { reverse: true, ..line }));
        ground.add(more);
    }
    if asked.previous
        && let Some(from) = range.from.checked_sub(range.to - range.from)
    {
        let before = Range { from, to: range.from };
        let all = SeriesAsk { by: Vec::new(), ..asked.clone() };
        let own = Steps { range: before, step: steps.step };
        let (mut lines, more) = lines(desk, &all, &own, &query, &[])?;
        // Ranges do not begin with a step: as many as the others have.
        let points = steps.times().len();
        for line in &mut lines {
            line.v.resize(points, None);
            line.previous = true;
        }
        series.extend(lines);
        ground.add(more);
    }
    Ok(SeriesAnswer { t: steps.times(), step_ms: steps.step, series, ground })
}

fn lines(
    desk: &Desk,
    asked: &SeriesAsk,
    steps: &Steps,
    query: &Typed,
    by: &[GroupBy],
) -> Result<(Vec<Line>, Ground), Fault> {
    let Range { from, to } = steps.range;
    let grouping = Grouping {
        by: by.to_vec(),
        period: Some(steps.step),
        metrics: METRICS.to_vec(),
        most_groups: MOST_GROUPS,
    };
    let said = Said::Groups(grouping, Distinct::default());
    let question = Question { query: query.clone(), from, to, said };
    let (answer, ground) = desk.ask(&question)?;
    let Answer::Groups(groups) = answer else {
        return Err(Fault::new(Code::Internal, "no groups were found"));
    };
    groups.check()?;
    let metric = asked.unit.metric();
    let most = asked.limit.min(MOST_LINES);
    let chosen = (metric, METRICS.as_slice());
    let series = Series::new(by, &groups.ordered(), chosen, steps.step, (asked.rank, most))?;
    let times = steps.times();
    let mut lines: Vec<Line> = Vec::with_capacity(series.lines.len());
    for (at, line) in series.lines.iter().enumerate() {
        let sums: Vec<Sums> = times
            .iter()
            .map(|time| series.periods.get(time).map(|sums| sums[at]).unwrap_or_default())
            .collect();
        let values = line.values.as_deref().unwrap_or_default();
        lines.push(Line {
            key: value::key(by, values),
            other: line.values.is_none(),
            reverse: false,
            previous: false,
            ..rates(asked.unit, steps, &times, &sums)
        });
    }
    if lines.is_empty() && by.is_empty() {
        // No flows are a line of zeros.
        lines.push(rates(asked.unit, steps, &times, &vec![Sums::default(); times.len()]));
    }
    Ok((lines, ground))
}

fn rates(unit: Unit, steps: &Steps, times: &[u64], sums: &[Sums]) -> Line {
    let amount = |sums: &Sums| if sums.flows() == 0 { Some(0) } else { sums.of(unit.metric()) };
    let rate = |(time, sums): (&u64, &Sums)| Some(unit.rate(amount(sums)?, steps.covered(*time)?));
    let v: Vec<Option<f64>> = times.iter().zip(sums).map(rate).collect();
    let total: u128 = sums.iter().filter_map(amount).sum();
    let mut told: Vec<f64> = v.iter().flatten().copied().collect();
    let last = told.last().copied().unwrap_or(0.0);
    told.sort_by(f64::total_cmp);
    let p95 = told.len().saturating_mul(95).div_ceil(100).saturating_sub(1);
    let at = |place: usize| told.get(place).copied().unwrap_or(0.0);
    let Range { from, to } = steps.range;
    let stat = Stat {
        min: at(0),
        max: at(told.len().saturating_sub(1)),
        last,
        avg: unit.rate(total, to - from),
        p95: at(p95),
        total: Count(total),
    };
    Line { key: Vec::new(), other: false, reverse: false, previous: false, v, stat }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_such_as_people_read_and_as_many_as_were_asked_for() {
        let step = |from, to, points| Steps::of(Range { from, to }, points).step;
        assert_eq!(step(0, 60_000, 60), 1000);
        assert_eq!(step(0, 60_001, 60), 2000);
        assert_eq!(step(0, 3_600_000, 120), 30_000);
        assert_eq!(step(0, 200 * DAY, 100), 2 * DAY);
        assert_eq!(step(0, 1, 0), 1000);
        // All that there ever was is few steps.
        let all = Steps::of(Range { from: 0, to: u64::MAX }, 10);
        assert!(all.times().len() <= 11, "{}", all.times().len());
    }

    #[test]
    fn a_step_that_was_asked_for_in_part_has_a_rate_where_that_is_half_of_it() {
        let steps = Steps { range: Range { from: 1500, to: 3400 }, step: 1000 };
        assert_eq!(steps.times(), [1000, 2000, 3000]);
        assert_eq!(steps.times().map_covered(&steps), [Some(500), Some(1000), None]);
        let sums = |flows| Sums::taken(flows, [(Metric::Octets, u128::from(flows) * 100)]);
        let line = rates(Unit::Bps, &steps, &steps.times(), &[sums(1), sums(3), sums(9)]);
        assert_eq!(line.v, [Some(1600.0), Some(2400.0), None]);
        let avg = 1300.0 * 8.0 * 1000.0 / 1900.0;
        let stat =
            Stat { min: 1600.0, max: 2400.0, last: 2400.0, avg, p95: 2400.0, total: Count(1300) };
        assert_eq!(line.stat, stat);
    }

    trait Covered {
        fn map_covered(self, steps: &Steps) -> Vec<Option<u64>>;
    }

    impl Covered for Vec<u64> {
        fn map_covered(self, steps: &Steps) -> Vec<Option<u64>> {
            self.into_iter().map(|time| steps.covered(time)).collect()
        }
    }
}
