//! Hash index: from a key's hash to the number of its flow.
//!
//! Open addressing with linear probing. A cell holds 32 bits of hash beside the flow's number, so that probing
//! seldom leaves the cell's cache line, and growing needs no look at the flows.

const VACANT: u64 = u64::MAX;
const MIN_CELLS: usize = 1024;

/// The index. At most `u32::MAX - 1` flows.
#[derive(Debug)]
pub struct Index {
    /// `hash << 32 | number`, or `VACANT`. A power of two, at most three quarters full.
    cells: Vec<u64>,
    len: usize,
}

impl Index {
    /// An empty index.
    pub fn new() -> Self {
        Self { cells: vec![VACANT; MIN_CELLS], len: 0 }
    }

    /// Number of flows.
    pub fn len(&self) -> usize {
        self.len
    }

    fn home(&self, hash: u32) -> usize {
        hash as usize & (self.cells.len() - 1)
    }

    /// The number under `hash` for which `is_it` holds.
    pub fn find(&self, hash: u32, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let mut at = self.home(hash);
        loop {
            let cell = self.cells[at];
            if cell == VACANT {
                return None;
            }
            if (cell >> 32) as u32 == hash && is_it(cell as u32) {
                return Some(cell as u32);
            }
            at = (at + 1) & (self.cells.len() - 1);
        }
    }

    /// Adds `number` under `hash`; the caller knows that it is not there yet.
    pub fn insert(&mut self, hash: u32, number: u32) {
        if (self.len + 1) * 4 > self.cells.len() * 3 {
            self.grow();
        }
        self.place(u64::from(hash) << 32 | u64::from(number));
        self.len += 1;
    }

    /// Removes `number` from under `hash`.
    pub fn remove(&mut self, hash: u32, number: u32) {
        let mask = self.cells.len() - 1;
        let wanted = u64::from(hash) << 32 | u64::from(number);
        let mut gap = self.home(hash);
        while self.cells[gap] != wanted {
            if self.cells[gap] == VACANT {
                debug_assert!(false, "flow {number} is not in the index");
                return;
            }
            gap = (gap + 1) & mask;
        }
        self.len -= 1;
        // Close the gap with cells that it would cut off from their home (no tombstones to accumulate).
        let mut at = gap;
        loop {
            at = (at + 1) & mask;
            let cell = self.cells[at];
            if cell == VACANT {
                break;
            }
            let home = self.home((cell >> 32) as u32);
            if at.wrapping_sub(home) & mask >= at.wrapping_sub(gap) & mask {
                self.cells[gap] = cell;
                gap = at;
            }
        }
        self.cells[gap] = VACANT;
    }

    fn place(&mut self, cell: u64) {
        let mut at = self.home((cell >> 32) as u32);
        while self.cells[at] != VACANT {
            at = (at + 1) & (self.cells.len() - 1);
        }
        self.cells[at] = cell;
    }

    fn grow(&mut self) {
        let doubled = vec![VACANT; self.cells.len() * 2];
        for cell in std::mem::replace(&mut self.cells, doubled) {
            if cell != VACANT {
                self.place(cell);
            }
        }
    }
}
