//! Counters of an interface, as its device sends them from time to time, and the rates that follow from two of them.

use crate::octets::Octets;

/// Octets of the generic counters' structure.
pub const GENERIC_LENGTH: usize = 88;

/// Totals of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Octets.
    pub octets: u64,
    /// Unicast, multicast and broadcast packets.
    pub packets: u64,
    /// Packets dropped though nothing was wrong with them.
    pub discards: u32,
    /// Packets with errors.
    pub errors: u32,
}

/// What one counter sample says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Bits per second that the interface can carry.
    pub speed: u64,
    /// Received.
    pub input: Totals,
    /// Sent.
    pub output: Totals,
}

/// The latest reading of an interface, and how fast its counters grew before.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct InterfaceCounters {
    /// The latest reading.
    pub latest: Reading,
    /// When it was received, milliseconds since the epoch.
    pub received: u64,
    /// Bits per second received, between the last two readings.
    pub input_bits_per_second: f64,
    /// The same, sent.
    pub output_bits_per_second: f64,
}

impl Reading {
    /// Reads the generic interface counters (format 1); the index of the interface comes first. None when they are cut
    /// off.
    pub fn take(octets: &mut Octets<'_>) -> Option<(u32, Self)> {
        let index = octets.u32()?;
        octets.u32()?;
        let speed = octets.u64()?;
        octets.take(8)?;
        let input = direction(octets)?;
        octets.u32()?;
        let output = direction(octets)?;
        octets.u32()?;
        Some((index, Self { speed, input, output }))
    }
}

fn direction(octets: &mut Octets<'_>) -> Option<Totals> {
    let total = octets.u64()?;
    let mut packets = 0;
    for _ in 0..3 {
        // Counters that the device lacks are all ones.
        packets += u64::from(octets.u32().map(|count| if count == u32::MAX { 0 } else { count })?);
    }
    Some(Totals { octets: total, packets, discards: octets.u32()?, errors: octets.u32()? })
}

impl InterfaceCounters {
    /// Takes a new reading, received at `now`.
    pub fn update(&mut self, reading: Reading, now: u64) {
        let elapsed = now.saturating_sub(self.received);
        if self.received != 0 && elapsed != 0 {
            let rate = |new: u64, old: u64| {
                // A counter that went back was reset.
                new.checked_sub(old).map_or(0.0, |octets| octets as f64 * 8000.0 / elapsed as f64)
            };
            self.input_bits_per_second = rate(reading.input.octets, self.latest.input.octets);
            self.output_bits_per_second = rate(reading.output.octets, self.latest.output.octets);
        }
        self.latest = reading;
        self.received = now;
    }
}
