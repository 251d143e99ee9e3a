//! Another context, other tags and policies for a running pipeline.
//!
//! All that takes its time is done beside it, up to looking up the addresses that come most often and deciding every
//! predicate about them: the batch behind the change finds everything as the one before it did.

use std::sync::Arc;

use super::pipeline::Pipeline;
use crate::{
    enrich::{
        context::Context,
        current::Current,
        enricher::{Enricher, Known},
    },
    policy::{
        detector::{self, Rules},
        event::Event,
        tags::{TagRule, Tagger},
    },
};

/// What a pipeline goes by, for whoever prepares a change.
pub struct InForce {
    known: Known,
    tags: Arc<[TagRule]>,
    policies: detector::InForce,
}

/// What a pipeline is to go on with.
pub struct Change {
    context: Arc<Context>,
    enricher: Enricher,
    tagger: Tagger,
    policies: detector::Change,
}

/// What a change has left over. Dropping it takes a while.
pub struct Retired {
    /// The context that was in force, which batches on their way may still use.
    pub context: Arc<Context>,
    policies: detector::Retired,
    _enricher: Enricher,
    _tagger: Tagger,
}

impl Change {
    /// From what is in force to these; `None` leaves it in force.
    pub fn new(
        from: &InForce,
        current: &Arc<Current>,
        context: Option<Context>,
        tags: Option<Vec<TagRule>>,
        rules: Option<Rules>,
    ) -> Self {
        let context = context.map_or_else(|| current.context(), Arc::new);
        let enricher = Enricher::ahead(current.clone(), context.clone(), &from.known);
        let (profiles, labels) = (context.profiles(), context.ports());
        let mut tagger = Tagger::new(tags.map_or_else(|| from.tags.clone(), Arc::from));
        tagger.foresee(profiles, labels);
        let mut policies = detector::Change::new(&from.policies, rules);
        policies.foresee(&from.policies, profiles, labels);
        Self { context, enricher, tagger, policies }
    }

    /// The policies.
    pub fn policies(&self) -> &detector::Change {
        &self.policies
    }
}

impl Pipeline {
    /// What it goes by.
    pub fn in_force(&self) -> InForce {
        InForce {
            known: self.enricher.known(),
            tags: self.tagger.rules().clone(),
            policies: self.detector.in_force(),
        }
    }

    /// Goes on with something else. What policies had open that are asked no more waits for [`Pipeline::end`].
    pub fn change(&mut self, change: Change) -> Retired {
        let Change { context, enricher, tagger, policies } = change;
        Retired {
            context: self.current.replace(context),
            policies: self.detector.change(policies),
            _enricher: std::mem::replace(&mut self.enricher, enricher),
            _tagger: std::mem::replace(&mut self.tagger, tagger),
        }
    }

    /// Ends incidents of policies that are asked no more, until about `most` have ended. True once none is left.
    pub fn end(
        &mut self,
        retired: &mut Retired,
        now: u64,
        most: usize,
        events: &mut Vec<Event>,
    ) -> bool {
        self.detector.end(&mut retired.policies, now, most, events)
    }
}
