//! Policies ready to be asked of batches. Compiling takes a while and touches no state, so that it can be done beside a
//! running detector.

use std::sync::Arc;

use super::balance::{self, Load};
use crate::{
    flow::batch::Source,
    nql::{columns::Program, typed::Typed},
    policy::{kinds::Kinds, model::Policy},
};

/// The enabled policies of a list.
pub struct Rules(pub(super) Vec<Arc<Policy>>);

impl Rules {
    /// The enabled ones of some policies; names are unique.
    pub fn new(policies: impl IntoIterator<Item = Policy>) -> Self {
        Self(policies.into_iter().filter(|policy| policy.enabled).map(Arc::new).collect())
    }

    /// The policies.
    pub fn policies(&self) -> &[Arc<Policy>] {
        &self.0
    }
}

/// Policies and their queries, compiled in parts: one for each shard.
pub(super) struct Compiled {
    pub(super) policies: Vec<Arc<Policy>>,
    pub(super) parts: Vec<Part>,
    /// Which program is for which source.
    kinds: Kinds,
}

/// The policies of a shard, in their order, and their queries as one graph.
pub(super) struct Part {
    pub(super) policies: Vec<Arc<Policy>>,
    /// The places of the policies among all.
    pub(super) places: Vec<usize>,
    pub(super) programs: Vec<Program>,
}

impl Compiled {
    /// Compiles policies in so many parts, at least one, of about the same load.
    pub(super) fn new(policies: Vec<Arc<Policy>>, parts: usize, loads: &[Load]) -> Self {
        let searches: Vec<_> = policies.iter().map(|policy| &policy.search).collect();
        let kinds = Kinds::new(&searches);
        let parts = balance::split(&policies, parts, loads).into_iter().map(|places| {
            let own: Vec<_> = places.iter().map(|place| policies[*place].clone()).collect();
            let program = |source: &Source| {
                let none = Typed::Constant(false);
                Program::compile(
                    own.iter().map(|policy| policy.search.of(*source).unwrap_or(&none)),
                )
            };
            let programs = kinds.groups.iter().map(program).collect();
            Part { policies: own, places, programs }
        });
        Self { parts: parts.collect(), policies, kinds }
    }

    /// The place of the program for flows of `source`.
    pub(super) fn program(&self, source: Source) -> usize {
        self.kinds.group(source)
    }
}
