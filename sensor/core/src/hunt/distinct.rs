//! How many distinct values the flows of a group have: the pairs of a group and a value, each once.

use super::{LimitReached, group_by::GroupBy, key::Keys, table::Table};
use crate::flow::{batch::FlowBatch, interfaces::Interfaces};

/// The distinct values of one field, by group.
pub(super) struct DistinctValues {
    keys: Keys,
    /// The number of a group, and the words of a value.
    table: Table,
    most: usize,
    /// How many there are of each group.
    counts: Vec<u64>,
    /// Some value found no room.
    is_full: bool,
    /// The values at hand; kept for their memory.
    row_keys: Vec<u64>,
    pair: Vec<u64>,
}

impl DistinctValues {
    pub(super) fn new(of: &GroupBy, most: usize) -> Self {
        let keys = Keys::new(std::slice::from_ref(of), None, most);
        let width = keys.width() + 1;
        Self {
            keys,
            table: Table::new(width, width),
            most,
            counts: Vec::new(),
            is_full: false,
            row_keys: Vec::new(),
            pair: Vec::new(),
        }
    }

    /// Adds the values of rows, each of which belongs to the group of that number, if to any.
    pub(super) fn add(
        &mut self,
        batch: &FlowBatch,
        interfaces: &Interfaces,
        rows: &[u32],
        groups: &[Option<u32>],
    ) {
        let mut row_keys = std::mem::take(&mut self.row_keys);
        row_keys.clear();
        self.keys.write(batch, &[], interfaces, rows, &mut row_keys);
        for (key, group) in row_keys.chunks_exact(self.keys.width()).zip(groups) {
            if let Some(group) = group
                && self.keys.is_whole(key)
            {
                self.enter(*group, key);
            }
        }
        self.row_keys = row_keys;
    }

    fn enter(&mut self, group: u32, key: &[u64]) {
        self.pair.clear();
        self.pair.push(group.into());
        self.pair.extend_from_slice(key);
        let hash = self.table.hash(&self.pair);
        match self.table.find_or_insert(&self.pair, hash, self.most) {
            Some((_, true)) => {
                let group = group as usize;
                if self.counts.len() <= group {
                    self.counts.resize(group + 1, 0);
                }
                self.counts[group] += 1;
            }
            Some((_, false)) => {}
            None => self.is_full = true,
        }
    }

    /// Adds the values of others; `groups` has our number of each of their groups.
    pub(super) fn merge(&mut self, others: &Self, groups: &[Option<u32>]) {
        self.is_full |= others.is_full;
        let mut own = Vec::new();
        for pair in others.table.records() {
            let (group, key) = (pair[0] as usize, &pair[1..]);
            if let Some(group) = groups.get(group).copied().flatten() {
                own.clear();
                self.keys.adopt(&others.keys, key, &mut own);
                self.enter(group, &own);
            }
        }
    }

    /// How many values the flows of a group have.
    pub(super) fn count(&self, group: u32) -> u64 {
        self.counts.get(group as usize).copied().unwrap_or(0)
    }

    pub(super) fn check(&self) -> Result<(), LimitReached> {
        if self.is_full { Err(LimitReached::Distinct(self.most)) } else { Ok(()) }
    }
}
