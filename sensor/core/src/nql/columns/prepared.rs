//! What is decided once per batch, or once per set of profiles, instead of once per row.

use std::sync::Arc;

use super::{kernel::Kernel, lower, number::RowTest, test::Shape};
use crate::{
    flow::{
        batch::{FlowBatch, Source},
        columns::Column,
        fields::{Quantity, Row},
        interfaces::Interfaces,
        ports::PortLabels,
        profile::{Profile, Profiles, Side},
    },
    nql::{
        lists::{ListForm, ListValues, NamedList},
        reference,
        sets::IntegerSet,
        typed::{Predicate, Subject},
    },
};

/// What a program wants prepared.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) profiles: Vec<(Subject, Predicate)>,
    pub(super) constants: Vec<Shape>,
    pub(super) late: Vec<LateTarget>,
    pub(super) memos: usize,
}

/// A test whose set is not known before the batch.
pub(super) enum LateTarget {
    /// The addresses in a list.
    ListedAddress(Side, Arc<NamedList>),
    /// The numbers in a list.
    List(Quantity, Arc<NamedList>, ListForm),
    /// The ports of a protocol whose labels fulfil a predicate.
    PortLabel(Column, u8, Predicate),
}

/// The answers, for the batch at hand.
#[derive(Default)]
pub(super) struct Prepared {
    /// Those that the tables are about.
    profiles: Option<Arc<Profiles>>,
    pub(super) profile_tables: Vec<ProfileTable>,
    pub(super) constants: Vec<bool>,
    pub(super) late: Vec<LateKernel>,
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

/// What such a set was made of.
struct Sources {
    list: Option<Arc<ListValues>>,
    labels: Option<Arc<PortLabels>>,
}

/// A test whose set was made for the batch at hand.
pub(super) struct LateKernel {
    sources: Sources,
    kernel: Kernel,
}

impl LateKernel {
    fn new(target: &LateTarget, sources: Sources) -> Self {
        let (none, unlabelled) = Default::default();
        let values: &ListValues = sources.list.as_deref().unwrap_or(&none);
        let labels: &PortLabels = sources.labels.as_deref().unwrap_or(&unlabelled);
        let kernel = match target {
            LateTarget::ListedAddress(side, _) => Kernel::address(*side, &values.addresses),
            LateTarget::List(quantity, _, form) => {
                Kernel::number(*quantity, &numbers(values, *form))
            }
            LateTarget::PortLabel(column, protocol, predicate) => {
                let labelled =
                    labels.of(*protocol).filter(|(_, value)| reference::holds(predicate, *value));
                let ports = labelled.map(|(port, _)| u64::from(port));
                Kernel::number(Quantity::Column(*column), &IntegerSet::of(ports))
            }
        };
        Self { sources, kernel }
    }

    pub(super) fn kernel(&self) -> &Kernel {
        &self.kernel
    }
}

impl LateTarget {
    /// What the set is made of, as of now.
    fn sources(&self, port_labels: &Arc<PortLabels>) -> Sources {
        match self {
            Self::ListedAddress(_, list) | Self::List(_, list, _) => {
                Sources { list: Some(list.values()), labels: None }
            }
            Self::PortLabel(_, _, predicate) => {
                Sources { list: named_by(predicate), labels: Some(port_labels.clone()) }
            }
        }
    }
}

impl Sources {
    fn are(&self, other: &Self) -> bool {
        same(self.list.as_ref(), other.list.as_ref())
            && same(self.labels.as_ref(), other.labels.as_ref())
    }
}

/// The values of the list that the predicate names, where it does.
fn named_by(predicate: &Predicate) -> Option<Arc<ListValues>> {
    match predicate {
        Predicate::Listed(list, _) => Some(list.values()),
        _ => None,
    }
}

fn same<T>(left: Option<&Arc<T>>, right: Option<&Arc<T>>) -> bool {
    match (left, right) {
        (Some(left), Some(right)) => Arc::ptr_eq(left, right),
        (None, None) => true,
        _ => false,
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

/// Entries of a memo.
const MEMO: usize = 256;

/// An exporter's place, and a number.
pub(super) type MemoKey = (u32, u128);

/// Answers of a test of what an exporter tells about a number: a direct-mapped table.
#[derive(Clone)]
pub(super) struct Memo(Box<[Option<(MemoKey, bool)>]>);

impl Memo {
    fn new() -> Self {
        Self(vec![None; MEMO].into())
    }

    /// The answer for `key`, computed where it is not known.
    #[inline(always)]
    pub(super) fn get(&mut self, key: MemoKey, answer: impl FnOnce() -> bool) -> bool {
        // Fibonacci hashing: the highest bits of the product are the mixed ones.
        let number = key.1 as u64 ^ (key.1 >> 64) as u64;
        let mixed = (number ^ u64::from(key.0) << 40).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let entry = &mut self.0[(mixed >> 56) as usize % MEMO];
        match *entry {
            Some((known, answer)) if known == key => answer,
            _ => entry.insert((key, answer())).1,
        }
    }
}

/// Fresh memos for `plan`.
pub(super) fn memos(plan: &Plan) -> Vec<Memo> {
    vec![Memo::new(); plan.memos]
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
        self.foresee(plan, &batch.profiles, &batch.port_labels);
        self.constants.clear();
        self.constants.extend(plan.constants.iter().map(|shape| match shape {
            Shape::Host => batch.observed_by == Source::Host,
            Shape::Filled(column) => column.is_filled(batch),
            Shape::Query(query) => reference::matches(query, &Row { batch, row: 0, interfaces }),
        }));
        for memo in memos {
            memo.0.fill(None);
        }
    }

    /// Brings those up to date that hang on no batch but on these, and on lists.
    pub(super) fn foresee(
        &mut self,
        plan: &Plan,
        profiles: &Arc<Profiles>,
        labels: &Arc<PortLabels>,
    ) {
        self.update_profiles(plan, profiles);
        for (at, target) in plan.late.iter().enumerate() {
            let sources = target.sources(labels);
            match self.late.get_mut(at) {
                Some(kernel) if kernel.sources.are(&sources) => {}
                Some(kernel) => *kernel = LateKernel::new(target, sources),
                None => self.late.push(LateKernel::new(target, sources)),
            }
        }
    }

    fn update_profiles(&mut self, plan: &Plan, profiles: &Arc<Profiles>) {
        let count = profiles.count();
        // A set of one holds the unknown profile alone, whichever set it is.
        let same_profiles = self
            .profiles
            .as_ref()
            .is_some_and(|own| Arc::ptr_eq(own, profiles) || own.count() == 1 && count == 1);
        self.profile_tables.resize_with(plan.profiles.len(), ProfileTable::default);
        for (table, (subject, predicate)) in self.profile_tables.iter_mut().zip(&plan.profiles) {
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
            }
            let unanswered = profiles.starting_at(table.answers.len() as u32);
            table.answers.extend(unanswered.map(|profile| fulfils(profile, subject, predicate)));
            table.answers.extend(table.answers.first().copied());
        }
        if !same_profiles {
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
