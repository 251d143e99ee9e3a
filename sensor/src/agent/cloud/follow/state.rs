//! What was read of each object of a source, as far as the outputs have it. Pure: [`super::journal`] keeps it on disk.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::items::{Object, Wanted};

/// Objects that are remembered: about 30 MB.
pub const MOST: usize = 100_000;

/// How far an object was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The version that was read.
    pub version: Arc<str>,
    /// Octets as they are stored that were read, of which `print` is the fingerprint.
    pub stored: u64,
    /// Fingerprint of the first and last of these; 0 where the object does not grow.
    pub print: u64,
    /// Octets behind the compression whose records were put out; rows of a table.
    pub octets: u64,
    /// Nothing is left to read of this version.
    pub whole: bool,
    /// When it had last been changed.
    pub modified: u64,
}

/// An object of a lot, as far as it matters for its records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// Its name.
    pub name: Arc<str>,
    /// The version that is read.
    pub version: Arc<str>,
    /// Whether it had settled, see [`Object::settled`].
    pub settled: bool,
}

impl Planned {
    /// Of an object.
    pub fn of(object: &Object) -> Self {
        let Object { name, version, settled, .. } = object;
        Self { name: name.clone(), version: version.clone(), settled: *settled }
    }
}

/// What was read of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Tells lots of this state from those of one that was removed.
    pub id: u64,
    /// Unknown objects that were last changed before this are not read, milliseconds since the epoch.
    pub floor: u64,
    /// The lot under way. Everything of those before it is with the outputs.
    pub lot: u64,
    /// The objects of that lot, in the order in which they are read.
    pub plan: Vec<Planned>,
    /// What else its rows depend on, see [`super::omission::Omissions::rules`].
    pub rules: u64,
    /// When it was begun, milliseconds since the epoch: what is dated after that is no record of it, whenever it is read again.
    pub now: u64,
    objects: HashMap<Arc<str>, Progress>,
    by_age: BTreeSet<(u64, Arc<str>)>,
}

/// One step of a state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The state's, as [`State::id`].
    pub id: u64,
    /// The lot that begins.
    pub lot: u64,
    /// Its objects.
    pub plan: Vec<Planned>,
    /// What else its rows depend on.
    #[serde(default)]
    pub rules: u64,
    /// When it begins, as [`State::now`]; whoever did not note it believed any date.
    #[serde(default = "any")]
    pub now: u64,
    /// How far objects have been read before it.
    pub read: Vec<(Arc<str>, Progress)>,
    /// The floor, as [`State::floor`].
    pub floor: u64,
}

fn any() -> u64 {
    u64::MAX
}

impl State {
    /// Of a source from which nothing was read; what was last changed before `floor` is not to be.
    /// `id` differs from that of any state before.
    pub fn new(id: u64, floor: u64) -> Self {
        Self { id, floor, ..Self::default() }
    }

    /// How far an object was read.
    pub fn progress(&self, name: &str) -> Option<&Progress> {
        self.objects.get(name)
    }

    /// Objects that are remembered.
    pub fn count(&self) -> usize {
        self.objects.len()
    }

    /// What is to be done about an object.
    pub fn wants(&self, object: &Object) -> Wanted {
        match self.objects.get(&object.name) {
            Some(known) if *known.version == *object.version => {
                if known.whole {
                    Wanted::Known
                } else {
                    Wanted::Yes
                }
            }
            Some(_) => Wanted::Yes,
            // Under way when the agent ended: an object without any progress.
            None if self.plan.iter().any(|planned| planned.name == object.name) => Wanted::Yes,
            None if object.modified < self.floor => Wanted::Old,
            None => Wanted::Yes,
        }
    }

    /// Goes a step on. The oldest objects are forgotten where there are too many; what is older than these is not read later.
    pub fn go(&mut self, step: Step) {
        let Step { id, lot, plan, rules, now, read, floor } = step;
        (self.id, self.lot, self.plan, self.rules, self.now) = (id, lot, plan, rules, now);
        self.floor = self.floor.max(floor);
        for (name, progress) in read {
            let modified = progress.modified;
            if let Some(before) = self.objects.insert(name.clone(), progress) {
                self.by_age.remove(&(before.modified, name.clone()));
            }
            self.by_age.insert((modified, name));
        }
        while self.objects.len() > MOST {
            let Some((modified, name)) = self.by_age.pop_first() else { break };
            self.objects.remove(&name);
            self.floor = self.floor.max(modified.saturating_add(1));
        }
    }

    /// A step from nothing to here.
    pub fn whole(&self) -> Step {
        let progress = |(_, name): &(u64, Arc<str>)| {
            self.objects.get(name).map(|progress| (name.clone(), progress.clone()))
        };
        Step {
            id: self.id,
            lot: self.lot,
            plan: self.plan.clone(),
            rules: self.rules,
            now: self.now,
            read: self.by_age.iter().filter_map(progress).collect(),
            floor: self.floor,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(name: &str, version: &str, modified: u64) -> Object {
        Object {
            name: name.into(),
            version: version.into(),
            size: None,
            modified,
            settled: false,
            grows: true,
        }
    }

    fn read(name: &str, version: &str, modified: u64, whole: bool) -> (Arc<str>, Progress) {
        let progress =
            Progress { version: version.into(), stored: 1, print: 2, octets: 3, whole, modified };
        (name.into(), progress)
    }

    #[test]
    fn an_object_is_wanted_until_all_of_it_was_read_and_again_when_it_changes() {
        let mut state = State::new(0, 100);
        assert_eq!(state.wants(&object("a", "1", 99)), Wanted::Old);
        assert_eq!(state.wants(&object("a", "1", 100)), Wanted::Yes);
        state.go(Step { read: vec![read("a", "1", 100, false)], ..Step::default() });
        assert_eq!(state.wants(&object("a", "1", 100)), Wanted::Yes);
        state.go(Step { read: vec![read("a", "1", 100, true)], ..Step::default() });
        assert_eq!(state.wants(&object("a", "1", 100)), Wanted::Known);
        // Of a known object the time says nothing.
        assert_eq!(state.wants(&object("a", "2", 1)), Wanted::Yes);
        assert_eq!(state.floor, 100);
    }

    #[test]
    fn what_was_under_way_is_wanted_however_old_it_is() {
        let mut state = State::new(0, 100);
        let plan = vec![Planned::of(&object("a", "1", 5))];
        state.go(Step { plan, lot: 1, ..Step::default() });
        assert_eq!(state.wants(&object("a", "1", 5)), Wanted::Yes);
        assert_eq!(state.wants(&object("b", "1", 5)), Wanted::Old);
    }

    #[test]
    fn the_oldest_are_forgotten_and_are_old_from_then_on() {
        let mut state = State::new(0, 0);
        let all = (0..MOST as u64 + 10).map(|at| read(&at.to_string(), "1", 1000 + at, true));
        state.go(Step { read: all.collect(), ..Step::default() });
        assert_eq!((state.count(), state.floor), (MOST, 1010));
        assert_eq!(state.wants(&object("9", "1", 1009)), Wanted::Old);
        assert_eq!(state.wants(&object("10", "1", 1010)), Wanted::Known);
        let mut copy = State::new(0, 0);
        copy.go(state.whole());
        assert_eq!(copy, state);
    }
}
