//! A word in the log about policies and context: once a minute which keys were evicted, and once where no record
//! has an internal side.

use std::collections::HashMap;

use sensor_core::engine::inside::Inside;

use super::Engine;

/// Between two looks, milliseconds.
const INTERVAL: u64 = 60_000;
/// How long flows must have come without an internal side, milliseconds.
const LONG: u64 = 300_000;
/// And how many.
const MANY: u64 = 1000;
/// Policies that are named at once.
const NAMED: usize = 10;

/// What was known when something was last said.
#[derive(Default)]
pub struct Health {
    at: Option<u64>,
    /// Keys that had made room, by policy.
    evicted: HashMap<String, u64>,
    /// Since when flows come.
    flows_since: Option<u64>,
    told_of_sides: bool,
}

impl Health {
    /// Whether it is time to look again; the first time is a minute after the first call.
    pub fn is_due(&mut self, now: u64) -> bool {
        let at = *self.at.get_or_insert(now);
        // A clock that was set back makes nobody wait for long.
        let due = now >= at.saturating_add(INTERVAL) || now < at;
        if due {
            self.at = Some(now);
        }
        due
    }

    /// What is to be said.
    pub fn lines(&mut self, now: u64, engine: &Engine) -> Vec<String> {
        let evicted = engine.policies.iter().map(|policy| (&*policy.name, policy.evicted));
        self.told(now, evicted, engine.inside)
    }

    /// `evicted` are policies and the keys that made room since they are asked.
    fn told<'a>(
        &mut self,
        now: u64,
        evicted: impl Iterator<Item = (&'a str, u64)>,
        inside: Inside,
    ) -> Vec<String> {
        let mut lines = Vec::new();
        let mut losing = Vec::new();
        let mut known = HashMap::new();
        for (policy, count) in evicted.filter(|(_, count)| *count > 0) {
            let before = self.evicted.get(policy).copied().unwrap_or(0);
            // A policy that has changed counts from the start.
            let more = count.checked_sub(before).unwrap_or(count);
            if more > 0 {
                losing.push(format!("{policy} {more}"));
            }
            known.insert(policy.to_owned(), count);
        }
        self.evicted = known;
        if !losing.is_empty() {
            let named = losing.len().min(NAMED);
            let rest = match losing.len() - named {
                0 => String::new(),
                rest => format!(" and {rest} more policies"),
            };
            let named = losing[..named].join(", ");
            lines.push(format!(
                "max_keys reached: keys evicted with their counts, by policy: {named}{rest}; raise max_keys or use fewer track_by fields"
            ));
        }
        lines.extend(self.sides(now, inside));
        lines
    }

    fn sides(&mut self, now: u64, Inside { records, found }: Inside) -> Option<String> {
        if found || records == 0 || self.told_of_sides {
            return None;
        }
        let since = *self.flows_since.get_or_insert(now);
        if now < since.saturating_add(LONG) || records < MANY {
            return None;
        }
        self.told_of_sides = true;
        Some(format!(
            "no internal address in {records} flow records: policies that query srcinternal or dstinternal match nothing; check [networks]"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Inside = Inside { records: 0, found: false };

    #[test]
    fn once_a_minute() {
        let mut health = Health::default();
        let due = [5, 6, 60_004, 60_005, 60_006, 120_005, 100].map(|now| health.is_due(now));
        assert_eq!(due, [false, false, false, true, false, true, true]);
    }

    #[test]
    fn evictions_are_told_by_policy_and_only_new_ones() {
        let mut health = Health::default();
        let mut lines = |counts: &[(&str, u64)]| health.told(0, counts.iter().copied(), NONE);
        assert_eq!(
            lines(&[("scan", 5), ("quiet", 0), ("flood", 70)]),
            [
                "max_keys reached: keys evicted with their counts, by policy: scan 5, flood 70; raise max_keys or use fewer track_by fields"
            ]
        );
        assert_eq!(lines(&[("scan", 5), ("flood", 70)]), [""; 0]);
        // One that has changed has begun to count anew.
        let line = &lines(&[("scan", 6), ("flood", 3)])[0];
        assert!(line.contains("scan 1, flood 3;"), "{line}");
        let many: Vec<String> = (0..12).map(|number| format!("p{number}")).collect();
        let many: Vec<_> = many.iter().map(|name| (name.as_str(), 1)).collect();
        let line = &lines(&many)[0];
        assert!(line.contains("p9 1 and 2 more policies;"), "{line}");
    }

    #[test]
    fn that_nothing_is_internal_is_told_once_and_not_early() {
        let mut health = Health::default();
        let mut told = |now, records, found| {
            !health.told(now, std::iter::empty(), Inside { records, found }).is_empty()
        };
        assert!(!told(0, 0, false));
        assert!(!told(1_000_000, 10, false));
        assert!(!told(1_300_000, 999, false));
        assert!(!told(1_400_000, 5000, true));
        assert!(told(1_400_000, 5000, false));
        assert!(!told(2_000_000, 9000, false));
    }
}
