//! A sink's account: every record that it was offered is sent, or waits, or was not sent.

use sensor_core::flow::totals::{Amount, Totals};
use sensor_wire::ipfix::options::Loss;

use super::files::retention::Deleted;

/// Totals since the sink was started; of flow records ([`Totals`]), or of others, that are only counted (`u64`). At any
/// moment `offered = sent + queued + spooled + not_sent`, see [`Self::balances`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account<A = Totals> {
    /// Records that the sink was offered.
    pub offered: A,
    /// Records handed to the network or the file. What is known not to have arrived is taken back: over TCP and
    /// TLS what the other end had not acknowledged when the connection broke, over UDP the datagram that was
    /// refused. What a collector makes of the rest is not known here.
    pub sent: A,
    /// Records that wait, those under way included.
    pub queued: A,
    /// Records that wait on disk, where the next start will find them.
    pub spooled: A,
    /// Records that will never be sent, and when that came to pass.
    pub not_sent: Loss<A>,
    /// Messages sent.
    pub messages: u64,
    /// Octets of the messages sent.
    pub message_octets: u64,
    /// Files with records sent that were deleted since, to make room for others.
    pub deleted: Deleted,
}

impl<A: Amount> Account<A> {
    /// True if no record is unaccounted for. It always must be.
    pub fn balances(&self) -> bool {
        self.offered == self.sent + self.queued + self.spooled + self.not_sent.totals
    }

    /// Adds what another sink of the same name has done.
    pub fn add(&mut self, other: &Self) {
        self.offered += other.offered;
        self.sent += other.sent;
        self.queued += other.queued;
        self.spooled += other.spooled;
        self.not_sent.add(other.not_sent.totals, other.not_sent.first);
        self.not_sent.last = self.not_sent.last.max(other.not_sent.last);
        self.messages += other.messages;
        self.message_octets += other.message_octets;
        self.deleted.add(other.deleted);
    }

    /// Records that were offered and wait now.
    pub fn queue(&mut self, records: A) {
        self.offered += records;
        self.queued += records;
    }

    /// Records that were offered and turned away at `now` (milliseconds since the epoch).
    pub fn turn_away(&mut self, records: A, now: u64) {
        self.offered += records;
        self.not_sent.add(records, now);
    }

    /// Records that waited are on disk now.
    pub fn spool(&mut self, records: A) {
        self.queued -= records;
        self.spooled += records;
    }

    /// Records that were on disk wait now.
    pub fn unspool(&mut self, records: A) {
        self.spooled -= records;
        self.queued += records;
    }

    /// A message of `octets` octets with `records` has been sent.
    pub fn send(&mut self, records: A, octets: usize) {
        self.queued -= records;
        self.sent += records;
        self.messages += 1;
        self.message_octets += octets as u64;
    }

    /// Records that waited are lost at `now`.
    pub fn lose(&mut self, records: A, now: u64) {
        self.queued -= records;
        self.not_sent.add(records, now);
    }

    /// It turned out at `now` that `messages` messages of `octets` octets with `records`, counted as sent, have
    /// not arrived.
    pub fn take_back(&mut self, records: A, messages: u64, octets: u64, now: u64) {
        self.sent -= records;
        self.messages -= messages;
        self.message_octets -= octets;
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
        fn whatever_happens_the_account_balances(steps in prop::collection::vec((0..7u8, 0..100u64), 0..50)) {
            let mut account = Account::<Totals>::default();
            for (now, (step, flows)) in steps.into_iter().enumerate() {
                let waiting = totals(flows.min(account.queued.flows));
                match step {
                    0 => account.queue(totals(flows)),
                    1 => account.turn_away(totals(flows), now as u64),
                    2 => account.send(waiting, 1400),
                    3 => account.lose(waiting, now as u64),
                    4 => account.spool(waiting),
                    5 => account.unspool(totals(flows.min(account.spooled.flows))),
                    _ => {
                        account.queue(totals(flows));
                        account.send(totals(flows), 100);
                        account.take_back(totals(flows), 1, 100, now as u64);
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
