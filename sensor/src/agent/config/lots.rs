//! What outputs in lots have in common: how records are cut, and who says so.

use std::{fs, time::Duration};

use sensor_core::{
    diagnostic::Diagnostic,
    settings::{
        schema::{Setting, Value},
        value::from_text,
    },
};
use toml::{Spanned, de::DeValue};

use super::faults::Faults;
use crate::export::lots::lot::Form;

/// Octets of a lot at most, whatever its rows, where nothing else is said: what a server takes in one piece, and what memory an outage costs.
pub(super) const OCTETS: usize = 64 << 20;

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowForm(pub Form);

impl Value for RowForm {
    const KIND: &'static str = "`rowbinary` or `json`";

    fn read(
        found: &Spanned<DeValue<'_>>,
        path: &str,
        faults: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        from_text(found, path, faults, |text| match text {
            "rowbinary" => Ok(Self(Form::RowBinary)),
            "json" => Ok(Self(Form::Json)),
            _ => Err("this is neither".to_owned()),
        })
    }
}

/// Rows of a lot.
pub(super) fn rows(raw: &Setting<u64>, section: &str, faults: &mut Faults) -> u64 {
    faults.in_range(raw, &format!("{section}.lot_rows"), 1..=1_000_000)
}

/// Its age.
pub(super) fn age(raw: &Setting<Duration>, section: &str, faults: &mut Faults) -> Duration {
    let ages = Duration::from_millis(100)..=Duration::from_mins(10);
    faults.in_range(raw, &format!("{section}.lot_age"), ages)
}

/// How long the other end may take to answer.
pub(super) fn timeout(raw: &Setting<Duration>, section: &str, faults: &mut Faults) -> Duration {
    let waits = Duration::from_secs(1)..=Duration::from_mins(10);
    faults.in_range(raw, &format!("{section}.timeout"), waits)
}

/// What rows say about who wrote them: what is given, or the name of this host.
pub(super) fn sensor(raw: &Setting<Option<String>>) -> String {
    raw.value.clone().unwrap_or_else(|| {
        let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        name.trim().to_owned()
    })
}
