//! Many small sets of ports over one column, looked up together.
//!
//! Most policies name a few ports. Instead of comparing the column with the set of each, every port has the list of the
//! tests that it passes, equal lists are one class, and a chunk is sorted by class in one pass. The cost follows the
//! classes that occur, not the policies.

use std::collections::{BTreeMap, HashMap};

use super::{CHUNK_ROWS, mask::Mask};
use crate::nql::sets::IntegerSet;

/// Sets with more ports than this are compared; they would put a large part of all rows in many classes.
const MOST_PORTS: u64 = 64;

/// From how many sets on it pays to look them up together.
const FEWEST_SETS: usize = 12;

/// Words of one bit for each port.
const LISTED: usize = (1 << 16) / 64;

/// Whether a set is one of those that are looked up together.
pub(super) fn is_small(set: &IntegerSet) -> bool {
    set.ranges().iter().map(|&(low, high)| high - low + 1).sum::<u64>() <= MOST_PORTS
}

/// Classes of ports.
pub(super) struct PortClasses {
    /// Whether each port is in a set, one bit each: most are in none, and this much stays in the cache.
    listed: Box<[u64; LISTED]>,
    /// Class of each port, 0 for those that are in no set.
    class: Box<[u16]>,
    /// The sets of each class, by the numbers that they were given.
    members: Vec<Box<[u32]>>,
}

/// Room for the rows of each class.
#[derive(Default)]
pub(super) struct ClassMasks {
    masks: Vec<Mask>,
    /// Classes that have rows.
    present: Vec<u16>,
    occurs: Vec<bool>,
}

impl PortClasses {
    /// `None` when there are too few sets, or ports without end.
    pub(super) fn new(sets: &[(u32, &IntegerSet)]) -> Option<Self> {
        if sets.len() < FEWEST_SETS {
            return None;
        }
        let mut by_port: BTreeMap<u16, Vec<u32>> = BTreeMap::new();
        for (number, set) in sets {
            for port in set.ranges().iter().flat_map(|&(low, high)| low..=high) {
                by_port.entry(u16::try_from(port).ok()?).or_default().push(*number);
            }
        }
        let mut listed = Box::new([0; LISTED]);
        let mut class = vec![0; 1 << 16].into_boxed_slice();
        let mut members = vec![Box::default()];
        let mut classes: HashMap<Box<[u32]>, u16> = HashMap::new();
        for (port, sets) in by_port {
            let sets = sets.into_boxed_slice();
            let number = match classes.get(&sets) {
                Some(&number) => number,
                None => {
                    let number = u16::try_from(members.len()).ok()?;
                    members.push(sets.clone());
                    classes.insert(sets, number);
                    number
                }
            };
            class[usize::from(port)] = number;
            listed[usize::from(port) / 64] |= 1 << (port % 64);
        }
        Some(Self { listed, class, members })
    }

    /// Calls `each` with the rows of every class that occurs in the column, for every set of the class.
    pub(super) fn sort(
        &self,
        column: &[u16],
        room: &mut ClassMasks,
        mut each: impl FnMut(usize, &Mask),
    ) {
        debug_assert!(column.len() <= CHUNK_ROWS);
        room.masks.resize(self.members.len(), Mask::NONE);
        room.occurs.resize(self.members.len(), false);
        // Which rows have a listed port nobody can foretell: each is written down, and the next one over it unless it has.
        let (mut listed, mut count) = ([0_u16; CHUNK_ROWS], 0);
        for (row, &port) in column.iter().enumerate() {
            listed[count % CHUNK_ROWS] = row as u16;
            count += (self.listed[usize::from(port) / 64] >> (port % 64) & 1) as usize;
        }
        for row in listed[..count].iter().map(|row| usize::from(*row)) {
            let number = self.class[usize::from(column[row])];
            let class = usize::from(number);
            if !room.occurs[class] {
                room.occurs[class] = true;
                room.masks[class] = Mask::NONE;
                room.present.push(number);
            }
            room.masks[class].insert(row);
        }
        for number in room.present.drain(..) {
            let class = usize::from(number);
            room.occurs[class] = false;
            for &set in &self.members[class] {
                each(set as usize, &room.masks[class]);
            }
        }
    }
}
