//! The most frequent of many values, in bounded room.
//!
//! Space-Saving (Metwally, Agrawal and El Abbadi, 2005): a value that finds no room takes the place of the one with the
//! lowest count, and that count is what its own may be too high by. What is told is the count without that, so it is never
//! too high: of a port that a scan touched once nobody is told that it was seen often.

use crate::policy::alert::MAX_LISTED;

/// Values with their counts.
#[derive(Clone, Debug)]
pub struct Frequent<T> {
    entries: Vec<Entry<T>>,
}

#[derive(Clone, Copy, Debug)]
struct Entry<T> {
    value: T,
    count: u32,
    /// What of the count may belong to others.
    excess: u32,
}

impl<T> Default for Frequent<T> {
    fn default() -> Self {
        Self { entries: Vec::new() }
    }
}

impl<T: Copy + Ord> Frequent<T> {
    /// Counts a value.
    pub fn add(&mut self, value: T) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.value == value) {
            entry.count = entry.count.saturating_add(1);
        } else if self.entries.len() < MAX_LISTED {
            self.entries.push(Entry { value, count: 1, excess: 0 });
        } else if let Some(least) = self.entries.iter_mut().min_by_key(|entry| entry.count) {
            let count = least.count.saturating_add(1);
            *least = Entry { value, count, excess: least.count };
        }
    }

    /// The values, the most frequent first, each with the count that it has at the least.
    pub fn list(&self) -> Vec<(T, u32)> {
        let sure = self.entries.iter().map(|entry| (entry.value, entry.count - entry.excess));
        let mut list: Vec<_> = sure.collect();
        list.sort_unstable_by(|(value, count), (other, least)| {
            least.cmp(count).then(value.cmp(other))
        });
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_frequent_stays_and_no_count_is_too_high() {
        let mut ports = Frequent::default();
        for port in 1000..3000_u16 {
            ports.add(port);
            ports.add(22);
            if port % 2 == 0 {
                ports.add(80);
            }
        }
        let list = ports.list();
        assert_eq!(list.len(), MAX_LISTED);
        assert_eq!(list[..2], [(22, 2000), (80, 1000)]);
        assert!(list[2..].iter().all(|(_, count)| *count == 1), "{list:?}");
    }
}
