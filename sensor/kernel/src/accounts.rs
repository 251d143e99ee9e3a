//! The books of an epoch: what the programs say they saw against what the drain has found.
//!
//! Pure arithmetic over [`Ledger`]s. The law, and why it can be exact, stands in `sensor_common::ledger`.

use std::{fmt, ops::AddAssign, time::Duration};

use sensor_common::ledger::{Count, Ledger};

/// All rows of the ledger over some time, and the records beside them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    /// Everything that entered a program: one packet for a super-packet.
    pub seen: Count,
    /// What NICs add when they cut super-packets.
    pub segmented: Count,
    /// What lies in the drained records: packets, and octets of whole frames.
    pub recorded: Count,
    /// Frames without an IP packet.
    pub non_ip: Count,
    /// Frames that end before their IP header.
    pub truncated: Count,
    /// IP headers that contradict themselves.
    pub malformed: Count,
    /// IP packets that no table had room for.
    pub unattributed: Count,
    /// Part of `recorded` whose remote end was folded away.
    pub folded: Count,
}

/// The monotonic counters of a ledger: all of it but for what belongs to the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// As the rows of [`Accounts`].
    pub seen: Count,
    /// As above.
    pub segmented: Count,
    /// As above.
    pub non_ip: Count,
    /// As above.
    pub truncated: Count,
    /// As above.
    pub malformed: Count,
    /// As above.
    pub unattributed: Count,
    /// As above.
    pub folded: Count,
}

impl From<&Ledger> for Counters {
    fn from(ledger: &Ledger) -> Self {
        let &Ledger { seen, segmented, non_ip, truncated, malformed, unattributed, folded, .. } =
            ledger;
        Self { seen, segmented, non_ip, truncated, malformed, unattributed, folded }
    }
}

impl Counters {
    /// The counters in the order in which pins keep them: `count` has that at each place.
    pub(super) fn in_order(count: impl Fn(usize) -> Count) -> Self {
        Self {
            seen: count(0),
            segmented: count(1),
            non_ip: count(2),
            truncated: count(3),
            malformed: count(4),
            unattributed: count(5),
            folded: count(6),
        }
    }

    /// As [`Self::in_order`] reads them.
    pub(super) fn ordered(&self) -> [Count; 7] {
        let &Self { seen, segmented, non_ip, truncated, malformed, unattributed, folded } = self;
        [seen, segmented, non_ip, truncated, malformed, unattributed, folded]
    }

    /// What was counted since `earlier`.
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            seen: self.seen.since(&earlier.seen),
            segmented: self.segmented.since(&earlier.segmented),
            non_ip: self.non_ip.since(&earlier.non_ip),
            truncated: self.truncated.since(&earlier.truncated),
            malformed: self.malformed.since(&earlier.malformed),
            unattributed: self.unattributed.since(&earlier.unattributed),
            folded: self.folded.since(&earlier.folded),
        }
    }

    /// What must lie, or have lain, in flow records: the law, solved for them.
    pub fn in_records(&self) -> Count {
        let mut count = self.seen;
        add(&mut count, self.segmented);
        [self.non_ip, self.truncated, self.malformed, self.unattributed]
            .iter()
            .fold(count, |count, elsewhere| count.since(elsewhere))
    }
}

/// How far books are from balancing: packets and octets that were seen but not found (negative: found but not seen).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Imbalance {
    /// Packets.
    pub packets: i128,
    /// Octets of whole frames.
    pub octets: i128,
}

impl Accounts {
    /// Adds what a ledger has counted.
    pub fn add_counters(&mut self, more: &Counters) {
        add(&mut self.seen, more.seen);
        add(&mut self.segmented, more.segmented);
        add(&mut self.non_ip, more.non_ip);
        add(&mut self.truncated, more.truncated);
        add(&mut self.malformed, more.malformed);
        add(&mut self.unattributed, more.unattributed);
        add(&mut self.folded, more.folded);
    }

    /// `None` when the law holds.
    pub fn imbalance(&self) -> Option<Imbalance> {
        let side = |terms: &[Count]| {
            terms.iter().fold((0i128, 0i128), |(packets, octets), term| {
                (packets + i128::from(term.packets), octets + i128::from(term.octets))
            })
        };
        let seen = side(&[self.seen, self.segmented]);
        let found =
            side(&[self.recorded, self.non_ip, self.truncated, self.malformed, self.unattributed]);
        (seen != found).then(|| Imbalance { packets: seen.0 - found.0, octets: seen.1 - found.1 })
    }
}

impl AddAssign<&Self> for Accounts {
    fn add_assign(&mut self, other: &Self) {
        add(&mut self.seen, other.seen);
        add(&mut self.segmented, other.segmented);
        add(&mut self.recorded, other.recorded);
        add(&mut self.non_ip, other.non_ip);
        add(&mut self.truncated, other.truncated);
        add(&mut self.malformed, other.malformed);
        add(&mut self.unattributed, other.unattributed);
        add(&mut self.folded, other.folded);
    }
}

/// Adds to a counter that may wrap.
pub(super) fn add(count: &mut Count, more: Count) {
    count.packets = count.packets.wrapping_add(more.packets);
    count.octets = count.octets.wrapping_add(more.octets);
}

impl fmt::Display for Imbalance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} packets and {} octets seen but not accounted for", self.packets, self.octets)
    }
}

/// What one flip brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Epoch {
    /// IPv4 records.
    pub records_v4: u64,
    /// IPv6 records.
    pub records_v6: u64,
    /// The books.
    pub accounts: Accounts,
    /// How far they are from balancing; anything but `None` is a bug.
    pub imbalance: Option<Imbalance>,
    /// A region had been more than half full.
    pub early: bool,
    /// Slots in use of the fullest region, IPv4 and IPv6.
    pub fullest: [u32; 2],
    /// How long the grace period was waited for.
    pub grace: Duration,
    /// How long the whole flip took, the grace period included.
    pub took: Duration,
}

/// Epochs added up, for the final summary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Epochs.
    pub epochs: u64,
    /// Epochs in which a region had been more than half full.
    pub early: u64,
    /// Epochs whose books did not balance.
    pub out_of_balance: u64,
    /// IPv4 records.
    pub records_v4: u64,
    /// IPv6 records.
    pub records_v6: u64,
    /// The books.
    pub accounts: Accounts,
}

impl Totals {
    /// Adds an epoch.
    pub fn add(&mut self, epoch: &Epoch) {
        self.epochs += 1;
        self.early += u64::from(epoch.early);
        self.out_of_balance += u64::from(epoch.imbalance.is_some());
        self.records_v4 += epoch.records_v4;
        self.records_v6 += epoch.records_v6;
        self.accounts += &epoch.accounts;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(packets: u64, octets: u64) -> Count {
        Count { packets, octets }
    }

    /// Books of 12 packets, one of them a super-packet cut in three.
    fn balanced() -> Accounts {
        Accounts {
            seen: count(10, 1000),
            segmented: count(2, 108),
            recorded: count(8, 908),
            non_ip: count(1, 60),
            truncated: count(1, 40),
            malformed: count(1, 60),
            unattributed: count(1, 40),
            folded: count(3, 300),
        }
    }

    #[test]
    fn every_term_of_the_law_counts_and_folded_is_none() {
        assert_eq!(balanced().imbalance(), None);
        let changes: [fn(&mut Accounts) -> &mut Count; 7] = [
            |a| &mut a.seen,
            |a| &mut a.segmented,
            |a| &mut a.recorded,
            |a| &mut a.non_ip,
            |a| &mut a.truncated,
            |a| &mut a.malformed,
            |a| &mut a.unattributed,
        ];
        for (i, row) in changes.iter().enumerate() {
            let sign = if i < 2 { 1 } else { -1 };
            let mut accounts = balanced();
            row(&mut accounts).packets += 5;
            assert_eq!(
                accounts.imbalance(),
                Some(Imbalance { packets: 5 * sign, octets: 0 }),
                "row {i}"
            );
            let mut accounts = balanced();
            row(&mut accounts).octets += 7;
            assert_eq!(
                accounts.imbalance(),
                Some(Imbalance { packets: 0, octets: 7 * sign }),
                "row {i}"
            );
        }
        let folded = Accounts { folded: count(0, 0), ..balanced() };
        assert_eq!(folded.imbalance(), None);
    }

    #[test]
    fn ledgers_are_read_as_differences_across_their_wrap() {
        let earlier = Ledger { seen: count(u64::MAX, u64::MAX - 1), ..Ledger::default() };
        let now = Ledger { seen: count(4, 98), non_ip: count(5, 100), ..Ledger::default() };
        let mut accounts = Accounts::default();
        accounts.add_counters(&Counters::from(&now).since(&Counters::from(&earlier)));
        assert_eq!((accounts.seen, accounts.non_ip), (count(5, 100), count(5, 100)));
        assert_eq!(accounts.imbalance(), None);
    }

    #[test]
    fn the_law_tells_what_must_be_in_records() {
        let Accounts {
            seen,
            segmented,
            non_ip,
            truncated,
            malformed,
            unattributed,
            folded,
            recorded,
        } = balanced();
        let counters =
            Counters { seen, segmented, non_ip, truncated, malformed, unattributed, folded };
        assert_eq!(counters.in_records(), recorded);
    }

    #[test]
    fn totals_count_the_epochs_that_were_off() {
        let mut totals = Totals::default();
        let epoch = Epoch { records_v4: 2, accounts: balanced(), ..Epoch::default() };
        totals.add(&epoch);
        totals.add(&Epoch {
            imbalance: Some(Imbalance { packets: 1, octets: 0 }),
            early: true,
            ..epoch
        });
        assert_eq!((totals.epochs, totals.out_of_balance, totals.early), (2, 1, 1));
        assert_eq!(totals.records_v4, 4);
        assert_eq!(totals.accounts.seen, count(20, 2000));
    }
}
