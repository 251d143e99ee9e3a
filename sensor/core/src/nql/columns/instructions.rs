//! Which instructions of the processor a program is evaluated with.

/// Which instructions are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instructions {
    avx2: bool,
}

impl Instructions {
    /// Those that every processor of the architecture has.
    pub const BASELINE: Self = Self { avx2: false };

    /// The best that this processor has.
    pub fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("popcnt")
        {
            return Self { avx2: true };
        }
        Self::BASELINE
    }

    /// Whether they include AVX2, BMI1 and POPCNT.
    #[inline(always)]
    pub(super) fn have_avx2(self) -> bool {
        self.avx2
    }

    /// Name for people.
    pub fn name(self) -> &'static str {
        if self.avx2 { "AVX2" } else { "baseline" }
    }
}
