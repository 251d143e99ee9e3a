//! Cuts records into lots: rows that are inserted together, and again just so if need be.

use bytes::Bytes;
use sensor_core::flow::{batch::FlowBatch, totals::Totals};
use sensor_store::rows::Rows;

use super::options::ClickHouseOptions;
use crate::export::queue::Load as _;

/// Octets at which a lot is complete, whatever its rows: what a server takes in one piece, and what memory an outage costs.
const OCTETS: usize = 64 << 20;

/// Rows that are inserted together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lot {
    /// The rows as they are sent.
    pub body: Bytes,
    /// What the server knows a repeat by: who wrote the rows, and their numbers.
    pub token: String,
    /// What the records count.
    pub totals: Totals,
}

/// Makes lots of batches.
pub struct Cutter {
    rows: Rows,
    sensor: String,
    compress: bool,
    lot_rows: u64,
    lot_age: u64,
    /// The number of the next record.
    next: u64,
    /// That of the first record of the lot under way.
    first: u64,
    since: u64,
    octets: Vec<u8>,
    totals: Totals,
}

impl Cutter {
    /// Nothing under way. Numbers begin with the time, in microseconds: so they ascend over restarts, and no lot has the token of another.
    pub fn new(options: &ClickHouseOptions, now: u64) -> Self {
        let first = now.saturating_mul(1000);
        Self {
            rows: Rows::new(options.sensor.clone()),
            sensor: options.sensor.clone(),
            compress: options.compress,
            lot_rows: options.lot_rows.max(1),
            lot_age: options.lot_age.as_millis() as u64,
            next: first,
            first,
            since: now,
            octets: Vec::new(),
            totals: Totals::default(),
        }
    }

    /// Adds a batch that came at `now`, milliseconds since the epoch.
    pub fn add(&mut self, batch: &FlowBatch, now: u64) {
        if self.is_empty() {
            self.since = now;
        }
        self.rows.write(batch, self.next, now, &mut self.octets);
        self.next += batch.len() as u64;
        self.totals += batch.amount();
    }

    /// Whether there is no record under way.
    pub fn is_empty(&self) -> bool {
        self.next == self.first
    }

    /// Whether the lot has as many rows as it may.
    pub fn is_full(&self) -> bool {
        self.next - self.first >= self.lot_rows || self.octets.len() >= OCTETS
    }

    /// Milliseconds until it is old enough.
    pub fn due_in(&self, now: u64) -> u64 {
        (self.since + self.lot_age).saturating_sub(now).min(self.lot_age)
    }

    /// The lot; another begins.
    pub fn cut(&mut self) -> Lot {
        let token = format!("{}-{}-{}", self.sensor, self.first, self.next.saturating_sub(1));
        let octets = std::mem::take(&mut self.octets);
        let body = match self.compress {
            // Into memory: where it fails nevertheless, what is compressed is no more than what is not.
            true => zstd::encode_all(&octets[..], 1).unwrap_or_default(),
            false => octets,
        };
        self.first = self.next;
        Lot { body: body.into(), token, totals: std::mem::take(&mut self.totals) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sensor_core::{flow::testing::flow, nql::sql::TableOptions};

    use super::*;

    fn options(lot_rows: u64, compress: bool) -> ClickHouseOptions {
        ClickHouseOptions {
            url: "http://h:8123".to_owned(),
            table: TableOptions { database: None, table: "flows".to_owned(), keep_days: None },
            credentials: None,
            tls: Default::default(),
            sensor: "edge".to_owned(),
            lot_rows,
            lot_age: Duration::from_secs(5),
            timeout: Duration::from_secs(30),
            compress,
        }
    }

    #[test]
    fn a_lot_is_complete_by_rows_or_by_age_and_named_by_its_numbers() {
        let mut cutter = Cutter::new(&options(2, false), 7);
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

    #[test]
    fn compressed_rows_are_the_rows() {
        let lot = |compress| {
            let mut cutter = Cutter::new(&options(9, compress), 7);
            cutter.add(&flow(1, 1, 2, 100), 1000);
            cutter.cut().body
        };
        let (plain, compressed) = (lot(false), lot(true));
        assert!(compressed.len() < plain.len());
        assert_eq!(zstd::decode_all(&compressed[..]).unwrap(), plain);
    }
}
