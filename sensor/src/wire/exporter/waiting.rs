//! Data sets whose templates have not come yet, by template.
//!
//! A template that comes asks for its own sets and looks at no other; when room is needed, those that wait longest go first.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use hashbrown::HashMap;

use super::templates::Known;

/// A data set whose template has not come yet.
#[derive(Debug)]
pub struct Waiting {
    /// Template identifier.
    pub template: u16,
    /// Milliseconds since the epoch in the header of its message.
    pub export: u64,
    /// Uptime in the header of its message.
    pub uptime: Option<u32>,
    /// When it was received.
    pub received: u64,
    /// The set without its header.
    pub set: Box<[u8]>,
}

/// Sets that wait at most, whatever their length.
const MOST: usize = 256;

/// Octets of memory that a set takes besides its own: places in three tables, with what they keep free.
const OVERHEAD: usize = 2 * size_of::<Waiting>() + 160;

impl Waiting {
    fn cost(&self) -> usize {
        OVERHEAD + self.set.len()
    }
}

/// The sets that wait, and those whose template has come, until they are decoded.
#[derive(Debug, Default)]
pub struct Queue {
    /// In the order in which they came.
    sets: BTreeMap<u64, Waiting>,
    /// Where the sets of each template are, in that order.
    places: HashMap<u16, VecDeque<u64>>,
    came: u64,
    ready: VecDeque<(Waiting, Arc<Known>)>,
    cost: usize,
}

impl Queue {
    /// Lets a set wait. Those that wait longest make room while all take more than `limit` octets; their octets are
    /// returned.
    pub fn push(&mut self, set: Waiting, limit: usize) -> usize {
        self.cost += set.cost();
        self.came += 1;
        self.places.entry(set.template).or_default().push_back(self.came);
        self.sets.insert(self.came, set);
        let mut dropped = 0;
        while self.cost > limit || self.sets.len() > MOST {
            let Some((_, oldest)) = self.sets.pop_first() else { break };
            self.cost -= oldest.cost();
            dropped += oldest.set.len();
            if let Some(places) = self.places.get_mut(&oldest.template) {
                places.pop_front();
                if places.is_empty() {
                    self.places.remove(&oldest.template);
                }
            }
        }
        dropped
    }

    /// True when nothing waits for a template.
    pub fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    /// The templates that are waited for.
    pub fn templates(&self) -> impl Iterator<Item = u16> {
        self.places.keys().copied()
    }

    /// The template `id` has come, as `known`: the sets that have waited for it are ready.
    pub fn make_ready(&mut self, id: u16, known: &Arc<Known>) {
        for place in self.places.remove(&id).into_iter().flatten() {
            if let Some(set) = self.sets.remove(&place) {
                self.ready.push_back((set, known.clone()));
            }
        }
    }

    /// True when the template `id` is waited for.
    pub fn awaits(&self, id: u16) -> bool {
        !self.sets.is_empty() && self.places.contains_key(&id)
    }

    /// True when sets are ready.
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Takes the first set that is ready, and its template.
    pub fn take_ready(&mut self) -> Option<(Waiting, Arc<Known>)> {
        let (set, known) = self.ready.pop_front()?;
        self.cost -= set.cost();
        Some((set, known))
    }

    /// Takes up the sets of `other`, behind its own, within `limit` as in [`Queue::push`].
    pub fn append(&mut self, other: Self, limit: usize) -> usize {
        self.cost += other.ready.iter().map(|(set, _)| set.cost()).sum::<usize>();
        self.ready.extend(other.ready);
        other.sets.into_values().map(|set| self.push(set, limit)).sum()
    }

    /// Forgets all sets. Returns their octets.
    pub fn forget(&mut self) -> usize {
        let Self { sets, ready, .. } = std::mem::take(self);
        let ready = ready.into_iter().map(|(set, _)| set);
        sets.into_values().chain(ready).map(|set| set.set.len()).sum()
    }

    /// Octets of memory that it takes, about.
    pub fn cost(&self) -> usize {
        self.cost
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::template::Template;

    fn set(template: u16, octets: usize) -> Waiting {
        Waiting { template, export: 0, uptime: None, received: 0, set: vec![0; octets].into() }
    }

    fn known(id: u16) -> Arc<Known> {
        Arc::new(Known::new(Template { id, scopes: 0, specifiers: Box::default() }))
    }

    #[test]
    fn a_template_makes_its_own_sets_ready_in_order() {
        let mut queue = Queue::default();
        for (template, octets) in [(300, 1), (301, 2), (300, 3)] {
            assert_eq!(queue.push(set(template, octets), 10_000), 0);
        }
        assert!(queue.awaits(301) && !queue.awaits(302));
        queue.make_ready(300, &known(300));
        let lengths: Vec<_> =
            std::iter::from_fn(|| queue.take_ready()).map(|(set, _)| set.set.len()).collect();
        assert_eq!(lengths, [1, 3]);
        assert_eq!(queue.templates().collect::<Vec<_>>(), [301]);
        assert_eq!((queue.forget(), queue.cost(), queue.is_empty()), (2, 0, true));
    }

    #[test]
    fn the_oldest_make_room() {
        let mut queue = Queue::default();
        let each = set(300, 100).cost();
        for n in 0..5 {
            let dropped = queue.push(set(300 + n % 2, 100), 3 * each);
            assert_eq!(dropped, if n < 3 { 0 } else { 100 });
        }
        queue.make_ready(301, &known(301));
        assert!(queue.take_ready().is_some() && queue.take_ready().is_none());
        let mut many = Queue::default();
        let dropped: usize = (0..300).map(|_| many.push(set(300, 1), usize::MAX)).sum();
        assert_eq!(dropped, 300 - MOST);
        assert_eq!(queue.append(many, usize::MAX), 200, "two of 100 octets waited before");
        assert_eq!(queue.forget(), MOST);
        assert_eq!(queue.cost(), 0);
    }
}
