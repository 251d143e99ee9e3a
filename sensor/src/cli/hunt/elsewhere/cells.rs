//! Reads what ClickHouse answers: a line for each row, a cell for each column (`JSONCompactEachRow`).

use std::net::IpAddr;

use sensor_core::{
    flow::fields::{Kind, OwnedValue},
    hunt::{Group, Grouping, Metric, Sums},
    nql::{sql::is_list, typed::Subject},
};
use serde_json::Value;

/// What stands in an answer is none of what was asked for.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// A line is no list of cells, or has another number of them.
    #[error("line {line} of the answer is no row of {cells} cells: {text}")]
    Row {
        /// Which line, from 1 on.
        line: usize,
        /// So many were asked for.
        cells: usize,
        /// Its beginning.
        text: String,
    },
    /// A cell has a value of another kind.
    #[error("line {line} of the answer has no {what} where there should be one: {value}")]
    Cell {
        /// Which line, from 1 on.
        line: usize,
        /// What should be there.
        what: String,
        /// What is there.
        value: String,
    },
}

/// Characters of a line that are shown.
const SHOWN: usize = 100;

/// The cells of a line.
pub struct Cells {
    line: usize,
    cells: std::vec::IntoIter<Value>,
}

/// The rows of an answer, each with so many cells.
pub fn rows(answer: &str, cells: usize) -> impl Iterator<Item = Result<Cells, AnswerError>> {
    answer.lines().enumerate().map(move |(at, text)| {
        let line = at + 1;
        match serde_json::from_str::<Vec<Value>>(text) {
            Ok(all) if all.len() == cells => Ok(Cells { line, cells: all.into_iter() }),
            _ => {
                let text = text.chars().take(SHOWN).collect();
                Err(AnswerError::Row { line, cells, text })
            }
        }
    })
}

impl Cells {
    fn take<T>(
        &mut self,
        what: impl FnOnce() -> String,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Option<T>, AnswerError> {
        // There are as many as were asked for.
        let value = self.cells.next().unwrap_or(Value::Null);
        if value.is_null() {
            return Ok(None);
        }
        let wrong =
            || AnswerError::Cell { line: self.line, what: what(), value: value.to_string() };
        read(&value).map(Some).ok_or_else(wrong)
    }

    /// A number that is always there.
    pub fn count(&mut self, what: &str) -> Result<u64, AnswerError> {
        let count = self.take(|| what.to_owned(), number)?;
        let value = || Value::Null.to_string();
        count.ok_or_else(|| AnswerError::Cell {
            line: self.line,
            what: what.to_owned(),
            value: value(),
        })
    }

    fn sum(&mut self, metric: Metric) -> Result<Option<u128>, AnswerError> {
        // A text, since it may have more digits than numbers of JSON.
        self.take(|| format!("sum of {}", metric.name()), |value| value.as_str()?.parse().ok())
    }

    /// The value of a subject; none where there is none.
    pub fn value(&mut self, subject: &Subject) -> Result<Option<OwnedValue>, AnswerError> {
        self.take(|| subject.name(), |value| of_subject(value, subject))
    }

    /// A flow: behind its number and its time, which put it in its place, the values of subjects.
    pub fn flow(&mut self, of: &[Subject]) -> Result<Vec<Option<OwnedValue>>, AnswerError> {
        self.count("sequence")?;
        self.count("received")?;
        of.iter().map(|subject| self.value(subject)).collect()
    }

    /// A group: its bucket, its values, its sums.
    pub fn group(&mut self, grouping: &Grouping) -> Result<Group, AnswerError> {
        let bucket = match grouping.period {
            Some(_) => Some(self.count("bucket")?),
            None => None,
        };
        let values = grouping.by.iter().map(|by| self.value(&by.subject));
        let values = values.collect::<Result<_, _>>()?;
        let flows = self.count("flows")?;
        let mut sums = Vec::new();
        for metric in &grouping.metrics {
            sums.extend(self.sum(*metric)?.map(|sum| (*metric, sum)));
        }
        Ok(Group { values, bucket, sums: Sums::taken(flows, sums), distinct: Vec::new() })
    }
}

/// Servers quote numbers of 64 bits or do not, by their age and their settings.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn of_subject(value: &Value, subject: &Subject) -> Option<OwnedValue> {
    if is_list(subject) {
        let texts: Vec<String> = serde_json::from_str(value.as_str()?).ok()?;
        return Some(OwnedValue::Texts(texts.into()));
    }
    let kind = match subject {
        Subject::Field(field) => field.kind,
        _ => Kind::Text,
    };
    Some(match kind {
        Kind::Unsigned(_) | Kind::Integer => OwnedValue::Integer(number(value)?),
        Kind::Float => {
            let number = value.as_f64().or_else(|| value.as_str()?.parse().ok())?;
            OwnedValue::Float(Some(number).filter(|number| number.is_finite())?)
        }
        // Conditions are numbers there.
        Kind::Bool => OwnedValue::Bool(match (value.as_bool(), value.as_u64()) {
            (Some(flag), _) => flag,
            (_, Some(number @ 0..=1)) => number == 1,
            _ => return None,
        }),
        Kind::Ip => {
            let address: IpAddr = value.as_str()?.parse().ok()?;
            OwnedValue::Ip(address.to_canonical())
        }
        Kind::Text | Kind::TextList => OwnedValue::Text(value.as_str()?.into()),
    })
}

#[cfg(test)]
mod tests {
    use sensor_core::hunt::GroupBy;

    use super::*;

    fn subject(name: &str) -> Subject {
        GroupBy::named(name).expect("a field").subject
    }

    fn value(name: &str, cell: &str) -> Result<Option<OwnedValue>, AnswerError> {
        let mut rows = rows(cell, 1);
        rows.next().expect("a line").expect("a row").value(&subject(name))
    }

    #[test]
    fn values_are_read_by_the_kind_of_their_field() {
        let text = |text: &str| Ok(Some(OwnedValue::Text(text.into())));
        let texts = |texts: &[&str]| {
            Ok(Some(OwnedValue::Texts(texts.iter().map(|text| (*text).to_owned()).collect())))
        };
        let ip = |text: &str| Ok(Some(OwnedValue::Ip(text.parse().expect("an address"))));
        assert_eq!(value("srcip", r#"["::ffff:192.0.2.7"]"#), ip("192.0.2.7"));
        assert_eq!(value("srcip", r#"["2001:db8::1"]"#), ip("2001:db8::1"));
        assert_eq!(
            value("octets", "[18446744073709551615]"),
            Ok(Some(OwnedValue::Integer(u64::MAX)))
        );
        assert_eq!(value("octets", r#"["7"]"#), Ok(Some(OwnedValue::Integer(7))));
        assert_eq!(value("octets", "[null]"), Ok(None));
        assert_eq!(value("protocol", r#"["tcp"]"#), text("tcp"));
        assert_eq!(value("srcmac", r#"["00:00:5e:00:53:01"]"#), text("00:00:5e:00:53:01"));
        assert_eq!(value("tags", r#"["[\"a\",\"b\"]"]"#), texts(&["a", "b"]));
        assert_eq!(value("label.src.role", r#"["[\"db\"]"]"#), texts(&["db"]));
        assert_eq!(value("flowbrate", "[8000.5]"), Ok(Some(OwnedValue::Float(8000.5))));
        for (cell, flag) in [("[true]", true), ("[0]", false), ("[1]", true)] {
            assert_eq!(value("tcpflags.syn", cell), Ok(Some(OwnedValue::Bool(flag))), "{cell}");
        }
    }

    #[test]
    fn what_is_no_answer_is_named_with_its_line() {
        for (name, cell) in [
            ("srcip", r#"["x"]"#),
            ("octets", r#"[-1]"#),
            ("octets", r#"[1.5]"#),
            ("tcpflags.syn", "[2]"),
            ("tags", r#"["a"]"#),
            ("protocol", "[6]"),
        ] {
            let fault = value(name, cell).expect_err(cell).to_string();
            assert!(fault.contains("line 1 ") && fault.contains(name), "{fault}");
        }
        let mut two = rows("[1]\n[1,2]\nCode: 241. DB::Exception", 1);
        assert!(two.next().is_some_and(|row| row.is_ok()));
        let texts: Vec<_> = two.map(|row| row.err().expect("no row").to_string()).collect();
        assert_eq!(texts[0], "line 2 of the answer is no row of 1 cells: [1,2]");
        assert!(texts[1].starts_with("line 3") && texts[1].ends_with("Code: 241. DB::Exception"));
    }

    #[test]
    fn groups_have_their_sums_and_none_where_nobody_told_them() {
        let metrics = vec![Metric::Octets, Metric::Packets, Metric::Flows, Metric::ScaledBits];
        let by = vec![GroupBy::named("dstport").expect("a field")];
        let grouping = Grouping { by, period: Some(60_000), metrics, most_groups: 9 };
        let answer = r#"["60000",22,"3","340282366920938463463374607431768211455",null,"3","80"]"#;
        let row = rows(answer, 7).next().expect("a line");
        let group = row.expect("a row").group(&grouping).expect("a group");
        assert_eq!((group.bucket, group.sums.flows()), (Some(60_000), 3));
        assert_eq!(group.values, [Some(OwnedValue::Integer(22))]);
        let of = |metric| group.sums.of(metric);
        assert_eq!((of(Metric::Octets), of(Metric::Packets)), (Some(u128::MAX), None));
        assert_eq!(of(Metric::ScaledBits), Some(80));
    }
}
