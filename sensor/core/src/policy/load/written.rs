//! A policy as it was written, before it is judged, whichever dialect it is of.

use std::ops::Range;

use super::raw::{self, RawPolicy};
use crate::settings::schema::Setting;

/// A policy as it was written, and the part of the file that it stands in.
pub(super) struct Written {
    pub(super) policy: RawPolicy,
    pub(super) region: Range<usize>,
    /// What its dialect calls things.
    pub(super) words: &'static Words,
}

impl Written {
    /// Its name, where it has one.
    pub(super) fn name(&self) -> Option<&str> {
        self.policy.name.value.as_deref()
    }
}

/// What a dialect calls the keys that messages name.
pub(super) struct Words {
    pub(super) matches: &'static str,
    pub(super) window: &'static str,
    pub(super) update: &'static str,
    pub(super) severity: &'static str,
}

/// Each policy with the part of the file from its beginning to that of the next.
pub(super) fn regions(
    policies: Vec<Setting<RawPolicy>>,
    end: usize,
    words: &'static Words,
) -> Vec<Written> {
    let starts: Vec<usize> = policies.iter().map(|policy| raw::place(policy).start).collect();
    let ends = starts.iter().skip(1).copied().chain([end + 1]);
    let written = policies.into_iter().zip(starts.iter().zip(ends));
    written
        .map(|(policy, (&start, end))| Written { policy: policy.value, region: start..end, words })
        .collect()
}
