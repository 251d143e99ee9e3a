//! How much memory policies take for their keys, told before they run.

use super::{kept::OF_FLOWS, tracker::Tracker};
use crate::policy::{model::Policy, values::KeyFields};

/// Keys and their memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Most keys of all alternatives.
    pub keys: usize,
    /// Octets that they take, besides tables of keys with many distinct values.
    pub octets: usize,
}

impl Footprint {
    /// That of one policy whose keys are all taken.
    pub fn of(policy: &Policy) -> Self {
        let quoted = if policy.has_thresholds() { OF_FLOWS } else { 0 };
        policy.track_by.iter().fold(Self::default(), |all, fields| {
            // The empty key is one.
            let keys = if fields.is_empty() { 1 } else { policy.max_keys };
            let own = Tracker::octets(policy, &KeyFields::new(fields), keys);
            let octets = own.saturating_add(keys.saturating_mul(quoted));
            all.and(Self { keys, octets })
        })
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            keys: self.keys.saturating_add(other.keys),
            octets: self.octets.saturating_add(other.octets),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        nql::lists::Lists,
        policy::load::{PolicyFile, load},
    };

    #[test]
    fn memory_follows_from_keys_and_what_is_counted() {
        let of = |keys: &str| {
            let text = format!("[[policy]]\nname = 'p'\nmatch = ''\nmax_keys = 1000\n{keys}");
            let file = PolicyFile { path: "p.toml".into(), text };
            Footprint::of(&load(&[file], &Lists::default()).policies[0])
        };
        let tracked = "track_by = [['srcip']]\n";
        let window = |threshold: &str| {
            of(&format!("{tracked}window = '1m'\nseverity = {{ high = '{threshold}' }}\n"))
        };
        let (hits, count, distinct) =
            (of(tracked), window("count() >= 2"), window("distinct(dstip) >= 2"));
        assert_eq!((hits.keys, count.keys, distinct.keys), (1000, 1000, 1000));
        assert!((40_000..120_000).contains(&hits.octets), "{hits:?}");
        assert!((160_000..700_000).contains(&count.octets), "{count:?}");
        assert_eq!(distinct.octets - count.octets, 64_000, "one line of the cache a key");
        assert_eq!(of("track_by = [['srcip'], []]\n").keys, 1001, "the empty key is one");
    }
}
