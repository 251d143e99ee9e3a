//! The last hits, for whoever asks how the agent is doing.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use sensor_core::{policy::alert::Alert, sync::Unpoisoned as _};

use crate::{agent::status::Hit, export::hits::render::summary};

/// Hits that are remembered.
const MOST: usize = 10;

/// The last hits.
#[derive(Default)]
pub struct RecentHits(Mutex<VecDeque<Arc<Alert>>>);

impl RecentHits {
    /// Remembers an event.
    pub fn add(&self, event: &Arc<Alert>) {
        let mut hits = self.0.lock().unpoisoned();
        if hits.len() == MOST {
            hits.pop_front();
        }
        hits.push_back(event.clone());
    }

    /// The last ones, the latest at the end.
    pub fn report(&self) -> Vec<Hit> {
        let hits = self.0.lock().unpoisoned().clone();
        let hit = |event: &Arc<Alert>| Hit {
            timestamp: event.timestamp,
            policy: event.policy.name.clone(),
            kind: event.kind.name(),
            severity: event.severity.name(),
            summary: summary::of(event),
        };
        hits.iter().map(hit).collect()
    }
}
