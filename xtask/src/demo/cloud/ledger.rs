//! What became of every record, by source: the figures of `sensor status --json`, and those that must come.

use std::fmt::Write as _;

use serde_json::Value;

use super::story::Source;

/// What became of the records of a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    pub records: u64,
    /// Records that became flows.
    pub flows: u64,
    /// Records without traffic: windows of an interface, beginnings of connections.
    pub windows: u64,
    pub duplicates: u64,
    pub errors: u64,
    /// Flows that policies saw: Azure tells both directions in one record.
    pub rows: u64,
}

/// After the first minute.
pub const ORDINARY: [Account; 3] = [
    Account { records: 3, flows: 2, windows: 1, duplicates: 0, errors: 0, rows: 2 },
    Account { records: 1, flows: 0, windows: 1, duplicates: 0, errors: 0, rows: 0 },
    Account { records: 2, flows: 2, windows: 0, duplicates: 0, errors: 0, rows: 2 },
];

/// After the second.
pub const WHOLE: [Account; 3] = [
    Account { records: 6, flows: 4, windows: 1, duplicates: 0, errors: 1, rows: 4 },
    Account { records: 4, flows: 3, windows: 1, duplicates: 0, errors: 0, rows: 6 },
    Account { records: 4, flows: 4, windows: 0, duplicates: 0, errors: 0, rows: 4 },
];

/// The accounts of all sources, in the order of [`Source::ALL`], and what else must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    pub accounts: [Account; 3],
    /// Flows of all sources, as the policies counted them.
    pub evaluated: u64,
    /// Times that an object was read on from where it had ended.
    pub grown: u64,
}

impl Ledger {
    /// Of the document of `sensor status --json`.
    pub fn of(status: &Value) -> Self {
        let clouds = status["clouds"].as_array().map(Vec::as_slice).unwrap_or_default();
        let figure = |value: &Value, key: &str| value[key].as_u64().unwrap_or_default();
        let accounts = Source::ALL.map(|source| {
            let id = source.id();
            if source == Source::Router {
                let devices = status["devices"]["top"].as_array();
                let device = devices.into_iter().flatten().find(|device| device["name"] == *id);
                let records = device.map_or(0, |device| figure(device, "records"));
                let lost = device.map_or(0, |device| figure(device, "lost_flows"));
                // The router's numbers say how many records it sent; those that are missing are errors.
                return Account {
                    records: records + lost,
                    flows: records,
                    errors: lost,
                    rows: records,
                    ..Account::default()
                };
            }
            let logs = clouds.iter().flat_map(|cloud| cloud["logs"]["top"].as_array());
            let log = logs.flatten().find(|log| log["id"] == *id);
            log.map_or_else(Account::default, |log| Account {
                records: figure(log, "records"),
                flows: figure(log, "flow_records"),
                windows: figure(log, "windows")
                    + figure(log, "skipped_windows")
                    + figure(log, "without_counts"),
                duplicates: figure(log, "duplicates"),
                errors: figure(log, "errors"),
                rows: figure(log, "flows"),
            })
        });
        let grown = clouds.iter().map(|cloud| figure(cloud, "grown")).sum();
        Self { accounts, evaluated: figure(&status["engine"], "records"), grown }
    }

    /// What is not as it must be at the end, a line each.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for ((source, found), due) in Source::ALL.iter().zip(&self.accounts).zip(&WHOLE) {
            if found != due {
                faults.push(format!(
                    "the ledger of {} is {}, not {}",
                    source.name(),
                    found.sum(),
                    due.sum()
                ));
            } else if !found.balances() {
                faults.push(format!("the ledger of {} does not balance", source.name()));
            }
        }
        let rows: u64 = self.accounts.iter().map(|account| account.rows).sum();
        if self.evaluated != rows {
            faults.push(format!("{} flows were evaluated, not {rows}", self.evaluated));
        }
        if self.grown == 0 {
            faults.push("no object was read on as it grew".to_owned());
        }
        faults
    }

    /// A line for each source.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (source, account) in Source::ALL.iter().zip(&self.accounts) {
            // Writing to a `String` cannot fail.
            let _: std::fmt::Result = write!(text, "  {:<8}  {}", source.name(), account.sum());
            let _: std::fmt::Result = match account.rows == account.flows {
                true => writeln!(text),
                false => writeln!(text, "   ({} flows, one in each direction)", account.rows),
            };
        }
        text
    }
}

impl Account {
    fn balances(&self) -> bool {
        self.records == self.flows + self.windows + self.duplicates + self.errors
    }

    fn sum(&self) -> String {
        let Self { records, flows, windows, duplicates, errors, .. } = self;
        format!("{records:>7} = {flows:>6} + {windows:>7} + {duplicates:>10} + {errors:>6}")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn log(source: Source, account: Account) -> Value {
        json!({ "id": source.id(), "records": account.records, "flow_records": account.flows, "flows": account.rows,
            "windows": account.windows, "skipped_windows": 0, "without_counts": 0,
            "duplicates": account.duplicates, "errors": account.errors })
    }

    fn status(grown: u64, lost: u64) -> Value {
        json!({
            "engine": { "records": 14 },
            "clouds": [
                { "grown": 0, "logs": { "top": [log(Source::Aws, WHOLE[0])] } },
                { "grown": grown, "logs": { "top": [log(Source::Azure, WHOLE[1])] } },
            ],
            "devices": { "top": [{ "name": "core-router", "records": 4 - lost, "lost_flows": lost }] },
        })
    }

    #[test]
    fn what_must_come_balances() {
        assert!(ORDINARY.iter().chain(&WHOLE).all(Account::balances));
        assert_eq!(Ledger::of(&status(1, 0)).faults(), [""; 0]);
    }

    #[test]
    fn each_deviation_is_a_fault() {
        assert_eq!(Ledger::of(&status(0, 0)).faults().len(), 1);
        // The flow that was lost was not evaluated.
        assert_eq!(Ledger::of(&status(1, 1)).faults().len(), 2);
        assert_eq!(Ledger::of(&Value::Null).faults().len(), 4);
    }
}
