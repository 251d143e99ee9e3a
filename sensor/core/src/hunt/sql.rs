//! The same questions as SQL, for records that are elsewhere: in a table of ClickHouse, or in files that DuckDB reads.
//!
//! Answers come back as they do here: rows by time and number, groups by their values, the largest first where a metric orders them.
//! Nothing bounds how many groups an engine holds but its own limits; so one group more than may be is asked for, and whoever reads the
//! answer knows by it that there are more ([`LimitReached`](super::LimitReached)).

use super::{GroupBy, Grouping, Metric, Order, sums::Metered};
use crate::nql::{
    sql::{self, Dialect, Refusal, identifier, stored::Stored},
    typed::{Subject, Typed},
};

/// Which records a statement is about.
#[derive(Clone, Copy, Debug)]
pub struct About<'q> {
    /// Whose SQL it is.
    pub dialect: Dialect,
    /// The relation that has the records: `TableOptions::name`, or `nql::sql::files`.
    pub from: &'q str,
    /// Which of them.
    pub query: &'q Typed,
    /// Received from then on, milliseconds since the epoch.
    pub begin: u64,
    /// Received before then.
    pub end: u64,
}

/// In which order groups are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupOrder {
    /// All, by time and by their values.
    Values,
    /// So many, the largest by a metric first; of equal ones the one with the lower values.
    Largest(Metric, usize),
}

impl About<'_> {
    /// Selects rows: number, time of receipt in milliseconds, and a column for each subject, `flow.NAME`.
    ///
    /// # Errors
    /// What the dialect has no words for.
    pub fn rows(&self, said: &[Subject], order: Order, most: usize) -> Result<String, Refusal> {
        let (received, sequence) = (Stored::Received.name(), Stored::Sequence.name());
        let time = sql::bucket(1, self.dialect);
        let mut columns = vec![sequence.to_owned(), format!("{time} AS received")];
        for subject in said {
            let value = sql::grouped(subject, None, self.dialect)?;
            // To ClickHouse, a column that is called like a stored one is that one also in the condition.
            let name = format!("flow.{}", subject.name());
            columns.push(format!("{value} AS {}", identifier(&name)));
        }
        let way = match order {
            Order::OldestFirst => "ASC",
            Order::NewestFirst => "DESC",
        };
        Ok(format!(
            "SELECT {}\nFROM {}\nWHERE {}\nORDER BY {received} {way}, {sequence} {way}\nLIMIT {most}",
            columns.join(", "),
            self.from,
            self.condition()?,
        ))
    }

    /// Counts the records.
    ///
    /// # Errors
    /// What the dialect has no words for.
    pub fn count(&self) -> Result<String, Refusal> {
        Ok(format!("SELECT count(*)\nFROM {}\nWHERE {}", self.from, self.condition()?))
    }

    /// Sums groups up: the bucket if there are any, a column for each field, the number of flows, and each metric as a text of digits.
    ///
    /// # Errors
    /// What the dialect has no words for.
    pub fn groups(&self, grouping: &Grouping, order: GroupOrder) -> Result<String, Refusal> {
        let (mut columns, mut keys, mut sorted) = (Vec::new(), Vec::new(), Vec::new());
        if let Some(period) = grouping.period {
            columns.push(format!("{} AS bucket", sql::bucket(period, self.dialect)));
            keys.push("bucket".to_owned());
            sorted.push("bucket".to_owned());
        }
        for (place, by) in grouping.by.iter().take(super::MOST_FIELDS).enumerate() {
            let name = format!("by_{place}");
            columns.push(format!("{} AS {name}", self.key(by)?));
            if by.is_address() {
                sorted.push(format!("{name} IS NULL DESC"));
                sorted.push(format!("{} DESC", sql::is_v4(&name, self.dialect)));
            }
            sorted.push(format!("{name} NULLS FIRST"));
            keys.push(name);
        }
        columns.push("count(*) AS flows".to_owned());
        for metric in &grouping.metrics {
            let sum = sql::in_decimal(&self.sum(*metric)?, self.dialect);
            columns.push(format!("{sum} AS sum_{}", metric.name()));
        }
        let most = match order {
            GroupOrder::Values => grouping.most_groups.saturating_add(1),
            GroupOrder::Largest(metric, count) => {
                sorted.insert(0, format!("{} DESC NULLS LAST", self.sum(metric)?));
                count
            }
        };
        let mut text = format!(
            "SELECT {}\nFROM {}\nWHERE {}",
            columns.join(", "),
            self.from,
            self.condition()?
        );
        if !keys.is_empty() {
            text += &format!("\nGROUP BY {}", keys.join(", "));
            text += &format!("\nORDER BY {}", sorted.join(", "));
        }
        Ok(format!("{text}\nLIMIT {most}"))
    }

    /// Counts the groups, however many there are.
    ///
    /// # Errors
    /// What the dialect has no words for.
    pub fn group_count(&self, by: &[GroupBy]) -> Result<String, Refusal> {
        let (mut columns, mut names) = (Vec::new(), Vec::new());
        for (place, by) in by.iter().take(super::MOST_FIELDS).enumerate() {
            let name = format!("by_{place}");
            columns.push(format!("{} AS {name}", self.key(by)?));
            names.push(name);
        }
        Ok(format!(
            "SELECT count(*)\nFROM (SELECT {} FROM {} WHERE {} GROUP BY {}) AS each",
            columns.join(", "),
            self.from,
            self.condition()?,
            names.join(", "),
        ))
    }

    fn condition(&self) -> Result<String, Refusal> {
        let condition = sql::condition(self.query, self.dialect)?;
        Ok(match sql::received(self.begin, self.end, self.dialect) {
            Some(received) => format!("{received} AND {condition}"),
            None => condition,
        })
    }

    fn key(&self, by: &GroupBy) -> Result<String, Refusal> {
        let lengths = by.prefixes.map(|own| (own.v4, own.v6));
        sql::grouped(&by.subject, lengths, self.dialect)
    }

    fn sum(&self, metric: Metric) -> Result<String, Refusal> {
        match metric.metered() {
            None => Ok("count(*)".to_owned()),
            Some(Metered { column, is_scaled, times }) => {
                sql::sum(column, is_scaled, times, self.dialect)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(name: &str) -> GroupBy {
        GroupBy::named(name).expect("a field")
    }

    fn about(query: &Typed) -> About<'_> {
        About { dialect: Dialect::ClickHouse, from: "flows", query, begin: 0, end: u64::MAX }
    }

    /// `direction` is a text here and a number in the table: a column of that name would be the one in the condition.
    #[test]
    fn columns_of_rows_are_called_like_no_stored_one() {
        let all = Typed::Constant(true);
        let said = ["direction", "tags", "srcip"].map(|name| by(name).subject);
        let rows = about(&all).rows(&said, Order::OldestFirst, 1).expect("words");
        for name in ["direction", "tags", "srcip"] {
            assert!(rows.contains(&format!(" AS \"flow.{name}\"")), "{rows}");
        }
    }

    #[test]
    fn what_nobody_ever_tells_is_null_and_no_case_without_cases() {
        let all = Typed::Constant(true);
        let said = [by("inputclasses").subject];
        let rows = about(&all).rows(&said, Order::OldestFirst, 1).expect("words");
        assert!(rows.contains(", NULL AS \"flow.inputclasses\"\n"), "{rows}");
    }

    #[test]
    fn groups_are_counted_without_a_limit() {
        let all = Typed::Constant(true);
        let count = about(&all).group_count(&[by("srcip"), by("dstport")]).expect("words");
        assert!(count.starts_with("SELECT count(*)\nFROM (SELECT srcip AS by_0, "), "{count}");
        assert!(count.ends_with(" GROUP BY by_0, by_1) AS each"), "{count}");
    }
}
