//! Flow tags, interned: rules put few combinations of tags on many flows, so that a batch holds one number per flow.

use std::collections::{BTreeSet, HashMap};

/// Sets of tags by number. Number 0 is the empty set.
#[derive(Clone, Debug)]
pub struct TagSets {
    /// Sorted, no tag twice.
    sets: Vec<Vec<String>>,
    numbers: HashMap<Vec<String>, u32>,
}

impl Default for TagSets {
    fn default() -> Self {
        Self { sets: vec![Vec::new()], numbers: HashMap::from([(Vec::new(), 0)]) }
    }
}

impl TagSets {
    /// The number of the set of these tags, a new one if it has none yet.
    pub fn intern<'a>(&mut self, tags: impl IntoIterator<Item = &'a str>) -> u32 {
        let tags: BTreeSet<&str> = tags.into_iter().collect();
        let tags: Vec<String> = tags.into_iter().map(str::to_owned).collect();
        if let Some(&number) = self.numbers.get(&tags) {
            return number;
        }
        let number = u32::try_from(self.sets.len()).unwrap_or(0);
        if number != 0 {
            self.sets.push(tags.clone());
            self.numbers.insert(tags, number);
        }
        number
    }

    /// The number of the set with the tags of set `number` and these.
    pub fn with(&mut self, number: u32, more: &[String]) -> u32 {
        let own = self.get(number).to_vec();
        self.intern(own.iter().chain(more).map(String::as_str))
    }

    /// The tags of a set, sorted; none where there is no set of this number.
    pub fn get(&self, number: u32) -> &[String] {
        self.sets.get(number as usize).map_or(&[], Vec::as_slice)
    }

    /// How many sets there are; at least one.
    pub fn count(&self) -> usize {
        self.sets.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_sets_have_one_number() {
        let mut sets = TagSets::default();
        assert_eq!(sets.intern([]), 0);
        let edge = sets.intern(["edge", "berlin", "edge"]);
        assert_eq!(sets.intern(["berlin", "edge"]), edge);
        assert_eq!(sets.with(edge, &["edge".to_owned()]), edge);
        let more = sets.with(edge, &["audit".to_owned()]);
        assert_eq!(sets.get(more), ["audit", "berlin", "edge"]);
        assert_eq!((sets.count(), sets.get(99)), (3, &[][..]));
    }
}
