//! Which events an output takes.

use globset::GlobSet;

use crate::policy::event::{Event, EventKind, Severity};

/// A filter: all that it asks for must hold.
#[derive(Clone, Debug)]
pub struct Selection {
    /// The least severity.
    pub severity: Severity,
    /// Names of policies, as patterns; `None` for all.
    pub policies: Option<GlobSet>,
    /// Kinds of events; `None` for all.
    pub kinds: Option<Vec<EventKind>>,
}

impl Default for Selection {
    /// Everything.
    fn default() -> Self {
        Self { severity: Severity::Low, policies: None, kinds: None }
    }
}

impl Selection {
    /// Whether `event` is wanted.
    pub fn takes(&self, event: &Event) -> bool {
        event.severity >= self.severity
            && self.policies.as_ref().is_none_or(|names| names.is_match(&event.policy.name))
            && self.kinds.as_ref().is_none_or(|kinds| kinds.contains(&event.kind))
    }
}

#[cfg(test)]
mod tests {
    use globset::{Glob, GlobSetBuilder};

    use super::*;
    use crate::export::hits::render::testing::{hit, scan};

    #[test]
    fn all_that_is_asked_for_must_hold() {
        let all = Selection::default();
        assert!(all.takes(&scan()) && all.takes(&hit()));
        let severe = Selection { severity: Severity::Medium, ..Selection::default() };
        assert!(severe.takes(&scan()) && !severe.takes(&hit()));
        let mut globs = GlobSetBuilder::new();
        globs.add(Glob::new("port_*").unwrap());
        let named = Selection { policies: Some(globs.build().unwrap()), ..Selection::default() };
        assert!(named.takes(&scan()) && !named.takes(&hit()));
        let hits = Selection { kinds: Some(vec![EventKind::Hit]), ..Selection::default() };
        assert!(!hits.takes(&scan()) && hits.takes(&hit()));
    }
}
