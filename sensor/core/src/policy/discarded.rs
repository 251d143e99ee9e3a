//! How many flows the discards of each policy pass over, where somebody wants to know.
//!
//! Detection asks one question of a flow, in which discards are conditions like others. This asks another one beside it, by the
//! same evaluator: which flows fulfil a query and are passed over all the same.

use std::sync::Arc;

use super::{
    kinds::Kinds,
    model::{Policy, Search},
};
use crate::{
    flow::{
        batch::{FlowBatch, Source},
        interfaces::Interfaces,
    },
    nql::{
        columns::{Program, Scratch},
        typed::Typed,
    },
};

/// Counts for some policies.
pub struct Discarded {
    policies: Vec<(Arc<Policy>, u64)>,
    /// Which program is for which source.
    kinds: Kinds,
    programs: Vec<(Program, Scratch)>,
}

impl Discarded {
    /// No flows so far.
    pub fn new(policies: Vec<Arc<Policy>>) -> Self {
        let program = |source: &Source| {
            let queries: Vec<Typed> =
                policies.iter().map(|policy| passed_over(&policy.search, *source)).collect();
            (Program::compile(&queries), Scratch::default())
        };
        let searches: Vec<_> = policies.iter().map(|policy| &policy.search).collect();
        let kinds = Kinds::new(&searches);
        let programs = kinds.groups.iter().map(program).collect();
        Self { policies: policies.into_iter().map(|policy| (policy, 0)).collect(), kinds, programs }
    }

    /// Other policies from here on; of those that stay the same the count goes on.
    #[must_use]
    pub fn go_on(&self, policies: Vec<Arc<Policy>>) -> Self {
        let mut next = Self::new(policies);
        for (policy, count) in &mut next.policies {
            let same = self.policies.iter().find(|(known, _)| known == policy);
            *count = same.map_or(0, |(_, count)| *count);
        }
        next
    }

    /// Takes note of a batch that context and tags have been added to.
    pub fn observe(&mut self, batch: &FlowBatch, interfaces: &Interfaces) {
        let Self { policies, kinds, programs } = self;
        let (program, scratch) = &mut programs[kinds.group(batch.observed_by)];
        program.evaluate(batch, interfaces, scratch, |found| {
            policies[found.query].1 += found.rows.count() as u64;
        });
    }

    /// The policies, and how many flows the discards of each have passed over.
    pub fn counts(&self) -> impl Iterator<Item = (&Policy, u64)> {
        self.policies.iter().map(|(policy, count)| (&**policy, *count))
    }
}

/// The flows of `source` that a policy would be about without its discards.
fn passed_over(search: &Search, source: Source) -> Typed {
    match search.of(source) {
        Some(query) if search.discards > 0 => {
            let before = search.before_discards(query).clone();
            Typed::And(vec![before, query.clone().negated()])
        }
        _ => Typed::Constant(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        flow::testing,
        nql::lists::Lists,
        policy::load::{PolicyFile, load},
    };

    #[test]
    fn only_what_fulfils_the_query_is_passed_over() {
        let text = "[[policy]]\nname = 'a'\nmatch = 'protocol == udp && srcip != 10.0.0.3'\n\
            discard = ['srcip == 10.0.0.1', 'srcip in (10.0.0.1, 10.0.0.3)']\n\
            [[policy]]\nname = 'b'\nmatch = 'protocol == udp && srcip != 10.0.0.3'\n";
        let file = PolicyFile { path: "p.toml".to_owned(), text: text.to_owned() };
        let policies = load(&[file], &Lists::default()).policies.into_iter().map(Arc::new);
        let policies: Vec<_> = policies.collect();
        let mut discarded = Discarded::new(policies.clone());
        let mut batch = FlowBatch::v4(Source::Host);
        for host in 1..5 {
            testing::push(&mut batch, host, 1, 2, 3);
        }
        discarded.observe(&batch, &Interfaces::default());
        let counts =
            |discarded: &Discarded| discarded.counts().map(|(_, count)| count).collect::<Vec<_>>();
        assert_eq!(counts(&discarded), [1, 0]);
        assert_eq!(counts(&discarded.go_on(policies[..1].to_vec())), [1]);
    }
}
