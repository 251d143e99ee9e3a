//! Classes of profiles that many predicates cannot tell apart.
//!
//! Policies ask dozens of questions about addresses, and there may be as many profiles as addresses: a table of answers for
//! each question does not stay in the cache. Profiles that differ in nothing that is asked are one class, of which there
//! are few. A chunk is sorted by class once per side, and a predicate then costs what the classes cost that occur.

use std::collections::HashMap;

use super::{mask::Mask, profile_table::ProfileTable};

/// Predicates from which on profiles are classed; sorting a chunk takes as long as looking its rows up in a few tables.
pub(super) const FEWEST_PREDICATES: usize = 12;

/// Classes up to which chunks are sorted; uniting the masks of more would take longer than looking up each row.
const MOST_SORTED: usize = 256;

/// The class of each profile, and the predicates that each class fulfils.
#[derive(Default)]
pub(super) struct ProfileClasses {
    /// By number of the profile, and that of the first once more for the numbers that no profile has. Empty where nothing
    /// is classed.
    classes: Vec<u32>,
    /// Words of the answers of a class.
    words: usize,
    /// By class: one bit for each predicate.
    answers: Vec<u64>,
    /// The number of each class, by its answers.
    numbers: HashMap<Box<[u64]>, u32>,
}

impl ProfileClasses {
    /// Classes so many profiles by the tables of all predicates: those that are new, or all of them.
    pub(super) fn update(&mut self, tables: &[ProfileTable], profiles: usize, anew: bool) {
        if tables.len() < FEWEST_PREDICATES {
            return;
        }
        if anew {
            *self = Self { words: tables.len().div_ceil(64), ..Self::default() };
        }
        if self.classes.len() > profiles {
            return;
        }
        // The last makes room for the classes of new profiles.
        self.classes.pop();
        let mut answers = vec![0; self.words];
        for profile in self.classes.len()..profiles {
            answers.fill(0);
            for (at, table) in tables.iter().enumerate() {
                answers[at / 64] |= u64::from(table.answer(profile)) << (at % 64);
            }
            let number = self.numbers.get(&*answers).copied().unwrap_or_else(|| {
                let number = self.numbers.len() as u32;
                self.numbers.insert((*answers).into(), number);
                self.answers.extend_from_slice(&answers);
                number
            });
            self.classes.push(number);
        }
        self.classes.extend(self.classes.first().copied());
    }

    /// Whether profiles are classed.
    #[inline(always)]
    pub(super) fn are_used(&self) -> bool {
        !self.classes.is_empty()
    }

    /// Whether they are, and chunks are to be sorted by class.
    #[inline(always)]
    pub(super) fn are_few(&self) -> bool {
        self.are_used() && self.numbers.len() <= MOST_SORTED
    }

    /// The class of the profile with this number.
    #[inline(always)]
    fn class(&self, number: u32) -> usize {
        let beyond = self.classes.len().wrapping_sub(1);
        self.classes.get((number as usize).min(beyond)).map_or(0, |class| *class as usize)
    }

    /// Whether the profiles of a class fulfil a predicate.
    #[inline(always)]
    fn answer(&self, class: usize, predicate: usize) -> bool {
        let word = self.answers.get(class * self.words + predicate / 64);
        word.is_some_and(|word| word >> (predicate % 64) & 1 != 0)
    }

    /// Whether the profile with this number fulfils a predicate.
    #[inline(always)]
    pub(super) fn holds(&self, number: u32, predicate: usize) -> bool {
        self.answer(self.class(number), predicate)
    }
}

/// The rows of a chunk by the class of the profile on one side.
#[derive(Default)]
pub(super) struct RowsByClass {
    /// The chunk that was sorted last.
    epoch: u64,
    /// By class.
    masks: Vec<Mask>,
    /// Classes that occur.
    present: Vec<u32>,
}

impl RowsByClass {
    /// The rows whose profile fulfils a predicate; `numbers` are those of the chunk with this epoch, and classes are few.
    #[inline(always)]
    pub(super) fn rows(
        &mut self,
        (epoch, numbers): (u64, &[u32]),
        classes: &ProfileClasses,
        predicate: usize,
        out: &mut Mask,
    ) {
        if self.epoch != epoch {
            self.epoch = epoch;
            self.sort(numbers, classes);
        }
        *out = Mask::NONE;
        for &class in &self.present {
            out.unite_if(classes.answer(class as usize, predicate), &self.masks[class as usize]);
        }
    }

    fn sort(&mut self, numbers: &[u32], classes: &ProfileClasses) {
        // All are cleared, although few occur: to ask of every row whether its class is new would take longer.
        self.masks.clear();
        self.masks.resize(classes.numbers.len(), Mask::NONE);
        for (row, &number) in numbers.iter().enumerate() {
            if let Some(mask) = self.masks.get_mut(classes.class(number)) {
                mask.insert(row);
            }
        }
        let present = self.masks.iter().enumerate().filter(|(_, mask)| !mask.is_empty());
        self.present.clear();
        self.present.extend(present.map(|(class, _)| class as u32));
    }
}
