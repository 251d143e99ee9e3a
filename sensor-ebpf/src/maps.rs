//! The maps and globals that the programs share with the agent; `sensor_common::layout` says what lies where.
//!
//! Each map is made with one element and grows to its true size when the agent loads the object. All but
//! the scratch and the programs are mapped into the agent's memory, which reads them without a system call.

#![expect(unsafe_code, reason = "the agent finds globals by their unmangled names")]

use aya_ebpf::{
    Global,
    bindings::BPF_F_MMAPABLE,
    macros::map,
    maps::{Array, PerCpuArray, ProgramArray},
};
use sensor_common::{
    books::CpuBooks,
    layout::{Geometry, MIN_SLOTS},
    table::{SlotV4, SlotV6},
};

/// IPv4 flows.
#[map]
pub static FLOWS_V4: Array<SlotV4> = Array::with_max_entries(1, BPF_F_MMAPABLE);
/// IPv6 flows.
#[map]
pub static FLOWS_V6: Array<SlotV6> = Array::with_max_entries(1, BPF_F_MMAPABLE);
/// Slots in use of each IPv4 region.
#[map]
pub static USED_V4: Array<u64> = Array::with_max_entries(1, BPF_F_MMAPABLE);
/// Slots in use of each IPv6 region.
#[map]
pub static USED_V6: Array<u64> = Array::with_max_entries(1, BPF_F_MMAPABLE);
/// The books of each CPU.
#[map]
pub static BOOKS: Array<CpuBooks> = Array::with_max_entries(1, BPF_F_MMAPABLE);
/// Jiffies and boot time (ns) of the last run of the program `clock`.
#[map]
pub static CLOCK: Array<[u64; 2]> = Array::with_max_entries(1, BPF_F_MMAPABLE);
/// Room for the longest word that a program reads: the IPv6 header.
pub const SCRATCH_WORDS: usize = 5;

/// Where the kernel copies what a program cannot read directly; of no use to the agent.
#[map]
pub static SCRATCH: PerCpuArray<[u64; SCRATCH_WORDS]> = PerCpuArray::with_max_entries(1, 0);

/// The program that is being moved to the front of its hook.
#[map]
pub static HANDOVER: ProgramArray = ProgramArray::with_max_entries(1, 0);
/// For each CPU, whether it has run the program at the new place.
#[map]
pub static TAKEN_OVER: Array<u64> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// Regions of the IPv4 table.
#[unsafe(no_mangle)]
pub static GEOMETRY_V4: Global<Geometry> = Global::new(Geometry::new(MIN_SLOTS));
/// Regions of the IPv6 table.
#[unsafe(no_mangle)]
pub static GEOMETRY_V6: Global<Geometry> = Global::new(Geometry::new(MIN_SLOTS));
/// Secret that the agent draws at each start.
#[unsafe(no_mangle)]
pub static HASH_SEED: Global<u64> = Global::new(0);
