//! What made traffic consists of: records of one direction, and the numbers that decide about them.

use std::net::IpAddr;

use sensor_core::flow::initiator::Initiator;

/// One record, one direction.
#[derive(Clone, Debug)]
pub struct Record {
    pub source: IpAddr,
    pub destination: IpAddr,
    pub ports: (u16, u16),
    pub protocol: u8,
    /// ICMP type and code.
    pub icmp: (u8, u8),
    pub flags: u16,
    pub packets: u64,
    pub octets: u64,
    /// First packet, milliseconds since the epoch.
    pub start: u64,
    /// Last packet, milliseconds since the epoch.
    pub end: u64,
    /// Who opened the connection, where a sensor on the path has seen that.
    pub opened: Option<Initiator>,
    /// It goes on where the active timeout cut an earlier record.
    pub continued: bool,
}

/// SplitMix64.
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ value >> 31
    }

    /// From `low` to below `high`.
    pub fn range(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low)
    }

    /// One of `choices`.
    pub fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.range(0, choices.len() as u64) as usize]
    }

    /// True once in so many times.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.range(0, times) == 0
    }
}
