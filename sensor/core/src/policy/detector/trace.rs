//! The same detection, flow by flow, for whoever asks why: after each matching flow it is told how near its key is to a
//! threshold. Slower, and with the same events.

use std::iter;

use super::{Detector, Shard, front::Clocked, put_in_order, tracker::Tracker};
use crate::{
    flow::{
        batch::FlowBatch,
        fields::{OwnedValue, Row},
        interfaces::Interfaces,
    },
    policy::{alert::Alert, threshold::Measured, values::KEY_WORDS},
};

/// A key and its lowest threshold.
#[derive(Clone, Debug, PartialEq)]
pub struct Near {
    /// What share of the threshold has been reached: 1 where it is met exactly.
    pub share: f64,
    /// What the threshold compares.
    pub measured: Vec<Measured>,
    /// The key.
    pub track: Vec<(&'static str, OwnedValue)>,
    /// Time of the newest record in the window, milliseconds since the epoch.
    pub time: u64,
}

impl Detector {
    /// As [`Detector::observe`]; `each` gets every matching flow with every key of it that has a threshold. Labels are
    /// dropped.
    pub fn trace(
        &mut self,
        batch: &FlowBatch,
        interfaces: &Interfaces,
        events: &mut Vec<Alert>,
        each: &mut dyn FnMut(Row<'_>, Near),
    ) {
        let mut clocked = Clocked::default();
        self.front.clock(batch, &mut clocked);
        for shard in &mut self.shards {
            shard.trace(batch, interfaces, &clocked, &mut self.found, each);
        }
        put_in_order(&mut self.found, events);
        drop(self.take_labels());
    }
}

impl Shard {
    fn trace(
        &mut self,
        batch: &FlowBatch,
        interfaces: &Interfaces,
        clocked: &Clocked,
        found: &mut super::Found,
        each: &mut dyn FnMut(Row<'_>, Near),
    ) {
        self.observe_by(batch, interfaces, clocked, found, |policy, flows, block, desk| {
            for flow in flows {
                block.add(policy, &mut iter::once(flow), desk);
                block.settle(desk);
                let watch = &mut desk.watches[policy];
                for tracker in &watch.trackers {
                    let mut words = [0; KEY_WORDS];
                    let key = tracker.key(&flow, &mut watch.texts, &mut words);
                    if let (Tracker::Windows(windows), Some(hash)) = (tracker, key)
                        && let Some(near) =
                            windows.near(&desk.policies[policy], (hash, &words), &watch.texts)
                    {
                        each(flow.row, near);
                    }
                }
            }
        });
    }
}
