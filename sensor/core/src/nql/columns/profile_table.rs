//! Which profiles fulfil a predicate: decided once per profile.

use std::sync::Arc;

use super::integer::RowTest;
use crate::{
    flow::profile::{Profile, Profiles},
    nql::{
        lists::ListValues,
        reference,
        typed::{Predicate, Subject},
    },
};

/// For each profile, whether it fulfils a predicate.
#[derive(Default)]
pub(super) struct ProfileTable {
    /// By number, and once more for the numbers that no profile has. Empty before the first batch.
    answers: Vec<bool>,
    /// The values of the list that the predicate names, where it does.
    list: Option<Arc<ListValues>>,
}

impl ProfileTable {
    /// Answers for the profiles that are new, or for all of them where the set or the predicate's list is another one.
    /// Returns whether it was for all.
    pub(super) fn update(
        &mut self,
        subject: &Subject,
        predicate: &Predicate,
        profiles: &Profiles,
        same_profiles: bool,
    ) -> bool {
        let list = named_by(predicate);
        let goes_on = same_profiles && same(self.list.as_ref(), list.as_ref());
        if goes_on {
            if self.answers.len() > profiles.count() as usize {
                return false;
            }
            // The set has grown: the last answer makes room for those of the new profiles.
            self.answers.pop();
        } else {
            self.list = list;
            self.answers.clear();
        }
        let unanswered = profiles.starting_at(self.answers.len() as u32);
        self.answers.extend(unanswered.map(|profile| fulfils(profile, subject, predicate)));
        self.answers.extend(self.answers.first().copied());
        !goes_on
    }

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
