//! The memory in which a program is evaluated; kept from batch to batch, so that evaluating allocates nothing.

use super::{
    computed::ComputedRows,
    mask::Mask,
    memo::Memo,
    ports::ClassMasks,
    prepared::{self, Prepared},
    profiles::RowsByClass,
    program::Program,
};
use crate::flow::fields::Computation;

/// Room for the masks of one program. One that was used with another program fits itself to the new one.
#[derive(Default)]
pub struct Scratch {
    /// Identity of the program that it fits; 0 for none.
    program: u64,
    pub(super) prepared: Prepared,
    pub(super) memos: Vec<Memo>,
    /// Rows of each step, valid where it was evaluated in this epoch.
    pub(super) masks: Vec<Mask>,
    /// Epoch in which each step was evaluated.
    pub(super) evaluated: Vec<u64>,
    /// Room for each group of port classes, and the epoch in which it was used.
    pub(super) class_masks: Vec<(ClassMasks, u64)>,
    /// Rows by the class of their profiles, by side.
    pub(super) by_class: [RowsByClass; 2],
    /// Numbers that are computed from rows, by computation.
    pub(super) computed: [ComputedRows; Computation::COUNT],
    /// Number of the chunk at hand, over all batches.
    pub(super) epoch: u64,
}

impl Scratch {
    /// Whether it has been used.
    pub fn is_used(&self) -> bool {
        self.program != 0
    }

    pub(super) fn fit(&mut self, program: &Program) {
        if self.program == program.identity {
            return;
        }
        let steps = program.steps.len();
        *self = Self {
            program: program.identity,
            prepared: Prepared::default(),
            memos: prepared::memos(&program.plan),
            masks: vec![Mask::NONE; steps],
            evaluated: vec![0; steps],
            class_masks: Vec::new(),
            by_class: Default::default(),
            computed: Default::default(),
            epoch: 0,
        };
        self.class_masks.resize_with(program.port_classes.len(), Default::default);
    }
}
