//! The answers that rows share: decided once per profile, or once per batch.

use std::sync::Arc;

use super::{integer::RowTest, profiles::ProfileClasses, test::Shape};
use crate::{
    flow::{
        batch::{FlowBatch, Source},
        fields::Row,
        interfaces::Interfaces,
        profile::{Profile, Profiles},
    },
    nql::{
        lists::ListValues,
        reference,
        typed::{Predicate, Subject},
    },
};

/// The answers, for the batch at hand.
#[derive(Default)]
pub(super) struct Answers {
    /// Those that the tables are about.
    profiles: Option<Arc<Profiles>>,
    pub(super) profile_tables: Vec<ProfileTable>,
    pub(super) profile_classes: ProfileClasses,
    pub(super) constants: Vec<bool>,
}

impl Answers {
    /// Decides what is the same for all rows of a batch.
    pub(super) fn update_constants(
        &mut self,
        shapes: &[Shape],
        batch: &FlowBatch,
        interfaces: &Interfaces,
    ) {
        self.constants.clear();
        self.constants.extend(shapes.iter().map(|shape| match shape {
            Shape::Host => batch.observed_by == Source::Host,
            Shape::Filled(column) => column.is_filled(batch),
            Shape::Query(query) => reference::matches(query, &Row { batch, row: 0, interfaces }),
        }));
    }

    /// Decides which profiles fulfil each of the predicates.
    pub(super) fn update_profiles(
        &mut self,
        asked: &[(Subject, Predicate)],
        profiles: &Arc<Profiles>,
    ) {
        let count = profiles.count();
        // A set of one holds the unknown profile alone, whichever set it is.
        let same_profiles = self
            .profiles
            .as_ref()
            .is_some_and(|own| Arc::ptr_eq(own, profiles) || own.count() == 1 && count == 1);
        let mut anew = false;
        self.profile_tables.resize_with(asked.len(), ProfileTable::default);
        for (table, (subject, predicate)) in self.profile_tables.iter_mut().zip(asked) {
            let list = named_by(predicate);
            if same_profiles && same(table.list.as_ref(), list.as_ref()) {
                if table.answers.len() > count as usize {
                    continue;
                }
                // The set has grown: the last answer makes room for those of the new profiles.
                table.answers.pop();
            } else {
                table.list = list;
                table.answers.clear();
                anew = true;
            }
            let unanswered = profiles.starting_at(table.answers.len() as u32);
            table.answers.extend(unanswered.map(|profile| fulfils(profile, subject, predicate)));
            table.answers.extend(table.answers.first().copied());
        }
        self.profile_classes.update(&self.profile_tables, count as usize, anew);
        if !same_profiles {
            self.profiles = Some(profiles.clone());
        }
    }
}

/// For each profile, whether it fulfils a predicate.
#[derive(Default)]
pub(super) struct ProfileTable {
    /// By number, and once more for the numbers that no profile has. Empty before the first batch.
    answers: Vec<bool>,
    /// The values of the list that the predicate names, where it does.
    list: Option<Arc<ListValues>>,
}

impl ProfileTable {
    /// Whether the profile with this number, which there is, fulfils the predicate.
    pub(super) fn answer(&self, number: usize) -> bool {
        self.answers[number]
    }
}

impl RowTest<u32> for ProfileTable {
    #[inline(always)]
    fn passes(&self, number: u32) -> bool {
        let beyond = self.answers.len().wrapping_sub(1);
        self.answers.get((number as usize).min(beyond)).is_some_and(|answer| *answer)
    }
}

/// The values of the list that the predicate names, where it does.
pub(super) fn named_by(predicate: &Predicate) -> Option<Arc<ListValues>> {
    match predicate {
        Predicate::Listed(list, _) => Some(list.values()),
        _ => None,
    }
}

pub(super) fn same<T>(left: Option<&Arc<T>>, right: Option<&Arc<T>>) -> bool {
    match (left, right) {
        (Some(left), Some(right)) => Arc::ptr_eq(left, right),
        (None, None) => true,
        _ => false,
    }
}

fn fulfils(profile: &Profile, subject: &Subject, predicate: &Predicate) -> bool {
    let value = match (subject, subject.attribute()) {
        (Subject::Label(_, context), _) => profile.label(context),
        (_, Some(attribute)) => profile.attribute(attribute),
        _ => return false,
    };
    reference::holds(predicate, value)
}
