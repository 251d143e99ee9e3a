//! Texts and observation points of flows, numbered: a log tells the same few again and again.
//!
//! What a line says is looked up as octets, so that nothing is allocated, or locked, for what has come before. The tables that
//! batches hold only grow; where one has become too large, the next batches get a new one.

use std::{collections::HashMap, hash::BuildHasher as _, sync::Arc};

use hashbrown::{DefaultHashBuilder, HashTable};
use sensor_core::flow::{
    interned::Interned,
    point::{LabelSets, ObservationPoint, PointAttribute, Points},
    profile::Labels,
    properties::{CommonProperties, CommonProperty, PropertySets},
};

/// Octets that the texts of one table may have.
const ROOM: usize = 16 << 20;
/// Values that one table may have.
const MOST: usize = 1 << 16;

/// Values of one kind, by the octets that tell them.
struct Known<T> {
    table: Arc<Interned<T>>,
    numbers: HashTable<Entry>,
    hasher: DefaultHashBuilder,
    octets: usize,
}

struct Entry {
    hash: u64,
    octets: Box<[u8]>,
    number: u32,
    /// What whoever asks keeps with it.
    beside: u32,
}

impl<T: std::hash::Hash + Eq + Default> Default for Known<T> {
    fn default() -> Self {
        Self {
            table: Arc::default(),
            numbers: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            octets: 0,
        }
    }
}

impl<T: std::hash::Hash + Eq + Default> Known<T> {
    /// The number of what `octets` tell, and what is kept with it; `make` makes it where it has not come before.
    #[inline(always)]
    fn number(&mut self, octets: &[u8], make: impl FnOnce() -> (T, u32)) -> (u32, u32) {
        let hash = self.hasher.hash_one(octets);
        match self.numbers.find(hash, |entry| *entry.octets == *octets) {
            Some(entry) => (entry.number, entry.beside),
            None => self.enter(hash, octets, make()),
        }
    }

    #[cold]
    fn enter(&mut self, hash: u64, octets: &[u8], (value, beside): (T, u32)) -> (u32, u32) {
        let number = self.table.intern(value);
        let entry = Entry { hash, octets: octets.into(), number, beside };
        self.numbers.insert_unique(hash, entry, |entry| entry.hash);
        self.octets += octets.len();
        (number, beside)
    }

    fn is_full(&self) -> bool {
        self.numbers.len() >= MOST || self.octets >= ROOM
    }
}

/// The texts and observation points of a log.
#[derive(Default)]
pub struct Names {
    points: Known<ObservationPoint>,
    texts: Known<Box<str>>,
    labels: Known<Labels>,
    properties: Arc<PropertySets>,
    /// Their numbers, by those of their texts.
    properties_by_texts: HashMap<CommonTexts, u32>,
    /// Texts that came last, by how long they are.
    texts_lately: [(Vec<u8>, u32); TEXTS],
    /// Those that came last, by what their texts add up to.
    lately: [(CommonTexts, u32); LATELY],
    /// The octets that tell a point, joined.
    joined: Vec<u8>,
    /// How often all were forgotten.
    renewed: u64,
}

/// Texts that are found at once, and octets of the longest of them.
const TEXTS: usize = 8;
const SHORT: usize = 32;

/// Combinations of texts that are found at once, a power of two.
const LATELY: usize = 32;

/// Common properties as numbers of texts, by [`CommonProperty`].
pub type CommonTexts = [u32; CommonProperty::ALL.len()];

/// What stands between the octets that tell a point.
const BETWEEN: u8 = b'\n';

impl Names {
    /// The number of a text; 0 for an empty one.
    #[inline(always)]
    pub fn text(&mut self, octets: &[u8]) -> u32 {
        if octets.is_empty() {
            return 0;
        }
        // Most logs tell a few short ones, of different lengths.
        let lately = &mut self.texts_lately[octets.len() % TEXTS];
        if *lately.0 == *octets {
            return lately.1;
        }
        let number = self.texts.number(octets, || (shown(octets), 0)).0;
        if octets.len() <= SHORT {
            lately.0.clear();
            lately.0.extend_from_slice(octets);
            lately.1 = number;
        }
        number
    }

    /// The number of the common properties that have these texts.
    #[inline(always)]
    pub fn properties(&mut self, texts: CommonTexts) -> u32 {
        let place = texts.iter().fold(0, |sum: u32, text| sum.wrapping_mul(3).wrapping_add(*text));
        let place = place as usize % LATELY;
        let (known, number) = &self.lately[place];
        // Number by number: to compare them as octets, they would have to be in memory.
        if known.iter().zip(&texts).fold(0, |differ, (one, other)| differ | (one ^ other)) == 0 {
            return *number;
        }
        let number = self.find_properties(texts);
        self.lately[place] = (texts, number);
        number
    }

    #[inline(never)]
    fn find_properties(&mut self, texts: CommonTexts) -> u32 {
        let Self { texts: known, properties, properties_by_texts, .. } = self;
        *properties_by_texts.entry(texts).or_insert_with(|| {
            let mut told = CommonProperties::default();
            for (property, number) in CommonProperty::ALL.into_iter().zip(texts) {
                told.set(property, known.table.get(number).clone());
            }
            properties.intern(told)
        })
    }

    /// The number of the observation point that `told` tells, by [`PointAttribute`]; what is empty is not told. `source` says
    /// which source tells it, and is asked where that follows from neither `told` nor `beside` of a point before.
    #[inline(always)]
    pub fn point(
        &mut self,
        told: [&[u8]; PointAttribute::ALL.len()],
        beside: [&str; 3],
        source: impl FnOnce(&ObservationPoint) -> u32,
    ) -> (u32, u32) {
        let Self { points, joined, .. } = self;
        joined.clear();
        for octets in told.into_iter().chain(beside.map(str::as_bytes)) {
            // Most of them, and to copy nothing takes as long as to copy something.
            if !octets.is_empty() {
                joined.extend_from_slice(octets);
            }
            joined.push(BETWEEN);
        }
        points.number(joined, || {
            let mut point = ObservationPoint::default();
            for (attribute, octets) in PointAttribute::ALL.into_iter().zip(told) {
                point.set(attribute, shown(octets));
            }
            let source = source(&point);
            (point, source)
        })
    }

    /// The number of these labels, contexts and values; 0 for none. A context that comes twice has several values.
    #[inline(always)]
    pub fn labels<'l>(&mut self, told: impl Iterator<Item = (&'l str, &'l [u8])> + Clone) -> u32 {
        let Self { labels, joined, .. } = self;
        joined.clear();
        for (context, value) in told.clone() {
            joined.extend_from_slice(context.as_bytes());
            joined.push(BETWEEN);
            joined.extend_from_slice(value);
            joined.push(BETWEEN);
        }
        if joined.is_empty() {
            return 0;
        }
        let make = || {
            let mut labels = Labels::new();
            for (context, value) in told {
                let values = labels.entry(context.to_lowercase()).or_default();
                let value = String::from(shown(value));
                if !values.contains(&value) {
                    values.push(value);
                }
            }
            (labels, 0)
        };
        labels.number(joined, make).0
    }

    /// The tables, for a batch.
    pub fn tables(&self) -> (&Arc<Points>, &Arc<PropertySets>, &Arc<LabelSets>) {
        (&self.points.table, &self.properties, &self.labels.table)
    }

    /// Whether it is time for [`Self::renew`].
    pub fn are_many(&self) -> bool {
        self.points.is_full()
            || self.texts.is_full()
            || self.labels.is_full()
            || self.properties_by_texts.len() >= MOST
    }

    /// Forgets all of them. Nothing that numbers them may be in the batches to come.
    pub fn renew(&mut self) {
        *self = Self { renewed: self.renewed + 1, ..Self::default() };
    }

    /// How often all were forgotten: where this differs, so do the numbers.
    pub fn renewed(&self) -> u64 {
        self.renewed
    }
}

/// A text as it is shown: whatever octets it has.
fn shown(octets: &[u8]) -> Box<str> {
    String::from_utf8_lossy(octets).chars().filter(|character| !character.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_octets_have_one_number_and_nothing_has_none() {
        let mut names = Names::default();
        let a = names.text(b"a");
        assert_eq!((names.text(b""), names.text(b"a")), (0, a));
        assert_ne!(names.text(b"b"), a);
        let properties = names.properties([a, 0, 0, 0, a]);
        assert_eq!((names.properties([0; 5]), names.properties([a, 0, 0, 0, a])), (0, properties));
        let told = names.tables().1.get(properties);
        assert_eq!(told.texts().collect::<Vec<_>>(), ["a", "", "", "", "a"]);
        assert_eq!(names.point([b""; 7], ["", "", "l"], |_| 3), (0, 3));
        let told: [&[u8]; 7] = [b"1", b"vpc-1", b"", b"", b"eni-1", b"r", b""];
        let (one, source) = names.point(told, ["", "", "l"], |point| {
            assert_eq!(point.get(PointAttribute::Vpc), Some("vpc-1"));
            5
        });
        assert_eq!((names.point(told, ["", "", "l"], |_| 9), source), ((one, 5), 5));
        // The same point, told by another log.
        assert_eq!(names.point(told, ["", "", "m"], |_| 9), (one, 9));
        assert_eq!(names.tables().0.get(one).get(PointAttribute::Region), Some("r"));
    }

    #[test]
    fn texts_without_end_fill_a_table_and_then_the_next() {
        let mut names = Names::default();
        let mut tables = 0;
        for number in 0..3 * MOST {
            if names.are_many() {
                names.renew();
                tables += 1;
            }
            names.text(number.to_string().as_bytes());
            assert!(names.texts.numbers.len() <= MOST);
        }
        assert_eq!(tables, 2);
        names.text(&vec![b'x'; ROOM]);
        assert!(names.are_many());
    }
}
