//! What a site changes of policies that others wrote: which are evaluated, and single values of them.
//!
//! Whoever copies a policy to change a number misses what becomes of the original. So a site names policies by globs and
//! writes only what differs; it is laid over the policies as they were written, before they are judged (`lay`), and is
//! held to the same rules. Every changed value remembers where it was written.

mod faults;
mod lay;
mod names;
mod roles;
mod source;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use self::roles::Roles;
pub(super) use self::roles::unused as unused_roles;
pub(super) use self::{
    faults::Told,
    lay::{Laid, Layer},
    names::{Prepared, Variant},
};
use super::raw::{Severities, Texts};
use crate::{
    diagnostic::SourceMap,
    settings::schema::{Key, Setting, Table, Value, table},
};

/// What a site changes, and the files that say so.
#[derive(Clone, Debug, Default)]
pub struct Tuning {
    /// Where all of it is written.
    pub files: SourceMap,
    /// Globs of policies that are evaluated, whatever their files say.
    pub enable: Vec<Setting<String>>,
    /// Globs of those that are not.
    pub disable: Vec<Setting<String>>,
    /// Values that differ; of several for one policy, the last holds.
    pub overrides: Vec<Setting<Override>>,
}

table! {
    /// `[[policies.override]]`: what is not there stays as the policies have it.
    Override {
        /// Names of policies, as globs.
        matches as "match": Texts = Texts::default();
        /// The flows that it is for: name or address of their source, as a glob; without it, all.
        source: Option<String> = None;
        /// Thresholds in place of those of the same severity, or the severity of hits.
        severity: Severities = Severities::Default;
        /// Highest severity that is told.
        max_severity: Option<String> = None;
        /// NQL: more flows that are passed over.
        discard: Vec<Setting<String>> = Vec::new();
        /// Labels that count in place of a role that exempts.
        roles: Roles = Roles::default();
        /// Length of the window.
        window: Duration = Duration::ZERO;
        /// Between `ongoing` events; 0 for none.
        update: Duration = Duration::ZERO;
        /// Threshold that ends an incident.
        clear: Option<String> = None;
        /// Between hits of one key.
        suppress: Duration = Duration::ZERO;
        /// Keys whose silence is told by `absent()`.
        expect: Vec<Setting<Texts>> = Vec::new();
        /// Keys that are watched at most, of each alternative.
        max_keys: u64 = 0;
    }
}

/// A value that a policy does not have from its own file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The file that says so.
    pub file: String,
    /// Line in it.
    pub line: usize,
    /// The source of the flows that it is for; `None` for all.
    pub source: Option<String>,
    /// The key of the policy: `window`, `severity.high`.
    pub key: String,
    /// What is in force, as it is written.
    pub value: String,
    /// What was before, as it is written; `None` where nothing was.
    pub was: Option<String>,
}
