//! What numbers in the flow records of a stream stand for: observation points, and common properties (RFC 5473), of which records
//! of options tell as [`crate::ipfix::shared`] writes them.
//!
//! Each stream numbers its own. Flows in batches refer to tables that all devices share; so the numbers of a record are
//! exchanged for those of the tables when it becomes a row. Tables only grow: one that has become too large is left to the
//! batches that have it, and a new one is begun.

use std::{cell::Cell, collections::HashMap, hash::Hash, sync::Arc};

use sensor_core::flow::{
    attributes::{Attribute, Attributes},
    batch::FlowBatch,
    interned::Interned,
    point::{ObservationPoint, Points},
    properties::{CommonProperties, PropertySets},
};

use super::names::text;
use crate::{
    ipfix::{
        encode::ENTERPRISE,
        shared::{Kind, POINTS, PROPERTIES},
    },
    octets::number,
    records::fields::fields,
    template::{Specifier, Template},
};

/// Numbers of each kind that are known of a stream.
const MOST: usize = 65_536;
/// Values that a table may have, and octets of their texts.
const MOST_IN_TABLE: u32 = 65_536;
const ROOM: usize = 16 << 20;

/// The tables that rows of all devices refer to.
#[derive(Debug, Default)]
pub struct Tables {
    points: Arc<Points>,
    properties: Arc<PropertySets>,
    /// Octets of texts in them.
    octets: Cell<usize>,
    /// How many there were before them.
    generation: u32,
}

impl Tables {
    /// Begins new ones, if these are full.
    pub fn renew(&mut self) {
        let is_full = self.points.count() >= MOST_IN_TABLE
            || self.properties.count() >= MOST_IN_TABLE
            || self.octets.get() >= ROOM;
        if is_full {
            *self = Self { generation: self.generation.wrapping_add(1), ..Self::default() };
        }
    }

    /// Whether rows of `batch` may refer to them: it has rows that refer to no others.
    pub fn are_of(&self, batch: &FlowBatch) -> bool {
        let refers = !batch.observation_point.is_empty() || !batch.common_properties.is_empty();
        let are = |one: bool, other: bool| one && other;
        !refers
            || are(
                Arc::ptr_eq(&batch.points, &self.points),
                Arc::ptr_eq(&batch.properties, &self.properties),
            )
    }

    fn give(&self, batch: &mut FlowBatch) {
        if !Arc::ptr_eq(&batch.points, &self.points) {
            batch.points = self.points.clone();
        }
        if !Arc::ptr_eq(&batch.properties, &self.properties) {
            batch.properties = self.properties.clone();
        }
    }
}

/// A value that a stream has numbered, with its number in the tables of a generation; 0 where it has none there yet.
#[derive(Debug)]
struct Known<T> {
    value: T,
    octets: usize,
    place: Cell<(u32, u32)>,
}

/// What a stream's numbers of one kind stand for.
type Numbers<T> = HashMap<u32, Known<T>>;

/// What a stream's numbers stand for.
#[derive(Debug, Default)]
pub struct Shared {
    points: Numbers<ObservationPoint>,
    properties: Numbers<CommonProperties>,
    octets: usize,
}

impl Shared {
    /// Whether nothing has been told.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty() && self.properties.is_empty()
    }

    /// Octets of memory, about.
    pub fn cost(&self) -> usize {
        self.octets
    }

    /// Learns from an options record, if it is about such a number.
    pub fn learn(&mut self, template: &Template, record: &[u8]) {
        let scope = template.specifiers.first().filter(|_| template.scopes == 1);
        let scope = scope.filter(|scope| scope.enterprise == 0).map(|scope| scope.element);
        if scope == Some(POINTS.scope.id) {
            put(&mut self.points, &mut self.octets, &POINTS, template, record);
        } else if scope == Some(PROPERTIES.scope.id) {
            put(&mut self.properties, &mut self.octets, &PROPERTIES, template, record);
        }
    }
}

fn put<A: Attribute, const N: usize>(
    numbers: &mut Numbers<Attributes<A, N>>,
    octets: &mut usize,
    kind: &Kind,
    template: &Template,
    record: &[u8],
) {
    let mut own = None;
    let mut value = Attributes::default();
    let mut length = 0;
    for (at, (specifier, field)) in fields(template, record).enumerate() {
        if at == 0 {
            own = Some(number(field) as u32).filter(|_| field.len() <= 4);
            continue;
        }
        if let Some(place) = kind.place_of(specifier) {
            let text = text(field);
            length += text.len();
            value.set_at(place, text);
        }
    }
    let Some(own) = own.filter(|own| *own != 0) else { return };
    if numbers.len() >= MOST && !numbers.contains_key(&own) {
        return;
    }
    let cost = |octets| octets + 2 * size_of::<(u32, Known<Attributes<A, N>>)>();
    let known = Known { value, octets: length, place: Cell::default() };
    let before = numbers.insert(own, known).map_or(0, |before| cost(before.octets));
    *octets = *octets + cost(length) - before;
}

impl Kind {
    /// The place of the attribute that the field tells.
    fn place_of(&self, specifier: &Specifier) -> Option<usize> {
        let id = match specifier.enterprise {
            0 => specifier.element,
            ENTERPRISE => crate::ipfix::elements::own(specifier.element),
            _ => return None,
        };
        self.texts.iter().position(|text| *text == id)
    }
}

/// Exchanges the numbers of a stream in the rows of `batch` from `base` on for those of `tables`.
pub fn exchange(batch: &mut FlowBatch, base: usize, shared: Option<&Shared>, tables: &Tables) {
    tables.give(batch);
    let (points, properties) = match shared {
        Some(shared) => (Some(&shared.points), Some(&shared.properties)),
        None => (None, None),
    };
    exchange_of(&mut batch.observation_point, base, points, &tables.points, tables);
    exchange_of(&mut batch.common_properties, base, properties, &tables.properties, tables);
}

fn exchange_of<T: Hash + Eq + Clone>(
    column: &mut [u32],
    base: usize,
    known: Option<&Numbers<T>>,
    table: &Interned<T>,
    tables: &Tables,
) {
    let mut last = (0, 0);
    for place in column.get_mut(base..).unwrap_or_default() {
        if *place != last.0 {
            let known = known.and_then(|known| known.get(place));
            last = (*place, known.map_or(0, |known| known.in_table(table, tables)));
        }
        *place = last.1;
    }
}

impl<T: Hash + Eq + Clone> Known<T> {
    fn in_table(&self, table: &Interned<T>, tables: &Tables) -> u32 {
        let (generation, number) = self.place.get();
        if number != 0 && generation == tables.generation {
            return number;
        }
        let before = table.count();
        let number = table.intern(self.value.clone());
        if table.count() != before {
            tables.octets.set(tables.octets.get() + self.octets);
        }
        self.place.set((tables.generation, number));
        number
    }
}
