//! The section of cloud flow logs: what was read, and what became of every record.

use std::collections::BTreeMap;

use anyhow::ensure;
use sensor_core::flow::source::SourceId;
use sensor_wire::cloud::{
    flows::Flows,
    ledger::{Ledger, Reason},
};
use serde::Serialize;

use crate::replay::objects::Objects;

/// Cloud flow logs.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Cloud {
    /// Files, and standard input, that were begun.
    pub objects: u64,
    /// What lies in folders and was skipped, by the reason.
    pub skipped: BTreeMap<&'static str, u64>,
    /// Each log of an account, in the order of their identities.
    pub sources: Vec<(SourceId, Ledger)>,
    /// All of them together.
    pub total: Ledger,
    /// Keys of records that had to be forgotten for others, so that what repeats them is not left out.
    pub forgotten: u64,
}

impl Cloud {
    /// What was read of files.
    pub fn of(objects: &Objects) -> Self {
        let ledgers = objects.flows.iter().flat_map(|flows| flows.ledgers());
        let mut sources: Vec<_> =
            ledgers.map(|(id, ledger)| (id.clone(), ledger.clone())).collect();
        sources.sort_by(|one, other| one.0.cmp(&other.0));
        let mut total = Ledger::default();
        sources.iter().for_each(|(_, ledger)| total.add(ledger));
        // A source of which nothing came is not worth a word.
        sources.retain(|(_, ledger)| ledger.records != 0);
        let mut skipped = BTreeMap::new();
        for file in &objects.skipped {
            *skipped.entry(file.why.kind()).or_default() += 1;
        }
        let forgotten = objects.flows.iter().map(Flows::forgotten).sum();
        Self { objects: objects.count, skipped, sources, total, forgotten }
    }

    /// Whether every record is accounted for, of each source and of all.
    pub fn is_balanced(&self) -> bool {
        let own = self.sources.iter().map(|(_, ledger)| ledger);
        own.chain([&self.total]).all(Ledger::is_balanced)
    }

    /// # Errors
    /// When records are not accounted for, or none of them is one of the format.
    pub fn check(&self) -> anyhow::Result<()> {
        ensure!(
            self.is_balanced(),
            "the ledger of records does not balance: this is a bug, please report it"
        );
        let Ledger { records, errors, .. } = &self.total;
        let reasons = Reason::ALL.into_iter().zip(errors).filter(|(_, count)| **count != 0);
        let reasons: Vec<_> = reasons.map(|(why, count)| format!("{count} {why}")).collect();
        let why = if errors[Reason::Time as usize] == *records {
            "their times lie more than a day ahead of this machine's clock, or decades back"
        } else {
            "the files may be of another format than the one they were read as; see `--as`"
        };
        ensure!(
            *records == 0 || self.total.all_errors() != *records,
            "no record became a flow ({}): {why}",
            reasons.join(", ")
        );
        Ok(())
    }
}
