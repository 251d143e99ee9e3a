//! What happens to a batch of records on its way out: context is added, tags are given, policies are asked.

use std::sync::Arc;

use super::inside::Inside;
use crate::{
    enrich::{active::ActiveContext, enricher::Enricher},
    flow::{batch::FlowBatch, continued::Cuts, initiator::Shares, interfaces::Interfaces},
    policy::{
        alert::{Alert, EndReason},
        detector::{Clocked, Detector},
        sources::OldSource,
        tags::Tagger,
    },
};

/// Context, tags and policies, in this order.
pub struct Pipeline {
    pub(super) current: Arc<ActiveContext>,
    pub(super) enricher: Enricher,
    pub(super) tagger: Tagger,
    pub(super) detector: Detector,
    events: Vec<Alert>,
    cuts: Cuts,
    initiators: Shares,
    inside: Inside,
    /// Records come with context and tags, which stay.
    keeps_context: bool,
}

impl Pipeline {
    /// A pipeline; labels that policies write go to `current`.
    pub fn new(current: Arc<ActiveContext>, tagger: Tagger, detector: Detector) -> Self {
        let enricher = Enricher::new(current.clone());
        Self {
            current,
            enricher,
            tagger,
            detector,
            events: Vec::new(),
            cuts: Cuts::default(),
            initiators: Shares::default(),
            inside: Inside::default(),
            keeps_context: false,
        }
    }

    /// From now on records keep the context and the tags that they come with: those of a store, which has them as of then.
    pub fn keep_context(&mut self) {
        self.keeps_context = true;
    }

    /// The detector, for its counters.
    pub fn detector(&self) -> &Detector {
        &self.detector
    }

    /// Whether any record had an internal side.
    pub fn inside(&self) -> Inside {
        self.inside
    }

    /// Of how many records it is known who opened the connection.
    pub fn initiators(&self) -> Shares {
        self.initiators
    }

    /// Cut flows of devices that were forgotten before they could have gone on.
    pub fn cuts_evicted(&self) -> u64 {
        self.cuts.evicted()
    }

    /// End of the newest record so far, as it counted; milliseconds since the epoch.
    pub fn latest(&self) -> u64 {
        self.detector.latest()
    }

    /// See [`Detector::take_old_sources`].
    pub fn take_old_sources(&mut self) -> Vec<OldSource> {
        self.detector.take_old_sources()
    }

    /// Passes a batch through; every event goes to `sink`.
    pub fn pass(
        &mut self,
        batch: &mut FlowBatch,
        interfaces: &Interfaces,
        sink: impl FnMut(Alert),
    ) {
        self.enrich(batch, interfaces);
        self.detector.observe(batch, interfaces, &mut self.events);
        self.write_labels();
        self.events.drain(..).for_each(sink);
    }

    fn enrich(&mut self, batch: &mut FlowBatch, interfaces: &Interfaces) {
        self.cuts.look(batch);
        self.initiators.count(batch);
        if !self.keeps_context {
            self.enricher.enrich(batch);
        }
        self.inside.look(batch);
        if !self.keeps_context {
            self.tagger.tag(batch, interfaces);
        }
    }

    /// Does what must be done before the shards of the policies are asked of a batch.
    pub(super) fn prepare(&mut self, batch: &mut FlowBatch, interfaces: &Interfaces) -> Clocked {
        self.enrich(batch, interfaces);
        self.detector.clock(batch)
    }

    /// Moves on to `now`, milliseconds since the epoch.
    pub fn advance(&mut self, now: u64, sink: impl FnMut(Alert)) {
        self.current.learned.expire(now);
        self.detector.advance(now, &mut self.events);
        self.events.drain(..).for_each(sink);
    }

    /// Ends all incidents.
    pub fn finish(&mut self, now: u64, sink: impl FnMut(Alert)) {
        self.detector.finish(now, EndReason::Shutdown, &mut self.events);
        self.events.drain(..).for_each(sink);
    }

    /// Labels that policies have written hold for the next batch.
    pub(super) fn write_labels(&mut self) {
        for label in self.detector.take_labels() {
            for value in &label.values {
                self.current.learned.label(label.address, &label.context, value, label.expires);
            }
        }
    }
}
