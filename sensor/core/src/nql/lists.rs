//! Named lists: values kept outside the query (`srcip in $blocked`), which can be replaced while queries run.
//!
//! A query is bound to the list when it is compiled, not to the values: an evaluator asks for them once per batch. The
//! list does not know which fields it is used with, so each of its lines is read as everything that it can be.

use std::{
    collections::{BTreeMap, HashSet},
    hash::{Hash, Hasher},
    sync::{Arc, RwLock},
};

use super::{
    literal,
    parse::is_name,
    sets::{AddressSet, IntegerSet},
};
use crate::{flow::prefix, sync::Unpoisoned as _};

/// One list by name.
#[derive(Debug)]
pub struct NamedList {
    name: String,
    values: RwLock<Arc<ListValues>>,
}

impl NamedList {
    /// A list with these values.
    pub fn new(name: impl Into<String>, values: impl Into<Arc<ListValues>>) -> Self {
        Self { name: name.into(), values: RwLock::new(values.into()) }
    }

    /// The name, without `$`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The values as of now.
    pub fn values(&self) -> Arc<ListValues> {
        self.values.read().unpoisoned().clone()
    }

    /// Replaces the values for all queries that use the list; returns those that it had.
    pub fn replace(&self, values: impl Into<Arc<ListValues>>) -> Arc<ListValues> {
        let mut own = self.values.write().unpoisoned();
        std::mem::replace(&mut *own, values.into())
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

/// As what the values of a list are read; follows from the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ListForm {
    /// Whole numbers.
    Integers,
    /// Protocol names and numbers, for the field `protocolint`.
    Protocols,
    /// Addresses and prefixes.
    Addresses,
    /// Texts.
    Texts,
    /// Texts without regard to case; MAC addresses are here in canonical form.
    FoldedTexts,
}

/// The values of a list, in each form that a field may compare with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListValues {
    /// Number of values.
    pub count: usize,
    /// Those that are whole numbers.
    pub integers: IntegerSet,
    /// Those that are protocols, by number.
    pub protocols: IntegerSet,
    /// Those that are addresses or prefixes.
    pub addresses: AddressSet,
    /// All of them.
    pub texts: HashSet<String>,
    /// All of them in ASCII lower case.
    pub folded_texts: HashSet<String>,
    /// How many are whole numbers, protocols, and addresses.
    readable: [usize; 3],
}

impl ListValues {
    /// Reads a list: one value a line, spaces around it and empty lines do not count, `#` starts a comment.
    pub fn parse(text: &str) -> Self {
        let mut values = Self::default();
        let (mut integers, mut protocols, mut prefixes) = (Vec::new(), Vec::new(), Vec::new());
        for line in text.lines() {
            let value = line.split('#').next().unwrap_or_default().trim();
            if value.is_empty() {
                continue;
            }
            values.count += 1;
            integers.extend(value.parse::<u64>().ok());
            protocols.extend(literal::protocol_number(value).map(u64::from));
            prefixes.extend(prefix::prefix(value).map(|prefix| (prefix.address, prefix.length)));
            values.folded_texts.extend(literal::mac(value).map(literal::mac_text));
            values.folded_texts.insert(value.to_ascii_lowercase());
            values.texts.insert(value.to_owned());
        }
        values.readable = [integers.len(), protocols.len(), prefixes.len()];
        values.integers = IntegerSet::of(integers);
        values.protocols = IntegerSet::of(protocols);
        values.addresses = AddressSet::of(prefixes);
        values
    }

    /// How many values cannot be read in this form, and so match nothing.
    pub fn unreadable(&self, form: ListForm) -> usize {
        let [integers, protocols, addresses] = self.readable;
        match form {
            ListForm::Integers => self.count - integers,
            ListForm::Protocols => self.count - protocols,
            ListForm::Addresses => self.count - addresses,
            ListForm::Texts | ListForm::FoldedTexts => 0,
        }
    }

    /// True when the text is in the list; `form` is one of the two for texts.
    pub fn contains_text(&self, text: &str, form: ListForm) -> bool {
        match form {
            ListForm::FoldedTexts if text.bytes().any(|byte| byte.is_ascii_uppercase()) => {
                self.folded_texts.contains(&text.to_ascii_lowercase())
            }
            ListForm::FoldedTexts => self.folded_texts.contains(text),
            _ => self.texts.contains(text),
        }
    }
}

/// The lists that queries can name.
#[derive(Clone, Debug, Default)]
pub struct Lists(BTreeMap<String, Arc<NamedList>>);

impl Lists {
    /// Whether `$NAME` can stand in a query.
    pub fn is_name(name: &str) -> bool {
        !name.is_empty() && name.chars().all(is_name)
    }

    /// Adds a list, or replaces the values of the one that has this name.
    pub fn set(&mut self, name: &str, values: impl Into<Arc<ListValues>>) {
        match self.0.get(name) {
            Some(list) => drop(list.replace(values)),
            None => {
                let list = Arc::new(NamedList::new(name, values));
                self.0.insert(name.to_owned(), list);
            }
        }
    }

    /// Adds the lists of `others`, in the place of those that have the same names.
    pub fn add(&mut self, others: &Self) {
        self.0.extend(others.0.iter().map(|(name, list)| (name.clone(), list.clone())));
    }

    /// Gives each list the values that the one of its name has among `others`, for all queries that use it; returns the
    /// values that are not used any more.
    pub fn follow(&self, others: &Self) -> Vec<Arc<ListValues>> {
        let both = self.0.iter().filter_map(|(name, list)| Some((list, others.get(name)?)));
        both.map(|(list, other)| list.replace(other.values())).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_in_every_form() {
        let values = ListValues::parse("# ours\n10.0.0.0/8\n\n 80 # web\nTCP\n00-1B-21-AA-BB-CC\n");
        assert_eq!(values.count, 4);
        assert_eq!(values.integers.ranges(), [(80, 80)]);
        assert_eq!(values.protocols.ranges(), [(6, 6), (80, 80)]);
        assert!(values.addresses.contains([10, 1, 2, 3].into()));
        assert!(values.contains_text("TCP", ListForm::Texts));
        assert!(!values.contains_text("tcp", ListForm::Texts));
        assert!(values.contains_text("Tcp", ListForm::FoldedTexts));
        assert!(values.contains_text("00:1b:21:aa:bb:cc", ListForm::FoldedTexts));
        assert_eq!(values.unreadable(ListForm::Addresses), 3);
        assert_eq!(values.unreadable(ListForm::Protocols), 2);
        assert_eq!(values.unreadable(ListForm::Texts), 0);
    }

    #[test]
    fn a_reload_reaches_those_who_hold_the_list() {
        let mut lists = Lists::default();
        lists.set("ports", ListValues::parse("22"));
        let held = lists.get("ports").cloned().unwrap();
        lists.set("ports", ListValues::parse("23"));
        assert!(held.values().integers.contains(23) && !held.values().integers.contains(22));
        let mut others = Lists::default();
        others.set("ports", ListValues::parse("24"));
        let replaced = lists.follow(&others);
        assert!(replaced[0].integers.contains(23) && held.values().integers.contains(24));
    }
}
