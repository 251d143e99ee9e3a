//! What is made ready once per batch: the answers that rows share, and the tests of sets that may have changed.

use std::sync::Arc;

use super::{
    answers::Answers,
    kernel::Kernel,
    lower,
    memo::Memo,
    profile_table::{named_by, same},
    test::Shape,
};
use crate::{
    flow::{
        batch::FlowBatch,
        columns::Column,
        fields::Quantity,
        interfaces::Interfaces,
        ports::PortLabels,
        profile::{Profiles, Side},
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

/// Answers and tests, for the batch at hand.
#[derive(Default)]
pub(super) struct Prepared {
    pub(super) answers: Answers,
    late: Vec<LateKernel>,
}

/// What such a set was made of.
struct Sources {
    list: Option<Arc<ListValues>>,
    labels: Option<Arc<PortLabels>>,
}

/// A test whose set was made for the batch at hand.
struct LateKernel {
    sources: Sources,
    kernel: Kernel,
    /// Rows below which single rows are tested: a short list is quicker compared with all rows than any list that may come.
    sparse_below: u32,
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
        let sparse_below = kernel.cost().sparse_below(1);
        Self { sources, kernel, sparse_below }
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

fn numbers(values: &ListValues, form: ListForm) -> IntegerSet {
    match form {
        ListForm::Integers => values.integers.clone(),
        ListForm::Protocols => values.protocols.clone(),
        // Of the fields that columns hold as numbers, only MAC addresses are texts.
        ListForm::FoldedTexts => lower::mac_numbers(values.folded_texts.iter().map(String::as_str)),
        ListForm::Addresses | ListForm::Texts => IntegerSet::default(),
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
        self.precompute(plan, &batch.profiles, &batch.port_labels);
        self.answers.update_constants(&plan.constants, batch, interfaces);
        memos.iter_mut().for_each(Memo::clear);
    }

    /// The kernel itself, or the one that was made for the batch; and below how many rows it tests single ones at most.
    #[inline(always)]
    pub(super) fn resolve<'a>(&'a self, kernel: &'a Kernel) -> (&'a Kernel, u32) {
        match kernel {
            Kernel::Late(late) => (&self.late[*late].kernel, self.late[*late].sparse_below),
            other => (other, u32::MAX),
        }
    }

    /// Brings those up to date that hang on no batch but on these, and on lists.
    pub(super) fn precompute(
        &mut self,
        plan: &Plan,
        profiles: &Arc<Profiles>,
        labels: &Arc<PortLabels>,
    ) {
        self.answers.update_profiles(&plan.profiles, profiles);
        for (at, target) in plan.late.iter().enumerate() {
            let sources = target.sources(labels);
            match self.late.get_mut(at) {
                Some(kernel) if kernel.sources.are(&sources) => {}
                Some(kernel) => *kernel = LateKernel::new(target, sources),
                None => self.late.push(LateKernel::new(target, sources)),
            }
        }
    }
}
