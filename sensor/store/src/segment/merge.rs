//! Several files as one, in order of time: what compaction writes. One item of a group is in memory at a time.

use std::{collections::HashMap, sync::Arc};

use sensor_wire::cloud::columnar::fault::Fault;

use super::reader::Segment;
use crate::{
    cells::{Cells, Dictionary, Group, Groups, Told, Values, u64s},
    error::Error,
    layout::{Form, Item},
};

/// Files that are read as one.
pub struct Merged {
    inputs: Vec<Segment>,
    groups: Vec<Group>,
    /// Of each group, which groups of which inputs it consists of, and the order of their rows.
    parts: Vec<Vec<(usize, usize)>>,
    order: Vec<Vec<u32>>,
}

impl Merged {
    /// # Errors
    /// When the times of the records cannot be read.
    pub fn new(inputs: Vec<Segment>) -> Result<Self, Error> {
        let (mut groups, mut parts) = (Vec::<Group>::new(), Vec::<Vec<(usize, usize)>>::new());
        for (at, input) in inputs.iter().enumerate() {
            for (number, group) in input.groups().iter().enumerate() {
                match groups.iter().position(|own| own.takes(group)) {
                    Some(known) => {
                        groups[known].rows += group.rows;
                        parts[known].push((at, number));
                    }
                    None => {
                        groups.push(group.clone());
                        parts.push(vec![(at, number)]);
                    }
                }
            }
        }
        let mut own = Self { inputs, groups, parts, order: Vec::new() };
        for group in 0..own.groups.len() {
            let mut rows = Vec::with_capacity(own.groups[group].rows);
            for (input, number) in &own.parts[group] {
                let input = &own.inputs[*input];
                let received = u64s(input.cells(*number, Item::Received)?.values);
                let sequence = u64s(input.cells(*number, Item::Sequence)?.values);
                rows.extend(received.into_iter().zip(sequence));
            }
            let mut order: Vec<u32> = (0..rows.len() as u32).collect();
            order.sort_unstable_by_key(|row| rows[*row as usize]);
            own.order.push(order);
        }
        Ok(own)
    }

    /// The file that a fault of a group is about, as far as that is known.
    pub fn inputs(&self) -> &[Segment] {
        &self.inputs
    }
}

impl Groups for Merged {
    fn groups(&self) -> &[Group] {
        &self.groups
    }

    fn told(&self, group: usize, item: Item) -> Told {
        let told =
            self.parts[group].iter().map(|(input, own)| self.inputs[*input].told(*own, item));
        let all = |one: Told, other: Told| if one == other { one } else { Told::Partly };
        told.reduce(all).unwrap_or(Told::Nowhere)
    }

    fn cells(&self, group: usize, item: Item) -> Result<Cells, Error> {
        let rows = self.groups[group].rows;
        let form = item.form();
        let mut all = Cells {
            values: Values::none(form, rows),
            told: (self.told(group, item) != Told::Everywhere).then(|| Vec::with_capacity(rows)),
            documents: Dictionary::new(),
        };
        let mut numbers: HashMap<Arc<[u8]>, u32> = HashMap::new();
        for (input, own) in &self.parts[group] {
            let input = &self.inputs[*input];
            let rows = input.groups()[*own].rows;
            if input.told(*own, item) == Told::Nowhere {
                all.values.fill_up(all.values.len() + rows);
                if let Some(told) = &mut all.told {
                    told.resize(told.len() + rows, false);
                }
                continue;
            }
            let mut cells = input.cells(*own, item)?;
            if let (Form::Document(_), Values::U32(values)) = (form, &mut cells.values) {
                let documents = &mut all.documents;
                let number = |document: &Arc<[u8]>| {
                    *numbers.entry(document.clone()).or_insert_with(|| {
                        documents.push(document.clone());
                        documents.len() as u32 - 1
                    })
                };
                let numbers: Vec<u32> = cells.documents.iter().map(number).collect();
                for value in values {
                    *value = numbers.get(*value as usize).copied().unwrap_or(0);
                }
            }
            match (&mut all.values, cells.values) {
                (Values::U32(all), Values::U32(own)) => all.extend(own),
                (Values::U64(all), Values::U64(own)) => all.extend(own),
                (Values::U128(all), Values::U128(own)) => all.extend(own),
                _ => {}
            }
            if let Some(told) = &mut all.told {
                match cells.told {
                    Some(own) => told.extend(own),
                    None => told.resize(told.len() + rows, true),
                }
            }
        }
        let order = &self.order[group];
        all.values = match all.values {
            Values::U32(values) => Values::U32(in_order(&values, order)),
            Values::U64(values) => Values::U64(in_order(&values, order)),
            Values::U128(values) => Values::U128(in_order(&values, order)),
        };
        all.told = all.told.map(|told| in_order(&told, order));
        Ok(all)
    }

    fn fault(&self, group: usize, item: Item, fault: Fault) -> Error {
        let (input, own) = self.parts[group].first().copied().unwrap_or((0, 0));
        self.inputs[input].fault(own, item, fault)
    }
}

fn in_order<T: Copy>(values: &[T], order: &[u32]) -> Vec<T> {
    order.iter().map(|row| values[*row as usize]).collect()
}
