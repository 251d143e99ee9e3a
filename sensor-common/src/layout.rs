//! Where the slots of a CPU and a generation lie, and the names that the agent finds maps and globals by.
//!
//! Each table is one array. A region belongs to one CPU and one generation and holds `slots` slots, reached by
//! hash, then `fold_slots` more for folded flows. Beside it lies a list of the region's slots in use, in order of
//! their first packet, so that the agent's drain costs what the flows cost, however large the table is.

/// Counts up when programs of two builds must not write to the same maps, although every field lies where it was: when
/// they understand one differently. Agents hold the rest of the layout, which they describe field by field, against each
/// other's by themselves.
pub const VERSION: u32 = 1;

/// Generations: the programs fill one while the agent drains the other.
pub const GENERATIONS: u32 = 2;

/// Fewest slots of a table region, whatever the memory budget.
pub const MIN_SLOTS: u32 = 2048;

/// The fold region has one slot for each this many slots of the table.
pub const FOLD_SHARE: u32 = 16;

/// Names of maps, globals and programs; the eBPF object defines them, the agent looks them up.
pub mod names {
    /// `Array<SlotV4>`: IPv4 flows.
    pub const FLOWS_V4: &str = "FLOWS_V4";
    /// `Array<SlotV6>`: IPv6 flows.
    pub const FLOWS_V6: &str = "FLOWS_V6";
    /// `Array<u64>` (array elements are never less than eight octets apart): slots in use of each IPv4 region, as
    /// offsets into it.
    pub const USED_V4: &str = "USED_V4";
    /// `Array<u64>`: slots in use of each IPv6 region, as offsets into it.
    pub const USED_V6: &str = "USED_V6";
    /// `Array<CpuBooks>`: the books of each CPU ([`books`](crate::books)).
    pub const BOOKS: &str = "BOOKS";
    /// `Array<[u64; 2]>` of one element: jiffies and boot time (ns) of the last run of [`PROGRAM_CLOCK`].
    pub const CLOCK: &str = "CLOCK";
    /// `ProgramArray` of one element: the program that a handover is about.
    pub const HANDOVER: &str = "HANDOVER";
    /// `Array<u64>`: for each CPU, whether it has run [`PROGRAM_SUCCESSOR`] in this handover.
    pub const TAKEN_OVER: &str = "TAKEN_OVER";
    /// Read-only global: [`Geometry`](super::Geometry) of the IPv4 table.
    pub const GEOMETRY_V4: &str = "GEOMETRY_V4";
    /// Read-only global: [`Geometry`](super::Geometry) of the IPv6 table.
    pub const GEOMETRY_V6: &str = "GEOMETRY_V6";
    /// Read-only global: `u64` seed of the table hash.
    pub const HASH_SEED: &str = "HASH_SEED";

    /// XDP program: received frames.
    pub const PROGRAM_INGRESS: &str = "ingress";
    /// tc program: received frames, where XDP cannot be had.
    pub const PROGRAM_TC_INGRESS: &str = "tc_ingress";
    /// tc program: sent frames.
    pub const PROGRAM_TC_EGRESS: &str = "tc_egress";
    /// tc program: received packets of a device without a link layer.
    pub const PROGRAM_TC_INGRESS_L3: &str = "tc_ingress_l3";
    /// tc program: sent packets of a device without a link layer.
    pub const PROGRAM_TC_EGRESS_L3: &str = "tc_egress_l3";
    /// tc program: stands in for the one in [`HANDOVER`] at its new place.
    pub const PROGRAM_SUCCESSOR: &str = "successor";
    /// tc program: stands in for the one in [`HANDOVER`] at its old place.
    pub const PROGRAM_PREDECESSOR: &str = "predecessor";
    /// XDP program that is never attached: a test run of it reads the kernel's clocks into [`CLOCK`].
    pub const PROGRAM_CLOCK: &str = "clock";
}

/// The size of one table's regions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Geometry {
    /// Slots reached by hash; a power of two.
    pub slots: u32,
    /// Slots for folded flows behind them; a power of two.
    pub fold_slots: u32,
}

impl Geometry {
    /// A table of `slots` (a power of two, at least [`MIN_SLOTS`]) with its share of fold slots.
    pub const fn new(slots: u32) -> Self {
        Self { slots, fold_slots: slots / FOLD_SHARE }
    }

    /// Slots of one region.
    #[inline(always)]
    pub const fn region(&self) -> u32 {
        self.slots + self.fold_slots
    }

    /// Index of the first slot of the region of `cpu` and `generation`.
    #[inline(always)]
    pub const fn base(&self, cpu: u32, generation: u32) -> u32 {
        row(cpu, generation) * self.region()
    }
}

/// Number of the table region of `cpu` and `generation`.
#[inline(always)]
pub const fn row(cpu: u32, generation: u32) -> u32 {
    cpu * GENERATIONS + (generation & 1)
}

/// Index of what one CPU has for `generation`.
#[inline(always)]
pub const fn parity(generation: u32) -> usize {
    (generation & 1) as usize
}
