//! A column of lists.

/// As many numbers a row as there are.
#[derive(Clone, Debug, Default)]
pub struct Lists {
    /// Where each row's list ends in `values`; it starts where the row before it ends.
    ends: Vec<u32>,
    values: Vec<u32>,
}

impl Lists {
    /// Puts the list of row `row`, which must be the first that has none yet; rows skipped get empty lists.
    pub fn put(&mut self, row: usize, values: impl Iterator<Item = u32>) {
        self.ends.resize(row, self.values.len() as u32);
        self.values.extend(values);
        self.ends.push(self.values.len() as u32);
    }

    /// The list of row `row`; empty where there is none.
    pub fn get(&self, row: usize) -> &[u32] {
        let Some(end) = self.ends.get(row) else { return &[] };
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.values[start as usize..*end as usize]
    }

    /// Number of rows.
    pub(super) fn rows(&self) -> usize {
        self.ends.len()
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.ends.clear();
        self.values.clear();
    }

    /// Keeps the lists of `rows`, which ascend.
    pub(super) fn keep(&mut self, rows: &[usize]) {
        let mut kept = Self::default();
        if !self.ends.is_empty() {
            for (to, &from) in rows.iter().enumerate() {
                kept.put(to, self.get(from).iter().copied());
            }
        }
        *self = kept;
    }

    /// Gives the rows up to `rows` empty lists.
    pub(super) fn fill_up(&mut self, rows: usize) {
        self.ends.resize(rows, self.values.len() as u32);
    }
}
