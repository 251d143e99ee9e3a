//! Finding a flow's slot, and where a packet goes when there is no room.

#![expect(unsafe_code, reason = "map values are reached by pointer")]

use aya_ebpf::{Global, helpers::generated::bpf_jiffies64, maps::Array};
use sensor_common::{
    key::{V4_WORDS, V6_WORDS, hash},
    layout::Geometry,
    table::{Increment, Outcome, Slot, WAYS},
};

use crate::maps::{FLOWS_V4, FLOWS_V6, GEOMETRY_V4, GEOMETRY_V6, HASH_SEED, USED_V4, USED_V6};

/// The IPv4 table.
pub const V4: Table<V4_WORDS> = Table { slots: &FLOWS_V4, used: &USED_V4, geometry: &GEOMETRY_V4 };
/// The IPv6 table.
pub const V6: Table<V6_WORDS> = Table { slots: &FLOWS_V6, used: &USED_V6, geometry: &GEOMETRY_V6 };

/// One address family's maps.
pub struct Table<const N: usize> {
    slots: &'static Array<Slot<N>>,
    used: &'static Array<u64>,
    geometry: &'static Global<Geometry>,
}

/// Where a packet was counted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// Under its own key.
    Own,
    /// Under the coarser key without its remote end.
    Folded,
    /// Nowhere: neither had room.
    None,
}

impl<const N: usize> Table<N> {
    /// Counts `packet` in the region of `row`, under the key in `words`, else under the one that `fold` returns.
    #[inline(always)]
    pub fn count(
        &self,
        row: u32,
        used: &mut u32,
        words: &[u64; N],
        fold: impl FnOnce([u64; N]) -> [u64; N],
        packet: &Increment,
        macs: impl Fn() -> [u32; 3],
    ) -> Room {
        // SAFETY: a helper without arguments. The low half: tables hold a second or so.
        let now = unsafe { bpf_jiffies64() } as u32;
        let geometry = self.geometry.load();
        let base = row * geometry.region();
        if self.place(base, 0, geometry.slots, used, words, packet, &macs, now) {
            return Room::Own;
        }
        // Loaded once more rather than kept in registers that the other path needs.
        let geometry = self.geometry.load();
        let base = row * geometry.region();
        if self.place(
            base,
            geometry.slots,
            geometry.fold_slots,
            used,
            &fold(*words),
            packet,
            &macs,
            now,
        ) {
            return Room::Folded;
        }
        Room::None
    }

    /// Tries the ways of the key's two sets among the `slots` slots from `first` of the region at `base`.
    ///
    /// The second set comes from other bits of the hash. Flows that the first has room for never look there, and with
    /// it a table can be half full before one flow in two hundred finds no room.
    #[inline(always)]
    #[expect(clippy::too_many_arguments, reason = "inlined; a struct would go through memory")]
    fn place(
        &self,
        base: u32,
        first: u32,
        slots: u32,
        used: &mut u32,
        words: &[u64; N],
        packet: &Increment,
        macs: &impl Fn() -> [u32; 3],
        now: u32,
    ) -> bool {
        let hash = hash(words, HASH_SEED.load());
        let mut way = 0;
        while way < 2 * WAYS {
            let set = if way < WAYS { hash } else { hash.rotate_left(16) };
            let offset = first + ((set ^ way) & (slots - 1));
            let Some(slot) = self.slots.get_ptr_mut(base + offset) else { return false };
            // SAFETY: only this CPU writes the slots of its row, one program at a time; the agent takes them over
            // after a grace period.
            match unsafe { &mut *slot }.absorb(words, packet, macs, now) {
                Outcome::Updated => return true,
                Outcome::Inserted => {
                    self.note(base + *used, offset);
                    *used += 1;
                    return true;
                }
                Outcome::Occupied => way += 1,
            }
        }
        false
    }

    /// Writes a slot's offset into the list of the region's slots in use.
    #[inline(always)]
    fn note(&self, at: u32, offset: u32) {
        if let Some(entry) = self.used.get_ptr_mut(at) {
            // SAFETY: as for the slots.
            unsafe { entry.write(u64::from(offset)) };
        }
    }
}
