//! What the programs of one CPU write beside its flows, in one piece: one look-up leads to all of it, and a look-up is
//! what a packet's way through the programs has most of.

use crate::{
    crossing::{Crossing, SLOTS},
    layout::GENERATIONS,
    ledger::Ledger,
};

/// The books of one CPU.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub struct CpuBooks {
    /// The generation that packets are counted in; its lowest bit counts. The agent writes it, the same for all CPUs.
    pub generation: u32,
    /// Keeps the word apart from what the programs write.
    pub reserved: [u32; 15],
    /// Of each generation.
    pub ledgers: [Ledger; GENERATIONS as usize],
    /// What crossed each interface, see [`crate::crossing`].
    pub crossings: [Crossing; SLOTS],
}

// No padding, and whole cache lines, so that CPUs never share one.
const _: () = assert!(
    size_of::<CpuBooks>()
        == 64 + GENERATIONS as usize * size_of::<Ledger>() + SLOTS * size_of::<Crossing>()
        && size_of::<CpuBooks>().is_multiple_of(64)
);
