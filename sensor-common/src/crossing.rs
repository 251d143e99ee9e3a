//! What crossed each interface, counted apart from flows and ledger, so that it can be compared with what the interface
//! itself has counted.
//!
//! One row of [`Crossing`]s in the [books](crate::books) of each CPU; an interface has the slot that its index falls into.
//! Indices of long-lived hosts grow without end, so interfaces may share a slot: they are compared together then.

use crate::key::Direction;

/// Slots of a row; a power of two.
pub const SLOTS: usize = 1024;

/// Packets that entered a program, by [`Direction`]; monotonic, written only by one CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Crossing {
    /// Packets, one for a super-packet.
    pub seen: [u64; 2],
    /// Further packets that super-packets stand for.
    pub segmented: [u64; 2],
}

impl Crossing {
    /// Adds a packet.
    #[inline(always)]
    pub fn see(&mut self, direction: Direction) {
        self.seen[direction as usize] += 1;
    }

    /// Adds the packets that a super-packet stands for beside itself.
    #[inline(always)]
    pub fn segment(&mut self, direction: Direction, further: u32) {
        self.segmented[direction as usize] += u64::from(further);
    }
}

impl Crossing {
    /// Packets by direction as the wire has them: super-packets as their segments.
    pub fn packets(&self) -> [u64; 2] {
        [0, 1].map(|way| self.seen[way].wrapping_add(self.segmented[way]))
    }
}

/// The slot of an interface.
#[inline(always)]
pub const fn slot(interface: u32) -> usize {
    interface as usize & (SLOTS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_of_interfaces_wrap() {
        assert_eq!(slot(7), 7);
        assert_eq!(slot(SLOTS as u32 + 7), 7);
        assert_eq!(slot(u32::MAX), SLOTS - 1);
    }

    #[test]
    fn directions_are_counted_apart() {
        let mut crossing = Crossing::default();
        crossing.see(Direction::Egress);
        crossing.segment(Direction::Egress, 4);
        crossing.see(Direction::Ingress);
        assert_eq!(crossing, Crossing { seen: [1, 1], segmented: [0, 4] });
        assert_eq!(crossing.packets(), [1, 5]);
    }
}
