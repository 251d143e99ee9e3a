//! How near a key is to its lowest threshold, for whoever asks why there is no event.

use super::WindowTracker;
use crate::policy::{
    detector::{seen::Seen, trace::Near},
    keys::Hash,
    model::Policy,
    values::Texts,
};

impl WindowTracker {
    /// What the window of a key has, as of its newest record.
    pub fn near(
        &self,
        policy: &Policy,
        (hash, key): (Hash, &[u64]),
        texts: &Texts,
    ) -> Option<Near> {
        let slot = self.keys.find(hash, key)?;
        let state = self.keys.peek(slot);
        let time = state.series.newest;
        let window = Seen::new((state, self.counted.of(slot)), self.seconds, self.grid, time);
        let condition = &policy.levels.first()?.threshold.condition;
        Some(Near {
            share: condition.share(&window),
            measured: condition.measure(&window, &policy.distinct),
            track: self.fields.values(self.keys.key(slot), texts),
            time,
        })
    }
}
