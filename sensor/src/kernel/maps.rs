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
    os::fd::{AsFd, AsRawFd},
    sync::atomic::{AtomicU32, Ordering},
};

use aya::{
    Ebpf,
    maps::{Map, MapData, MapInfo},
};
use memmap2::{MmapOptions, MmapRaw};
use sensor_common::{
    crossing::{self, Crossing},
    layout::{Geometry, names},
    ledger::Ledger,
    table::Slot,
};

use super::error::KernelError;

/// Types whose every bit pattern is a value, so that they may lie in memory that the kernel writes.
///
/// # Safety
/// No padding, no pointers, no invalid bit patterns, a size that is a multiple of 8.
unsafe trait Plain: Copy {}

// SAFETY: integers only; 64 and 128 octets by assertion in `sensor_common::table`.
unsafe impl<const N: usize> Plain for Slot<N> {}
// SAFETY: integers only; 192 octets by assertion in `sensor_common::ledger`.
unsafe impl Plain for Ledger {}
// SAFETY: integers only, 32 octets.
unsafe impl Plain for Crossing {}
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
        let length = info.max_entries() as usize;
        let memory = MmapOptions::new()
            .len(length * size_of::<T>())
            .map_raw(map.fd().as_fd().as_raw_fd())
            .map_err(failed)?;
        Ok(Self { memory, length, of: PhantomData })
    }

    fn check(info: &MapInfo) -> io::Result<()> {
        // The kernel lays elements out at multiples of eight octets.
        if info.value_size() as usize != size_of::<T>() || !size_of::<T>().is_multiple_of(8) {
            return Err(io::Error::other(format!(
                "its values have {} octets, not {}: agent and object are of different builds",
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
            // SAFETY: as above; nobody else writes to a quiet region.
            unsafe { (&raw mut (*slot).packets).write(0) };
            each(&content);
        }
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
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            // SAFETY: prefetching reads nothing and cannot fault.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(slot.cast()) };
            if size_of::<Slot<N>>() > 64 {
                // SAFETY: as above.
                unsafe { _mm_prefetch::<_MM_HINT_T0>(slot.cast::<i8>().wrapping_add(64)) };
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = slot;
    }
}

/// All ledgers.
#[derive(Debug)]
pub(super) struct Ledgers(Mapped<Ledger>);

impl Ledgers {
    /// Maps the ledgers, of which there must be `rows`.
    pub(super) fn new(ebpf: &Ebpf, name: &'static str, rows: u32) -> Result<Self, KernelError> {
        let mapped = Mapped::new(ebpf, name)?;
        if mapped.length < rows as usize {
            let source = io::Error::other(format!("it has {} ledgers, not {rows}", mapped.length));
            return Err(KernelError::Map { map: name, source });
        }
        Ok(Self(mapped))
    }

    /// A copy of the ledger `row`.
    pub(super) fn read(&self, row: u32) -> Ledger {
        self.0.read(row as usize)
    }

    /// Slots in use of the IPv4 and IPv6 regions of `row`, which the kernel may be counting up.
    pub(super) fn used(&self, row: u32) -> [u32; 2] {
        // SAFETY: the pointer is valid and aligned, and any bits are numbers.
        unsafe { (&raw const (*self.0.at(row as usize)).used).read_volatile() }
    }

    /// Sets both to 0. The ledger must be quiet.
    pub(super) fn clear_used(&mut self, row: u32) {
        // SAFETY: as above; nobody else writes to a quiet ledger.
        unsafe { (&raw mut (*self.0.at(row as usize)).used).write_volatile([0; 2]) };
    }
}

/// The word that tells the programs which generation to fill.
#[derive(Debug)]
pub(super) struct Generation(MmapRaw);

impl Generation {
    /// Maps the word.
    pub(super) fn new(ebpf: &Ebpf, name: &'static str) -> Result<Self, KernelError> {
        let map = array(ebpf, name)?;
        MmapOptions::new()
            .len(size_of::<u64>())
            .map_raw(map.fd().as_fd().as_raw_fd())
            .map(Self)
            .map_err(|source| KernelError::Map { map: name, source })
    }

    fn word(&self) -> &AtomicU32 {
        // SAFETY: the mapping is page aligned, at least eight octets long and lives as long as `self`; the agent
        // reaches the word through this atomic only, and the programs only read it.
        unsafe { AtomicU32::from_ptr(self.0.as_mut_ptr().cast()) }
    }

    /// The generation that the programs fill.
    pub(super) fn get(&self) -> u32 {
        self.word().load(Ordering::Relaxed)
    }

    /// Has the programs fill the other generation. What was written before (freed slots) is seen by whoever sees this.
    pub(super) fn set(&mut self, generation: u32) {
        self.word().store(generation, Ordering::Release);
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

/// What crossed each interface, on every CPU.
#[derive(Debug)]
pub(super) struct Crossings {
    rows: Mapped<Crossing>,
    cpus: u32,
}

impl Crossings {
    /// Maps the rows of `cpus` CPUs.
    pub(super) fn new(ebpf: &Ebpf, cpus: u32) -> Result<Self, KernelError> {
        let rows = Mapped::new(ebpf, names::CROSSINGS)?;
        let needed = (cpus * crossing::SLOTS) as usize;
        if rows.length < needed {
            let source = io::Error::other(format!("it has {} slots, not {needed}", rows.length));
            return Err(KernelError::Map { map: names::CROSSINGS, source });
        }
        Ok(Self { rows, cpus })
    }

    /// What the programs have seen by now of `interface`, and of those that share its slot, since they were loaded.
    pub(super) fn read(&self, interface: u32) -> Crossing {
        let mut sum = Crossing::default();
        for cpu in 0..self.cpus {
            let row = self.rows.read(crossing::index(cpu, interface) as usize);
            for direction in 0..2 {
                sum.seen[direction] = sum.seen[direction].wrapping_add(row.seen[direction]);
                sum.segmented[direction] =
                    sum.segmented[direction].wrapping_add(row.segmented[direction]);
            }
        }
        sum
    }
}
