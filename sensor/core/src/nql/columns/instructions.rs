//! Which instructions of the processor a program is evaluated with.

/// Which instructions are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instructions {
    avx2: Option<Avx2>,
}

/// AVX2, BMI1 and POPCNT. A value exists only after the processor was found to have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Avx2(());

impl Instructions {
    /// Those that every processor of the architecture has.
    pub const BASELINE: Self = Self { avx2: None };

    /// The best that this processor has.
    pub fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("popcnt")
        {
            return Self { avx2: Some(Avx2(())) };
        }
        Self::BASELINE
    }

    /// AVX2, BMI1 and POPCNT, where they are used.
    #[inline(always)]
    pub(super) fn avx2(self) -> Option<Avx2> {
        self.avx2
    }

    /// Name for people.
    pub fn name(self) -> &'static str {
        if self.avx2.is_some() { "AVX2" } else { "baseline" }
    }
}
