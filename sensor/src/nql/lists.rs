//! Named lists: values kept outside the query (`srcip in $blocked`), which can be replaced while queries run.
//!
//! A query is bound to the list when it is compiled, not to the values: an evaluator asks for them once per batch. The
//! list does not know which fields it is used with, so each of its lines is read as everything that it can be.

use std::{
    collections::{BTreeMap, HashSet},
    hash::{Hash, Hasher},
    sync::{Arc, PoisonError, RwLock},
};

use super::{
    literal,
    sets::{AddressSet, IntegerSet},
};
use crate::flow::fields::Value;

/// One list by name.
#[derive(Debug)]
pub struct NamedList {
    name: String,
    values: RwLock<Arc<ListValues>>,
}

impl NamedList {
    /// A list with these values.
    pub fn new(name: impl Into<String>, values: ListValues) -> Self {
        Self { name: name.into(), values: RwLock::new(Arc::new(values)) }
    }

    /// The name, without `$`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The values as of now.
    pub fn values(&self) -> Arc<ListValues> {
        self.values.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the values for all queries that use the list.
    pub fn replace(&self, values: ListValues) {
        *self.values.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(values);
    }
}

/// Lists are told apart by name: in one set of lists no name occurs twice.
impl PartialEq for NamedList {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for NamedList {}

impl Hash for NamedList {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

/// The values of a list, in each form that a field may compare with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListValues {
    /// Number of values.
    pub count: usize,
    /// Those that are whole numbers.
    pub integers: IntegerSet,
    /// How many those are.
    pub integer_count: usize,
    /// Those that are addresses or prefixes.
    pub addresses: AddressSet,
    /// How many those are.
    pub address_count: usize,
    /// All of them.
    pub texts: HashSet<String>,
    /// All of them in ASCII lower case, for fields that ignore case.
    pub folded_texts: HashSet<String>,
}

impl ListValues {
    /// Reads a list: one value a line, spaces around it and empty lines do not count, `#` starts a comment.
    pub fn parse(text: &str) -> Self {
        let mut values = Self::default();
        let (mut integers, mut prefixes) = (Vec::new(), Vec::new());
        for line in text.lines() {
            let value = line.split('#').next().unwrap_or_default().trim();
            if value.is_empty() {
                continue;
            }
            values.count += 1;
            if let Ok(number) = value.parse() {
                integers.push(number);
            }
            if let Some(prefix) = literal::prefix(value) {
                prefixes.push((prefix.address, prefix.length));
            }
            values.folded_texts.insert(value.to_ascii_lowercase());
            values.texts.insert(value.to_owned());
        }
        values.integer_count = integers.len();
        values.address_count = prefixes.len();
        values.integers = IntegerSet::of(integers);
        values.addresses = AddressSet::of(prefixes);
        values
    }

    /// True when `value` is in the list.
    pub fn contains(&self, value: Value<'_>, ignore_case: bool) -> bool {
        match value {
            Value::Integer(number) | Value::NumberText(number) => self.integers.contains(number),
            Value::Ip(address) => self.addresses.contains(address),
            Value::Text(text) => self.contains_text(text, ignore_case),
            Value::Texts(texts) => texts.iter().any(|text| self.contains_text(text, ignore_case)),
            Value::Mac(octets) => self.folded_texts.contains(&literal::mac_text(octets)),
            Value::Absent | Value::Float(_) | Value::Bool(_) => false,
        }
    }

    fn contains_text(&self, text: &str, ignore_case: bool) -> bool {
        if ignore_case {
            self.folded_texts.contains(&text.to_ascii_lowercase())
        } else {
            self.texts.contains(text)
        }
    }
}

/// The lists that queries can name.
#[derive(Clone, Debug, Default)]
pub struct Lists(BTreeMap<String, Arc<NamedList>>);

impl Lists {
    /// Adds a list, or replaces the values of the one that has this name.
    pub fn set(&mut self, name: &str, values: ListValues) {
        match self.0.get(name) {
            Some(list) => list.replace(values),
            None => {
                let list = Arc::new(NamedList::new(name, values));
                self.0.insert(name.to_owned(), list);
            }
        }
    }

    /// The list called `name`.
    pub fn get(&self, name: &str) -> Option<&Arc<NamedList>> {
        self.0.get(name)
    }

    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}
