//! Policies ready to be asked of batches. Compiling takes a while and touches no state, so that it can be done beside a
//! running detector.

use std::sync::Arc;

use crate::{
    flow::batch::Source,
    nql::{columns::Program, typed::Typed},
    policy::model::Policy,
};

/// The enabled policies of a list, compiled.
pub struct Rules {
    pub(super) policies: Vec<Arc<Policy>>,
    pub(super) programs: Vec<Program>,
    /// The program for each source, in the order of [`Source::ALL`].
    by_source: [usize; Source::ALL.len()],
}

impl Rules {
    /// Compiles the enabled policies; names are unique.
    pub fn compile(policies: impl IntoIterator<Item = Policy>) -> Self {
        let policies: Vec<_> =
            policies.into_iter().filter(|policy| policy.enabled).map(Arc::new).collect();
        let alike = policies.iter().all(|policy| policy.search.by_source.is_empty());
        let sources = if alike { &Source::ALL[..1] } else { &Source::ALL[..] };
        let program = |source: &Source| {
            let none = Typed::Constant(false);
            let queries = policies.iter().map(|policy| policy.search.of(*source).unwrap_or(&none));
            Program::compile(queries)
        };
        let programs = sources.iter().map(program).collect();
        let by_source = if alike { [0; Source::ALL.len()] } else { std::array::from_fn(|at| at) };
        Self { policies, programs, by_source }
    }

    /// The enabled policies.
    pub fn policies(&self) -> &[Arc<Policy>] {
        &self.policies
    }

    /// The place of the program for flows of `source`.
    pub(super) fn program(&self, source: Source) -> usize {
        let at = Source::ALL.iter().position(|known| *known == source);
        self.by_source[at.unwrap_or(0)]
    }
}
