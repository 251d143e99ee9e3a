//! Whether any record has an internal side.
//!
//! Where none has, the internal networks are hardly what they should be: policies that ask for them see nothing, and
//! nothing else would tell.

use crate::flow::batch::FlowBatch;

/// What has been seen so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inside {
    /// Records, up to those of the first batch with an internal side.
    pub records: u64,
    /// Whether one had an internal side.
    pub found: bool,
}

impl Inside {
    /// Looks at a batch that has its profiles; once something was found, at none.
    pub fn look(&mut self, batch: &FlowBatch) {
        if self.found {
            return;
        }
        let is_internal = |number: &u32| batch.profiles.get(*number).internal == Some(true);
        let mut sides = batch.source_profile.iter().chain(&batch.destination_profile);
        self.found = sides.any(is_internal);
        self.records += batch.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::flow::{
        batch::Source,
        profile::{Profile, Profiles},
    };

    #[test]
    fn either_side_counts() {
        let profiles = Profiles::default();
        let number = |internal| profiles.intern(Profile { internal, ..Profile::default() });
        let (inside, outside) = (number(Some(true)), number(Some(false)));
        let mut batch = FlowBatch::v4(Source::Host);
        batch.profiles = Arc::new(profiles);
        let mut look = |seen: &mut Inside, sides: [u32; 2]| {
            (batch.source_profile, batch.destination_profile) = (vec![sides[0]], vec![sides[1]]);
            seen.look(&batch);
            seen.found
        };
        let mut seen = Inside::default();
        assert!(!look(&mut seen, [0, outside]));
        assert!(look(&mut seen, [outside, inside]));
        assert!(look(&mut seen, [outside, outside]));
    }
}
