//! Cuts records into lots: rows that travel together, and again just so if need be.

use std::{fmt, time::Duration};

use bytes::Bytes;
use sensor_core::flow::{
    batch::FlowBatch, fields::Row, interfaces::SharedInterfaces, totals::Totals,
};
use sensor_store::rows::Rows;

use crate::export::log::json;

/// Rows that travel together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lot {
    /// The rows as they are sent.
    pub body: Bytes,
    /// What a repeat is known by: who wrote the rows, and their numbers.
    pub token: String,
    /// What the records count.
    pub totals: Totals,
}

/// How records are cut into lots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LotOptions {
    /// What rows and tokens say about who wrote them.
    pub sensor: String,
    /// How rows are written.
    pub form: Form,
    /// Whether a lot is compressed as a whole, by zstd.
    pub compress: bool,
    /// A lot has so many rows at most.
    pub rows: u64,
    /// A lot has so many octets at most, before it is compressed; one row may have more.
    pub octets: usize,
    /// A lot is complete at this age.
    pub age: Duration,
}

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// ClickHouse's RowBinary, the columns of [`Rows::columns`].
    RowBinary,
    /// A JSON object a line, as in a flow log.
    Json,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RowBinary => "RowBinary",
            Self::Json => "JSONEachRow",
        })
    }
}

/// Makes lots of batches.
pub struct Cutter {
    rows: Rows,
    interfaces: SharedInterfaces,
    options: LotOptions,
    /// The number of the first record under way.
    first: u64,
    since: u64,
    octets: Vec<u8>,
    /// Where each record under way ends in `octets`, and what it counts.
    records: Vec<(usize, Totals)>,
}

impl Cutter {
    /// Nothing under way. Numbers begin with the time, in microseconds: so they ascend over restarts, and no lot has the token of another.
    pub fn new(options: LotOptions, interfaces: SharedInterfaces, now: u64) -> Self {
        Self {
            rows: Rows::new(options.sensor.clone()),
            interfaces,
            first: now.saturating_mul(1000),
            since: now,
            octets: Vec::new(),
            records: Vec::new(),
            options,
        }
    }

    /// Adds a batch that came at `now`, milliseconds since the epoch.
    pub fn add(&mut self, batch: &FlowBatch, now: u64) {
        if self.is_empty() {
            self.since = now;
        }
        let next = self.first + self.records.len() as u64;
        let mut row = 0;
        let mut ends = |octets: &Vec<u8>| {
            self.records.push((octets.len(), Totals::of_rows(batch, row..row + 1)));
            row += 1;
        };
        match self.options.form {
            Form::RowBinary => self.rows.write(batch, next, now, &mut self.octets, ends),
            Form::Json => {
                let interfaces = self.interfaces.get();
                for row in 0..batch.len() {
                    json::write_row(&mut self.octets, Row { batch, row, interfaces: &interfaces });
                    ends(&self.octets);
                }
            }
        }
    }

    /// Whether there is no record under way.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Whether a lot is as large as it may be.
    pub fn is_full(&self) -> bool {
        self.records.len() as u64 >= self.options.rows || self.octets.len() >= self.options.octets
    }

    /// Milliseconds until the records under way are old enough.
    pub fn due_in(&self, now: u64) -> u64 {
        let age = self.options.age.as_millis() as u64;
        (self.since + age).saturating_sub(now).min(age)
    }

    /// A lot of the first records under way: as many as it may have.
    pub fn cut(&mut self) -> Lot {
        let most = usize::try_from(self.options.rows).unwrap_or(usize::MAX).min(self.records.len());
        let fit = self.records[..most].partition_point(|(end, _)| *end <= self.options.octets);
        let count = fit.max(1).min(self.records.len());
        let end = count.checked_sub(1).map_or(0, |last| self.records[last].0);
        let rest = self.octets.split_off(end);
        let octets = std::mem::replace(&mut self.octets, rest);
        let mut totals = Totals::default();
        self.records.drain(..count).for_each(|(_, own)| totals += own);
        self.records.iter_mut().for_each(|(own, _)| *own -= end);
        let next = self.first + count as u64;
        let token = format!("{}-{}-{}", self.options.sensor, self.first, next.saturating_sub(1));
        self.first = next;
        let body = match self.options.compress {
            // Into memory: where it fails nevertheless, what is compressed is no more than what is not.
            true => zstd::encode_all(&octets[..], 1).unwrap_or_default(),
            false => octets,
        };
        Lot { body: body.into(), token, totals }
    }
}

#[cfg(test)]
mod tests {
    use sensor_core::flow::testing::{flow, push};

    use super::*;

    fn cutter(rows: u64, octets: usize, form: Form, compress: bool) -> Cutter {
        let age = Duration::from_secs(5);
        let options = LotOptions { sensor: "edge".to_owned(), form, compress, rows, octets, age };
        Cutter::new(options, SharedInterfaces::default(), 7)
    }

    #[test]
    fn a_lot_is_complete_by_rows_or_by_age_and_named_by_its_numbers() {
        let mut cutter = cutter(2, 1 << 20, Form::RowBinary, false);
        assert!(cutter.is_empty());
        cutter.add(&flow(1, 1, 2, 100), 1000);
        assert!(!cutter.is_empty() && !cutter.is_full());
        assert_eq!(
            (cutter.due_in(1000), cutter.due_in(4000), cutter.due_in(9000)),
            (5000, 2000, 0)
        );
        assert_eq!(cutter.due_in(0), 5000, "a clock that was set back holds nothing up for longer");
        cutter.add(&flow(2, 1, 2, 100), 2000);
        assert!(cutter.is_full());
        let lot = cutter.cut();
        assert_eq!((lot.token.as_str(), lot.totals.flows), ("edge-7000-7001", 2));
        assert!(cutter.is_empty());
        cutter.add(&flow(3, 1, 2, 100), 9000);
        assert_eq!(cutter.due_in(9000), 5000);
        assert_eq!(cutter.cut().token, "edge-7002-7002");
    }

    /// Ten records, whose octets are 1 to 10.
    fn ten() -> FlowBatch {
        let mut batch = flow(1, 1, 2, 1);
        (1..10).for_each(|row| push(&mut batch, 1 + row as u16, 1, 2, row + 1));
        batch
    }

    #[test]
    fn a_batch_that_is_larger_than_a_lot_becomes_several() {
        let whole = {
            let mut cutter = cutter(99, 1 << 20, Form::RowBinary, false);
            cutter.add(&ten(), 1000);
            cutter.cut()
        };
        let a_row = whole.body.len() / 10;
        for (rows, octets, sizes) in
            [(4, 1 << 20, vec![4, 4, 2]), (99, a_row * 3, vec![3, 3, 3, 1]), (99, 1, vec![1; 10])]
        {
            let mut cutter = cutter(rows, octets, Form::RowBinary, false);
            cutter.add(&ten(), 1000);
            let mut lots = Vec::new();
            while !cutter.is_empty() {
                lots.push(cutter.cut());
            }
            let flows: Vec<u64> = lots.iter().map(|lot| lot.totals.flows).collect();
            assert_eq!(flows, sizes);
            assert_eq!(lots.iter().map(|lot| lot.totals.octets).sum::<u64>(), 55);
            let bodies: Vec<u8> = lots.iter().flat_map(|lot| lot.body.to_vec()).collect();
            assert_eq!(bodies, whole.body);
            let last = 7000 + sizes[0] - 1;
            assert_eq!(lots[0].token, format!("edge-7000-{last}"));
            assert!(lots[1].token.starts_with(&format!("edge-{}-", last + 1)));
        }
    }

    #[test]
    fn lines_are_those_of_a_flow_log() {
        let mut cutter = cutter(99, 1 << 20, Form::Json, false);
        cutter.add(&ten(), 1000);
        let lot = cutter.cut();
        let lines: Vec<serde_json::Value> = lot
            .body
            .split(|octet| *octet == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).expect("an object"))
            .collect();
        let octets: Vec<_> = lines.iter().map(|line| line["octets"].as_u64()).collect();
        assert_eq!(octets, (1..=10).map(Some).collect::<Vec<_>>());
    }

    #[test]
    fn compressed_rows_are_the_rows() {
        let lot = |compress| {
            let mut cutter = cutter(9, 1 << 20, Form::RowBinary, compress);
            cutter.add(&flow(1, 1, 2, 100), 1000);
            cutter.cut().body
        };
        let (plain, compressed) = (lot(false), lot(true));
        assert!(compressed.len() < plain.len());
        assert_eq!(zstd::decode_all(&compressed[..]).unwrap(), plain);
    }
}
