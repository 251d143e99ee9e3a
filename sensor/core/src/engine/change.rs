//! Another context, other tags and policies for a running pipeline.
//!
//! All that takes its time is done beside it, up to looking up the addresses that come most often and deciding every
//! predicate about them: the batch behind the change finds everything as the one before it did.

use std::sync::Arc;

use super::pipeline::Pipeline;
use crate::{
    enrich::{
        active::ActiveContext,
        context::Context,
        enricher::{Enricher, RecentAddresses},
    },
    policy::{
        alert::Alert,
        detector::{self, Rules},
        tags::{TagRule, Tagger},
    },
};

/// What a pipeline goes by, for whoever prepares a change.
pub struct ActivePipeline {
    known: RecentAddresses,
    tags: Arc<[TagRule]>,
    policies: detector::ActiveRules,
}

/// What a pipeline is to go on with.
pub struct PipelineChange {
    context: Arc<Context>,
    enricher: Enricher,
    tagger: Tagger,
    policies: detector::RulesChange,
}

/// What a change has left over. Dropping it takes a while.
pub struct RetiredPipeline {
    /// The context that was in force, which batches on their way may still use.
    pub context: Arc<Context>,
    policies: detector::RetiredRules,
    _enricher: Enricher,
    _tagger: Tagger,
}

impl PipelineChange {
    /// From what is in force to these; `None` leaves it in force.
    pub fn new(
        from: &ActivePipeline,
        current: &Arc<ActiveContext>,
        context: Option<Context>,
        tags: Option<Vec<TagRule>>,
        rules: Option<Rules>,
    ) -> Self {
        let context = context.map_or_else(|| current.context(), Arc::new);
        let enricher = Enricher::ahead(current.clone(), context.clone(), &from.known);
        let (profiles, labels) = (context.profiles(), context.ports());
        let mut tagger = Tagger::new(tags.map_or_else(|| from.tags.clone(), Arc::from));
        tagger.precompute(profiles, labels);
        let mut policies = detector::RulesChange::new(&from.policies, rules);
        policies.precompute(&from.policies, profiles, labels);
        Self { context, enricher, tagger, policies }
    }

    /// The policies that are in force, moved between the shards so that each has about as much to do as flows have shown.
    pub fn balanced(from: &ActivePipeline, current: &Arc<ActiveContext>) -> Self {
        let mut change = Self::new(from, current, None, None, None);
        let context = current.context();
        change.policies = detector::RulesChange::balanced(&from.policies);
        change.policies.precompute(&from.policies, context.profiles(), context.ports());
        change
    }

    /// The policies.
    pub fn policies(&self) -> &detector::RulesChange {
        &self.policies
    }
}

impl Pipeline {
    /// What it goes by.
    pub fn active(&self) -> ActivePipeline {
        ActivePipeline {
            known: self.enricher.recent(),
            tags: self.tagger.rules().clone(),
            policies: self.detector.active(),
        }
    }

    /// Goes on with something else. What policies had open that are asked no more waits for [`Pipeline::end`].
    pub fn change(&mut self, change: PipelineChange) -> RetiredPipeline {
        let PipelineChange { context, enricher, tagger, policies } = change;
        RetiredPipeline {
            context: self.current.replace(context),
            policies: self.detector.change(policies),
            _enricher: std::mem::replace(&mut self.enricher, enricher),
            _tagger: std::mem::replace(&mut self.tagger, tagger),
        }
    }

    /// Ends incidents of policies that are asked no more, until about `most` have ended. True once none is left.
    pub fn end(
        &mut self,
        retired: &mut RetiredPipeline,
        now: u64,
        most: usize,
        events: &mut Vec<Alert>,
    ) -> bool {
        self.detector.end(&mut retired.policies, now, most, events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        enrich::{combine::Precedence, context::Limits, formats::Form, sources::Sources},
        flow::{interfaces::Interfaces, profile::Side, testing},
        nql::lists::Lists,
        policy::{
            alert::{EndReason, EventKind},
            detector::Detector,
            load::{PolicyFile, load},
        },
    };

    const NOW: u64 = 1_700_000_000_000;
    const WITH_ROLE: &str =
        "label.src.role == web || label.src.role == mail || label.src.role == proxy";

    fn context(labels: &str) -> Context {
        let mut sources = Sources::default();
        assert_eq!(sources.labels("labels", labels, Form::Csv).faults, []);
        Context::new(sources, Precedence::default(), Limits::default())
    }

    /// Policies by name and threshold; each sees what comes from an address with a role.
    fn rules(policies: &[(&str, u64)]) -> Rules {
        let policy = |(name, count): &(&str, u64)| {
            format!(
                "[[policy]]\nname = '{name}'\nmatch = '{WITH_ROLE}'\ntrack_by = [['srcip']]\n\
                 window = '60s'\nseverity = {{ low = 'count() >= {count}' }}\n"
            )
        };
        let text = policies.iter().map(policy).collect();
        let loaded = load(&[PolicyFile { path: "p.toml".to_owned(), text }], &Lists::default());
        assert_eq!(loaded.errors(), 0, "{}", loaded.report());
        Rules::new(loaded.policies)
    }

    struct Bench {
        current: Arc<ActiveContext>,
        pipeline: Pipeline,
        events: Vec<(String, EventKind, Option<EndReason>)>,
    }

    impl Bench {
        fn new(labels: &str, policies: &[(&str, u64)]) -> Self {
            let current = Arc::new(ActiveContext::new(context(labels)));
            let detector = Detector::new(rules(policies), 1, "host");
            let pipeline = Pipeline::new(current.clone(), Tagger::new([]), detector);
            Self { current, pipeline, events: Vec::new() }
        }

        /// The role of the source.
        fn pass(&mut self, host: u8) -> Vec<String> {
            let mut batch = testing::flow(host.into(), NOW, NOW, 1);
            let events = &mut self.events;
            self.pipeline.pass(&mut batch, &Interfaces::default(), |event| {
                events.push((event.policy.name.clone(), event.kind, event.reason));
            });
            let labels = &batch.profile(Side::Source, 0).labels;
            labels.get("role").cloned().unwrap_or_default()
        }

        fn change(&mut self, context: Option<Context>, rules: Option<Rules>) -> (usize, usize) {
            let from = self.pipeline.active();
            let change = PipelineChange::new(&from, &self.current, context, None, rules);
            let counts = (change.policies().policies().len(), change.policies().changed());
            let mut retired = self.pipeline.change(change);
            let mut events = Vec::new();
            while !self.pipeline.end(&mut retired, NOW, 1, &mut events) {}
            let told = events.into_iter();
            self.events
                .extend(told.map(|event| (event.policy.name.clone(), event.kind, event.reason)));
            counts
        }

        #[track_caller]
        fn expect(&mut self, events: &[(&str, EventKind, Option<EndReason>)]) {
            let found: Vec<_> =
                self.events.iter().map(|(name, kind, reason)| (&**name, *kind, *reason)).collect();
            assert_eq!(found, events);
            self.events.clear();
        }
    }

    #[test]
    fn what_has_not_changed_goes_on() {
        let labels = "10.0.0.1,role,web\n10.0.0.2,role,mail\n";
        let mut bench = Bench::new(labels, &[("a", 2), ("b", 1), ("c", 1)]);
        let start = |name| (name, EventKind::Start, None);
        let end = |name| (name, EventKind::End, Some(EndReason::Reload));
        assert_eq!(bench.pass(1), ["web"]);
        bench.expect(&[start("b"), start("c")]);
        // One is another, one has gone, one is new; 10.0.0.1, which is known, has another role.
        let counts = bench.change(
            Some(context("10.0.0.1,role,proxy\n")),
            Some(rules(&[("d", 2), ("b", 2), ("a", 2)])),
        );
        assert_eq!(counts, (3, 2));
        bench.expect(&[end("b"), end("c")]);
        // It is the second record for `a` alone.
        assert_eq!(bench.pass(1), ["proxy"]);
        bench.expect(&[start("a")]);
        assert_eq!(bench.pass(2), [""; 0]);
        bench.expect(&[]);
    }

    #[test]
    fn what_cannot_be_read_stays() {
        let mut bench = Bench::new("10.0.0.1,role,web\n", &[("a", 1)]);
        bench.pass(1);
        bench.expect(&[("a", EventKind::Start, None)]);
        assert_eq!(bench.change(None, None), (1, 0));
        assert_eq!(bench.pass(1), ["web"]);
        // The context alone.
        bench.change(Some(context("10.0.0.2,role,web\n")), None);
        assert_eq!((bench.pass(1), bench.pass(2)), (vec![], vec!["web".to_owned()]));
        bench.expect(&[("a", EventKind::Start, None)]);
    }

    #[test]
    fn labels_of_policies_outlive_it() {
        let mut bench = Bench::new("", &[]);
        bench.pass(1);
        bench.current.learned.label([10, 0, 0, 1].into(), "role", "scanner", NOW + 1);
        bench.change(Some(context("10.0.0.1,role,web\n")), None);
        assert_eq!(bench.pass(1), ["web", "scanner"]);
    }
}
