//! Incidents that ended lately, by key: one that returns goes on under its own identifier, rather than as another. It lies
//! apart from the keys, which are forgotten or evicted meanwhile.

use std::collections::{HashMap, VecDeque};

use crate::policy::alert::Severity;

/// What is kept of an incident.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Its identifier.
    pub id: u64,
    /// When its first threshold held.
    pub start: u64,
    /// Events given so far.
    pub sequence: u32,
    /// The highest severity that held.
    pub highest: Severity,
    /// When it ended.
    pub time: u64,
}

/// The incidents of one tracker that may return.
#[derive(Debug, Default)]
pub struct EndedIncidents {
    by_key: HashMap<Box<[u64]>, Ended>,
    /// Keys in the order in which their incidents ended, with when; those that have returned since are still here.
    order: VecDeque<(u64, Box<[u64]>)>,
}

impl EndedIncidents {
    /// Keeps an incident, at most so many of them; the one that ended first makes room.
    pub fn keep(&mut self, key: &[u64], ended: Ended, most: usize) {
        while self.order.len() >= most.max(1) {
            self.forget_first();
        }
        self.order.push_back((ended.time, key.into()));
        self.by_key.insert(key.into(), ended);
    }

    /// Takes out the incident of a key.
    pub fn take(&mut self, key: &[u64]) -> Option<Ended> {
        if self.by_key.is_empty() { None } else { self.by_key.remove(key) }
    }

    /// Forgets what ended before `time`.
    pub fn forget_before(&mut self, time: u64) {
        while self.order.front().is_some_and(|(ended, _)| *ended < time) {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some((time, key)) = self.order.pop_front()
            && self.by_key.get(&key).is_some_and(|ended| ended.time == time)
        {
            self.by_key.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(id: u64, time: u64) -> Ended {
        Ended { id, start: 0, sequence: 2, highest: Severity::Low, time }
    }

    #[test]
    fn the_first_makes_room_and_the_old_are_forgotten() {
        let mut incidents = EndedIncidents::default();
        for id in 1..=3 {
            incidents.keep(&[id], ended(id, id * 10), 2);
        }
        assert!(incidents.take(&[1]).is_none());
        // It returned, and ended again: its first entry must not take the second along.
        assert_eq!(incidents.take(&[2]).map(|ended| ended.id), Some(2));
        incidents.keep(&[2], ended(2, 40), 9);
        incidents.forget_before(31);
        assert!(incidents.take(&[3]).is_none());
        assert_eq!(incidents.take(&[2]).map(|ended| ended.time), Some(40));
        assert!(incidents.by_key.is_empty());
    }
}
