//! Evaluates the steps of a program over one chunk.
//!
//! A step is asked for the rows on which it holds *within* a set of rows that still matter. A conjunction narrows that
//! set operand by operand and stops when it is empty. Steps that several others use are evaluated over the whole chunk
//! and kept; others only where it matters, row by row once few rows are left.
//!
//! All of it exists twice: for the instructions that every processor of the architecture has, and for AVX2. Functions marked
//! `inline(always)` are compiled for the instructions of their caller.
#![expect(unsafe_code, reason = "calls the AVX2 copy where the processor has these instructions")]

#[cfg(target_arch = "x86_64")]
use super::instructions::Avx2;
use super::{
    Program,
    chunk::Chunk,
    kernel::State,
    mask::Mask,
    program::{Kind, Step},
    scratch::Scratch,
    variant::{Baseline, Variant},
};
use crate::nql::dag::Literal;

/// One evaluation of one chunk.
pub(super) struct Run<'a> {
    pub(super) program: &'a Program,
    pub(super) chunk: Chunk<'a>,
    pub(super) scratch: &'a mut Scratch,
    /// All rows of the chunk.
    pub(super) all: Mask,
}

impl Run<'_> {
    /// Calls `each` for every query that holds on some row.
    pub(super) fn evaluate(&mut self, each: &mut dyn FnMut(usize, &Mask)) {
        #[cfg(target_arch = "x86_64")]
        if let Some(proof) = self.program.instructions.avx2() {
            // SAFETY: `proof` exists only where the processor has these features.
            unsafe { avx2::evaluate(self, proof, each) };
            return;
        }
        baseline::evaluate(self, Baseline, each);
    }

    /// The mask kept for a step, where there is one.
    #[inline(always)]
    fn kept(&self, step: usize) -> Option<&Mask> {
        let scratch = &*self.scratch;
        (scratch.evaluated[step] == scratch.epoch).then(|| &scratch.masks[step])
    }

    #[inline(always)]
    fn keep(&mut self, step: usize, mask: Mask) {
        self.scratch.masks[step] = mask;
        self.scratch.evaluated[step] = self.scratch.epoch;
    }

    /// The rows within `within` that pass the test of a step.
    #[inline(always)]
    fn test(&mut self, variant: impl Variant, number: usize, step: &Step, within: &Mask) -> Mask {
        let Kind::Test { kernel, classes } = step.kind else { return *within };
        if let Some(classes) = classes {
            self.sort_ports(usize::from(classes));
            return self.kept(number).map_or(Mask::NONE, |kept| {
                let mut mask = *kept;
                mask.retain(within);
                mask
            });
        }
        let untold = self.chunk.batch.untold;
        if untold != 0 && untold & self.program.untellable[kernel as usize] != 0 {
            return Mask::NONE;
        }
        let Scratch { prepared, memos, by_class, computed, epoch, .. } = &mut *self.scratch;
        let answers = &prepared.answers;
        let mut state = State { answers, memos, by_class, computed, epoch: *epoch };
        let (kernel, most) = prepared.resolve(&self.program.kernels[kernel as usize]);
        let sparse_below = step.sparse_below.min(most);
        if sparse_below > 0 && within.count() < sparse_below as usize {
            return kernel.rows_within(&self.chunk, &mut state, within);
        }
        let mut mask = Mask::NONE;
        kernel.rows(variant, &self.chunk, &mut state, &mut mask);
        if step.shared {
            self.keep(number, mask);
        }
        mask.retain(within);
        mask
    }

    /// Evaluates all tests of some port classes, once per chunk.
    #[inline(always)]
    fn sort_ports(&mut self, classes: usize) {
        let Scratch { masks, evaluated, epoch, class_masks, .. } = &mut *self.scratch;
        let (room, sorted) = &mut class_masks[classes];
        if *sorted == *epoch {
            return;
        }
        *sorted = *epoch;
        let (column, read, ports) = &self.program.port_classes[classes];
        let Chunk { batch, first, rows, .. } = self.chunk;
        if batch.untold & column.bit() != 0 {
            return;
        }
        ports.sort(&read(batch)[first..first + rows], room, |step, rows| {
            if evaluated[step] == *epoch {
                masks[step].unite(rows);
            } else {
                evaluated[step] = *epoch;
                masks[step] = *rows;
            }
        });
    }
}

macro_rules! copy {
    ($module:ident, $variant:ident $(, $features:literal)?) => {
        mod $module {
            use super::{$variant, Kind, Literal, Mask, Run};

            $(#[target_feature(enable = $features)])?
            pub(super) fn evaluate(
                run: &mut Run<'_>,
                variant: $variant,
                each: &mut dyn FnMut(usize, &Mask),
            ) {
                let (program, all) = (run.program, run.all);
                for (query, root) in program.roots.iter().enumerate() {
                    let rows = literal(run, variant, *root, &all);
                    if !rows.is_empty() {
                        each(query, &rows);
                    }
                }
            }

            /// The rows within `within` on which a literal holds.
            $(#[target_feature(enable = $features)])?
            fn literal(
                run: &mut Run<'_>,
                variant: $variant,
                literal: Literal,
                within: &Mask,
            ) -> Mask {
                let holds = step(run, variant, literal.node(), within);
                if !literal.is_negated() {
                    return holds;
                }
                let mut rows = *within;
                rows.remove(&holds);
                rows
            }

            /// The rows within `within` on which a step holds.
            $(#[target_feature(enable = $features)])?
            fn step(run: &mut Run<'_>, variant: $variant, number: usize, within: &Mask) -> Mask {
                if let Some(kept) = run.kept(number) {
                    let mut rows = *kept;
                    rows.retain(within);
                    return rows;
                }
                let program = run.program;
                let own = &program.steps[number];
                let Kind::And { first, end } = own.kind else {
                    return run.test(variant, number, own, within);
                };
                let mut rows = if own.shared { run.all } else { *within };
                for operand in &program.operands[first as usize..end as usize] {
                    rows = literal(run, variant, *operand, &rows);
                    if rows.is_empty() {
                        break;
                    }
                }
                if own.shared {
                    run.keep(number, rows);
                    rows.retain(within);
                }
                rows
            }
        }
    };
}

copy!(baseline, Baseline);
#[cfg(target_arch = "x86_64")]
copy!(avx2, Avx2, "avx2,bmi1,popcnt");
