//! Which events an output takes.

use globset::{Glob, GlobSet};
use sensor_core::policy::alert::{Alert, EventKind, Severity};

/// A filter: all that it asks for must hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    /// The least severity.
    pub severity: Severity,
    /// Names of policies; `None` for all.
    pub policies: Option<NamePatterns>,
    /// Kinds of events; `None` for all.
    pub kinds: Option<Vec<EventKind>>,
}

/// Patterns of names, of which one must match.
#[derive(Clone, Debug)]
pub struct NamePatterns {
    globs: Vec<Glob>,
    set: GlobSet,
}

impl NamePatterns {
    /// All of `globs`.
    ///
    /// # Errors
    /// When together they are too large.
    pub fn new(globs: Vec<Glob>) -> Result<Self, globset::Error> {
        let mut set = GlobSet::builder();
        for glob in &globs {
            set.add(glob.clone());
        }
        Ok(Self { set: set.build()?, globs })
    }
}

impl PartialEq for NamePatterns {
    fn eq(&self, other: &Self) -> bool {
        self.globs == other.globs
    }
}

impl Default for Selection {
    /// Everything.
    fn default() -> Self {
        Self { severity: Severity::Low, policies: None, kinds: None }
    }
}

impl Selection {
    /// Whether `event` is wanted.
    pub fn takes(&self, event: &Alert) -> bool {
        event.severity >= self.severity
            && self.policies.as_ref().is_none_or(|names| names.set.is_match(&event.policy.name))
            && self.kinds.as_ref().is_none_or(|kinds| kinds.contains(&event.kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::hits::render::testing::{hit, scan};

    #[test]
    fn all_that_is_asked_for_must_hold() {
        let all = Selection::default();
        assert!(all.takes(&scan()) && all.takes(&hit()));
        let severe = Selection { severity: Severity::Medium, ..Selection::default() };
        assert!(severe.takes(&scan()) && !severe.takes(&hit()));
        let names = NamePatterns::new(vec![Glob::new("port_*").unwrap()]).unwrap();
        let named = Selection { policies: Some(names), ..Selection::default() };
        assert!(named.takes(&scan()) && !named.takes(&hit()));
        let hits = Selection { kinds: Some(vec![EventKind::Hit]), ..Selection::default() };
        assert!(!hits.takes(&scan()) && hits.takes(&hit()));
    }
}
