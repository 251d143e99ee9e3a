//! A hash table that looks first where it found something last.
//!
//! A datagram asks for its device, for its stream and for templates of it several times over, and the next datagram often
//! asks for the same again: one comparison answers that.

use std::{
    cell::Cell,
    hash::{BuildHasher, Hash},
};

use hashbrown::{DefaultHashBuilder, HashTable};

/// Values by key.
#[derive(Debug)]
pub struct Table<K, V> {
    entries: HashTable<(K, V)>,
    hasher: DefaultHashBuilder,
    /// Where the last entry was found. Whatever is there by now is compared like any other.
    last: Cell<usize>,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self {
            entries: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            last: Cell::default(),
        }
    }
}

impl<K: Copy + Eq + Hash, V> Table<K, V> {
    #[inline]
    fn find(&self, key: &K) -> Option<usize> {
        let last = self.last.get();
        match self.entries.get_bucket(last) {
            Some((known, _)) if known == key => Some(last),
            _ => self.search(key),
        }
    }

    fn search(&self, key: &K) -> Option<usize> {
        if self.entries.is_empty() {
            return None;
        }
        let hash = self.hasher.hash_one(key);
        let place = self.entries.find_bucket_index(hash, |(known, _)| known == key)?;
        self.last.set(place);
        Some(place)
    }

    /// The value of `key`.
    #[inline]
    pub fn get(&self, key: &K) -> Option<&V> {
        self.entries.get_bucket(self.find(key)?).map(|(_, value)| value)
    }

    /// As [`Table::get`].
    #[inline]
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let place = self.find(key)?;
        self.entries.get_bucket_mut(place).map(|(_, value)| value)
    }

    /// True when `key` has a value.
    #[inline]
    pub fn contains(&self, key: &K) -> bool {
        self.find(key).is_some()
    }

    /// The value of `key`, `value` where it has none yet.
    pub fn get_or_insert(&mut self, key: K, value: impl FnOnce() -> V) -> &mut V {
        let Self { entries, hasher, .. } = self;
        let rehash = |(known, _): &(K, V)| hasher.hash_one(known);
        let entry = entries.entry(hasher.hash_one(key), |(known, _)| *known == key, rehash);
        &mut entry.or_insert_with(|| (key, value())).into_mut().1
    }

    /// Gives `key` this value, in the place of one that it has.
    pub fn insert(&mut self, key: K, value: V) {
        if let Some(known) = self.get_mut(&key) {
            *known = value;
            return;
        }
        let Self { entries, hasher, last } = self;
        let rehash = |(known, _): &(K, V)| hasher.hash_one(known);
        let entry = entries.insert_unique(hasher.hash_one(key), (key, value), rehash);
        last.set(entry.bucket_index());
    }

    /// Takes the value of `key` out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let place = self.find(key)?;
        let entry = self.entries.get_bucket_entry(place).ok()?;
        Some(entry.remove().0.1)
    }

    /// All keys and values.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().map(|(key, value)| (key, value))
    }

    /// All values.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.entries.iter().map(|(_, value)| value)
    }

    /// As [`Table::values`].
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.entries.iter_mut().map(|(_, value)| value)
    }

    /// All values, and no table any more.
    pub fn into_values(self) -> impl Iterator<Item = V> {
        self.entries.into_iter().map(|(_, value)| value)
    }

    /// Keeps the entries that `keep` wants.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        self.entries.retain(|(key, value)| keep(key, value));
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Octets of memory that its entries take, those of what they point at aside.
    pub fn octets(&self) -> usize {
        self.entries.capacity() * (size_of::<(K, V)>() + 2)
    }

    /// True without values.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Insert(u8, u16),
        Change(u8, u16),
        Remove(u8),
        Get(u8),
        Keep(u16),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0..24_u8, any::<u16>()).prop_map(|(key, value)| Step::Insert(key, value)),
            (0..24_u8, any::<u16>()).prop_map(|(key, value)| Step::Change(key, value)),
            (0..24_u8).prop_map(Step::Remove),
            (0..24_u8).prop_map(Step::Get),
            (1..5_u16).prop_map(Step::Keep),
        ]
    }

    proptest! {
        #[test]
        fn it_answers_as_any_other_map(steps in proptest::collection::vec(step(), 1..200)) {
            let (mut table, mut map) = (Table::default(), BTreeMap::new());
            for step in steps {
                match step {
                    Step::Insert(key, value) => {
                        table.insert(key, value);
                        map.insert(key, value);
                    }
                    Step::Change(key, value) => {
                        let changed = table.get_or_insert(key, || value);
                        *changed = changed.wrapping_add(1);
                        let expected = map.entry(key).or_insert(value);
                        *expected = expected.wrapping_add(1);
                    }
                    Step::Remove(key) => prop_assert_eq!(table.remove(&key), map.remove(&key)),
                    Step::Get(key) => {
                        prop_assert_eq!(table.get(&key), map.get(&key));
                        prop_assert_eq!(table.get_mut(&key), map.get_mut(&key));
                        prop_assert_eq!(table.contains(&key), map.contains_key(&key));
                    }
                    Step::Keep(part) => {
                        table.retain(|_, value| *value % part == 0);
                        map.retain(|_, value| *value % part == 0);
                    }
                }
                prop_assert_eq!((table.len(), table.is_empty()), (map.len(), map.is_empty()));
            }
            let all: BTreeMap<_, _> = table.iter().map(|(key, value)| (*key, *value)).collect();
            prop_assert_eq!(&all, &map);
            prop_assert_eq!(table.into_values().count(), map.len());
        }
    }
}
