//! Puts a change of policies in force.
//!
//! That moves what is kept, from shard to shard where a policy lies in another one now. Incidents of policies that are asked
//! no more end in portions, and nothing is freed but by whoever drops what is left over.

use super::{
    Detector,
    change::{ActiveRules, RetiredRules, RulesChange},
    cost::Cost,
    scope::{Place, TrackerScope},
    shard::Shard,
    watch::Watch,
};
use crate::policy::alert::{Alert, EndReason};

impl Detector {
    /// What it goes by. All shards are here.
    pub fn active(&self) -> ActiveRules {
        let mut loads = vec![None; self.rules.policies.len()];
        for shard in &self.shards {
            for (place, watch) in self.rules.parts[shard.part].places.iter().zip(&shard.watches) {
                let records = self.front.records - watch.since;
                loads[*place] =
                    (records > 0).then(|| watch.counters.matched as f64 / records as f64);
            }
        }
        ActiveRules { rules: self.rules.clone(), sources: self.front.kinds(), loads }
    }

    /// Goes on with other policies. What those had open that are asked no more waits for [`Detector::end`]. All shards
    /// are here.
    pub fn change(&mut self, change: RulesChange) -> RetiredRules {
        let RulesChange { rules, scratch, same } = change;
        let mut shards = std::mem::take(&mut self.shards);
        let mut before: Vec<Option<Watch>> = Vec::new();
        before.resize_with(self.rules.policies.len(), || None);
        let mut labels = Vec::new();
        for shard in &mut shards {
            let places = &self.rules.parts[shard.part].places;
            for (place, watch) in places.iter().zip(shard.watches.drain(..)) {
                before[*place] = Some(watch);
            }
            labels.append(&mut shard.labels);
        }
        let view = self.front.sources.view();
        let since = self.front.records;
        self.shards = scratch
            .into_iter()
            .enumerate()
            .map(|(part, scratch)| {
                let policies = rules.parts[part].places.iter().map(|place| {
                    let kept = same[*place].and_then(|at| before.get_mut(at)?.take());
                    kept.unwrap_or_else(|| {
                        Watch::new(&rules.policies[*place], self.seed, &view, since)
                    })
                });
                let (rules, labels) = (rules.clone(), std::mem::take(&mut labels));
                let (interfaces, frames) = Default::default();
                Shard {
                    watches: policies.collect(),
                    rules,
                    part,
                    scratch,
                    labels,
                    interfaces,
                    frames,
                    cost: Cost::new(self.clock),
                }
            })
            .collect();
        let rules = std::mem::replace(&mut self.rules, rules);
        let policies = rules.policies.iter().cloned().zip(before);
        let policies = policies.filter_map(|(policy, watch)| Some((policy, watch?))).collect();
        RetiredRules { policies, ended: 0, _shards: shards }
    }

    /// Ends incidents of policies that are asked no more, until about `most` have ended. True once none is left.
    pub fn end(
        &mut self,
        retired: &mut RetiredRules,
        now: u64,
        most: usize,
        events: &mut Vec<Alert>,
    ) -> bool {
        let sources = self.front.sources.view();
        let (found, mut labels) = (&mut self.found, Vec::new());
        while let Some((policy, Watch { trackers, counters, texts, .. })) =
            retired.policies.get_mut(retired.ended)
        {
            let mut context = TrackerScope {
                texts,
                sources: &sources,
                counters,
                at: Place::default(),
                events: found,
                labels: &mut labels,
            };
            let ended = trackers
                .iter_mut()
                .all(|tracker| tracker.finish(policy, now, EndReason::Reload, most, &mut context));
            retired.ended += usize::from(ended);
            if !ended || found.len() >= most {
                break;
            }
        }
        events.extend(found.drain(..).map(|(_, event)| event));
        retired.ended == retired.policies.len()
    }
}
