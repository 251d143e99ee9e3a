//! Messages that were handed over and may still be lost: those that the other end has not acknowledged.

use std::collections::VecDeque;

use sensor_core::flow::totals::Totals;

/// How many messages are kept before it is asked which of them have arrived.
const PATIENCE: usize = 256;

/// Messages in the order in which they were sent.
#[derive(Debug, Default)]
pub struct InFlight {
    messages: VecDeque<SentMessage>,
    ask_at: usize,
}

#[derive(Debug)]
struct SentMessage {
    /// Octets written to the session when this one was.
    end: u64,
    sum: Sum,
}

/// Messages, summed up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// How many.
    pub messages: u64,
    /// Their octets.
    pub octets: u64,
    /// The flow records in them.
    pub records: Totals,
    /// The hits in them.
    pub hits: u64,
}

impl InFlight {
    /// Notes a message, after which `end` octets are written to the session. `arrived` says how many of these have
    /// arrived; it is asked now and then.
    pub fn push(&mut self, sum: Sum, end: u64, arrived: impl FnOnce() -> u64) {
        self.messages.push_back(SentMessage { end, sum });
        if self.messages.len() > self.ask_at {
            self.forget(arrived());
            self.ask_at = self.messages.len() + PATIENCE;
        }
    }

    /// Empties it. Returns the sum of the messages of which not all has arrived, if `arrived` octets have.
    pub fn take_lost(&mut self, arrived: u64) -> Sum {
        self.forget(arrived);
        let lost = std::mem::take(self).messages.into_iter();
        lost.fold(Sum::default(), |sum, message| Sum {
            messages: sum.messages + message.sum.messages,
            octets: sum.octets + message.sum.octets,
            records: sum.records + message.sum.records,
            hits: sum.hits + message.sum.hits,
        })
    }

    fn forget(&mut self, arrived: u64) {
        while self.messages.front().is_some_and(|message| message.end <= arrived) {
            self.messages.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(messages: u64, arrived: u64) -> InFlight {
        let mut in_flight = InFlight::default();
        for n in 1..=messages {
            let records = Totals { flows: n, packets: 2 * n, octets: 3 * n };
            let sum = Sum { messages: 1, octets: 100, records, hits: n };
            in_flight.push(sum, 100 * n, || arrived);
        }
        in_flight
    }

    #[test]
    fn a_message_that_arrived_in_part_is_lost() {
        let lost = |arrived| sent(3, 0).take_lost(arrived);
        assert_eq!(lost(300), Sum::default());
        let records = Totals { flows: 3, packets: 6, octets: 9 };
        assert_eq!(lost(299), Sum { messages: 1, octets: 100, records, hits: 3 });
        assert_eq!(lost(200).messages, 1);
        assert_eq!(lost(0).messages, 3);
        assert_eq!(lost(0).records.flows, 6);
    }

    #[test]
    fn what_has_arrived_is_forgotten_in_good_time() {
        assert!(sent(100_000, u64::MAX).messages.len() <= PATIENCE + 1);
    }

    #[test]
    fn nothing_is_lost_twice() {
        let mut in_flight = sent(3, 0);
        in_flight.take_lost(0);
        assert_eq!(in_flight.take_lost(0), Sum::default());
    }
}
