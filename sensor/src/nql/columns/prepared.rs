//! What is decided once per batch, or once per set of profiles, instead of once per row.

use std::sync::Arc;

use super::{kernel::Kernel, lower, number::RowTest, test::Column};
use crate::{
    flow::{
        batch::FlowBatch,
        fields::Row,
        interfaces::Interfaces,
        profile::{Profile, Profiles, Side},
    },
    nql::{
        lists::{ListForm, ListValues, NamedList},
        reference,
        sets::IntegerSet,
        typed::{Predicate, Subject, Typed},
    },
};

/// What a program wants prepared.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) profiles: Vec<(Subject, Predicate)>,
    pub(super) constants: Vec<Typed>,
    pub(super) lists: Vec<(ListTarget, Arc<NamedList>)>,
    pub(super) memos: usize,
}

/// What the values of a list are compared with.
#[derive(Clone, Copy)]
pub(super) enum ListTarget {
    Address(Side),
    Number(Column, ListForm),
}

/// The answers, for the batch at hand.
#[derive(Default)]
pub(super) struct Prepared {
    /// Those that the tables are about.
    profiles: Option<Arc<Profiles>>,
    pub(super) profile_tables: Vec<ProfileTable>,
    pub(super) constants: Vec<bool>,
    pub(super) lists: Vec<ListKernel>,
}

/// For each profile, whether it fulfils a predicate.
#[derive(Default)]
pub(super) struct ProfileTable {
    /// By number, and once more for the numbers that no profile has. Empty before the first batch.
    answers: Vec<bool>,
    /// The values of the list that the predicate names, where it does.
    list: Option<Arc<ListValues>>,
}

impl RowTest<u32> for ProfileTable {
    #[inline(always)]
    fn passes(&self, number: u32) -> bool {
        let beyond = self.answers.len().wrapping_sub(1);
        self.answers.get((number as usize).min(beyond)).is_some_and(|answer| *answer)
    }
}

/// A list's values, ready for a column.
pub(super) struct ListKernel {
    values: Arc<ListValues>,
    kernel: Kernel,
}

impl ListKernel {
    fn new(target: ListTarget, values: Arc<ListValues>) -> Self {
        let kernel = match target {
            ListTarget::Address(side) => Kernel::address(side, &values.addresses),
            ListTarget::Number(column, form) => Kernel::number(column, &numbers(&values, form)),
        };
        Self { values, kernel }
    }

    pub(super) fn kernel(&self) -> &Kernel {
        &self.kernel
    }
}

fn numbers(values: &ListValues, form: ListForm) -> IntegerSet {
    match form {
        ListForm::Integers => values.integers.clone(),
        ListForm::Protocols => values.protocols.clone(),
        // Of the fields that columns hold as numbers, only MAC addresses are texts.
        ListForm::FoldedTexts => lower::mac_numbers(values.folded_texts.iter().map(String::as_str)),
        ListForm::Addresses | ListForm::Texts => IntegerSet::default(),
    }
}

/// Answers of a test of interface and direction: a direct-mapped table.
#[derive(Clone)]
pub(super) struct Memo([Option<(u64, bool)>; 64]);

impl Memo {
    /// The answer for `key`, computed where it is not known.
    pub(super) fn get(&mut self, key: u64, answer: impl FnOnce() -> bool) -> bool {
        let entry = &mut self.0[(key % 64) as usize];
        match *entry {
            Some((known, answer)) if known == key => answer,
            _ => entry.insert((key, answer())).1,
        }
    }
}

/// Fresh memos for `plan`.
pub(super) fn memos(plan: &Plan) -> Vec<Memo> {
    vec![Memo([None; 64]); plan.memos]
}

impl Prepared {
    /// Brings the answers up to date for a batch, which is not empty.
    pub(super) fn update(
        &mut self,
        plan: &Plan,
        batch: &FlowBatch,
        interfaces: &Interfaces,
        memos: &mut [Memo],
    ) {
        self.update_profiles(plan, &batch.profiles);
        let row = Row { batch, row: 0, interfaces };
        self.constants.clear();
        self.constants.extend(plan.constants.iter().map(|query| reference::matches(query, &row)));
        for (at, (target, list)) in plan.lists.iter().enumerate() {
            let values = list.values();
            match self.lists.get_mut(at) {
                Some(kernel) if Arc::ptr_eq(&kernel.values, &values) => {}
                Some(kernel) => *kernel = ListKernel::new(*target, values),
                None => self.lists.push(ListKernel::new(*target, values)),
            }
        }
        for memo in memos {
            memo.0.fill(None);
        }
    }

    fn update_profiles(&mut self, plan: &Plan, profiles: &Arc<Profiles>) {
        let count = profiles.count();
        // A set of one holds the unknown profile alone, whichever set it is.
        let same = self
            .profiles
            .as_ref()
            .is_some_and(|own| Arc::ptr_eq(own, profiles) || own.count() == 1 && count == 1);
        self.profile_tables.resize_with(plan.profiles.len(), ProfileTable::default);
        for (table, (subject, predicate)) in self.profile_tables.iter_mut().zip(&plan.profiles) {
            let list = match predicate {
                Predicate::Listed(list, _) => Some(list.values()),
                _ => None,
            };
            let same_list = match (&table.list, &list) {
                (Some(own), Some(new)) => Arc::ptr_eq(own, new),
                (None, None) => true,
                _ => false,
            };
            if same && same_list {
                if table.answers.len() > count as usize {
                    continue;
                }
                // The set has grown: the last answer makes room for those of the new profiles.
                table.answers.pop();
            } else {
                table.list = list;
                table.answers.clear();
            }
            let unanswered = profiles.starting_at(table.answers.len() as u32);
            table.answers.extend(unanswered.map(|profile| fulfils(profile, subject, predicate)));
            table.answers.extend(table.answers.first().copied());
        }
        if !same {
            self.profiles = Some(profiles.clone());
        }
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
