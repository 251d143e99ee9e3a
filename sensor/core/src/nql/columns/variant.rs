//! The tests of numbers, compiled out of line for each set of instructions.
//!
//! Inlined into the evaluator, every width of column times every form of test yields functions of hundreds of kilobytes, on
//! which the compiler spends more time than on the rest of the crate. A call per test and chunk costs nothing beside that.
#![expect(
    unsafe_code,
    reason = "calls the AVX2 variant where the processor has these instructions"
)]

#[cfg(target_arch = "x86_64")]
use super::instructions::Avx2;
use super::{integer::Number, mask::Mask, number::NumberTest};

/// A set of instructions. A value exists only where the processor has them.
pub(super) trait Variant: Copy {
    /// [`NumberTest::rows`].
    fn rows<T: Number>(self, test: &NumberTest<T>, column: &[T], out: &mut Mask);
}

/// [`NumberTest::rows_within`], for all sets of instructions: single rows gain nothing by vectors.
#[inline(never)]
pub(super) fn rows_within<T: Number>(test: &NumberTest<T>, column: &[T], within: &Mask) -> Mask {
    test.rows_within(column, within)
}

/// The instructions that every processor of the architecture has.
#[derive(Clone, Copy)]
pub(super) struct Baseline;

impl Variant for Baseline {
    #[inline(never)]
    fn rows<T: Number>(self, test: &NumberTest<T>, column: &[T], out: &mut Mask) {
        test.rows(column, out);
    }
}

#[cfg(target_arch = "x86_64")]
impl Variant for Avx2 {
    #[inline(always)]
    fn rows<T: Number>(self, test: &NumberTest<T>, column: &[T], out: &mut Mask) {
        #[target_feature(enable = "avx2,bmi1,popcnt")]
        #[inline(never)]
        fn rows<T: Number>(test: &NumberTest<T>, column: &[T], out: &mut Mask) {
            test.rows(column, out);
        }
        // SAFETY: an `Avx2` exists only where the processor has these features.
        unsafe { rows(test, column, out) };
    }
}
