//! Sums over flow records: the unit in which records are accounted for on their way out.

use std::{
    fmt::Debug,
    iter::Sum,
    ops::{Add, AddAssign, Range, SubAssign},
};

use super::batch::FlowBatch;

/// The unit of an account: what can be summed up, taken away and counted in records.
pub trait Amount:
    Copy + Debug + Default + PartialEq + Add<Output = Self> + AddAssign + SubAssign + Send + 'static
{
    /// How many records this is.
    fn records(self) -> u64;
}

/// Records that nothing but their number matters of.
impl Amount for u64 {
    fn records(self) -> u64 {
        self
    }
}

impl Amount for Totals {
    fn records(self) -> u64 {
        self.flows
    }
}

/// Flows, and the packets and IP octets in them. Sums wrap at 2^64, as IPFIX total counters do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Flow records.
    pub flows: u64,
    /// Packets.
    pub packets: u64,
    /// Octets of the IP packets.
    pub octets: u64,
}

impl Totals {
    /// All rows of `batch`.
    pub fn of(batch: &FlowBatch) -> Self {
        Self::of_rows(batch, 0..batch.len())
    }

    /// The rows `rows` of `batch`, which must be within it.
    pub fn of_rows(batch: &FlowBatch, rows: Range<usize>) -> Self {
        let sum = |column: &[u64]| column.iter().fold(0, |sum: u64, x| sum.wrapping_add(*x));
        Self {
            flows: rows.len() as u64,
            packets: sum(&batch.packets[rows.clone()]),
            octets: sum(&batch.octets[rows]),
        }
    }
}

impl Add for Totals {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        self += other;
        self
    }
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.flows = self.flows.wrapping_add(other.flows);
        self.packets = self.packets.wrapping_add(other.packets);
        self.octets = self.octets.wrapping_add(other.octets);
    }
}

impl SubAssign for Totals {
    fn sub_assign(&mut self, other: Self) {
        self.flows = self.flows.wrapping_sub(other.flows);
        self.packets = self.packets.wrapping_sub(other.packets);
        self.octets = self.octets.wrapping_sub(other.octets);
    }
}

impl Sum for Totals {
    fn sum<I: Iterator<Item = Self>>(totals: I) -> Self {
        totals.fold(Self::default(), Add::add)
    }
}
