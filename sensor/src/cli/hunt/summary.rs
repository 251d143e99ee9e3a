//! What an answer cost, and what it lacks: for people in a line, for programs as a value.

use std::time::Duration;

use sensor_core::{
    diagnostic::{Finding, Findings},
    hunt::{Account, Partial},
};
use serde::Serialize;

use crate::{
    cli::exit::{Exit, Failure},
    export::log::line::octets,
};

/// What was read, and what was not.
#[derive(Clone, Debug, Serialize)]
pub struct Cost {
    /// Records that were looked at.
    pub records: u64,
    /// Those that match: of a page of flows, those that were found before it was full.
    pub matched: u64,
    /// Milliseconds: people are told, programs can look at a clock.
    #[serde(skip)]
    pub elapsed_ms: u64,
    /// Octets that were read.
    pub octets: u64,
    /// Files that there are.
    pub files: u64,
    /// Those that were not opened, since their time is another.
    pub files_by_time: u64,
    /// Row groups of those that were opened.
    pub row_groups: u64,
    /// Those that were read.
    pub read: u64,
    /// Those that were not, since their time is another.
    pub by_time: u64,
    /// Those that were not, since the least and the greatest values of their columns leave no match.
    pub by_statistics: u64,
    /// Those that were not, since the filters of their addresses leave no match.
    pub by_filter: u64,
    /// Those that were not, since all that is wanted comes before them.
    pub by_order: u64,
    /// Whether something is lacking.
    pub partial: bool,
    /// The files are none of a store.
    #[serde(skip)]
    pub foreign: bool,
}

impl Cost {
    /// By an account; of `foreign` files there are no row groups that could be left out.
    pub fn of(account: &Account, elapsed: Duration, foreign: bool) -> Self {
        let of_store = |count: u64| if foreign { 0 } else { count };
        Self {
            records: account.rows,
            matched: account.matched,
            elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            octets: of_store(account.octets),
            files: of_store(account.files),
            files_by_time: of_store(account.files_by_time),
            row_groups: of_store(account.pieces),
            read: of_store(account.read),
            by_time: of_store(account.by_time),
            by_statistics: of_store(account.by_statistics),
            by_filter: of_store(account.by_filter),
            by_order: of_store(account.by_order),
            partial: account.partial.is_some(),
            foreign,
        }
    }

    /// `12 of 1.23 M records match; 0.67 s, 1.84 M records/s; read 12.3 MB, 3 of 48 row groups (40 other time, 5 no match)`.
    /// With `more`, not all of the records were looked at.
    pub fn line(&self, more: bool) -> String {
        let seconds = self.elapsed_ms as f64 / 1000.0;
        let rate = (self.records as f64 / seconds.max(1e-3)) as u64;
        let counted = if more { "at least " } else { "" };
        let mut line = format!(
            "{counted}{} of {} records match; {seconds:.2} s, {} records/s",
            octets(self.matched),
            octets(self.records),
            octets(rate),
        );
        if !self.foreign {
            let read = self.row_groups.min(self.read);
            line.push_str(&format!(
                "; read {}B, {read} of {} row groups",
                octets(self.octets),
                self.row_groups
            ));
            let left_out: Vec<String> = [
                (self.by_time, "other time"),
                (self.by_statistics, "no match by statistics"),
                (self.by_filter, "no match by filters"),
                (self.by_order, "behind the last flow"),
            ]
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, why)| format!("{count} {why}"))
            .collect();
            if !left_out.is_empty() {
                line.push_str(&format!(" ({})", left_out.join(", ")));
            }
            if self.files_by_time > 0 {
                let (not, all) = (self.files_by_time, self.files);
                line.push_str(&format!("; {not} of {all} files are of another time"));
            }
        }
        line
    }
}

/// What could not be read, as warnings: the answer is there. `file`: why a file of others was not read to its end.
pub fn faults(account: &Account, file: Option<&str>) -> Findings {
    let help = "`sensor store verify` names all damage; the rest was read";
    let mut findings: Findings =
        account.faults.iter().map(|fault| Finding::warning(fault.clone(), help)).collect();
    let more = account.faults_in_all - account.faults.len() as u64;
    if more > 0 {
        findings.push(Finding::warning(format!("{more} more could not be read"), help));
    }
    if let Some(fault) = file {
        findings.push(Finding::warning(fault, "what stands before was read"));
    }
    findings
}

/// How a partial answer ends.
pub fn failure(account: &Account, file: Option<&str>) -> Option<Failure> {
    let partial = account.partial.or(file.map(|_| Partial::Faults));
    let message = match partial? {
        Partial::Cancelled => "the answer is partial: it was stopped before all was read",
        Partial::Faults => "the answer is partial: something could not be read, see the warnings",
    };
    Some(Failure { exit: Exit::Partial, ..Failure::other(message) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_what_was_read_and_what_was_not() {
        let account = Account {
            rows: 1_230_000,
            matched: 12,
            octets: 12_300_000,
            files: 7,
            files_by_time: 4,
            pieces: 48,
            read: 3,
            by_time: 40,
            by_filter: 5,
            ..Account::default()
        };
        let elapsed = Duration::from_millis(670);
        assert_eq!(
            Cost::of(&account, elapsed, false).line(false),
            "12 of 1.23 M records match; 0.67 s, 1.84 M records/s; read 12.3 MB, 3 of 48 row groups \
             (40 other time, 5 no match by filters); 4 of 7 files are of another time"
        );
        assert_eq!(
            Cost::of(&account, elapsed, true).line(true),
            "at least 12 of 1.23 M records match; 0.67 s, 1.84 M records/s"
        );
        assert!(failure(&account, None).is_none());
        let cut = failure(&account, Some("x.pcap ends early"));
        assert_eq!(cut.map(|failure| failure.exit), Some(Exit::Partial));
    }

    #[test]
    fn what_is_lacking_is_told_and_has_an_exit_code() {
        let account = Account {
            partial: Some(Partial::Faults),
            faults: vec!["row group 1 of x cannot be read".to_owned()],
            faults_in_all: 3,
            ..Account::default()
        };
        let told = faults(&account, None).to_string();
        assert!(told.contains("warning: row group 1 of x cannot be read"), "{told}");
        assert!(told.contains("warning: 2 more could not be read"), "{told}");
        assert_eq!(failure(&account, None).map(|failure| failure.exit), Some(Exit::Partial));
    }
}
