//! Kinds of sources of which policies ask the same: most ask nothing of their own of any kind, and their queries are
//! compiled once.

use super::model::Search;
use crate::flow::source::Source;

/// Kinds of sources, in groups.
pub(super) struct Kinds {
    /// One of each group.
    pub(super) groups: Vec<Source>,
    /// The group of each kind, in the order of [`Source::ALL`].
    by_source: [usize; Source::ALL.len()],
}

impl Kinds {
    /// Groups kinds for which all of these ask the same.
    pub(super) fn new(searches: &[&Search]) -> Self {
        let mut groups: Vec<Source> = Vec::new();
        let by_source = Source::ALL.map(|kind| {
            let alike = |group: &Source| {
                searches.iter().all(|search| match (search.of(*group), search.of(kind)) {
                    (Some(one), Some(other)) => std::ptr::eq(one, other),
                    (one, other) => one.is_none() && other.is_none(),
                })
            };
            groups.iter().position(alike).unwrap_or_else(|| {
                groups.push(kind);
                groups.len() - 1
            })
        });
        Self { groups, by_source }
    }

    /// The place of the group of a kind.
    pub(super) fn group(&self, kind: Source) -> usize {
        self.by_source[kind as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nql::typed::Typed;

    #[test]
    fn kinds_of_which_nothing_is_asked_apart_are_one_group() {
        let any = Search { any: Some(Typed::Constant(true)), by_source: Vec::new(), discards: 0 };
        let own = Search {
            by_source: vec![
                (Source::Sflow, Typed::Constant(true)),
                (Source::Gcp, Typed::Constant(false)),
            ],
            ..any.clone()
        };
        let kinds = Kinds::new(&[&any]);
        assert_eq!(kinds.groups, [Source::Host]);
        let kinds = Kinds::new(&[&any, &own]);
        assert_eq!(kinds.groups, [Source::Host, Source::Sflow, Source::Gcp]);
        let groups = Source::ALL.map(|kind| kinds.group(kind));
        assert_eq!(groups, [0, 0, 1, 0, 0, 0, 2, 0, 0]);
        let none = Search { any: None, ..own };
        assert_eq!(Kinds::new(&[&none]).groups.len(), 3);
    }
}
