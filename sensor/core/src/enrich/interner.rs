//! Things by number: contexts, values and combinations recur, and numbers are compared and kept at little cost.

use std::{
    borrow::Borrow,
    hash::{BuildHasher as _, Hash, RandomState},
};

use hashbrown::HashTable;

/// A set of things; numbers are given in the order of their first appearance.
#[derive(Debug)]
pub struct Interner<T> {
    items: Vec<T>,
    numbers: HashTable<u32>,
    hasher: RandomState,
}

impl<T> Default for Interner<T> {
    fn default() -> Self {
        Self { items: Vec::new(), numbers: HashTable::new(), hasher: RandomState::new() }
    }
}

impl<T: Hash + Eq> Interner<T> {
    /// The number of `item`; a new one if it has none yet, for what `own` makes of it.
    pub fn number<Q>(&mut self, item: &Q, own: impl FnOnce(&Q) -> T) -> u32
    where
        T: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let Self { items, numbers, hasher } = self;
        let of = |number: u32| items[number as usize].borrow();
        let entry = numbers.entry(
            hasher.hash_one(item),
            |&number| of(number) == item,
            |&number| hasher.hash_one(of(number)),
        );
        let number = *entry.or_insert(items.len() as u32).get();
        if number as usize == items.len() {
            items.push(own(item));
        }
        number
    }

    /// The thing with this number.
    pub fn get(&self, number: u32) -> &T {
        &self.items[number as usize]
    }

    /// All of them, by number.
    pub fn into_items(self) -> Vec<T> {
        self.items
    }
}

/// The number of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(u32);

/// Texts by number.
#[derive(Debug, Default)]
pub struct Texts(Interner<Box<str>>);

impl Texts {
    /// The number of `text`.
    pub fn number(&mut self, text: &str) -> Text {
        Text(self.0.number(text, |text: &str| text.into()))
    }

    /// The text of a number.
    pub fn get(&self, text: Text) -> &str {
        self.0.get(text.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_have_one_number() {
        let mut texts = Texts::default();
        let (role, web) = (texts.number("role"), texts.number("web"));
        assert_eq!(texts.number("role"), role);
        assert_eq!((texts.get(role), texts.get(web)), ("role", "web"));
        for number in 0..1000 {
            texts.number(&number.to_string());
        }
        assert_eq!(texts.number("web"), web);
    }
}
