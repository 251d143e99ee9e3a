//! How large the kernel tables become: a memory budget for the whole host, shared out over its CPUs.
//!
//! Each possible CPU owns two generations of both tables, so slots per CPU follow from the budget and the CPUs, and
//! a host with 128 of them does not pay for its cores. Pure arithmetic.

use std::fmt;

use sensor_common::{
    books::CpuBooks,
    layout::{GENERATIONS, Geometry, MIN_SLOTS},
    table::{SlotV4, SlotV6},
};

/// Kernel memory for tables, lists and ledgers when nothing else is asked for, in octets.
pub const DEFAULT_MEMORY: u64 = 128 << 20;

/// Octets that a list of slots in use takes for each slot: the kernel rounds array elements up to eight.
const LIST_ENTRY: u64 = 8;

/// Table sizes, and what they were made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Memory asked for, octets.
    pub memory: u64,
    /// Possible CPUs.
    pub cpus: u32,
    /// Size of an IPv4 region.
    pub v4: Geometry,
    /// Size of an IPv6 region.
    pub v6: Geometry,
}

impl Budget {
    /// The largest tables for `cpus` possible CPUs that fit into `memory` octets, but never fewer than
    /// [`MIN_SLOTS`]. The IPv6 table has half the slots of the IPv4 table.
    pub fn new(memory: u64, cpus: u32) -> Self {
        let of = |slots: u32| Self {
            memory,
            cpus,
            v4: Geometry::new(slots),
            v6: Geometry::new((slots / 2).max(MIN_SLOTS)),
        };
        // Indices are 32 bits wide; 2^24 slots are 20 times what the busiest second of a 100G link brings to a CPU.
        let mut budget = of(MIN_SLOTS);
        while budget.v4.slots < 1 << 24 {
            let next = of(budget.v4.slots * 2);
            if next.octets() > memory || next.rows().checked_mul(next.v4.region()).is_none() {
                break;
            }
            budget = next;
        }
        budget
    }

    /// Regions of each table.
    pub fn rows(&self) -> u32 {
        self.cpus * GENERATIONS
    }

    /// Kernel memory that these sizes take, octets.
    pub fn octets(&self) -> u64 {
        let table = |geometry: &Geometry, slot: usize| {
            u64::from(geometry.region()) * (slot as u64 + LIST_ENTRY)
        };
        let row = table(&self.v4, size_of::<SlotV4>()) + table(&self.v6, size_of::<SlotV6>());
        u64::from(self.rows()) * row + u64::from(self.cpus) * size_of::<CpuBooks>() as u64
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mebi = |octets: u64| octets as f64 / f64::from(1 << 20);
        write!(
            f,
            "{} CPU{} x {GENERATIONS} generations x {} IPv4 + {} IPv6 slots = {:.1} MiB of {:.1} MiB",
            self.cpus,
            if self.cpus == 1 { "" } else { "s" },
            Thousands(self.v4.slots),
            Thousands(self.v6.slots),
            mebi(self.octets()),
            mebi(self.memory),
        )?;
        if self.octets() > self.memory {
            write!(f, " (over the budget: {} slots are the minimum)", Thousands(MIN_SLOTS))?;
        }
        Ok(())
    }
}

/// A number with separators.
struct Thousands(u32);

impl fmt::Display for Thousands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 >= 1000 {
            write!(f, "{},{:03}", Self(self.0 / 1000), self.0 % 1000)
        } else {
            write!(f, "{}", self.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_budget_on_a_small_host() {
        let budget = Budget::new(DEFAULT_MEMORY, 2);
        assert_eq!((budget.v4.slots, budget.v6.slots), (131_072, 65_536));
        assert_eq!(
            budget.to_string(),
            "2 CPUs x 2 generations x 131,072 IPv4 + 65,536 IPv6 slots = 74.4 MiB of 128.0 MiB"
        );
    }

    #[test]
    fn many_cores_share_the_budget() {
        for cpus in [1, 2, 3, 8, 64, 128] {
            let budget = Budget::new(DEFAULT_MEMORY, cpus);
            assert!(budget.octets() <= DEFAULT_MEMORY, "{budget}");
            assert!(budget.v4.slots.is_power_of_two() && budget.v6.slots.is_power_of_two());
            assert!(budget.v4.slots >= MIN_SLOTS && budget.v6.slots >= MIN_SLOTS);
            let doubled = Budget { v4: Geometry::new(budget.v4.slots * 2), ..budget };
            assert!(
                doubled.octets() > DEFAULT_MEMORY || budget.octets() * 2 > DEFAULT_MEMORY,
                "nothing is wasted: {budget}"
            );
        }
        assert_eq!(Budget::new(DEFAULT_MEMORY, 128).v4.slots, 2048);
    }

    #[test]
    fn the_least_is_kept_and_said() {
        let budget = Budget::new(DEFAULT_MEMORY, 512);
        assert_eq!((budget.v4.slots, budget.v6.slots), (MIN_SLOTS, MIN_SLOTS));
        assert!(budget.octets() > DEFAULT_MEMORY);
        assert!(
            budget.to_string().ends_with("(over the budget: 2,048 slots are the minimum)"),
            "{budget}"
        );
    }

    #[test]
    fn indices_stay_within_32_bits() {
        for (memory, cpus) in [(u64::MAX, 1), (u64::MAX, 512), (1 << 40, 128)] {
            let budget = Budget::new(memory, cpus);
            let last = Geometry::base(&budget.v4, cpus - 1, 1).checked_add(budget.v4.region());
            assert!(last.is_some(), "{budget}");
        }
    }
}
