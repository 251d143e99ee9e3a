//! The kernel's arrays as typed memory.
//!
//! Every map is mapped into the agent, so reading a flow is a load, not a system call. What may be read when is the
//! drain's business (`drain.rs`): here are bounds, strides, and the accesses themselves. Values that the kernel may
//! be writing are read volatile and copied out, never borrowed; every bit pattern is a valid value of these types,
//! so a torn read can be wrong but never undefined.

#![expect(unsafe_code, reason = "memory shared with the kernel is reached by pointer")]

use std::{
    io,
    marker::PhantomData,
    os::fd::{AsFd, AsRawFd, BorrowedFd},
    sync::atomic::{AtomicU32, Ordering, compiler_fence},
};

use aya::{
    Ebpf,
    maps::{Map, MapData, MapInfo},
};
use memmap2::{MmapOptions, MmapRaw};
use sensor_common::{
    books::CpuBooks,
    crossing::{self, Crossing},
    layout::{self, Geometry, names},
    ledger::Ledger,
    table::Slot,
};
use sensor_core::flow::prefetch::prefetch_octets;

use super::error::KernelError;

/// Types whose every bit pattern is a value, so that they may lie in memory that the kernel writes.
///
/// # Safety
/// No padding, no pointers, no invalid bit patterns, a size that is a multiple of 8.
unsafe trait Plain: Copy {}

// SAFETY: integers only; 64 and 128 octets by assertion in `sensor_common::table`.
unsafe impl<const N: usize> Plain for Slot<N> {}
// SAFETY: integers only, without padding by assertion in `sensor_common::books`.
unsafe impl Plain for CpuBooks {}
// SAFETY: an integer.
unsafe impl Plain for u64 {}
// SAFETY: integers.
unsafe impl Plain for [u64; 2] {}

/// An array map in memory.
#[derive(Debug)]
struct Mapped<T> {
    memory: MmapRaw,
    length: usize,
    of: PhantomData<T>,
}

impl<T: Plain> Mapped<T> {
    /// Maps the array `name` of `ebpf`, whose values must be as large as `T`.
    fn new(ebpf: &Ebpf, name: &'static str) -> Result<Self, KernelError> {
        let map = array(ebpf, name)?;
        let failed = |source| KernelError::Map { map: name, source };
        let info = map.info().map_err(|error| failed(io::Error::other(error)))?;
        Self::check(&info).map_err(failed)?;
        Self::of(map.fd().as_fd(), info.max_entries() as usize).map_err(failed)
    }

    /// Maps the first `length` elements of an array whose values are as large as `T`.
    fn of(map: BorrowedFd<'_>, length: usize) -> io::Result<Self> {
        let octets = length.checked_mul(size_of::<T>());
        let octets = octets.ok_or_else(|| io::Error::other("it does not fit into memory"))?;
        let memory = MmapOptions::new().len(octets).map_raw(map.as_raw_fd())?;
        Ok(Self { memory, length, of: PhantomData })
    }

    fn check(info: &MapInfo) -> io::Result<()> {
        // The kernel lays elements out at multiples of eight octets.
        if info.value_size() as usize != size_of::<T>() || !size_of::<T>().is_multiple_of(8) {
            return Err(io::Error::other(format!(
                "its values have {} octets, not {}: agent and object come from different builds",
                info.value_size(),
                size_of::<T>()
            )));
        }
        Ok(())
    }

    /// The element `index`.
    #[inline]
    fn at(&self, index: usize) -> *mut T {
        assert!(index < self.length, "index {index} of an array of {}", self.length);
        // SAFETY: within the mapping by the assertion; page alignment suffices for every `Plain` type.
        unsafe { self.memory.as_mut_ptr().cast::<T>().add(index) }
    }

    /// A copy of the element `index`, which the kernel may be writing.
    #[inline]
    fn read(&self, index: usize) -> T {
        // SAFETY: `at` returns a valid, aligned pointer, and any bits are a `T`.
        unsafe { self.at(index).read_volatile() }
    }
}

/// The array map `name`.
fn array<'a>(ebpf: &'a Ebpf, name: &'static str) -> Result<&'a MapData, KernelError> {
    match ebpf.map(name) {
        Some(Map::Array(data)) => Ok(data),
        _ => Err(KernelError::Missing { what: "array map", name }),
    }
}

/// The flow table of one address family, all regions.
#[derive(Debug)]
pub(super) struct FlowTable<const N: usize> {
    slots: Mapped<Slot<N>>,
    used: Mapped<u64>,
    geometry: Geometry,
}

/// Slots read ahead of the one in hand: they lie where hashes put them, and memory takes its time.
const AHEAD: usize = 12;

impl<const N: usize> FlowTable<N> {
    /// Maps the table `slots` with its list `used`, which have `rows` regions of `geometry`.
    pub(super) fn new(
        ebpf: &Ebpf,
        slots: &'static str,
        used: &'static str,
        geometry: Geometry,
        rows: u32,
    ) -> Result<Self, KernelError> {
        let table =
            Self { slots: Mapped::new(ebpf, slots)?, used: Mapped::new(ebpf, used)?, geometry };
        let needed = rows as usize * geometry.region() as usize;
        for (name, length) in [(slots, table.slots.length), (used, table.used.length)] {
            if length < needed {
                let source = io::Error::other(format!("it has {length} elements, not {needed}"));
                return Err(KernelError::Map { map: name, source });
            }
        }
        Ok(table)
    }

    /// Hands the first `used` listed slots of region `row` to `each` and frees them. Returns how many there were.
    ///
    /// The region must be quiet: retired, and a grace period past.
    #[inline]
    pub(super) fn take(&mut self, row: u32, used: u32, mut each: impl FnMut(&Slot<N>)) -> u64 {
        let region = self.geometry.region() as usize;
        let base = row as usize * region;
        let used = (used as usize).min(region);
        for position in 0..used {
            if position + AHEAD < used {
                self.prefetch(base, position + AHEAD);
            }
            let slot = self.slots.at(base + self.offset(base, position));
            // SAFETY: `at` returns a valid, aligned pointer, and any bits are a slot.
            let content = unsafe { slot.read() };
            // A slot without packets is a free one; what else it holds is overwritten by the next flow.
            // Volatile, so that it comes before anything that is done with the content: an agent that is killed in between
            // leaves a slot that is free, and that its ledger knows of (`pins`).
            // SAFETY: as above; nobody else writes to a quiet region.
            unsafe { (&raw mut (*slot).packets).write_volatile(0) };
            each(&content);
        }
        // The list is cleared behind this.
        compiler_fence(Ordering::SeqCst);
        used as u64
    }

    /// The offset into the region that the list has at `position`.
    #[inline]
    fn offset(&self, base: usize, position: usize) -> usize {
        let offset = self.used.read(base + position) as usize;
        // Only the programs write the list; should they be wrong, this must not reach into another region.
        offset.min(self.geometry.region() as usize - 1)
    }

    /// Has the processor fetch the slot that the list names at `position`.
    #[inline]
    fn prefetch(&self, base: usize, position: usize) {
        let slot = self.slots.at(base + self.offset(base, position));
        prefetch_octets(slot.cast(), size_of::<Slot<N>>());
    }
}

/// An array map as words, whatever its elements are: the state beside the tables, and tables of another build. What lies
/// beyond its end reads as 0. Accesses are volatile, so stores come about in the order in which they are made.
#[derive(Debug)]
pub(super) struct Words(Mapped<u64>);

impl Words {
    /// Maps the first `words` words of an array map, whose elements take a multiple of eight octets each.
    pub(super) fn map(map: BorrowedFd<'_>, words: usize) -> io::Result<Self> {
        Mapped::of(map, words).map(Self)
    }

    /// The word `index`.
    pub(super) fn get(&self, index: usize) -> u64 {
        if index < self.0.length { self.0.read(index) } else { 0 }
    }

    /// Overwrites the word `index`.
    pub(super) fn set(&self, index: usize, word: u64) {
        if index < self.0.length {
            // SAFETY: `at` returns a valid, aligned pointer, and any bits are a word.
            unsafe { self.0.at(index).write_volatile(word) };
        }
    }
}

/// The books of all CPUs: ledgers, what crossed interfaces, and the word that tells the programs which generation to fill.
#[derive(Debug)]
pub(super) struct Books {
    mapped: Mapped<CpuBooks>,
    cpus: u32,
}

impl Books {
    /// Maps the books of `cpus` CPUs.
    pub(super) fn new(ebpf: &Ebpf, cpus: u32) -> Result<Self, KernelError> {
        let mapped = Mapped::new(ebpf, names::BOOKS)?;
        if mapped.length < cpus as usize {
            let source = io::Error::other(format!("it has {} books, not {cpus}", mapped.length));
            return Err(KernelError::Map { map: names::BOOKS, source });
        }
        Ok(Self { mapped, cpus })
    }

    /// A copy of a CPU's ledger of `generation`.
    pub(super) fn ledger(&self, cpu: u32, generation: u32) -> Ledger {
        // SAFETY: the pointer is valid and aligned, and any bits are a ledger.
        unsafe { self.ledger_at(cpu, generation).read_volatile() }
    }

    /// Slots in use of a CPU's IPv4 and IPv6 regions of `generation`, which the kernel may be counting up.
    pub(super) fn used(&self, cpu: u32, generation: u32) -> [u32; 2] {
        // SAFETY: as above.
        unsafe { (&raw const (*self.ledger_at(cpu, generation)).used).read_volatile() }
    }

    /// Sets both to 0. The ledger must be quiet.
    pub(super) fn clear_used(&mut self, cpu: u32, generation: u32) {
        // SAFETY: as above; nobody else writes to a quiet ledger.
        unsafe { (&raw mut (*self.ledger_at(cpu, generation)).used).write_volatile([0; 2]) };
    }

    fn ledger_at(&self, cpu: u32, generation: u32) -> *mut Ledger {
        let books = self.mapped.at(cpu as usize);
        // SAFETY: a place within the books, which `at` has found to be within the mapping.
        unsafe { &raw mut (*books).ledgers[layout::parity(generation)] }
    }

    /// The generation that the programs fill.
    pub(super) fn generation(&self) -> u32 {
        self.generation_of(0).load(Ordering::Relaxed)
    }

    /// Has the programs fill the other generation. What was written before (freed slots) is seen by whoever sees this.
    pub(super) fn set_generation(&mut self, generation: u32) {
        for cpu in 0..self.cpus {
            self.generation_of(cpu).store(generation, Ordering::Release);
        }
    }

    fn generation_of(&self, cpu: u32) -> &AtomicU32 {
        let books = self.mapped.at(cpu as usize);
        // SAFETY: the word is aligned and lives as long as the mapping of `self`; the agent reaches it through this
        // atomic only, and the programs only read it.
        unsafe { AtomicU32::from_ptr(&raw mut (*books).generation) }
    }

    /// What the programs have seen by now of `interface`, and of those that share its slot, since they were loaded.
    pub(super) fn crossing(&self, interface: u32) -> Crossing {
        let mut sum = Crossing::default();
        for cpu in 0..self.cpus {
            let books = self.mapped.at(cpu as usize);
            // SAFETY: as for ledgers.
            let row = unsafe {
                (&raw const (*books).crossings[crossing::slot(interface)]).read_volatile()
            };
            for direction in 0..2 {
                sum.seen[direction] = sum.seen[direction].wrapping_add(row.seen[direction]);
                sum.segmented[direction] =
                    sum.segmented[direction].wrapping_add(row.segmented[direction]);
            }
        }
        sum
    }
}

/// Where the program `clock` leaves its readings.
#[derive(Debug)]
pub(super) struct ClockReadings(Mapped<[u64; 2]>);

impl ClockReadings {
    /// Maps the readings.
    pub(super) fn new(ebpf: &Ebpf, name: &'static str) -> Result<Self, KernelError> {
        Mapped::new(ebpf, name).map(Self)
    }

    /// Jiffies, and nanoseconds of boot time, of the program's last run.
    pub(super) fn read(&self) -> [u64; 2] {
        self.0.read(0)
    }
}

/// For each CPU, whether it counts at the new place of a program that is moved.
#[derive(Debug)]
pub(super) struct TakenOver(Mapped<u64>);

impl TakenOver {
    /// Maps the words of `cpus` CPUs.
    pub(super) fn new(ebpf: &Ebpf, cpus: u32) -> Result<Self, KernelError> {
        let words = Mapped::new(ebpf, names::TAKEN_OVER)?;
        if words.length < cpus as usize {
            let source = io::Error::other(format!("it has {} words, not {cpus}", words.length));
            return Err(KernelError::Map { map: names::TAKEN_OVER, source });
        }
        Ok(Self(words))
    }

    /// No CPU does. No program may be at work that says otherwise.
    pub(super) fn clear(&mut self) {
        for cpu in 0..self.0.length {
            // SAFETY: the pointer is valid and aligned; nobody else writes between two handovers.
            unsafe { self.0.at(cpu).write_volatile(0) };
        }
    }
}
