//! A sink's account: every flow record that it was offered is sent, or waits, or was not sent.

use crate::{flow::totals::Totals, wire::ipfix::options::Loss};

/// Totals since the sink was started. At any moment `offered = sent + queued + not_sent`, see [`Self::balances`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Records that the sink was offered.
    pub offered: Totals,
    /// Records handed to the network or the file. What a collector makes of them is not known here; over UDP,
    /// what is known to have been refused is taken back.
    pub sent: Totals,
    /// Records that wait, those under way included.
    pub queued: Totals,
    /// Records that will never be sent, and when that came to pass.
    pub not_sent: Loss,
    /// Messages sent.
    pub messages: u64,
    /// Octets of the messages sent.
    pub message_octets: u64,
}

impl Account {
    /// True if no record is unaccounted for. It always must be.
    pub fn balances(&self) -> bool {
        self.offered == self.sent + self.queued + self.not_sent.totals
    }

    /// Records that were offered and wait now.
    pub fn queue(&mut self, records: Totals) {
        self.offered += records;
        self.queued += records;
    }

    /// Records that were offered and turned away at `now` (milliseconds since the epoch).
    pub fn turn_away(&mut self, records: Totals, now: u64) {
        self.offered += records;
        self.not_sent.add(records, now);
    }

    /// A message of `octets` octets with `records` has been sent.
    pub fn send(&mut self, records: Totals, octets: usize) {
        self.queued -= records;
        self.sent += records;
        self.messages += 1;
        self.message_octets += octets as u64;
    }

    /// Records that waited are lost at `now`.
    pub fn lose(&mut self, records: Totals, now: u64) {
        self.queued -= records;
        self.not_sent.add(records, now);
    }

    /// It turned out at `now` that a message of `octets` octets with `records`, counted as sent, was refused.
    pub fn take_back(&mut self, records: Totals, octets: usize, now: u64) {
        self.sent -= records;
        self.messages -= 1;
        self.message_octets -= octets as u64;
        self.not_sent.add(records, now);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn totals(flows: u64) -> Totals {
        Totals { flows, packets: 3 * flows, octets: 200 * flows }
    }

    proptest! {
        #[test]
        fn whatever_happens_the_account_balances(steps in prop::collection::vec((0..5u8, 0..100u64), 0..50)) {
            let mut account = Account::default();
            for (now, (step, flows)) in steps.into_iter().enumerate() {
                let waiting = totals(flows.min(account.queued.flows));
                match step {
                    0 => account.queue(totals(flows)),
                    1 => account.turn_away(totals(flows), now as u64),
                    2 => account.send(waiting, 1400),
                    3 => account.lose(waiting, now as u64),
                    _ => {
                        account.queue(totals(flows));
                        account.send(totals(flows), 100);
                        account.take_back(totals(flows), 100, now as u64);
                    }
                }
                prop_assert!(account.balances());
            }
        }
    }

    #[test]
    fn a_record_too_many_does_not_balance() {
        let mut account = Account::default();
        account.queue(totals(2));
        account.sent += totals(1);
        assert!(!account.balances());
    }

    #[test]
    fn the_time_of_loss_is_kept() {
        let mut account = Account::default();
        account.turn_away(totals(1), 10);
        account.turn_away(totals(0), 20);
        assert_eq!((account.not_sent.first, account.not_sent.last), (10, 10));
        account.turn_away(totals(1), 30);
        assert_eq!((account.not_sent.first, account.not_sent.last), (10, 30));
    }
}
