//! Sequence numbers: what got lost between the device and here.

/// A gap beyond this is no loss but a new start.
const PLAUSIBLE: i32 = 1 << 20;

/// What the sequence numbers of one stream of datagrams say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sequence {
    expected: Option<u32>,
    /// Units that never came: flows of NetFlow 5, packets of NetFlow 9, data records of IPFIX, datagrams of sFlow.
    pub lost: u64,
    /// Datagrams that came late.
    pub reordered: u64,
    /// Times that the counting began anew.
    pub restarts: u64,
}

impl Sequence {
    /// Notes a datagram of number `number` that holds `units`; none when it cannot be known how many.
    pub fn observe(&mut self, number: u32, units: Option<u32>) {
        let next = units.map(|units| number.wrapping_add(units));
        let Some(expected) = self.expected else {
            self.expected = next;
            return;
        };
        match number.wrapping_sub(expected) as i32 {
            0 => {}
            gap @ 1..=PLAUSIBLE => self.lost += u64::from(gap.unsigned_abs()),
            gap if (-PLAUSIBLE..0).contains(&gap) => {
                // It was taken for lost when a later one came.
                self.reordered += 1;
                self.lost = self.lost.saturating_sub(units.unwrap_or(0).into());
                return;
            }
            _ => self.restarts += 1,
        }
        self.expected = next;
    }

    /// The counting begins anew with the next datagram, whatever its number.
    pub fn begin_anew(&mut self) {
        if self.expected.take().is_some() {
            self.restarts += 1;
        }
    }

    /// What `later` has noted comes behind what this one has.
    pub fn go_on_as(&mut self, later: &Self) {
        self.expected = later.expected;
        self.lost += later.lost;
        self.reordered += later.reordered;
        self.restarts += later.restarts;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_losses_until_they_are_filled() {
        let mut sequence = Sequence::default();
        sequence.observe(100, Some(10));
        sequence.observe(110, Some(10));
        assert_eq!(sequence.lost, 0);
        sequence.observe(130, Some(5));
        assert_eq!(sequence.lost, 10);
        sequence.observe(120, Some(10));
        assert_eq!((sequence.lost, sequence.reordered), (0, 1));
        sequence.observe(135, Some(1));
        assert_eq!((sequence.lost, sequence.restarts), (0, 0));
    }

    #[test]
    fn numbers_wrap_and_start_anew() {
        let mut sequence = Sequence::default();
        sequence.observe(u32::MAX - 1, Some(3));
        sequence.observe(1, Some(1));
        assert_eq!((sequence.lost, sequence.restarts), (0, 0));
        sequence.observe(2_000_000_000, Some(1));
        assert_eq!((sequence.lost, sequence.restarts), (0, 1));
        sequence.observe(2_000_000_001, None);
        sequence.observe(7, Some(1));
        assert_eq!((sequence.lost, sequence.restarts), (0, 1));
    }
}
