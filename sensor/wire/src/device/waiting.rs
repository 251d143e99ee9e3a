//! Data sets whose templates have not come yet.
//!
//! A template that comes asks for its own sets and looks at no other; when room is needed, those that wait longest go first.
//! So each set is in two lists, that of all and that of its template, whose links lie in the slots of the sets: to take a set
//! in, to let one go and to make one ready takes a few steps, however many wait.

use std::{collections::VecDeque, sync::Arc};

use hashbrown::HashMap;

use super::templates::KnownTemplate;

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

/// Octets of memory that a set takes besides its own: a slot and a place in the table of templates, with what those keep
/// free, and what the allocator needs.
const OVERHEAD: usize = 2 * size_of::<Slot>() + 96;

impl Waiting {
    fn cost(&self) -> usize {
        OVERHEAD + self.set.len()
    }
}

/// Number of a slot.
type Place = u16;

/// The number of none.
const NONE: Place = Place::MAX;

/// Room for a set, and its links.
#[derive(Debug)]
struct Slot {
    set: Option<Waiting>,
    /// The set that came before it.
    older: Place,
    /// The set that came behind it. Of a slot without a set: another one without.
    newer: Place,
    /// The next set of its template.
    next: Place,
}

/// First and last of a list.
#[derive(Clone, Copy, Debug)]
struct Ends {
    first: Place,
    last: Place,
}

/// The sets that wait, and those whose template has come, until they are decoded.
#[derive(Debug)]
pub struct Queue {
    slots: Vec<Slot>,
    /// The first slot without a set.
    vacant: Place,
    /// All sets that wait, in the order in which they came.
    all: Ends,
    /// Those of each template, in that order.
    lists: HashMap<u16, Ends>,
    len: usize,
    ready: VecDeque<(Waiting, Arc<KnownTemplate>)>,
    cost: usize,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            vacant: NONE,
            all: Ends { first: NONE, last: NONE },
            lists: HashMap::new(),
            len: 0,
            ready: VecDeque::new(),
            cost: 0,
        }
    }
}

impl Queue {
    /// Lets a set wait. Those that wait longest make room while all take more than `limit` octets; their octets are
    /// returned.
    pub fn push(&mut self, set: Waiting, limit: usize) -> usize {
        let (cost, mut dropped) = (set.cost(), 0);
        while self.len != 0 && (self.len >= MOST || self.cost + cost > limit) {
            dropped += self.drop_oldest();
        }
        if self.cost + cost > limit {
            return dropped + set.set.len();
        }
        self.cost += cost;
        self.len += 1;
        let template = set.template;
        let place = self.put(set);
        match self.slots.get_mut(usize::from(self.all.last)) {
            Some(last) => last.newer = place,
            None => self.all.first = place,
        }
        self.all.last = place;
        let list = self.lists.entry(template).or_insert(Ends { first: place, last: NONE });
        if let Some(last) = self.slots.get_mut(usize::from(list.last)) {
            last.next = place;
        }
        list.last = place;
        dropped
    }

    /// Puts a set into a slot, as the last of all.
    fn put(&mut self, set: Waiting) -> Place {
        let filled = Slot { set: Some(set), older: self.all.last, newer: NONE, next: NONE };
        let place = self.vacant;
        match self.slots.get_mut(usize::from(place)) {
            Some(slot) => {
                self.vacant = slot.newer;
                *slot = filled;
                place
            }
            None => {
                self.slots.push(filled);
                (self.slots.len() - 1) as Place
            }
        }
    }

    /// Takes the set at `place` out of the list of all, and the number of the next one of its template.
    fn take(&mut self, place: Place) -> Option<(Waiting, Place)> {
        let slot = self.slots.get_mut(usize::from(place))?;
        let set = slot.set.take()?;
        let Slot { older, newer, next, .. } = *slot;
        slot.newer = std::mem::replace(&mut self.vacant, place);
        match self.slots.get_mut(usize::from(older)) {
            Some(slot) => slot.newer = newer,
            None => self.all.first = newer,
        }
        match self.slots.get_mut(usize::from(newer)) {
            Some(slot) => slot.older = older,
            None => self.all.last = older,
        }
        self.len -= 1;
        Some((set, next))
    }

    /// Lets the set go that waits longest, which is the first of its template. Returns its octets.
    fn drop_oldest(&mut self) -> usize {
        let Some((set, next)) = self.take(self.all.first) else { return 0 };
        self.cost -= set.cost();
        if next == NONE {
            self.lists.remove(&set.template);
        } else if let Some(list) = self.lists.get_mut(&set.template) {
            list.first = next;
        }
        set.set.len()
    }

    /// True when nothing waits for a template.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The templates that are waited for, in the order in which their first sets came.
    pub fn templates(&self) -> impl Iterator<Item = u16> {
        let slot = |place: Place| self.slots.get(usize::from(place));
        let mut place = self.all.first;
        let all = std::iter::from_fn(move || {
            let (at, found) = (place, slot(place)?);
            place = found.newer;
            Some((at, found.set.as_ref()?.template))
        });
        let is_first = |at, id| self.lists.get(&id).is_some_and(|list| list.first == at);
        all.filter(move |(at, id)| is_first(*at, *id)).map(|(_, id)| id)
    }

    /// The template `id` has come, as `known`: the sets that have waited for it are ready.
    pub fn make_ready(&mut self, id: u16, known: &Arc<KnownTemplate>) {
        let mut place = self.lists.remove(&id).map_or(NONE, |list| list.first);
        while let Some((set, next)) = self.take(place) {
            self.ready.push_back((set, known.clone()));
            place = next;
        }
        self.shrink();
    }

    /// Gives the memory back when nothing waits any more.
    fn shrink(&mut self) {
        if self.len == 0 {
            (self.slots, self.vacant) = (Vec::new(), NONE);
            self.lists = HashMap::new();
        }
    }

    /// True when the template `id` is waited for.
    pub fn awaits(&self, id: u16) -> bool {
        self.len != 0 && self.lists.contains_key(&id)
    }

    /// True when sets are ready.
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Takes the first set that is ready, and its template.
    pub fn take_ready(&mut self) -> Option<(Waiting, Arc<KnownTemplate>)> {
        let (set, known) = self.ready.pop_front()?;
        self.cost -= set.cost();
        if self.ready.is_empty() {
            self.ready = VecDeque::new();
        }
        Some((set, known))
    }

    /// Takes up the sets of `other`, behind its own, within `limit` as in [`Queue::push`].
    pub fn append(&mut self, mut other: Self, limit: usize) -> usize {
        let ready = std::mem::take(&mut other.ready);
        self.cost += ready.iter().map(|(set, _)| set.cost()).sum::<usize>();
        self.ready.extend(ready);
        let mut dropped = 0;
        while let Some((set, _)) = other.take(other.all.first) {
            dropped += self.push(set, limit);
        }
        dropped
    }

    /// Forgets all sets. Returns their octets.
    pub fn forget(&mut self) -> usize {
        let Self { slots, ready, .. } = std::mem::take(self);
        let waiting = slots.into_iter().filter_map(|slot| slot.set);
        let ready = ready.into_iter().map(|(set, _)| set);
        waiting.chain(ready).map(|set| set.set.len()).sum()
    }

    /// Octets of memory that it takes, about: vacant slots count too where many are.
    pub fn cost(&self) -> usize {
        let octets = self.cost - OVERHEAD * (self.len + self.ready.len());
        let kept = self.slots.capacity() * size_of::<Slot>()
            + self.lists.capacity() * size_of::<(u16, Ends)>() * 2
            + self.ready.capacity() * size_of::<(Waiting, Arc<KnownTemplate>)>();
        self.cost.max(octets + kept)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::template::Template;

    fn set(template: u16, octets: usize) -> Waiting {
        Waiting { template, export: 0, uptime: None, received: 0, set: vec![0; octets].into() }
    }

    fn known(id: u16) -> Arc<KnownTemplate> {
        Arc::new(KnownTemplate::new(Template { id, scopes: 0, specifiers: Box::default() }))
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

    #[derive(Clone, Debug)]
    enum Step {
        Push(u16, usize),
        Ready(u16),
        Take,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (300..306_u16, 0..200_usize).prop_map(|(id, octets)| Step::Push(id, octets)),
            1 => (300..306_u16).prop_map(Step::Ready),
            1 => Just(Step::Take),
        ]
    }

    proptest! {
        /// Held against a queue that is searched from its front.
        #[test]
        fn sets_go_in_the_order_in_which_they_came(
            steps in proptest::collection::vec(step(), 1..300),
            most in 1..40_usize,
        ) {
            let limit = most * (OVERHEAD + 100);
            let (mut queue, mut waiting, mut ready) =
                (Queue::default(), VecDeque::new(), VecDeque::new());
            let cost = |sets: &VecDeque<(u16, usize)>| -> usize {
                sets.iter().map(|(_, octets)| OVERHEAD + octets).sum()
            };
            for step in steps {
                match step {
                    Step::Push(id, octets) => {
                        waiting.push_back((id, octets));
                        let mut expected = 0;
                        while cost(&waiting) + cost(&ready) > limit {
                            let Some((_, octets)) = waiting.pop_front() else { break };
                            expected += octets;
                        }
                        prop_assert_eq!(queue.push(set(id, octets), limit), expected);
                    }
                    Step::Ready(id) => {
                        queue.make_ready(id, &known(id));
                        ready.extend(waiting.iter().filter(|(other, _)| *other == id).copied());
                        waiting.retain(|(other, _)| *other != id);
                    }
                    Step::Take => {
                        let taken = queue.take_ready();
                        let taken = taken.map(|(set, known)| {
                            assert_eq!(set.template, known.template.id);
                            (set.template, set.set.len())
                        });
                        prop_assert_eq!(taken, ready.pop_front());
                    }
                }
                let mut ids: Vec<u16> = Vec::new();
                for (id, _) in &waiting {
                    if !ids.contains(id) {
                        ids.push(*id);
                    }
                }
                prop_assert_eq!(&queue.templates().collect::<Vec<_>>(), &ids);
                prop_assert_eq!(queue.is_empty(), waiting.is_empty());
                prop_assert_eq!(queue.has_ready(), !ready.is_empty());
                for id in 300..306 {
                    prop_assert_eq!(queue.awaits(id), ids.contains(&id));
                }
                prop_assert!(queue.cost() >= cost(&waiting) + cost(&ready));
            }
            let octets: usize = waiting.iter().chain(&ready).map(|(_, octets)| octets).sum();
            prop_assert_eq!((queue.forget(), queue.cost()), (octets, 0));
        }
    }
}
