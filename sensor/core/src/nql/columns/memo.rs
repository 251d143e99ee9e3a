//! What a device tells about a number is asked for once per number, as long as the batch lasts.

/// Entries of a memo.
const MEMO: usize = 256;

/// A device's place, and a number.
pub(super) type MemoKey = (u32, u128);

/// Answers of a test of what a device tells about a number: a direct-mapped table.
#[derive(Clone)]
pub(super) struct Memo(Box<[Option<(MemoKey, bool)>]>);

impl Memo {
    pub(super) fn new() -> Self {
        Self(vec![None; MEMO].into())
    }

    /// Forgets all answers.
    pub(super) fn clear(&mut self) {
        self.0.fill(None);
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
